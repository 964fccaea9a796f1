"""`llm/exit`: losses at several depths against truncated models, and tuning that lets a model be left early."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from optathlon.llm.batches import padded
from optathlon.tasks.llm import LLM
from optathlon.tasks.llm.kinds.exit import EXITS, SortedLoss, exit_space, exit_weights, losses_at_exits
from optathlon.tasks.llm.layers import leaving_after, share_of_layers
from optathlon.tasks.llm.setups import TINY
from optathlon.tasks.llm.tunable_model import Adapter

torch = pytest.importorskip("torch", reason="the extra 'llm' is not installed")
pytest.importorskip("transformers", reason="the extra 'llm' is not installed")
pytest.importorskip("peft", reason="the extra 'llm' is not installed")
pytestmark = pytest.mark.torch

GOOD = {
    **{"method": "full", "learning_rate": 1e-3, "batch_size": 16, "optimizer": "adamw", "schedule": "cosine"},
    **{"warmup": 0.1, "weight_decay": 0.01, "early_weight": 1.0, "middle_weight": 1.0, "exit": "middle"},
}
SHARES = list(EXITS.values())


@pytest.fixture(scope="module")
def loaded(llm_cache: Path) -> Any:
    from optathlon.tasks.llm.loaded_setup import LoadedSetup

    return LoadedSetup(TINY)


@pytest.fixture(params=[None, Adapter(4, 2.0, 0.0)], ids=["full", "lora"])
def model(loaded: Any, request: pytest.FixtureRequest) -> Iterator[Any]:
    with loaded.base.tunable(request.param, 1) as tunable:
        yield tunable.eval()


def test_one_pass_gives_the_losses_of_truncated_models(loaded: Any, model: Any) -> None:
    items = loaded.train[:6]
    with torch.inference_mode():
        found = losses_at_exits(model, padded(items, 0, "cpu"), SHARES)
        for losses, layers in zip(found, (1, 2, 3), strict=True):
            with leaving_after(model, layers):
                logits = [model(torch.tensor([item.tokens])).logits[0, item.asked - 1 : -1] for item in items]
            expected = torch.nn.functional.cross_entropy(
                torch.cat(logits), torch.tensor([token for item in items for token in item.response]), reduction="none"
            )
            torch.testing.assert_close(losses, expected, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(found[0], found[1], atol=1e-2)


def test_with_the_last_exit_alone_the_loss_is_that_of_instruction_tuning(loaded: Any, model: Any) -> None:
    items = loaded.train[:6]
    loss = SortedLoss(0, "cpu", weights={1 / 3: 0.0, 1.0: 0.5})
    assert loss.total(model, items).item() == pytest.approx(loaded.loss.total(model, items).item(), rel=1e-5)
    assert loss.weight(items) == loaded.loss.weight(items)


def test_the_loss_is_the_weighted_mean_of_those_of_truncated_models(loaded: Any, model: Any) -> None:
    items = loaded.train[:6]
    parts = []
    for layers in (1, 2, 3):
        with leaving_after(model, layers):
            parts.append(loaded.loss.total(model, items).item())
    weights = exit_weights({"early_weight": 0.5, "middle_weight": 2.0})
    expected = (0.5 * parts[0] + 2.0 * parts[1] + parts[2]) / 3.5
    loss = SortedLoss(0, "cpu", weights=weights)
    assert loss.total(model, items).item() == pytest.approx(expected, rel=1e-5)
    split = loss.total(model, items[:2]).item() + loss.total(model, items[2:]).item()
    assert split == pytest.approx(expected, rel=1e-5)


def test_an_exit_trains_no_layer_behind_it(loaded: Any, model: Any) -> None:
    SortedLoss(0, "cpu", weights={1 / 3: 1.0, 1.0: 0.0}).total(model, loaded.train[:2]).backward()
    moved = {name for name, weight in model.named_parameters() if weight.grad is not None and weight.grad.any()}
    assert any(".layers.0." in name for name in moved)
    assert not any(".layers.1." in name or ".layers.2." in name for name in moved)
    model.zero_grad(set_to_none=True)


def test_all_depths_of_32_layers_are_thirds() -> None:
    assert [share_of_layers(share, 32) for share in SHARES] == [11, 21, 32]


def test_a_model_tuned_at_all_exits_is_better_where_it_is_left(llm_cache: Path) -> None:
    task = LLM().make("llm/exit/tiny/loss+layers")
    tuned, untuned = (
        task.evaluate({**GOOD, "early_weight": weight, "middle_weight": weight}, fidelity=None, seed=1)
        for weight in (1.0, 0.0)
    )
    assert tuned.values[0] < untuned.values[0] - 0.1
    assert tuned.metrics["1-win_rate"] < untuned.metrics["1-win_rate"]
    assert tuned.values[1] == pytest.approx(2 / 3)
    whole = task.evaluate({**GOOD, "exit": "full"}, fidelity=None, seed=1)
    assert whole.values[1] == 1.0
    assert whole.values[0] < tuned.values[0]


def test_a_continued_training_is_one_without_a_stop(own_task: Callable[..., Any], llm_cache: Path) -> None:
    def forget() -> None:
        for kind in ("results", "checkpoints"):
            shutil.rmtree(llm_cache / "llm" / kind, ignore_errors=True)

    task = own_task("exit", "loss")
    forget()
    at_once = task.evaluate(GOOD, fidelity=2, seed=3).values
    forget()
    begun = task.evaluate({**GOOD, "exit": "early"}, fidelity=1, seed=3).values
    (checkpoint,) = (llm_cache / "llm" / "checkpoints").glob("*-1.pt")
    assert task.evaluate(GOOD, fidelity=2, seed=3).values == at_once
    assert begun != at_once
    assert checkpoint.exists()


def test_the_space_is_that_of_tuning_with_weights_and_an_exit() -> None:
    space = exit_space(TINY)
    assert {"early_weight", "middle_weight", "exit", "learning_rate", "rank"} <= set(space)
    assert exit_weights(dict(space.get_default_configuration())) == dict.fromkeys(SHARES, 1.0)
