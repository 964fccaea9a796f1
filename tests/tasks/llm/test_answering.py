"""What answers after a tuning: adapters merged, in the type that is computed in, and afterwards all as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from optathlon.errors import MissingDependency, UsageError
from optathlon.tasks.llm.recipe import Recipe, make_optimizer, require_bitsandbytes
from optathlon.tasks.llm.setup_files import make_setup
from optathlon.tasks.llm.setups import TINY
from optathlon.tasks.llm.tunable_model import Adapter

torch = pytest.importorskip("torch", reason="the extra 'llm' is not installed")
pytest.importorskip("transformers", reason="the extra 'llm' is not installed")
pytest.importorskip("peft", reason="the extra 'llm' is not installed")
pytestmark = pytest.mark.torch

ADAPTER = Adapter(4, 2.0, 0.1)
LORA = {"method": "lora", "learning_rate": 1e-2, "batch_size": 16, "rank": 4, "alpha_over_rank": 2.0, "dropout": 0.1}


def made(dtype: Any = "float32", **changes: Any) -> Any:
    from optathlon.tasks.llm.loaded_setup import LoadedSetup

    return LoadedSetup(replace(TINY, dtype=dtype, **changes))


@pytest.fixture(scope="module")
def loaded(llm_cache: Path) -> Any:
    return made()


@pytest.fixture(scope="module")
def half(llm_cache: Path) -> Any:
    return made("bfloat16")


@pytest.fixture
def adapted(loaded: Any) -> Iterator[Any]:
    """A model with an adapter that has been trained."""
    with loaded.base.tunable(ADAPTER, 1) as model:
        generator = torch.Generator().manual_seed(0)
        with torch.no_grad():
            for name, weight in model.named_parameters():
                if ".lora_B" in name:
                    weight.add_(0.05 * torch.randn(weight.shape, generator=generator))
        yield model.eval()


def test_a_merged_adapter_answers_as_it_did_beside_the_weights(loaded: Any, adapted: Any) -> None:
    prompts = loaded.prompts("test")[:48]
    tokens = torch.tensor([prompts[0]])
    with torch.no_grad():
        apart, answers = adapted(tokens).logits, loaded.answer(adapted, prompts)
        with loaded.base.answering(adapted) as merged:
            torch.testing.assert_close(merged(tokens).logits, apart, rtol=1e-4, atol=1e-4)
            assert loaded.answer(merged, prompts) == answers
            modules = [module for module in merged.modules() if hasattr(module, "lora_A")]
            assert modules and all(module.merged for module in modules)
        assert torch.equal(adapted(tokens).logits, apart), "the merge is taken back exactly"


def test_weights_below_an_adapter_are_what_they_were(loaded: Any) -> None:
    from optathlon.llm.models import checksum

    with loaded.tuned(loaded.train[:32], loaded.loss, LORA, until=1, epochs=3, seed=1) as (model, training):
        answers = loaded.answer(model, loaded.prompts("test")[:8]).texts
        kept = loaded.base.tuned_weights(training.model)
    with loaded.base.untuned() as model:
        assert checksum(model) == loaded.base.checksum
    with loaded.base.with_weights(kept) as model:
        assert loaded.answer(model, loaded.prompts("test")[:8]).texts == answers


def test_tuned_weights_are_those_below_and_the_product_of_the_adapters(loaded: Any, adapted: Any) -> None:
    with loaded.base.answering(adapted):
        kept = loaded.base.tuned_weights(adapted)
    changed = {name for name, tensor in kept.items() if not torch.equal(tensor, loaded.base.weights[name])}
    parts = dict(adapted.get_base_model().named_modules())
    assert changed == {f"{name}.weight" for name, module in parts.items() if hasattr(module, "lora_A")}
    for name in changed:
        module = parts[name.removesuffix(".weight")]
        low, high = module.lora_A["default"].weight, module.lora_B["default"].weight
        expected = loaded.base.weights[name] + 2.0 * high @ low
        torch.testing.assert_close(kept[name], expected, rtol=1e-6, atol=1e-6)


def test_an_adapter_of_a_tied_head_is_refused(loaded: Any) -> None:
    targets = "q_proj, lm_head"
    with (
        pytest.raises(UsageError, match=f"the LoRA targets '{targets}': lm_head has no weights of its own"),
        loaded.base.tunable(Adapter(2, 2.0, 0.0, targets), 1),
    ):
        pass
    with loaded.base.tunable(ADAPTER, 1), torch.no_grad():
        pass


def test_in_bfloat16_frozen_weights_are_halved_and_adapters_are_not(half: Any) -> None:
    with half.base.tunable(ADAPTER, 1) as model:
        kinds = {".lora_" in name: weight.dtype for name, weight in model.named_parameters()}
        assert kinds == {True: torch.float32, False: torch.bfloat16}
        frequencies = model.get_base_model().model.rotary_emb.inv_freq
    assert frequencies.dtype == torch.float32, "positions would be rounded away"
    with half.base.tunable(None, 1) as model:
        assert {weight.dtype for weight in model.parameters()} == {torch.float32}
        with half.base.answering(model) as answering:
            assert {weight.dtype for weight in answering.parameters()} == {torch.bfloat16}


@pytest.mark.parametrize("method", ["full", "lora"])
def test_in_bfloat16_trainings_and_answers_are_nearly_those_in_float32(half: Any, loaded: Any, method: str) -> None:
    config = LORA | {"dropout": 0.0, "learning_rate": 1e-3}
    if method == "full":
        config = {"method": "full", "learning_rate": 1e-3, "batch_size": 16}
    found = []
    for one in (half, loaded):
        with one.tuned(one.train[:64], one.loss, config, until=2, epochs=2, seed=1) as (model, training):
            weights = one.base.tuned_weights(training.model)
            assert {tensor.dtype for tensor in weights.values()} == {torch.float32}
            found.append((training.losses, one.losses(model, one.train[64:96])))
    (epochs, losses), (exact_epochs, exact_losses) = found
    assert epochs == pytest.approx(exact_epochs, rel=0.05) and epochs != exact_epochs
    assert sum(losses) == pytest.approx(sum(exact_losses), rel=0.05)


def test_a_training_that_is_over_is_kept_without_its_optimizer(loaded: Any) -> None:
    with loaded.tuned(loaded.train[:16], loaded.loss, LORA, until=1, epochs=2, seed=1) as (_, training):
        going_on = training.state()
    with loaded.tuned(loaded.train[:16], loaded.loss, LORA, until=2, epochs=2, seed=1) as (_, training):
        over = training.state()
    assert going_on.keys() - over.keys() == {"optimizer", "generators"}


def test_the_reference_is_held_from_trial_to_trial(loaded: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with loaded.reference_tuned() as model:
        before = [weight.clone() for weight in model.parameters()]
    monkeypatch.setattr(torch.Tensor, "copy_", None)  # nothing is copied again
    with loaded.reference_tuned() as model:
        assert all(torch.equal(one, other) for one, other in zip(before, model.parameters(), strict=True))


def test_prompts_are_encoded_once(loaded: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    data = loaded.data
    known = data.prompts("test", "briefly"), data.encoded(data.examples("test"))
    assert known[0] != data.prompts("test")
    monkeypatch.setattr(data, "_template", None)
    assert (data.prompts("test", "briefly"), data.encoded(data.examples("test"))) == known


def test_packed_trainings_are_those_of_padded_ones(loaded: Any, llm_cache: Path) -> None:
    config = {"learning_rate": 1e-3, "batch_size": 16, "optimizer": "sgd", "schedule": "constant"}
    packing = made(packing=True)
    assert packing.loss.packing and not loaded.loss.packing
    found = []
    for one in (loaded, packing):
        with one.tuned(one.train[:64], one.loss, config, until=1, epochs=1, seed=1) as (model, training):
            found.append(([weight.detach().clone() for weight in model.parameters()], training.losses))
    assert found[0][1] == pytest.approx(found[1][1], rel=1e-5)
    for ours, theirs in zip(found[0][0], found[1][0], strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_compiled_layers_compute_the_same(loaded: Any, llm_cache: Path) -> None:
    """They are compiled for training alone: once as the first layer, below which no gradient goes, once as others."""
    from torch._dynamo.utils import counters

    counters.clear()
    compiled = made(compile=True)
    config = LORA | {"dropout": 0.0, "learning_rate": 1e-3}
    found = []
    for one in (loaded, compiled):
        with one.tuned(one.train[:32], one.loss, config, until=1, epochs=1, seed=1) as (model, training):
            found.append((training.losses, one.answer(model, one.prompts("test")[:8]).texts))
    assert found[0][0] == pytest.approx(found[1][0], rel=1e-4)
    assert found[0][1] == found[1][1]
    assert counters["stats"]["unique_graphs"] == 2


# What needs a GPU


def test_what_needs_a_gpu_says_so(llm_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="dtype: nf4 needs a GPU, and computes on 'cpu' here"):
        _ = made("nf4").base
    weight = torch.nn.Parameter(torch.zeros(2, 2))
    with pytest.raises(UsageError, match="adamw-8bit needs a GPU"):
        make_optimizer([weight], Recipe(1e-3, 8, "adamw-8bit"))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingDependency, match="pip install bitsandbytes"):
        require_bitsandbytes("dtype: nf4", "cuda")


def test_more_gpus_than_a_trial_computes_on_are_refused(own_task: Callable[..., Any], tmp_path: Path) -> None:
    content = {"model": "tiny", "judge": "verifier", "gpus": 2}
    with pytest.raises(UsageError, match="a trial computes on one GPU, not on 2: write 1"):
        make_setup("mine", content, tmp_path)
