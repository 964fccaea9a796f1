"""Whatever an objective or an optimizer raises is its own failure; Ctrl-C is the user's, and a limit the harness's."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ConfigSpace import ConfigurationSpace

from optathlon import Budget, Experiment, Optimizer, Problem, Result, Status, Task, Trial, load, run_experiment
from optathlon.running.accounting import RunOutcome
from optathlon.running.evaluation import SequentialEvaluator
from optathlon.running.interruption import Ending
from optathlon.running.loop import run_loop


class Own(BaseException):
    """Not an `Exception`, as some libraries have."""


class Unreadable(Exception):
    """Its text can't be had."""

    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__


class UnreadableByInterrupt(BaseException):
    def __str__(self) -> str:
        raise KeyboardInterrupt


ERRORS = [
    KeyboardInterrupt(), GeneratorExit(), SystemExit(0), SystemExit("bye"), StopIteration(), Own("own"), Unreadable(),
    UnreadableByInterrupt(), BaseExceptionGroup("two", [KeyboardInterrupt(), ValueError()]),
]  # fmt: skip


class Search(Optimizer):
    def __init__(self, act: Callable[[str], object]) -> None:
        self.act = act
        act("start")

    def ask(self) -> Trial:
        self.act("ask")
        return Trial({"x": 0.5})

    def tell(self, trial: Trial, result: Result) -> None:
        self.act("tell")


class Objective(Task):
    id = "hostile/x"
    problem = Problem(ConfigurationSpace({"x": (0.0, 1.0)}), budget=Budget(4))

    def __init__(self, act: Callable[[str], object]) -> None:
        self.act = act

    def evaluate(self, config: Any, *, fidelity: float | None, seed: int) -> Result:
        made = self.act("evaluate")
        return made if isinstance(made, Result) else Result((config["x"],))


def run(act: Callable[[str], object]) -> RunOutcome:
    task = Objective(act)
    return run_loop(task.problem, lambda _: Search(act), SequentialEvaluator(task), count())


def raising(error: BaseException, where: str, number: int) -> Callable[[str], object]:
    """Raises it there, the so manieth time."""
    times = count(1)

    def act(place: str) -> object:
        if place == where and next(times) == number:
            raise error
        return None

    return act


@pytest.fixture(params=[signal.default_int_handler, signal.SIG_IGN], ids=["interactive", "in a worker"])
def sigint(request: pytest.FixtureRequest) -> Iterator[None]:
    """What Ctrl-C does while the test runs."""
    before = signal.signal(signal.SIGINT, request.param)
    yield
    assert signal.getsignal(signal.SIGINT) is request.param, "the run has put it back"
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("sigint")
@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize(("where", "kept"), [("start", 0), ("ask", 1), ("tell", 2)])
def test_an_optimizer_that_raises_anything_has_crashed(error: BaseException, where: str, kept: int) -> None:
    outcome = run(raising(error, where, 1 if where == "start" else 2))
    assert outcome.status is Status.CRASHED
    assert type(error).__name__ in outcome.reason
    assert len(outcome.trials) == kept


@pytest.mark.usefixtures("sigint")
@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_an_objective_that_raises_anything_has_failed_in_one_trial(error: BaseException) -> None:
    outcome = run(raising(error, "evaluate", 2))
    assert outcome.status is Status.OK
    assert [record.status for record in outcome.trials] == ["ok", "crashed", "ok", "ok"]
    assert type(error).__name__ in (outcome.trials[1].error or "")


class HostileText(str):
    def __str__(self) -> str:
        raise KeyboardInterrupt


class HostileMapping(dict[str, float]):
    def keys(self) -> Any:
        raise GeneratorExit

    __iter__ = keys


class HostileFloat(float):
    def __float__(self) -> float:
        raise SystemExit


@pytest.mark.usefixtures("sigint")
@pytest.mark.parametrize(
    "result",
    [
        Result((1.0,), metrics=HostileMapping(a=1.0)),
        Result((1.0,), error=HostileText("x")),
        Result((HostileFloat(1.0),)),
        Result((1.0,), metrics={HostileText("m"): 1.0}),
    ],
    ids=["metrics", "error", "value", "name"],
)
def test_a_result_that_raises_when_it_is_read_is_a_failure_of_its_trial(result: Result) -> None:
    outcome = run(lambda place: result if place == "evaluate" else None)
    assert len(outcome.trials) == 4
    assert not any(record.status == Status.OK for record in outcome.trials)


