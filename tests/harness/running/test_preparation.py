"""What tasks load before their trials, and what becomes of runs for which something is away."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from optathlon import Experiment, Status, Trial, load, run_experiment
from optathlon.errors import Unavailable
from optathlon.registry.plugins import load_plugin
from optathlon.registry.tasks import make_task
from optathlon.results.frames import Results
from optathlon.running.evaluation import Job
from optathlon.running.isolation import EvaluationProcess, ProcessEvaluator, Site

pytestmark = pytest.mark.processes

PLUGIN = """
import os
import time
from functools import cached_property
from pathlib import Path

from ConfigSpace import ConfigurationSpace

from optathlon import Budget, Collection, Problem, Resources, Result, Task
from optathlon.errors import Unavailable

FOLDER = Path(__file__).parent
LIMIT_S, LOADING_S = 2.0, 2.2
loaded = []


class Loading(Task):
    "Takes longer to load than its trials may take."

    resources = Resources(isolated=True, seconds=LIMIT_S)
    problem = None

    def __init__(self, id):
        self.id = id
        self.problem = Problem(ConfigurationSpace({"x": (0.0, 1.0)}), budget=Budget(4))

    def prepare(self):
        if loaded:
            return
        loaded.append(self.id)
        with (FOLDER / "loads").open("a+") as file:
            file.write(".")
            file.seek(0)
            loads = len(file.read())
        time.sleep(LOADING_S)
        if self.id == "load/slow" and loads > 2:
            while not (FOLDER / "may-load").exists():
                time.sleep(0.02)

    def evaluate(self, config, *, fidelity, seed):
        self.prepare()
        if config["x"] > 0.75:
            os._exit(9)
        if self.id == "load/slow":
            time.sleep(LOADING_S)
        return Result((config["x"],))

    def fingerprint(self):
        return "none"


class Asking(Task):
    "Needs a server, which is away where the file says so, after five trials."

    id = "load/asks"
    resources = Resources(isolated=True)
    problem = Problem(ConfigurationSpace({"x": (0.0, 1.0)}), budget=Budget(8))

    def evaluate(self, config, *, fidelity, seed):
        with (FOLDER / "asked").open("a+") as file:
            file.write(".")
            file.seek(0)
            asked = len(file.read())
        time.sleep(0.2)
        if (FOLDER / "away").exists() and asked > 5:
            raise Unavailable("the server is away: start it, and repeat the command")
        return Result((config["x"] + seed / 2**32,))

    def fingerprint(self):
        return "none"


class Building(Task):
    "Builds its problem when it is first used, which is not to be in a trial."

    id = "load/builds"
    resources = Resources(isolated=True)

    @cached_property
    def problem(self):
        return Problem(ConfigurationSpace({"x": (0.0, 1.0)}), budget=Budget(2))

    def evaluate(self, config, *, fidelity, seed):
        return Result((config["x"],), metrics={"built": float("problem" in vars(self))})

    def fingerprint(self):
        return "none"


class Tasks(Collection):
    name = "load"
    description = "Loads long, or asks."

    def ids(self):
        yield from ("load/dies", "load/slow", "load/asks", "load/builds")

    def make(self, id):
        return {Asking.id: Asking, Building.id: Building}.get(id, lambda: Loading(id))()
"""


@pytest.fixture
def plugin(tmp_path: Path, own_plugins: None) -> Path:
    path = tmp_path / "loading.py"
    path.write_text(PLUGIN)
    return path


@pytest.fixture
def grid(pinned_environment: None, plugin: Path, tmp_path: Path) -> Callable[..., Results]:
    """The results of an experiment with one seed in real worker processes."""

    def run(task: str, out: str = "out", **rest: Any) -> Results:
        run_experiment(
            Experiment(optimizers=["random"], tasks=[task], seeds=[0], plugins=[plugin], out=tmp_path / out, **rest)
        )
        return load(tmp_path / out)

    return run


@pytest.mark.parametrize("settings", [{"workers_per_run": 2}, {"clock": "virtual"}], ids=str)
def test_loading_is_no_part_of_a_trial_even_after_another_has_died(
    grid: Callable[..., Results], settings: dict[str, Any]
) -> None:
    trials = grid("load/dies", **settings).trials
    dead = trials["value"].isna()
    assert 0 < dead.sum() < 4, "there are both kinds"
    assert trials.loc[dead, "error"].str.contains("exit code 9").all()
    assert trials["status"].tolist() == ["crashed" if is_dead else "ok" for is_dead in dead]


def test_no_trial_waits_for_the_problem_to_be_built(grid: Callable[..., Results]) -> None:
    assert grid("load/builds").trials["built"].tolist() == [1.0, 1.0]


def test_a_limit_holds_while_another_process_loads(tmp_path: Path, plugin: Path) -> None:
    load_plugin(plugin)
    processes = [EvaluationProcess(Site(), [plugin], tmp_path) for _ in range(2)]
    try:
        evaluator = ProcessEvaluator("load/slow", make_task("load/slow").resources, processes)
        for id, x in ((0, 0.9), (1, 0.1)):
            evaluator.submit(Job(Trial({"x": x}, id=id), 0))
        dead = evaluator.wait()
        evaluator.submit(Job(Trial({"x": 0.9}, id=2), 0))
        slow = evaluator.wait()
        (tmp_path / "may-load").touch()
        waited = evaluator.wait()
    finally:
        for process in processes:
            process.stop()
    assert [one.trial.id for one in (dead, slow, waited)] == [0, 1, 2]
    assert [one.result.status for one in (dead, slow, waited)] == [Status.CRASHED, Status.TIMEOUT, Status.CRASHED]
    assert "exit code 9" in waited.result.error
    assert waited.start >= slow.end, "it has begun when its process was ready"


def test_a_run_that_cannot_go_on_ends_the_command_and_goes_on_later(
    grid: Callable[..., Results], tmp_path: Path, timeless: Callable[..., Any]
) -> None:
    asked, away = tmp_path / "asked", tmp_path / "away"
    through = grid("load/asks", out="through")
    assert asked.stat().st_size == 8
    asked.unlink()
    away.touch()
    with pytest.raises(Unavailable, match=r"^the server is away: start it, and repeat the command$"):
        grid("load/asks")
    assert load(tmp_path / "out").runs.empty, "no status that would be final"
    assert asked.stat().st_size == 6
    away.unlink()
    assert timeless(grid("load/asks")) == timeless(through)
    assert asked.stat().st_size == 6 + 3, "what has been evaluated is not evaluated again"
