"""The same seed gives the same trials in other processes, whatever their number and whatever ran before."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pandas as pd
import pytest

from optathlon import load
from optathlon.registry.capabilities import mismatch
from optathlon.registry.optimizers import choose_optimizer
from optathlon.registry.tasks import make_task

NAMES = [point.name for point in entry_points(group="optathlon.optimizers")]
TASKS = ("sklearn/svm/iris", "hpobench/fcnet/naval_propulsion", "mfh/h3/good", "bbob/f1/d2/i1")
"""A conditional, a flat, a multi-fidelity and a continuous one: each optimizer runs the first that it can do."""

OTHERS = {
    "botorch-lognehvi": "pymoo/zdt1/m2/d6",
    "botorch-parego": "pymoo/zdt1/m2/d6",
    "optuna-nsga2": "pymoo/zdt1/m2/d6",
    "smac-bb": "hpobench/fcnet/naval_propulsion",
}
OPTIONS = {
    "ax": "[n_initial=4]",
    **dict.fromkeys(
        ["botorch-gibbon", "botorch-lognehvi", "botorch-lognei", "botorch-mes"], "[n_initial=4,num_restarts=2]"
    ),
    **dict.fromkeys(["botorch-jes", "botorch-mapsaas", "botorch-parego"], "[n_initial=4,num_restarts=2]"),
    "botorch-turbo": "[n_initial=4]",
    "hebo": "[n_initial=4]",
    "optuna-gp": "[n_startup_trials=4]",
    "optuna-tpe": "[n_startup_trials=4]",
}
TIMES = ["ask_s", "tell_s", "evaluate_s", "start", "end", "cost", "fit_seconds", "peak_memory"]


def task_of(name: str) -> str:
    cls = choose_optimizer(name).cls
    return OTHERS.get(name) or next(task for task in TASKS if not mismatch(cls, make_task(task).problem))


def trials_of(folder: Path, commands: list[list[str]], jobs: int) -> pd.DataFrame:
    """The trials of all commands' runs, without what the clock measures."""
    for command in commands:
        flags = [*command, "--seeds", "2", "--budget", "5", "-j", str(jobs), "--out", str(folder)]
        subprocess.run([sys.executable, "-m", "optathlon", "run", *flags], check=True, capture_output=True)
    trials = load(folder).trials
    return trials.drop(columns=[name for name in TIMES if name in trials])


@pytest.fixture(scope="module")
def commands() -> list[list[str]]:
    grids: dict[str, list[str]] = {}
    for name in NAMES:
        grids.setdefault(task_of(name), []).append(name + OPTIONS.get(name, ""))
    return [["-t", task, *(flag for id in ids for flag in ("-o", id))] for task, ids in grids.items()]


@pytest.mark.processes
@pytest.mark.torch
def test_one_worker_and_two_give_the_same_trials(commands: list[list[str]], tmp_path: Path) -> None:
    first = trials_of(tmp_path / "one", commands, jobs=1)
    second = trials_of(tmp_path / "two", list(reversed(commands)), jobs=2)
    assert first["optimizer"].nunique() == len(NAMES)
    assert (first["status"] == "ok").all()
    pd.testing.assert_frame_equal(first, second)
