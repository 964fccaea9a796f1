"""Answers whose batch is refilled are those of transformers' `generate`, one prompt at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra 'llm' is not installed")
transformers = pytest.importorskip("transformers", reason="the extra 'llm' is not installed")
pytestmark = pytest.mark.torch

from optathlon.llm import refilling  # noqa: E402
from optathlon.llm.chat import left_padded  # noqa: E402
from optathlon.llm.refilling import can_be_refilled, write_refilled  # noqa: E402

SIZES: dict[str, Any] = {
    **{"vocab_size": 40, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2},
    **{"num_attention_heads": 4, "num_key_value_heads": 2, "pad_token_id": 0, "initializer_range": 0.3},
}
ENDS = (3, 7, 11)
MOST = 20


@pytest.fixture(scope="module")
def model() -> Any:
    """In double precision, so that no order of computing breaks ties."""
    torch.manual_seed(1)
    return transformers.LlamaForCausalLM(transformers.LlamaConfig(**SIZES)).double().eval()


@pytest.fixture(scope="module")
def prompts() -> list[list[int]]:
    rng = np.random.default_rng(0)
    return [rng.integers(12, 40, length).tolist() for length in rng.integers(1, 30, 25)]


@pytest.fixture(scope="module")
def expected(model: Any, prompts: list[list[int]]) -> list[list[int]]:
    found = []
    for prompt in prompts:
        tokens = torch.tensor([prompt])
        made = model.generate(
            input_ids=tokens,
            attention_mask=torch.ones_like(tokens),
            max_new_tokens=MOST,
            do_sample=False,
            eos_token_id=list(ENDS),
            pad_token_id=0,
        )
        found.append(made[0, len(prompt) :].tolist())
    assert len({len(answer) for answer in found}) > 3, "answers end at different times"
    assert any(len(answer) == MOST for answer in found)
    return found


@pytest.mark.parametrize("batch_size", [1, 2, 5, 8, 100])
@pytest.mark.parametrize("unseen", [1, 4], ids=["each-step", "every-fourth"])
def test_answers_are_those_of_each_prompt_alone(
    model: Any,
    prompts: list[list[int]],
    expected: list[list[int]],
    batch_size: int,
    unseen: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if unseen > 1:  # as on a GPU
        monkeypatch.setattr(refilling, "_GPU_STEPS_UNSEEN", unseen)
        monkeypatch.setattr(refilling, "left_padded", lambda prompts, pad, _: left_padded(prompts, pad, "cpu"))
    device = "cpu" if unseen == 1 else "cuda"
    options: dict[str, Any] = {"pad": 0, "ends": ENDS, "max_new_tokens": MOST, "device": device}
    assert write_refilled(model, prompts, batch_size=batch_size, **options) == expected


def test_places_are_filled_again(model: Any, prompts: list[list[int]], expected: list[list[int]]) -> None:
    """Fewer passes of fewer rows than batch after batch, each of which lasts as long as its longest answer."""
    rows: list[int] = []
    hook = model.model.register_forward_hook(lambda _, inputs, output: rows.append(len(output.last_hidden_state)))
    options: dict[str, Any] = {"pad": 0, "ends": ENDS, "max_new_tokens": MOST, "device": "cpu"}
    assert write_refilled(model, prompts, batch_size=5, **options) == expected
    hook.remove()
    order = sorted(range(len(prompts)), key=lambda number: len(prompts[number]))
    longest = [max(len(expected[number]) for number in order[start : start + 5]) for start in range(0, 25, 5)]
    needed = sum(map(len, expected))
    assert needed <= sum(rows) < 0.9 * 5 * sum(longest)
    assert max(rows) == 5


def test_too_small_a_memory_halves_the_batch_and_keeps_what_is_done(
    model: Any, prompts: list[list[int]], expected: list[list[int]]
) -> None:
    asked: list[int] = []

    def narrow(_: Any, inputs: Any, kwargs: Any) -> None:
        tokens = kwargs["input_ids"]
        if tokens.shape[1] > 1:
            asked.append(len(tokens))
        if tokens.numel() > 60:
            raise torch.OutOfMemoryError("CUDA out of memory")

    hook = model.register_forward_pre_hook(narrow, with_kwargs=True)
    options: dict[str, Any] = {"pad": 0, "ends": ENDS, "max_new_tokens": MOST, "device": "cpu"}
    try:
        assert write_refilled(model, prompts, batch_size=8, **options) == expected
    finally:
        hook.remove()
    assert asked[0] == 8 and max(asked[-8:]) <= 4


def test_models_that_forget_are_left_to_transformers(model: Any) -> None:
    assert can_be_refilled(model)
    sliding = transformers.MistralForCausalLM(transformers.MistralConfig(**SIZES, sliding_window=8))
    assert not can_be_refilled(sliding)
