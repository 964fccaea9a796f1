"""Conformance: what an optimizer or a task must do to be used, as checks that anyone can run.

`optathlon check ID` runs them from the command line. In a package's own pytest::

    import pytest
    from optathlon.testing.conformance import optimizer_checks

    @pytest.mark.parametrize("check", optimizer_checks("my_package:MyOptimizer"), ids=str)
    def test_conformance(check):
        check()
"""

from __future__ import annotations

import json
import math
import pickle
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import count, zip_longest

from ConfigSpace import (
    ConfigurationSpace,
    Constant,
    EqualsCondition,
    Float,
    ForbiddenAndConjunction,
    ForbiddenEqualsClause,
    Integer,
    OrdinalHyperparameter,
)

from optathlon.budget import Budget
from optathlon.errors import OptathlonError, SearchSpaceExhausted
from optathlon.fidelity import asked_level, first_bracket
from optathlon.function_task import as_task
from optathlon.optimizer import Capability, Optimizer
from optathlon.problem import Fidelity, Objective, Problem
from optathlon.registry.capabilities import mismatch
from optathlon.registry.optimizers import OptimizerChoice, choose_optimizer
from optathlon.registry.tasks import make_task
from optathlon.running.accounting import Accounts, History, RunOutcome
from optathlon.running.evaluation import Job, SequentialEvaluator, evaluate
from optathlon.running.loop import run_loop
from optathlon.space import probes
from optathlon.task import Task, agree
from optathlon.trial import Result, Status, Trial

TRIALS = 12
"""Trials per checked run: enough to leave most initial designs."""


HALVINGS = (2, 3, 4)
"""The usual etas of Hyperband: one in so many configurations goes on to the next level."""


class NonConformance(OptathlonError):
    """A check failed; the line says what was expected and what was found."""


@dataclass(frozen=True)
class Check:
    """One named check. Call it: it raises `NonConformance` where the check fails."""

    name: str
    function: Callable[[], None]

    def __call__(self) -> None:
        """Run the check."""
        try:
            self.function()
        except NonConformance:
            raise
        except (Exception, SystemExit) as error:  # whatever the code under check raises is its failure
            raise NonConformance(f"raised {type(error).__name__}: {error}") from error

    def __str__(self) -> str:
        return self.name


def optimizer_checks(id: str) -> list[Check]:
    """The checks of an optimizer; which ones depends on the capabilities that it declares."""
    choice = choose_optimizer(id)
    tasks = [task for task in _practice_tasks() if not mismatch(choice.cls, task.problem)]
    checks = [Check("capabilities fit at least one kind of task", lambda: _require_tasks(tasks))]
    for task in tasks:
        name = task.id.partition("/")[2]
        checks.append(Check(f"{name}: proposes legal trials and uses the budget exactly", _legality(choice, task)))
        checks.append(Check(f"{name}: goes on after failed trials", _robustness(choice, task)))
        if choice.cls.deterministic:
            checks.append(Check(f"{name}: same seed, same trials", _determinism(choice, task)))
        if Capability.ASYNCHRONOUS in choice.cls.capabilities:
            checks.append(Check(f"{name}: copes with pending trials", _pending(choice, task)))
    checks.append(Check("the class can be pickled for worker processes", lambda: _check_pickling(choice.cls)))
    return checks


def task_checks(id: str) -> list[Check]:
    """The checks of a task."""
    task = make_task(id)
    return [
        Check("the id is the one asked for", lambda: _expect(task.id == id, f"asked for {id!r}, got {task.id!r}")),
        Check("the metadata are JSON", lambda: _check_metadata(task)),
        Check("configurations of the space can be evaluated", lambda: _check_evaluation(task)),
        Check("test metrics are named after the objective", lambda: _check_test_metrics(task)),
        Check("the same seed gives the same values", lambda: _check_repeatability(task)),
        Check("every fidelity level can be evaluated", lambda: _check_fidelity(task)),
        Check("the fingerprint is the same for a new instance", lambda: _check_fingerprint(task)),
        Check("results can be pickled for worker processes", lambda: _check_result_pickling(task)),
        Check("a run uses its budget exactly", lambda: _check_run(task)),
    ]


def _practice_tasks() -> list[Task]:
    """One small task per kind of search space and of problem."""
    return [
        _practice("continuous", ConfigurationSpace({"x": (-5.0, 5.0), "y": (0.0, 1.0)})),
        _practice("mixed", _mixed_space()),
        _practice("conditional", _conditional_space()),
        _practice("forbidden", _forbidden_space()),
        _practice("multi-fidelity", _mixed_space(), fidelity=Fidelity("epochs", 1, 27, kind="int", log=True)),
        _practice("resumable", _mixed_space(), fidelity=Fidelity("epochs", 1, 27, kind="int", resumable=True)),
        _practice("multi-objective", _mixed_space(), objectives=(Objective("a"), Objective("b", "maximize"))),
        _practice(
            "multi-objective numbers",
            ConfigurationSpace({"x": (-5.0, 5.0), "y": (0.0, 1.0)}),
            objectives=(Objective("a"), Objective("b", "maximize")),
        ),
        _practice("constrained", ConfigurationSpace({"x": (-5.0, 5.0), "y": (0.0, 1.0)}), constraints=("c",)),
    ]


