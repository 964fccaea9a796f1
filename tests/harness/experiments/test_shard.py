"""`--shard i/n`: machines that share nothing but a results folder divide an experiment among themselves."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optathlon import Experiment, load
from optathlon.errors import UsageError
from optathlon.experiments.experiment import parse_shard
from optathlon.experiments.plan import make_plan
from optathlon.results.frames import Results

Timeless = Callable[[Results], dict[str, list[dict[str, object]]]]

OPTIMIZERS = ["random", "sobol"]
TASKS = ["bbob/f1/d2/i1", "bbob/f2/d2/i1", "bbob/f3/d3/i2"]


def todo(shard: str | None, seeds: int, tasks: int = 3, finished: frozenset[str] = frozenset()) -> list[str]:
    """The ids of the runs to do, in order."""
    experiment = Experiment(optimizers=OPTIMIZERS, tasks=TASKS[:tasks], seeds=list(range(seeds)), shard=shard)
    return [spec.id for spec in make_plan(experiment, finished).todo]


@given(parts=st.integers(1, 9), seeds=st.integers(1, 8))
def test_shards_partition_the_plan(parts: int, seeds: int) -> None:
    shards = [todo(f"{part}/{parts}", seeds) for part in range(1, parts + 1)]
    whole = todo(None, seeds)
    assert sorted(run for shard in shards for run in shard) == sorted(whole)
    assert all(set(one).isdisjoint(other) for one, other in combinations(shards, 2))
    for shard in shards:
        assert shard == [run for run in whole if run in shard], "in the order of the plan"


@given(parts=st.integers(1, 5), data=st.data())
def test_a_run_stays_in_its_shard_when_others_are_done_or_the_grid_grows(parts: int, data: st.DataObject) -> None:
    small, large = todo(None, seeds=3, tasks=2), todo(None, seeds=5, tasks=3)
    finished = frozenset(data.draw(st.sets(st.sampled_from(small))))
    for part in range(1, parts + 1):
        shard = f"{part}/{parts}"
        before = todo(shard, seeds=3, tasks=2)
        assert todo(shard, seeds=3, tasks=2, finished=finished) == [run for run in before if run not in finished]
        after = todo(shard, seeds=5, tasks=3)
        assert set(after) & set(small) == set(before)
        assert set(after) <= set(large)


def test_shards_are_of_similar_size() -> None:
    sizes = [len(todo(f"{part}/4", seeds=200)) for part in range(1, 5)]
    assert sum(sizes) == 1200
    assert min(sizes) > 240


def test_what_is_done_and_skipped_belongs_to_a_shard_too() -> None:
    experiment = Experiment(optimizers=OPTIMIZERS, tasks=TASKS, seeds=list(range(4)), shard="2/3")
    plan = make_plan(experiment, finished=set(todo(None, seeds=4)))
    assert [spec.id for spec in plan.done] == todo("2/3", seeds=4)
    assert (plan.todo, plan.total) == ([], len(plan.done))


@pytest.mark.processes
def test_two_shards_at_the_same_time_give_what_one_command_gives(
    start_command: Callable[..., subprocess.Popen[str]], tmp_path: Path, timeless: Timeless
) -> None:
    grid = [item for name in OPTIMIZERS for item in ("-o", name)] + [item for id in TASKS for item in ("-t", id)]
    arguments = ["run", *grid, "--seeds", 4, "--budget", 15]
    both = [start_command(*arguments, "--shard", shard, "--out", tmp_path / "shards") for shard in ("1/2", "2/2")]
    whole = start_command(*arguments, "--out", tmp_path / "whole")
    for process in [*both, whole]:
        _, err = process.communicate(timeout=100)
        assert process.returncode == 0, err
    sharded = load(tmp_path / "shards")
    assert len(sharded.runs) == sharded.runs["run"].nunique() == 24
    assert timeless(sharded) == timeless(load(tmp_path / "whole"))


def test_a_shard_counts_from_one() -> None:
    assert parse_shard("1/1") == (0, 1)
    assert parse_shard("2/5") == (1, 5)
    assert parse_shard("5/5") == (4, 5)


@pytest.mark.parametrize("shard", ["0/3", "4/3", "x", "1/0", "", "1", "1/", "/2", "-1/3", "1/2/3", "1.5/2", "0/0"])
def test_a_bad_shard_is_one_clear_line(shard: str) -> None:
    with pytest.raises(UsageError, match=r"can't read the shard .*: give e\.g\. 2/5") as caught:
        Experiment(optimizers=["random"], tasks=TASKS, shard=shard)
    assert repr(shard) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_command_line_refuses_a_bad_shard(command: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    done = command("run", "-o", "random", "-t", TASKS[0], "--shard", "4/3")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line == "optathlon: can't read the shard '4/3': give e.g. 2/5 for the second of five parts"
