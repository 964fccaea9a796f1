"""Budgets are exact: every case is compared with an independent calculation in fractions."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from fractions import Fraction
from itertools import count, repeat
from random import Random
from typing import Any, Literal

import pytest
from ConfigSpace import ConfigurationSpace
from hypothesis import given
from hypothesis import strategies as st

from optathlon import (
    Budget,
    BudgetUnit,
    Capability,
    Constraint,
    Fidelity,
    Objective,
    Optimizer,
    Problem,
    Result,
    Status,
    Trial,
)
from optathlon.running.accounting import Accounts, History, RunOutcome
from optathlon.running.evaluation import FinishedTrial, Job
from optathlon.running.loop import run_loop

OK = Result(values=(1.0,))
LEGAL = {"x": 0.5}
ILLEGAL = {"x": 7.0}


make_trial: Callable[..., Trial] = Trial
"""Takes values of any type, as optimizers that nobody checks do."""


class Scripted(Optimizer):
    """Proposes the given trials, and notes what it is told."""

    capabilities = frozenset({Capability.CONSTRAINTS})

    def __init__(self, trials: Iterable[Trial | None]) -> None:
        self.trials = iter(trials)
        self.told: list[tuple[Trial, Result]] = []

    def ask(self) -> Trial | None:
        return next(self.trials, None)

    def tell(self, trial: Trial, result: Result) -> None:
        self.told.append((trial, result))


class Clockwork:
    """An evaluator with a clock of its own: each evaluation takes the next duration and gives the next result."""

    def __init__(self, results: Iterable[Result] = repeat(OK), seconds: Iterable[float] = repeat(1.0)) -> None:
        self.results, self.seconds = iter(results), iter(seconds)
        self.time = 0.0
        self.pending: list[Trial] = []

    simulates = False

    def now(self) -> float:
        return self.time

    def charge_overhead(self, seconds: float) -> None:
        pass

    def submit(self, job: Job) -> None:
        self.pending.append(job.trial)

    def wait(self) -> FinishedTrial:
        trial, start = self.pending.pop(0), self.time
        self.time += next(self.seconds)
        return FinishedTrial(trial, next(self.results), start, self.time, 0, self.time - start)


def make_problem(budget: Budget | float, **rest: Any) -> Problem:
    budget = budget if isinstance(budget, Budget) else Budget(budget)
    return Problem(ConfigurationSpace({"x": (0.0, 1.0)}), budget=budget, **rest)


def run(problem: Problem, trials: Iterable[Trial | None], **evaluator: Iterable[Any]) -> tuple[RunOutcome, Scripted]:
    optimizer = Scripted(trials)
    return run_loop(problem, lambda _: optimizer, Clockwork(**evaluator), count()), optimizer


def ending(costs: Iterable[Fraction], budget: Fraction) -> tuple[int, bool]:
    """How many trials use the budget up, and whether the last of them oversteps it."""
    spent = Fraction(0)
    for number, cost in enumerate(costs, 1):
        spent += cost
        if spent >= budget:
            return number, spent > budget
    raise AssertionError("the costs are endless")


def flags(outcome: RunOutcome) -> list[bool]:
    return [record.over_budget for record in outcome.trials]


budgets = st.builds(Fraction, st.integers(1, 60), st.sampled_from([1, 2, 3, 7, 9, 10]))


@given(
    budgets,
    st.integers(1, 81).flatmap(lambda upper: st.tuples(st.just(upper), st.lists(st.integers(1, upper), min_size=1))),
)
def test_levels_cost_their_share_of_a_full_evaluation(budget: Fraction, levels: tuple[int, list[int]]) -> None:
    upper, cycle = levels
    number, over = ending((Fraction(cycle[i % len(cycle)], upper) for i in count()), budget)
    problem = make_problem(float(budget), fidelity=Fidelity("epochs", 1, upper, kind="int"))
    outcome, _ = run(problem, (Trial(LEGAL, fidelity=cycle[i % len(cycle)]) for i in count()))
    assert outcome.status is Status.OK
    assert len(outcome.trials) == number
    assert flags(outcome) == [False] * (number - 1) + [over]
    assert [record.evaluations for record in outcome.trials] == [cycle[i % len(cycle)] / upper for i in range(number)]
    assert outcome.spent == pytest.approx(sum(record.evaluations for record in outcome.trials))


def level_of(trial: Trial) -> float:
    assert trial.fidelity is not None
    return trial.fidelity


@st.composite
def histories(draw: st.DrawFn) -> tuple[int, list[tuple[Trial, Fraction, bool]]]:
    """Proposals with their price in full evaluations and whether they are legal; some continue earlier ones."""
    upper = draw(st.integers(2, 27))
    history: list[tuple[Trial, Fraction, bool]] = []
    for index in range(draw(st.integers(1, 25))):
        kind = draw(st.sampled_from(["new", "full", "continued", "illegal", "not lower", "unborn", "stranger"]))
        level = draw(st.integers(1, upper))
        config = {"x": index / 32}
        legal = [(id, trial) for id, (trial, _, good) in enumerate(history) if good and trial.fidelity is not None]
        lower = [(id, trial) for id, trial in legal if level_of(trial) < level]
        higher = [(id, trial) for id, trial in legal if level_of(trial) >= level]
        match kind:
            case "full":
                history.append((Trial(config), Fraction(1), True))
            case "continued" if lower:
                id, parent = draw(st.sampled_from(lower))
                price = Fraction(level - int(level_of(parent)), upper)
                history.append((Trial(parent.config, level, parent=id), price, True))
            case "not lower" if higher:
                id, parent = draw(st.sampled_from(higher))
                history.append((Trial(parent.config, level, parent=id), Fraction(1), False))
            case "stranger" if lower:
                id, _ = draw(st.sampled_from(lower))
                history.append((Trial({"x": 1.0}, level, parent=id), Fraction(1), False))
            case "unborn":
                history.append((Trial(config, level, parent=index + draw(st.integers(0, 3))), Fraction(1), False))
            case "illegal":
                bad = draw(
                    st.sampled_from([Trial(ILLEGAL, level), Trial(config, upper + 1), Trial(config, 0.5), Trial({})])
                )
                history.append((bad, Fraction(1), False))
            case _:
                history.append((Trial(config, level), Fraction(level, upper), True))
    return upper, history


@given(histories(), budgets)
def test_continued_trials_pay_increments_and_illegal_ones_a_full_evaluation(
    history: tuple[int, list[tuple[Trial, Fraction, bool]]], budget: Fraction
) -> None:
    upper, proposals = history
    tail = repeat((Trial({"x": 1.0}, upper), Fraction(1), True))
    costs = [price for _, price, _ in proposals]
    number, over = ending((costs[i] if i < len(costs) else Fraction(1) for i in count()), budget)
    script = [*proposals, *(next(tail) for _ in range(number))]
    fidelity = Fidelity("epochs", 1, upper, kind="int", resumable=True)
    outcome, optimizer = run(make_problem(float(budget), fidelity=fidelity), [trial for trial, _, _ in script])
    has_result = any(record.status == Status.OK for record in outcome.trials)
    assert outcome.status is (Status.OK if has_result else Status.INVALID)
    assert len(outcome.trials) == len(optimizer.told) == number
    assert flags(outcome) == [False] * (number - 1) + [over]
    for id, (record, (trial, price, legal)) in enumerate(zip(outcome.trials, script, strict=False)):
        assert record.trial == id
        assert record.evaluations == pytest.approx(float(price))
        assert record.status == (Status.OK if legal else Status.INVALID)
        assert (record.values is None) == (not legal) == bool(record.error)
        if legal:
            assert record.fidelity == (upper if trial.fidelity is None else trial.fidelity)
            assert record.parent == trial.parent


@given(budgets, st.integers(1, 4), st.randoms(use_true_random=False))
def test_pending_trials_count_whatever_the_order_in_which_they_finish(
    budget: Fraction, n_workers: int, random: Random
) -> None:
    """With n workers the same trials are asked as with one, and never more than n are pending."""
    upper = 9
    levels = [random.randint(1, upper) for _ in range(1000)]
    number, over = ending((Fraction(level, upper) for level in levels), budget)

    class Shuffled(Clockwork):
        def wait(self) -> FinishedTrial:
            random.shuffle(self.pending)
            return super().wait()

    problem = make_problem(float(budget), fidelity=Fidelity("epochs", 1, upper, kind="int"), n_workers=n_workers)
    accounts, optimizer = Accounts(problem, Shuffled(), History()), Scripted(Trial(LEGAL, level) for level in levels)
    most = 0
    while accounts.has_room or accounts.pending:
        while accounts.has_room:
            asked = optimizer.ask()
            assert asked is not None
            accounts.submit(asked, 0.0, 0)
        most = max(most, accounts.pending)
        trial, result = accounts.next_result()
        optimizer.tell(trial, result)
        accounts.record(trial.id, 0.0)
    outcome = accounts.close()
    assert outcome.status is Status.OK
    assert most == min(n_workers, number)
    assert sorted(record.trial for record in outcome.trials) == list(range(number))
    assert {record.trial: record.fidelity for record in outcome.trials} == dict(enumerate(levels[:number]))
    assert [record.trial for record in outcome.trials if record.over_budget] == [number - 1] * over


def test_thirds_of_odd_levels_end_on_time() -> None:
    """52 / 3 is not exact in binary; three of them are one full evaluation each time."""
    problem = make_problem(4, fidelity=Fidelity("epochs", 1, 52))
    outcome, _ = run(problem, repeat(Trial(LEGAL, fidelity=52 / 3)))
    assert (len(outcome.trials), any(flags(outcome))) == (12, False)


@given(st.lists(st.integers(1, 20), min_size=1, max_size=30), st.integers(1, 200))
def test_seconds_are_charged_on_the_clock(durations: list[int], budget: int) -> None:
    number, over = ending((Fraction(durations[i % len(durations)]) for i in count()), Fraction(budget))
    problem = make_problem(Budget(budget, BudgetUnit.SECONDS))
    outcome, _ = run(problem, repeat(Trial(LEGAL)), seconds=(durations[i % len(durations)] for i in count()))
    assert (outcome.status, len(outcome.trials)) == (Status.OK, number)
    assert flags(outcome) == [False] * (number - 1) + [over]
    assert outcome.spent == sum(durations[i % len(durations)] for i in range(number))
    assert [record.evaluations for record in outcome.trials] == [1.0] * number


@given(st.lists(st.integers(1, 20), min_size=1, max_size=30), st.integers(1, 200))
def test_reported_cost_is_charged(costs: list[int], budget: int) -> None:
    number, over = ending((Fraction(costs[i % len(costs)]) for i in count()), Fraction(budget))
    results = (Result(values=(1.0,), cost=costs[i % len(costs)]) for i in count())
    outcome, _ = run(make_problem(Budget(budget, BudgetUnit.COST)), repeat(Trial(LEGAL)), results=results)
    assert (outcome.status, len(outcome.trials)) == (Status.OK, number)
    assert flags(outcome) == [False] * (number - 1) + [over]
    assert outcome.spent == sum(costs[i % len(costs)] for i in range(number))


def test_a_cost_budget_needs_a_task_that_reports_cost() -> None:
    outcome, _ = run(make_problem(Budget(5, BudgetUnit.COST)), repeat(Trial(LEGAL)))
    assert outcome.status is Status.INVALID
    assert "the task reports none" in outcome.reason
    assert len(outcome.trials) == 1


@pytest.mark.parametrize(
    ("trial", "result"),
    [
        pytest.param(Trial(LEGAL), Result(status=Status.CRASHED), id="every trial fails without a cost"),
        pytest.param(Trial(ILLEGAL), OK, id="every proposal is illegal"),
        pytest.param(Trial(LEGAL), Result(values=(1.0,), cost=0.0), id="every trial is free"),
    ],
)
def test_a_cost_budget_that_nothing_uses_ends_too(trial: Trial, result: Result) -> None:
    asked = 0

    def proposals() -> Iterable[Trial]:
        nonlocal asked
        while asked < 100_000:
            asked += 1
            yield trial

    outcome, _ = run(make_problem(Budget(5, BudgetUnit.COST)), proposals(), results=repeat(result))
    assert asked < 100_000, "the run ended only because the optimizer did"
    assert outcome.status is not Status.OK
    assert outcome.reason


def told_losses(objectives: tuple[Objective, ...], results: list[Result]) -> list[tuple[float, ...]]:
    _, optimizer = run(make_problem(len(results), objectives=objectives), repeat(Trial(LEGAL)), results=results)
    return [result.losses for _, result in optimizer.told]


FAILED = Result(status=Status.CRASHED, error="boom")


def test_a_failure_is_told_the_worst_loss_so_far_per_objective() -> None:
    objectives = (Objective("error"), Objective("accuracy", "maximize"))
    good = [Result(values=values) for values in [(1.0, 0.9), (3.0, 0.7), (2.0, 0.2), (9.0, 0.1)]]
    told = told_losses(objectives, [good[0], FAILED, good[1], FAILED, good[2], FAILED, good[3]])
    assert told == [(1, -0.9), (1, -0.9), (3, -0.7), (3, -0.7), (2, -0.2), (3, -0.2), (9, -0.1)]


@pytest.mark.parametrize(
    ("objective", "loss"),
    [
        (Objective("error"), 1e6),
        (Objective("error", lower=0.0), 1e6),
        (Objective("error", upper=100.0), 100.0),
        (Objective("accuracy", "maximize"), 1e6),
        (Objective("accuracy", "maximize", upper=1.0), 1e6),
        (Objective("accuracy", "maximize", lower=0.25), -0.25),
    ],
)
def test_while_nothing_succeeded_the_worst_that_the_bounds_allow_is_told(objective: Objective, loss: float) -> None:
    assert told_losses((objective,), [FAILED, FAILED]) == [(loss,), (loss,)]


@given(
    st.lists(st.one_of(st.none(), st.floats(-1e9, 1e9)), min_size=1, max_size=20),
    st.sampled_from(["minimize", "maximize"]),
)
def test_told_losses_are_finite_and_stored_failures_have_no_values(
    values: list[float | None], direction: Literal["minimize", "maximize"]
) -> None:
    results = [FAILED if value is None else Result(values=(value,)) for value in values]
    problem = make_problem(len(values), objectives=(Objective("value", direction),))
    outcome, optimizer = run(problem, repeat(Trial(LEGAL)), results=results)
    sign = 1 if direction == "minimize" else -1
    worst = -math.inf
    for value, record, (_, result) in zip(values, outcome.trials, optimizer.told, strict=True):
        assert all(map(math.isfinite, result.losses)) and len(result.losses) == 1
        if value is None:
            assert (record.values, record.status, record.error) == (None, "crashed", "boom")
            assert (result.values, result.status) == ((), Status.CRASHED)
            assert result.losses == ((worst,) if worst > -math.inf else (1e6,))
        else:
            assert record.values == result.values == (value,)
            assert result.losses == (sign * value,)
            worst = max(worst, sign * value)


@pytest.mark.parametrize(
    ("trial", "message"),
    [
        (Trial({"x": 2.0}), "'x' is 2.0, not a number in [0.0, 1.0]"),
        (Trial({"x": math.nan}), "'x' is nan"),
        (Trial({"x": "high"}), "'x' is 'high'"),
        (Trial({"x": None}), "'x' is None"),
        (Trial({"x": [0.5]}), "'x' is [0.5]"),
        (Trial({}), "no value for the active hyperparameter 'x'"),
        (Trial({"x": 0.5, "z": 1}), "not in the search space: z"),
        (Trial(LEGAL, fidelity=0), "fidelity 'epochs' is 0"),
        (Trial(LEGAL, fidelity=10), "fidelity 'epochs' is 10"),
        (Trial(LEGAL, fidelity=2.5), "fidelity 'epochs' is 2.5, not an integer in [1, 9]"),
        (Trial(LEGAL, fidelity=math.nan), "fidelity 'epochs' is nan"),
        (Trial(LEGAL, fidelity=math.inf), "fidelity 'epochs' is inf"),
        (make_trial(LEGAL, fidelity="high"), "fidelity 'epochs' is 'high'"),
        (Trial(LEGAL, fidelity=2, parent=5), "the parent trial 5"),
        (make_trial(LEGAL, fidelity=2, parent="first"), "parent"),
        (Trial(LEGAL, fidelity=2, parent=2**40), "parent"),
        (Trial(LEGAL, fidelity=2, parent=0), "not resumable"),
    ],
)
def test_an_illegal_proposal_is_charged_and_the_run_goes_on(trial: Trial, message: str) -> None:
    problem = make_problem(3, fidelity=Fidelity("epochs", 1, 9, kind="int"))
    outcome, optimizer = run(problem, [Trial(LEGAL, 9), trial, Trial(LEGAL, 9)])
    assert outcome.status is Status.OK, outcome.reason
    assert [record.status for record in outcome.trials] == ["ok", "invalid", "ok"]
    assert message in str(outcome.trials[1].error)
    assert outcome.trials[1].evaluations == 1
    assert optimizer.told[1][1].losses == (1.0,)
    storable = outcome.trials[1]
    assert all(isinstance(value, str | int | float | bool) for value in storable.config.values())
    assert storable.fidelity is None or isinstance(storable.fidelity, int | float)
    assert storable.parent is None or 0 <= storable.parent < 2**31


def test_a_level_for_a_task_without_fidelities_is_illegal() -> None:
    outcome, _ = run(make_problem(2), [Trial(LEGAL, fidelity=1.0), Trial(LEGAL)])
    assert [record.status for record in outcome.trials] == ["invalid", "ok"]


def test_only_a_trial_that_went_well_can_be_continued() -> None:
    """A crashed trial has nothing to continue from: whoever goes on from it pays the full level."""
    fidelity = Fidelity("epochs", 1, 10, kind="int", resumable=True)
    script = [Trial(LEGAL, 9), Trial(LEGAL, 10, parent=0), Trial(LEGAL, 10)]
    outcome, _ = run(make_problem(2.9, fidelity=fidelity), script, results=[FAILED, OK, OK])
    assert outcome.trials[1].evaluations == 1
    assert outcome.trials[1].status == Status.INVALID


def test_the_optimizer_is_told_its_own_trial_with_active_plain_values() -> None:
    native = object()
    problem = make_problem(1, fidelity=Fidelity("epochs", 1, 9, kind="int"), constraints=(Constraint("size"),))
    result = Result(values=(1.0,), constraints=(-1.0,), metrics={"test/error": 0.3}, cost=2.0)
    outcome, optimizer = run(problem, [Trial({"x": 1}, fidelity=3.0, native=native)] * 3, results=repeat(result))
    trial, told = optimizer.told[0]
    assert trial == Trial({"x": 1.0}, fidelity=3, id=0)
    assert trial.native is native
    assert told == Result((1.0,), cost=2.0, constraints=(-1.0,), losses=(1.0,))
    record = outcome.trials[0]
    assert (record.constraints, record.metrics, record.cost) == ((-1.0,), {"test/error": 0.3}, 2.0)


@given(st.lists(st.integers(100, 5000).map(lambda cents: cents / 100), min_size=1, max_size=20))
def test_between_declared_levels_the_lower_one_is_evaluated_and_charged(asked: list[float]) -> None:
    levels = (1, 2, 5, 10, 50)
    problem = make_problem(1000, fidelity=Fidelity("epochs", levels=levels))
    outcome, _ = run(problem, [Trial(LEGAL, fidelity=level) for level in asked])
    expected = [max(level for level in levels if level <= wish) for wish in asked]
    assert [record.fidelity for record in outcome.trials] == expected
    assert [record.evaluations for record in outcome.trials] == [level / 50 for level in expected]
    assert {type(record.fidelity) for record in outcome.trials} == {int}
    assert {record.status for record in outcome.trials} == {Status.OK}


def test_a_promotion_that_snapping_makes_idle_is_a_trial_from_scratch() -> None:
    problem = make_problem(9, fidelity=Fidelity("epochs", levels=(1, 4, 10), resumable=True))
    script = [Trial(LEGAL, 1), Trial(LEGAL, 3, parent=0), Trial(LEGAL, 9, parent=1), Trial(LEGAL, 4, parent=2)]
    outcome, _ = run(problem, script)
    told = [(record.fidelity, record.parent, record.evaluations, record.status) for record in outcome.trials]
    assert told[:3] == [(1, None, 0.1, "ok"), (1, None, 0.1, "ok"), (4, 1, 0.3, "ok")]
    assert told[3][3] == "invalid", "a level that was asked for as it is continues no equal one"


@pytest.mark.parametrize("level", [0.9, 11, math.nan, "3"])
def test_levels_have_bounds_too(level: Any) -> None:
    problem = make_problem(1, fidelity=Fidelity("epochs", levels=(1, 4, 10)))
    outcome, _ = run(problem, [make_trial(LEGAL, fidelity=level)])
    assert [(record.status, record.evaluations) for record in outcome.trials] == [("invalid", 1.0)]
