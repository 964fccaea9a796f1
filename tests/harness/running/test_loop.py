from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest
from ConfigSpace import ConfigurationSpace, Float

from optathlon import Budget, Objective, Optimizer, Problem, Result, Status, Task, Trial, as_task
from optathlon.running.accounting import RunOutcome
from optathlon.running.evaluation import SequentialEvaluator
from optathlon.running.loop import run_loop

SPACE = {"x": (0.0, 1.0)}

make_trial: Callable[..., Trial] = Trial
"""Takes what is not a configuration too, as optimizers that nobody checks do."""


@as_task("toy/line", space=SPACE, objectives=Objective("value", "maximize"), budget=5)
def line(config: dict[str, float]) -> float:
    return config["x"]


class Steps(Optimizer):
    """Proposes 0, 0.1, 0.2, …"""

    def __init__(self, problem: Problem, seed: int = 0) -> None:
        self.asked = 0
        self.told: list[Result] = []

    def ask(self) -> Trial | None:
        self.asked += 1
        return Trial({"x": (self.asked - 1) / 10})

    def tell(self, trial: Trial, result: Result) -> None:
        self.told.append(result)


def run(start: Callable[[Problem], Optimizer], task: Task = line, noise: Iterator[int] | None = None) -> RunOutcome:
    return run_loop(task.problem, start, SequentialEvaluator(task), noise or count())


def test_values_are_stored_as_the_user_reads_them_and_told_as_losses() -> None:
    optimizer = Steps(line.problem)
    outcome = run(lambda problem: optimizer)
    assert [record.values for record in outcome.trials] == [(0.0,), (0.1,), (0.2,), (0.3,), (0.4,)]
    assert [result.losses for result in optimizer.told] == [(-0.0,), (-0.1,), (-0.2,), (-0.3,), (-0.4,)]
    assert [record.trial for record in outcome.trials] == [0, 1, 2, 3, 4]
    assert (outcome.status, outcome.reason, outcome.error, outcome.spent) == (Status.OK, "", "", 5)


def test_metrics_are_stored_and_not_told() -> None:
    @as_task("toy/tested", space=SPACE, budget=3)
    def tested(config: dict[str, float]) -> Result:
        return Result((config["x"],), metrics={"test/error": 0.25})

    optimizer = Steps(tested.problem)
    outcome = run(lambda problem: optimizer, tested)
    assert [record.metrics for record in outcome.trials] == [{"test/error": 0.25}] * 3
    assert [result.metrics for result in optimizer.told] == [{}] * 3


def test_times_are_on_the_clock_of_the_run() -> None:
    times = [time for record in run(Steps).trials for time in (record.start, record.end)]
    assert times == sorted(times)
    assert times[0] >= 0
    for record in run(Steps).trials:
        assert record.evaluate_s == pytest.approx(record.end - record.start)
        assert record.ask_s >= 0 and record.tell_s >= 0


@pytest.mark.parametrize("after", [0, 1, 3])
def test_an_optimizer_that_stops_is_stalled_and_its_trials_are_kept(after: int) -> None:
    class Lazy(Steps):
        def ask(self) -> Trial | None:
            return super().ask() if self.asked < after else None

    outcome = run(Lazy)
    assert outcome.status is Status.STALLED
    assert f"after {after} trials" in outcome.reason
    assert len(outcome.trials) == after


class Boom(Exception):
    """What the optimizers below raise."""


@pytest.mark.parametrize("error", [Boom("two\nlines"), MemoryError(), RecursionError("deep")])
@pytest.mark.parametrize(("where", "kept"), [("__init__", 0), ("ask", 3), ("tell", 4)])
def test_whatever_an_optimizer_raises_ends_the_run_but_not_more(error: Exception, where: str, kept: int) -> None:
    class Broken(Steps):
        def __init__(self, problem: Problem) -> None:
            super().__init__(problem)
            self.fail_in("__init__")

        def ask(self) -> Trial | None:
            if self.asked == 3:
                self.fail_in("ask")
            return super().ask()

        def tell(self, trial: Trial, result: Result) -> None:
            if len(self.told) == 3:
                self.fail_in("tell")
            super().tell(trial, result)

        def fail_in(self, place: str) -> None:
            if place == where:
                raise error

    outcome = run(Broken)
    assert outcome.status is (Status.MEMORY if isinstance(error, MemoryError) else Status.CRASHED)
    assert len(outcome.trials) == kept, "finished trials are kept"
    assert all(record.values is not None for record in outcome.trials)
    assert "\n" not in outcome.reason
    assert ("starting the optimizer" if where == "__init__" else where) in outcome.reason
    assert type(error).__name__ in outcome.error
    assert "fail_in" in outcome.error


@pytest.mark.parametrize("proposal", [{"x": 0.5}, 0.5, "x", make_trial(None), make_trial([0.5])], ids=repr)
def test_an_optimizer_that_proposes_something_else_than_a_trial_ends_in_a_recorded_failure(proposal: object) -> None:
    class Wrong(Steps):
        def ask(self) -> Any:
            return proposal

    outcome = run(Wrong)
    assert outcome.status in (Status.CRASHED, Status.OK)
    assert not any(record.status == Status.OK for record in outcome.trials)


def test_the_optimizer_may_spoil_its_own_copy_of_the_space() -> None:
    class Spoiler(Steps):
        def __init__(self, problem: Problem) -> None:
            super().__init__(problem)
            problem.space.add(Float("y", (0.0, 1.0)))
            problem.space.seed(7)

    for _ in range(2):
        assert run(Spoiler).status is Status.OK
    assert list(line.problem.space) == ["x"]


def test_each_trial_gets_the_next_noise_seed_also_after_a_failure() -> None:
    seen = []

    @as_task("toy/noise", space=SPACE, budget=4)
    def noisy(config: dict[str, float], seed: int) -> float:
        seen.append(seed)
        if len(seen) == 2:
            raise ValueError
        return seed

    run(Steps, noisy, noise=iter([11, 22, 33, 44, 55]))
    assert seen == [11, 22, 33, 44]


def test_a_task_that_spoils_its_arguments_spoils_neither_store_nor_optimizer() -> None:
    class Spoiling(Task):
        id = "toy/spoiling"
        problem = Problem(ConfigurationSpace(SPACE), budget=Budget(3))

        def evaluate(self, config: Any, *, fidelity: float | None, seed: int) -> Result:
            return Result(values=(config.pop("x"),))

    seen = []

    class Watching(Steps):
        def tell(self, trial: Trial, result: Result) -> None:
            seen.append(dict(trial.config))

    outcome = run(Watching, Spoiling())
    assert [dict(record.config) for record in outcome.trials] == [{"x": 0.0}, {"x": 0.1}, {"x": 0.2}] == seen
