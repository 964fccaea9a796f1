"""The same seed gives the same trials in other processes, whatever their number and whatever ran before."""

import subprocess
import sys

import pandas as pd
import pytest

from optathlon import load
from optathlon.registry.plugins import optimizer_names

FLAT, CONDITIONAL, MULTI_FIDELITY, MULTI_OBJECTIVE = (
    "hpobench/fcnet/naval_propulsion",
    "sklearn/svm/iris",
    "mfh/h3/good",
    "pymoo/zdt1/m2/d6",
)
TASKS = {"optuna-cmaes": "bbob/f1/d2/i1", "optuna-nsga2": MULTI_OBJECTIVE}
TASKS |= dict.fromkeys(["smac-mf", "smac-hb"], MULTI_FIDELITY)
TASKS |= dict.fromkeys(["optuna-tpe", "optuna-mtpe", "random", "sobol", "smac-hpo"], CONDITIONAL)
OPTIONS = {"hebo": "[n_initial=4]", "optuna-gp": "[n_startup_trials=4]", "optuna-tpe": "[n_startup_trials=4]"}
TIMES = ["ask_s", "tell_s", "evaluate_s", "start", "end", "cost", "fit_seconds", "peak_memory"]


def trials_of(folder, commands, jobs):
    """The trials of all commands' runs, without what the clock measures."""
    for command in commands:
        flags = [*command, "--seeds", "2", "--budget", "6", "-j", str(jobs), "--out", str(folder)]
        subprocess.run([sys.executable, "-m", "optathlon", "run", *flags], check=True, capture_output=True)
    trials = load(folder).trials
    return trials.drop(columns=[name for name in TIMES if name in trials])


@pytest.fixture(scope="module")
def commands():
    names = [name for name in optimizer_names() if name != "local-search"]
    grids = {}
    for name in names:
        grids.setdefault(TASKS.get(name, FLAT), []).append(name + OPTIONS.get(name, ""))
    return [["-t", task, *(flag for id in ids for flag in ("-o", id))] for task, ids in grids.items()]


@pytest.mark.processes
@pytest.mark.torch
def test_one_worker_and_two_give_the_same_trials(commands, tmp_path):
    first = trials_of(tmp_path / "one", commands, jobs=1)
    second = trials_of(tmp_path / "two", list(reversed(commands)), jobs=2)
    assert first["optimizer"].nunique() == len([name for name in optimizer_names() if name != "local-search"])
    assert (first["status"] == "ok").all()
    pd.testing.assert_frame_equal(first, second)