def _practice(
    name: str,
    space: ConfigurationSpace,
    objectives: tuple[Objective, ...] = (Objective("a"),),
    fidelity: Fidelity | None = None,
    constraints: tuple[str, ...] = (),
) -> Task:
    @as_task(
        f"practice/{name}",
        space=space,
        objectives=objectives,
        fidelity=fidelity,
        constraints=constraints,
        budget=TRIALS,
    )
    def practice(config: dict[str, object]) -> dict[str, float]:
        numbers = [float(value) for value in config.values() if isinstance(value, int | float)]
        return {"a": sum(number**2 for number in numbers), "b": sum(numbers), "c": numbers[0]}

    return practice


def _mixed_space() -> ConfigurationSpace:
    space = ConfigurationSpace({"kind": ["sgd", "adam", "rmsprop"], "layers": (1, 5)})
    space.add(
        Float("rate", (1e-5, 1.0), log=True),
        Integer("width", (8, 512), log=True),
        OrdinalHyperparameter("batch", [16, 32, 64, 128]),
        Constant("classes", 10),
    )
    return space


def _conditional_space() -> ConfigurationSpace:
    space = _mixed_space()
    momentum = Float("momentum", (0.0, 0.99))
    space.add(momentum)
    space.add(EqualsCondition(momentum, space["kind"], "sgd"))
    return space


def _forbidden_space() -> ConfigurationSpace:
    space = _mixed_space()
    space.add(
        ForbiddenAndConjunction(ForbiddenEqualsClause(space["kind"], "adam"), ForbiddenEqualsClause(space["batch"], 16))
    )
    return space


def _run(choice: OptimizerChoice, task: Task, seed: int = 0) -> RunOutcome:
    return run_loop(task.problem, lambda problem: choice.start(problem, seed), SequentialEvaluator(task), count())


def _legality(choice: OptimizerChoice, task: Task) -> Callable[[], None]:
    def check() -> None:
        outcome = _run(choice, task)
        _expect_complete(outcome)
        _expect_legal(outcome)
        if outcome.status is Status.OK:
            _expect_exact_budget(outcome, task.problem)

    return check


def _expect_complete(outcome: RunOutcome) -> None:
    _expect(outcome.status.is_complete, f"the run is {outcome.status}: {outcome.reason}\n{outcome.error}")


def _robustness(choice: OptimizerChoice, task: Task) -> Callable[[], None]:
    def check() -> None:
        outcome = run_loop(task.problem, lambda problem: choice.start(problem, 0), _FailingEvaluator(task), count())
        _expect_complete(outcome)

    return check


class _FailingEvaluator(SequentialEvaluator):
    """Lets the first trial and then every third one crash."""

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        self._crashing = _Crashing(task)
        self._healthy = task

    def submit(self, job: Job) -> None:
        """Evaluate the trial, or let it crash."""
        self._task = self._crashing if job.trial.id % 3 == 0 else self._healthy
        super().submit(job)


class _Crashing(Task):
    """Raises whenever it is evaluated."""

    def __init__(self, task: Task) -> None:
        self.id = task.id
        self._problem = task.problem

    @cached_property
    def problem(self) -> Problem:
        """The problem of the task that it stands for."""
        return self._problem

    def evaluate(self, config: object, *, fidelity: float | None, seed: int) -> Result:
        """Raise."""
        raise RuntimeError("this trial fails on purpose")


def _determinism(choice: OptimizerChoice, task: Task) -> Callable[[], None]:
    def check() -> None:
        first, second = (
            [(record.config, record.fidelity) for record in _run(choice, task, seed=1).trials] for _ in range(2)
        )
        for number, (one, other) in enumerate(zip_longest(first, second)):
            _expect(one == other, f"trial {number} differs between two runs with one seed: {one} and {other}")

    return check


def _pending(choice: OptimizerChoice, task: Task) -> Callable[[], None]:
    def check() -> None:
        problem = replace(task.problem, n_workers=3)
        evaluator = SequentialEvaluator(task)
        accounts = Accounts(problem, evaluator, History())
        optimizer = choice.start(problem, 0)
        while accounts.has_room or accounts.pending:
            try:
                while accounts.has_room and (trial := optimizer.ask()) is not None:
                    accounts.submit(trial, 0.0, 0)
            except SearchSpaceExhausted:
                accounts.note_nothing_left()
                continue
            _expect(accounts.pending > 0, "the optimizer waits while nothing is pending")
            trial, result = accounts.next_result()
            optimizer.tell(trial, result)
            accounts.record(trial.id, 0.0)
        outcome = accounts.close()
        _expect_complete(outcome)
        _expect_legal(outcome)

    return check


