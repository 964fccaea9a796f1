"""The same seed gives the same trials in other processes, whatever their number and whatever ran before."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Collection, Iterable
from pathlib import Path

import pandas as pd
import pytest
from roster import EXPENSIVE, HERE, REPRESENTATIVES, early_id, task_of

from optathlon import load

TASKS = ("sklearn/svm/iris", "hpobench/fcnet/naval_propulsion", "mfh/h3/good", "pymoo/zdt1/m2/d6", "bbob/f1/d2/i1")
"""A conditional, a flat, a multi-fidelity, a two-objective and a continuous one: each runs the first that it can do."""
TIMES = ["ask_s", "tell_s", "evaluate_s", "start", "end", "cost", "fit_seconds", "peak_memory"]


def trials_of(folder: Path, commands: list[list[str]], jobs: int) -> pd.DataFrame:
    """The trials of all commands' runs, without what the clock measures."""
    for command in commands:
        flags = [*command, "--seeds", "2", "--budget", "5", "-j", str(jobs), "--out", str(folder)]
        subprocess.run([sys.executable, "-m", "optathlon", "run", *flags], check=True, capture_output=True)
    trials = load(folder).trials
    return trials.drop(columns=[name for name in TIMES if name in trials])


def commands_for(names: Iterable[str]) -> list[list[str]]:
    """A command per task, for all optimizers that run it."""
    grids: dict[str, list[str]] = {}
    for name in names:
        if task := task_of(name, TASKS):
            grids.setdefault(task, []).append(early_id(name))
    return [["-t", task, *(flag for id in ids for flag in ("-o", id))] for task, ids in grids.items()]


@pytest.mark.processes
@pytest.mark.torch
@pytest.mark.parametrize(
    "names",
    [
        pytest.param(REPRESENTATIVES - EXPENSIVE, id="one of each library that has cheap ones"),
        pytest.param(HERE - (REPRESENTATIVES - EXPENSIVE), id="the others", marks=pytest.mark.slow),
    ],
)
def test_one_worker_and_two_give_the_same_trials(names: Collection[str], tmp_path: Path) -> None:
    commands = commands_for(sorted(names))
    first = trials_of(tmp_path / "one", commands, jobs=1)
    second = trials_of(tmp_path / "two", list(reversed(commands)), jobs=2)
    assert first["optimizer"].nunique() == sum(task_of(name, TASKS) is not None for name in names)
    assert (first["status"] == "ok").all()
    pd.testing.assert_frame_equal(first, second)
