"""Whatever is wrong with an evaluation is that trial's failure: with its reason, without values."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable
from itertools import count, repeat
from typing import Any

import numpy as np
import pytest
from ConfigSpace import ConfigurationSpace

from optathlon import Budget, Constraint, Objective, Problem, Result, Status, Task, Trial
from optathlon.optimizers.random import RandomSearch
from optathlon.running.evaluation import Job, SequentialEvaluator, evaluate, evaluate_timed
from optathlon.running.loop import run_loop

make_result: Callable[..., Result] = Result
"""Takes values of any type, as tasks that nobody checks do."""


class Returns(Task):
    """Evaluates by a function without arguments."""

    id = "toy/returns"

    def __init__(self, function: Callable[[], Any], objectives: int = 1, constraints: int = 0) -> None:
        self._function = function
        self._problem = Problem(
            ConfigurationSpace({"x": (0.0, 1.0)}),
            objectives=tuple(Objective(f"o{i}") for i in range(objectives)),
            constraints=tuple(Constraint(f"c{i}") for i in range(constraints)),
            budget=Budget(2),
        )

    @property
    def problem(self) -> Problem:
        return self._problem

    def evaluate(self, config: object, *, fidelity: float | None, seed: int) -> Result:
        return self._function()


def once(function: Callable[[], object], **rest: int) -> Result:
    return evaluate(Returns(function, **rest), Trial({"x": 0.5}), 0)


def raising(error: BaseException) -> Callable[[], object]:
    def function() -> object:
        raise error

    return function


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ValueError("bad"), "crashed"),
        (ZeroDivisionError(), "crashed"),
        (MemoryError("much"), "memory"),
        (RecursionError(), "crashed"),
        (StopIteration(), "crashed"),
        (SystemExit(3), "crashed"),
    ],
    ids=repr,
)
def test_what_an_objective_raises(error: BaseException, status: str) -> None:
    result = once(raising(error))
    assert result.status == status
    assert (result.values, result.constraints) == ((), ())
    assert type(error).__name__ in result.error


def test_only_the_last_lines_of_a_long_error_are_kept() -> None:
    result = once(raising(ValueError("\n".join(map(str, range(10_000))))))
    assert result.error.endswith("9999")
    assert len(result.error) < 2000


@pytest.mark.parametrize(
    "returned",
    [
        None,
        0.5,
        (0.5,),
        {"value": 0.5},
        Result(),
        make_result(values=0.5),
        make_result(values=None),
        make_result(values="1"),
        make_result(values=("1",)),
        make_result(values=(None,)),
        make_result(values=(1j,)),
        Result(values=(True,)),
        make_result(values=([1.0],)),
        Result(values=(math.nan,)),
        Result(values=(math.inf,)),
        Result(values=(-math.inf,)),
        Result(values=(np.float64("nan"),)),
        Result(values=(10**400,)),
        Result(values=(1.0, 2.0)),
        Result(values=(1.0,), constraints=(1.0,)),
        make_result(values=(1.0,), metrics={"a": "text"}),
        make_result(values=(1.0,), metrics={"a": [1.0]}),
        make_result(values=(1.0,), cost="long"),
        Result(values=(1.0,), cost=math.nan),
        Result(values=(1.0,), cost=math.inf),
        Result(values=(1.0,), cost=-1.0),
    ],
    ids=repr,
)
def test_a_result_that_can_not_be_used_is_invalid(returned: object) -> None:
    result = once(lambda: returned)
    assert result.status is Status.INVALID
    assert (result.values, result.constraints) == ((), ())
    assert result.error
    assert "\n" not in result.error


@pytest.mark.parametrize("bad", [(), (1.0,), (1.0, math.nan), (1.0, "2"), None], ids=repr)
def test_constraints_are_checked_as_values_are(bad: object) -> None:
    assert once(lambda: make_result(values=(1.0,), constraints=bad), constraints=2).status is Status.INVALID
    assert once(lambda: Result(values=(1.0,), constraints=(1.0, -2.0)), constraints=2).ok


@pytest.mark.parametrize(
    "values",
    [
        (1, 0),
        [1.0, 0.0],
        (np.float64(1), np.float64(0)),
        (np.float32(1), np.float32(0)),
        (np.int64(1), np.int64(0)),
        np.array([1.0, 0.0]),
    ],
    ids=repr,
)
def test_numbers_of_all_kinds_are_values(values: object) -> None:
    result = once(lambda: make_result(values=values), objectives=2)
    assert result.status is Status.OK, result.error
    assert result.values == (1, 0)
    assert type(result.values) is tuple
    assert json.dumps(result.values), "values are plain numbers"


@pytest.mark.parametrize("status", ["ok", Status.OK, "crashed", Status.TIMEOUT], ids=repr)
def test_a_status_may_be_text(status: str) -> None:
    result = once(lambda: make_result(values=(1.0,), status=status))
    assert result.status == status
    assert result.ok == (status == "ok")
    assert result.values == ((1.0,) if result.ok else ()), "a failure has no values and a success has"


def test_an_unknown_status_is_no_success() -> None:
    result = once(lambda: make_result(values=(1.0,), status="splendid"))
    assert result.status is Status.INVALID


def test_a_failure_keeps_its_cost_and_metrics_but_not_its_values() -> None:
    reported = Result((1.0,), Status.TIMEOUT, cost=7.0, metrics={"epochs": 3.0}, constraints=(1.0,), error="slow")
    result = once(lambda: reported, constraints=1)
    assert result == Result((), Status.TIMEOUT, cost=7.0, metrics={"epochs": 3.0}, error="slow")


def test_zero_is_a_value() -> None:
    from optathlon.registry.optimizers import choose_optimizer
    from optathlon.running.evaluation import SequentialEvaluator

    task = Returns(lambda: make_result(values=np.array([0.0]), constraints=[0.0]), constraints=1)
    random = choose_optimizer("optathlon.optimizers.random:RandomSearch")
    outcome = run_loop(task.problem, lambda problem: random.start(problem, 0), SequentialEvaluator(task), count())
    assert [record.values for record in outcome.trials] == [(0.0,)] * 2
    assert [record.constraints for record in outcome.trials] == [(0.0,)] * 2


def test_deep_recursion_does_not_hurt_the_harness() -> None:
    def deep() -> object:
        return deep()

    before = sys.getrecursionlimit()
    assert once(deep).status is Status.CRASHED
    assert sys.getrecursionlimit() == before


def test_trials_do_not_share_what_a_task_reuses() -> None:
    """A task that returns one dictionary of metrics, filled anew each time, must not rewrite earlier trials."""
    from optathlon.registry.optimizers import choose_optimizer
    from optathlon.running.evaluation import SequentialEvaluator

    metrics: dict[str, float] = {}
    numbers = count()

    def function() -> Result:
        metrics["number"] = float(next(numbers))
        return Result(values=(1.0,), metrics=metrics)

    task = Returns(function)
    random = choose_optimizer("optathlon.optimizers.random:RandomSearch")
    outcome = run_loop(task.problem, lambda problem: random.start(problem, 0), SequentialEvaluator(task), repeat(0))
    assert [record.metrics for record in outcome.trials] == [{"number": 0.0}, {"number": 1.0}]


class Remembering(Returns):
    """Reports that a trial has cost five seconds, and takes none."""

    def __init__(self, **rest: Any) -> None:
        super().__init__(lambda: Result((1.0,), cost=5.0, **rest))


@pytest.mark.parametrize(("reused", "trials"), [(True, 4), (False, None)])
def test_what_is_remembered_takes_its_time_on_the_real_clock(reused: bool, trials: int | None) -> None:
    evaluator = SequentialEvaluator(Remembering(reused=reused))
    trial = Trial({"x": 0.5}, id=0)
    ends = []
    for _ in range(4):
        evaluator.submit(Job(trial, 0))
        ends.append(evaluator.wait().end)
    if trials is None:
        assert ends[-1] < 5
    else:
        assert [end // 5 for end in ends] == [1, 2, 3, 4]
        assert evaluator.now() >= ends[-1]


def test_a_budget_of_seconds_buys_remembered_trials_no_cheaper() -> None:
    task = Remembering(reused=True)
    problem = Problem(ConfigurationSpace({"x": (0.0, 1.0)}), budget=Budget.parse("18s"))
    outcome = run_loop(problem, lambda problem: RandomSearch(problem, 0), SequentialEvaluator(task), count())
    assert [record.over_budget for record in outcome.trials] == [False, False, False, True]


def test_a_continued_trial_is_charged_for_what_it_adds_only() -> None:
    evaluated = evaluate_timed(Remembering(reused=True), Job(Trial({"x": 0.5}, id=0), 0, paid=3.0))
    assert evaluated.saved == pytest.approx(2.0, abs=0.5)


@pytest.mark.parametrize("reused", [True, False])
def test_what_is_put_aside_does_not_pass_on_the_real_clock(monkeypatch: pytest.MonkeyPatch, reused: bool) -> None:
    """A trial of ten seconds, of which seven are for tests: its run has three seconds less."""
    now = [100.0]
    monkeypatch.setattr("optathlon.running.evaluation.time.perf_counter", lambda: now[0])

    class Tested(Returns):
        def __init__(self) -> None:
            super().__init__(lambda: Result((1.0,), cost=3.0, reused=reused, aside=7.0))

        def evaluate(self, config: Any, *, fidelity: float | None, seed: int) -> Result:
            now[0] += 10.0
            return super().evaluate(config, fidelity=fidelity, seed=seed)

    evaluator = SequentialEvaluator(Tested())
    for number in range(1, 4):
        evaluator.submit(Job(Trial({"x": 0.5}, id=number), 0))
        finished = evaluator.wait()
        assert (finished.start, finished.end) == pytest.approx((3.0 * (number - 1), 3.0 * number))
        assert evaluator.now() == pytest.approx(3.0 * number)