def _check_pickling(cls: type[Optimizer]) -> None:
    try:
        found = pickle.loads(pickle.dumps(cls))
    except (pickle.PicklingError, AttributeError) as error:
        raise NonConformance(f"the class can't be pickled: {error}: define it at the top of a module") from None
    _expect(found is cls, f"pickling {cls} gives {found}")


def _require_tasks(tasks: list[Task]) -> None:
    _expect(bool(tasks), "the declared capabilities fit no task: see optathlon.Capability")


def _check_metadata(task: Task) -> None:
    try:
        json.dumps(dict(task.metadata))
    except TypeError as error:
        raise NonConformance(f"the metadata of {task.id} are not JSON: {error}") from None


def _sampled(task: Task, number: int) -> Iterator[Trial]:
    fidelity = task.problem.fidelity
    level = None if fidelity is None else fidelity.upper
    for id, config in enumerate(probes(task.problem.space, number)):
        yield Trial(config, level, id=id)


def _check_evaluation(task: Task) -> None:
    for trial in _sampled(task, TRIALS):
        result = evaluate(task, trial, trial.id)
        _expect(result.ok, f"{dict(trial.config)} is {result.status}: {result.error}")
        for objective, value in zip(task.problem.objectives, result.values, strict=True):
            inside = objective.lower <= value <= objective.upper
            _expect(inside, f"{objective.name} is {value}, outside [{objective.lower}, {objective.upper}]")


def _check_test_metrics(task: Task) -> None:
    """The report scores a metric `test/X` where the only objective is `X` or `val_X`."""
    objective, *others = (objective.name for objective in task.problem.objectives)
    result = evaluate(task, next(_sampled(task, 1)), 0)
    found = sorted(name for name in result.metrics if name.startswith("test/"))
    fitting = {f"test/{objective}", f"test/{objective.removeprefix('val_')}"}
    _expect(
        bool(others or not found or fitting & set(found)),
        f"{', '.join(found)} would not be scored: call what tests the objective {objective!r} {min(fitting)!r}",
    )


def _check_repeatability(task: Task) -> None:
    for trial in _sampled(task, 3):
        first, second = (evaluate(task, trial, 1).values for _ in range(2))
        _expect(first == second, f"{dict(trial.config)} gave {first} and then {second} with the same seed")


def _check_fidelity(task: Task) -> None:
    fidelity = task.problem.fidelity
    if fidelity is None:
        return
    for trial in _sampled(task, 2):
        for level in (fidelity.lower, fidelity.upper):
            _check_level(task, trial, level)
    for level in _levels_between(fidelity):
        _check_level(task, trial, level)


def _levels_between(fidelity: Fidelity) -> list[float]:
    """The declared levels, or else those that Hyperband and its kin ask for between the bounds, lowest first."""
    if fidelity.levels:
        return list(fidelity.levels[1:-1])
    asked = {asked_level(fidelity, rung.level) for eta in HALVINGS for rung in first_bracket(fidelity, eta)}
    return sorted(asked - {fidelity.lower, fidelity.upper})


def _check_level(task: Task, trial: Trial, level: float) -> None:
    result = evaluate(task, replace(trial, fidelity=level), 0)
    hint = "where not all levels exist, declare those that do, as Fidelity(levels=(1, 2, 5))"
    _expect(result.ok, f"level {level:g} is {result.status} ({hint}): {result.error}")


def _check_fingerprint(task: Task) -> None:
    first, second = task.fingerprint(), make_task(task.id).fingerprint()
    _expect(agree(first, second), f"the fingerprint is {first} and then {second}")


def _check_result_pickling(task: Task) -> None:
    result = evaluate(task, next(_sampled(task, 1)), 0)
    _expect(pickle.loads(pickle.dumps(result)) == result, "a pickled result differs from the original")


def _check_run(task: Task) -> None:
    problem = replace(task.problem, budget=Budget(5))

    def start(problem: Problem) -> Optimizer:
        return choose_optimizer("random").start(problem, 0)

    outcome = run_loop(problem, start, SequentialEvaluator(task), count())
    _expect_exact_budget(outcome, problem)


def _expect_legal(outcome: RunOutcome) -> None:
    for record in outcome.trials:
        _expect(record.status == Status.OK, f"trial {record.trial} is {record.status}: {record.error}")


def _expect_exact_budget(outcome: RunOutcome, problem: Problem) -> None:
    inside = [record for record in outcome.trials if not record.over_budget]
    spent = math.fsum(record.evaluations for record in inside)
    _expect(spent <= problem.budget.amount * (1 + 1e-9), f"{spent} evaluations exceed the budget {problem.budget}")
    _expect(problem.budget.is_spent_by(outcome.spent), f"the run ended after {outcome.spent} of {problem.budget}")


def _expect(condition: bool, otherwise: str) -> None:
    if not condition:
        raise NonConformance(otherwise)


__all__ = ["Check", "NonConformance", "optimizer_checks", "task_checks"]