@pytest.mark.parametrize("where", ["start", "ask", "evaluate", "tell"])
def test_ctrl_c_is_the_users(where: str) -> None:
    def act(place: str) -> None:
        if place == where:
            os.kill(os.getpid(), signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            run(act)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_what_the_harness_raises_from_outside_passes_through() -> None:
    class Stop(Ending):
        pass

    for where in ("ask", "evaluate", "tell"):
        with pytest.raises(Stop):
            run(raising(Stop(), where, 1))


def test_in_another_thread_an_interrupt_is_the_codes_own() -> None:
    found: list[RunOutcome] = []
    thread = threading.Thread(target=lambda: found.append(run(raising(KeyboardInterrupt(), "evaluate", 1))))
    thread.start()
    thread.join()
    assert [record.status for record in found[0].trials] == ["crashed", "ok", "ok", "ok"]


PLUGIN = """
from optathlon import Optimizer, Resources, Trial, as_task
from optathlon.optimizers.random import RandomSearch

ERRORS = {error.__name__.lower(): error for error in (KeyboardInterrupt, GeneratorExit, SystemExit, BaseException)}


def optimizer(name, error):
    def ask(self):
        raise error("mine")
    return type(name.title(), (RandomSearch,), {"ask": ask, "__module__": __name__})


globals().update({name.title(): optimizer(name, error) for name, error in ERRORS.items()})


def task(name, error, kind, resources):
    @as_task(f"{kind}/{name}", space={"x": (0.0, 1.0)}, budget=3, resources=resources)
    def evaluate(config):
        raise error("mine")
    return evaluate


TASKS = [
    task(name, error, kind, resources)
    for name, error in ERRORS.items()
    for kind, resources in {"here": Resources(), "apart": Resources(isolated=True)}.items()
]
globals().update({f"task{number}": made for number, made in enumerate(TASKS)})


@as_task("fine/x", space={"x": (0.0, 1.0)}, budget=3)
def fine(config):
    return config["x"]
"""


@pytest.mark.processes
@pytest.mark.smoke
def test_in_workers_they_end_no_more_than_their_own_run(
    pinned_environment: None, own_plugins: None, tmp_path: Path
) -> None:
    plugin = tmp_path / "hostile.py"
    plugin.write_text(PLUGIN)
    names = ["Keyboardinterrupt", "Generatorexit", "Systemexit", "Baseexception"]
    own = [f"{plugin}:{name}" for name in names]
    common: dict[str, Any] = {"plugins": [plugin], "out": tmp_path / "out", "jobs": 2}
    run_experiment(Experiment(optimizers=["random"], tasks=["here/*", "apart/*", "fine/x"], **common))
    run_experiment(Experiment(optimizers=own, tasks=["fine/x"], **common))
    results = load(tmp_path / "out")
    runs = results.runs
    assert len(runs) == 13
    assert runs.loc[runs["status"] == "ok", ["optimizer", "task"]].to_numpy().tolist() == [["random", "fine/x"]]
    failed = runs[runs["status"] == "crashed"]
    assert len(failed) == 12
    by_tasks = failed[failed["optimizer"] == "random"]
    assert (by_tasks["trials"] == 3).all()
    assert by_tasks["reason"].str.fullmatch("3 of 3 trials failed: [A-Za-z]+: mine").all()
    others = failed[failed["optimizer"] != "random"]
    assert others["reason"].str.fullmatch("ask raised [A-Za-z]+: mine").all()


def test_a_command_goes_on_after_them(in_process: Callable[..., SimpleNamespace], tmp_path: Path) -> None:
    plugin = tmp_path / "hostile.py"
    plugin.write_text(PLUGIN)
    done = in_process("check", "fine/x", "--plugin", plugin)
    assert done.returncode == 0, done.stdout + done.stderr
