"""The head at responses only: what it makes, what it never makes, and models whose head is not all there is."""

from __future__ import annotations

from typing import Any

import pytest

from optathlon.llm.chat import Encoded

torch = pytest.importorskip("torch", reason="the extra 'llm' is not installed")
transformers = pytest.importorskip("transformers", reason="the extra 'llm' is not installed")
pytestmark = pytest.mark.torch

from torch.utils._python_dispatch import TorchDispatchMode  # noqa: E402

from optathlon.llm import head  # noqa: E402
from optathlon.llm.batches import padded  # noqa: E402

VOCABULARY = 2000
SIZES: dict[str, Any] = {
    **{"vocab_size": VOCABULARY, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2},
    **{"num_attention_heads": 2, "num_key_value_heads": 2, "pad_token_id": 0},
}
ITEMS = [Encoded(tuple(range(5, 5 + length)), length - 6) for length in (40, 25, 38, 31)]


def llama() -> Any:
    torch.manual_seed(0)
    return transformers.LlamaForCausalLM(transformers.LlamaConfig(**SIZES))


def capped() -> Any:
    """Its logits are a tanh of what its head makes."""
    torch.manual_seed(0)
    config = transformers.Gemma2Config(**SIZES, head_dim=16, final_logit_softcapping=3.0)
    return transformers.Gemma2ForCausalLM(config)


def scaled() -> Any:
    torch.manual_seed(0)
    return transformers.CohereForCausalLM(transformers.CohereConfig(**SIZES, logit_scale=0.25))


class Largest(TorchDispatchMode):  # type: ignore[misc]
    """The elements of the largest tensor that is made."""

    def __init__(self) -> None:
        super().__init__()
        self.elements = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        for tensor in made if isinstance(made, tuple | list) else [made]:
            if isinstance(tensor, torch.Tensor):
                self.elements = max(self.elements, tensor.untyped_storage().nbytes() // tensor.element_size())
        return made


@pytest.mark.parametrize("made", [llama, capped, scaled])
def test_losses_are_those_of_all_logits(made: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(head, "LOGITS_BYTES", 4 * VOCABULARY * 5)
    model = made().double().eval()
    losses = head.token_losses(model, padded(ITEMS, 0, "cpu"))
    expected = []
    for item in ITEMS:
        logs = model(torch.tensor([item.tokens])).logits[0].log_softmax(-1)
        expected += [-logs[place - 1, item.tokens[place]] for place in range(item.asked, len(item.tokens))]
    torch.testing.assert_close(losses, torch.stack(expected).float(), rtol=1e-6, atol=1e-6)


def test_heads_that_are_not_all_there_is_are_found_out() -> None:
    assert head.has_plain_head(llama())
    assert not head.has_plain_head(capped())
    assert not head.has_plain_head(scaled())


def test_to_find_it_out_leaves_the_model_as_it_was() -> None:
    model = llama().train()
    state = torch.get_rng_state()
    head.has_plain_head(model)
    assert model.training and torch.equal(state, torch.get_rng_state())
    assert not model.lm_head._forward_hooks


def test_no_more_logits_are_there_than_are_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of 4 × 40 positions would be 320,000 numbers; the 24 of the responses in parts of five are 10,000."""
    monkeypatch.setattr(head, "LOGITS_BYTES", 4 * VOCABULARY * 5)
    model = llama()
    head.has_plain_head(model)
    weights = VOCABULARY * 32
    with Largest() as largest:
        model(**padded(ITEMS, 0, "cpu").inputs).logits.sum().backward()
    assert largest.elements >= 4 * 40 * VOCABULARY
    with Largest() as largest:
        head.token_losses(model, padded(ITEMS, 0, "cpu")).sum().backward()
    assert largest.elements == weights > 5 * VOCABULARY
