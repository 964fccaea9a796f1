"""Once a run's time is up, whatever its optimizer or its task makes of that, the run ends as `timeout`."""

from __future__ import annotations

import contextlib
import gc
import signal
import time
import weakref
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from optathlon import Budget, Experiment, Optimizer, Problem, Result, SearchSpaceExhausted, Status, Task, Trial, load
from optathlon import run_experiment as do
from optathlon.errors import Unavailable
from optathlon.experiments.executors import pool
from optathlon.running.accounting import RunOutcome
from optathlon.running.evaluation import SequentialEvaluator
from optathlon.running.limits import TimeLimit, TimeUp
from optathlon.running.loop import run_loop

LIMIT_S = 0.1


class Interrupted:
    """Works, in one place of a run, until the time is up, and then does something of its own."""

    def __init__(self, place: str, then: BaseException | None, limit: TimeLimit) -> None:
        self.place, self.then, self.limit = place, then, limit

    def work(self, place: str, number: int = 3) -> None:
        if place == self.place and number == 3:
            with contextlib.suppress(TimeUp):
                while not self.limit.is_up:
                    time.sleep(0.01)
            if self.then is not None:
                raise self.then


class Search(Optimizer):
    def __init__(self, hostile: Interrupted) -> None:
        self.hostile, self.asked, self.told = hostile, 0, 0
        hostile.work("start")

    def ask(self) -> Trial:
        self.asked += 1
        self.hostile.work("ask", self.asked)
        return Trial({"x": self.asked / 100})

    def tell(self, trial: Trial, result: Result) -> None:
        self.told += 1
        self.hostile.work("tell", self.told)


class Objective(Task):
    id = "late/x"

    def __init__(self, hostile: Interrupted) -> None:
        from ConfigSpace import ConfigurationSpace

        self.hostile, self.evaluated = hostile, 0
        self._problem = Problem(ConfigurationSpace({"x": (0.0, 1.0)}), budget=Budget(20))

    @property
    def problem(self) -> Problem:
        return self._problem

    def evaluate(self, config: Any, *, fidelity: float | None, seed: int) -> Result:
        self.evaluated += 1
        self.hostile.work("evaluate", self.evaluated)
        return Result((config["x"],))


def run(place: str, then: BaseException | None) -> RunOutcome:
    limit = TimeLimit(LIMIT_S)
    hostile = Interrupted(place, then, limit)
    task = Objective(hostile)
    with limit.enforced():
        evaluator = SequentialEvaluator(task)
        return run_loop(task.problem, lambda _: Search(hostile), evaluator, count(), limit=limit)


@pytest.mark.parametrize(("place", "kept"), [("start", 0), ("ask", 2), ("evaluate", 2), ("tell", 3)])
@pytest.mark.parametrize(
    "then",
    [
        None, KeyError("key"), MemoryError(), TimeUp("mine"), SystemExit(3), KeyboardInterrupt(), GeneratorExit(),
        Unavailable("the server is away"), SearchSpaceExhausted(), RecursionError(),
    ],
    ids=repr,
)  # fmt: skip
def test_whatever_follows_is_a_timeout(place: str, kept: int, then: BaseException | None) -> None:
    outcome = run(place, then)
    assert outcome.status is Status.TIMEOUT
    assert outcome.reason.startswith(f"the run took longer than its limit of {LIMIT_S} s")
    assert [record.status for record in outcome.trials] == ["ok"] * kept, "the trial that was disturbed is not kept"


def test_a_swallowed_end_comes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("optathlon.running.limits._AGAIN_S", 0.02)
    swallowed: list[str] = []
    limit = TimeLimit(0.02)
    with limit.enforced():
        while len(swallowed) < 3:
            try:
                time.sleep(0.01)
            except TimeUp:
                swallowed.append(str(limit))
    assert limit.is_up
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_what_was_ended_is_let_go_at_once_and_can_end_in_peace() -> None:
    ended: list[str] = []

    def end() -> None:
        time.sleep(0.3)  # as long as a process takes to end, while the alarm rings again
        ended.append("ended")

    def start(_: Problem) -> Optimizer:
        hostile = Interrupted("ask", None, limit)
        search = Search(hostile)
        weakref.finalize(search, end)
        return search

    limit = TimeLimit(LIMIT_S)
    gc.disable()  # a cycle of the error with its traceback would keep a child process until the next collection
    try:
        task = Objective(Interrupted("nowhere", None, limit))
        with limit.enforced():
            signal.setitimer(signal.ITIMER_REAL, LIMIT_S, LIMIT_S)
            outcome = run_loop(task.problem, start, SequentialEvaluator(task), count(), limit=limit)
            assert ended == ["ended"]
        assert outcome.status is Status.TIMEOUT
    finally:
        gc.enable()


def test_without_a_limit_no_alarm_is_set() -> None:
    before = signal.getsignal(signal.SIGALRM)
    limit = TimeLimit()
    with limit.enforced():
        assert signal.getsignal(signal.SIGALRM) == before
    limit.require_time()
    assert not limit.is_up


PLUGIN = '''
import os, signal, time
from optathlon import Optimizer, Trial, as_task


class Late(Optimizer):
    def __init__(self, problem, seed):
        self.asked = 0

    def ask(self):
        self.asked += 1
        if self.asked == 3:
            self.wait()
        return Trial({"x": self.asked / 100})

    def tell(self, trial, result):
        pass


class Deaf(Late):
    """Ignores the end of its time for ever."""

    def wait(self):
        while True:
            try:
                time.sleep(1)
            except BaseException:
                pass


class Fragile(Late):
    """Its library can't stand the interruption, and takes the process along."""

    def wait(self):
        try:
            time.sleep(60)
        except BaseException:
            os.kill(os.getpid(), signal.SIGKILL)


@as_task("late/x", space={"x": (0.0, 1.0)}, budget=9)
def x(config):
    return config["x"]
'''


@pytest.mark.processes
@pytest.mark.smoke
def test_runs_that_are_ended_by_force_are_timeouts_with_their_seconds(
    pinned_environment: None, own_plugins: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "_LATE_S", 0.5)
    plugin = tmp_path / "late.py"
    plugin.write_text(PLUGIN)
    names = [f"{plugin}:Deaf", f"{plugin}:Fragile"]
    do(
        Experiment(
            optimizers=[*names, "random"],
            tasks=["late/x"],
            plugins=[plugin],
            run_timeout="1s",
            jobs=2,
            out=tmp_path / "out",
        )
    )
    runs = load(tmp_path / "out").runs.set_index("optimizer")
    assert runs["status"].to_dict() == {"deaf": "timeout", "fragile": "timeout", "random": "ok"}
    assert (runs.loc[["deaf", "fragile"], "seconds"] >= 1.0).all()
    assert runs["reason"].dropna().str.startswith("the run took longer than its limit of 1 s").all()


@pytest.mark.processes
@pytest.mark.smoke
def test_a_run_that_takes_its_worker_down_has_its_seconds(
    pinned_environment: None, own_plugins: None, tmp_path: Path
) -> None:
    plugin = tmp_path / "late.py"
    plugin.write_text(PLUGIN.replace("time.sleep(60)", "time.sleep(0.7); raise OSError"))
    do(Experiment(optimizers=[f"{plugin}:Fragile"], tasks=["late/x"], plugins=[plugin], out=tmp_path / "out"))
    run = load(tmp_path / "out").runs.iloc[0]
    assert run["status"] == "crashed"
    assert run["seconds"] >= 0.7
