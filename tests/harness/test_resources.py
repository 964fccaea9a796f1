"""What trials take and may take: shares of GPUs, limits, and how users say so."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optathlon import Experiment, Resources
from optathlon.errors import UsageError
from optathlon.resources import Limits
from optathlon.running.gpus import GpuPool, gpu_shortage


@given(st.floats(0.01, 1), st.integers(1, 8), st.integers(0, 8), st.lists(st.integers(0, 3), max_size=30))
def test_gpus_are_never_lent_twice(amount: float, count: int, gpus: int, steps: list[int]) -> None:
    pool = GpuPool(map(str, range(gpus)))
    lent: list[list[str]] = []
    for step in steps:
        if step == 0 and lent:
            pool.give_back(amount, lent.pop(0))
        elif (masks := pool.take(amount, count)) is not None:
            lent.append(masks)
        for gpu in map(str, range(gpus)):
            assert sum(mask == gpu for masks in lent for mask in masks) * amount <= 1 + 1e-6
    for masks in lent:
        pool.give_back(amount, masks)
    assert (pool.take(amount, count) is None) == bool(gpu_shortage(amount, count, gpus)), (
        "the plan says what is possible"
    )


@pytest.mark.parametrize("amount", [1, 2, 3])
@pytest.mark.parametrize("gpus", [0, 1, 2, 4])
@pytest.mark.parametrize("count", [1, 2])
def test_whole_gpus(amount: int, gpus: int, count: int) -> None:
    masks = GpuPool(map(str, range(gpus))).take(amount, count)
    assert (masks is None) == (amount * count > gpus) == bool(gpu_shortage(amount, count, gpus))
    seen = [gpu for mask in masks or () for gpu in mask.split(",")]
    assert len(seen) == len(set(seen)) == (amount * count if masks else 0)


def test_limits_of_an_experiment_win_over_the_tasks_own() -> None:
    own = Resources(seconds=10.0, memory=100, gpus=0.5)
    assert own.within(Limits()) == own
    assert own.within(Limits(trial_seconds=3.0, trial_memory=50)) == Resources(seconds=3.0, memory=50, gpus=0.5)
    assert not Resources().within(Limits()).needs_process
    assert Resources().within(Limits(run_seconds=3.0)) == Resources(), "the run's limit is not the trial's"
    for limits in (Limits(trial_seconds=1.0), Limits(trial_memory=1), Limits(isolated=True)):
        assert Resources().within(limits).needs_process


@pytest.mark.parametrize(
    "bad",
    [
        {"gpus": -1},
        {"gpus": 1.5},
        {"gpus": 1e-9},
        {"gpus": float("nan")},
        {"cpus": 0},
        {"seconds": 0.0},
        {"memory": -5},
    ],
    ids=str,
)
def test_impossible_resources_are_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        Resources(**bad)


@pytest.mark.parametrize("flag", ["trial_timeout", "run_timeout"])
@pytest.mark.parametrize("text", ["60", "-3s", "soon", "5cost"])
def test_durations_need_a_unit(flag: str, text: str) -> None:
    with pytest.raises(UsageError, match="can't read the duration"):
        Experiment.read(None, {"optimizers": ["random"], "tasks": ["a/b"], flag: text})


@pytest.mark.parametrize("memory", ["lots", "0", -5])
def test_memory_needs_to_be_an_amount(memory: object) -> None:
    flags = {"optimizers": ["random"], "tasks": ["a/b"]}
    with pytest.raises(UsageError, match="can't read the amount of memory"):
        Experiment.read(None, flags | {"trial_memory": memory})
    assert Experiment.read(None, flags | {"trial_memory": "2GiB"}).limits.trial_memory == 2 * 2**30
    assert Experiment.read(None, flags | {"trial_memory": 500}).limits.trial_memory == 500
