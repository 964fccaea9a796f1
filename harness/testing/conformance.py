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
import random
import re
import sys
import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import count, zip_longest

import numpy as np
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
from optathlon.errors import OptathlonError, SearchSpaceExhausted, UsageError
from optathlon.facts import shown_by
from optathlon.fidelity import asked_level, first_bracket
from optathlon.function_task import as_task
from optathlon.optimizer import Capability, Optimizer, Pending
from optathlon.problem import Fidelity, Objective, Problem
from optathlon.registry.capabilities import mismatch
from optathlon.registry.facts import known_facts, task_groups
from optathlon.registry.optimizers import OptimizerChoice, choose_optimizer
from optathlon.registry.plugins import declared
from optathlon.registry.tasks import collection, make_task, task_ids
from optathlon.running.accounting import Accounts, History, RunOutcome
from optathlon.running.evaluation import Job, SequentialEvaluator, evaluate
from optathlon.running.loop import run_loop
from optathlon.space import probes
from optathlon.task import Task, agree
from optathlon.trial import Result, Status, Trial

TRIALS = 12
"""Trials per checked run: enough to leave most initial designs."""
LEVELLED = 6
"""Full evaluations of a run with fidelities: a bracket of Hyperband, and the begin of another."""

_SLOW_S = 1.0
"""Where a run takes more CPU time, its repetitions end half-way."""
_LEVELS = frozenset({Capability.MULTI_FIDELITY, Capability.RESUMABLE})
_PATIENCE = 2000
"""So often what waits for results may be asked without any until it does."""
_IDENTIFIED = re.compile(r"\b10\.\d{4,}/\S|\barXiv:\s*\d{4}\.\d|https?://\S", re.IGNORECASE)
"""A DOI, an arXiv id or an address."""

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
    runs = [
        _PracticeRuns(choice, task) for task in _practice_tasks(choice.cls) if not mismatch(choice.cls, task.problem)
    ]
    checks = [Check("capabilities fit at least one kind of task", lambda: _require_runs(runs))]
    at_once = ", while others are pending" if Capability.ASYNCHRONOUS in choice.cls.capabilities else ""
    for run in runs:
        checks.append(Check(f"{run.kind}: proposes legal trials and uses the budget exactly", run.check_legality))
        if choice.cls.deterministic:
            checks.append(Check(f"{run.kind}: same seed, same trials, whatever others draw", run.check_determinism))
        checks.append(Check(f"{run.kind}: goes on after failed trials{at_once}", run.check_robustness))
    checks.append(Check("the class can be pickled for worker processes", lambda: _check_pickling(choice.cls)))
    if runs and choice.name in declared("optathlon.optimizers"):
        checks.append(Check("the class says where its method comes from", lambda: _check_reference(choice.cls)))
        checks.append(Check("what it does with pending trials is declared", lambda: _check_pending(choice, runs[0])))
    return checks


def task_checks(id: str) -> list[Check]:
    """The checks of a task."""
    task = make_task(id)
    return [
        Check("the id is the one asked for", lambda: _expect(task.id == id, f"asked for {id!r}, got {task.id!r}")),
        Check("the metadata are JSON", lambda: _check_metadata(task)),
        Check("what is known of it without making it is so", lambda: _check_facts(task)),
        Check("configurations of the space can be evaluated", lambda: _check_evaluation(task)),
        Check("test metrics are named after the objective", lambda: _check_test_metrics(task)),
        Check("the same seed gives the same values", lambda: _check_repeatability(task)),
        Check("several at once give what they give one by one", lambda: _check_batches(task)),
        Check("every fidelity level can be evaluated", lambda: _check_fidelity(task)),
        Check("the fingerprint is the same for a new instance", lambda: _check_fingerprint(task)),
        Check("results can be pickled for worker processes", lambda: _check_result_pickling(task)),
        Check("a run uses its budget exactly", lambda: _check_run(task)),
    ]


def collection_checks(name: str) -> list[Check]:
    """The checks of a collection as a whole; those of its tasks are apart."""
    return [
        Check("ids are listed once, and begin with its name", lambda: _check_ids(name)),
        Check("facts are told of the listed ids, in their order", lambda: _check_listed_facts(name)),
        Check("an id that there is not is refused", lambda: _check_unknown_id(name)),
    ]


def _practice_tasks(cls: type[Optimizer]) -> Iterator[Task]:
    """A task on numbers, one on the richest space that the optimizer declares, and one per kind of problem on that."""
    declares = cls.capabilities | cls.requires
    kind, space = _richest_space(cls.capabilities)
    yield _practice("continuous", _continuous_space())
    yield _practice(kind, space)
    if declares & _LEVELS:
        yield _practice("multi-fidelity", space, fidelity=Fidelity("epochs", 1, 27, kind="int", log=True))
    if Capability.RESUMABLE in declares:
        yield _practice("resumable", space, fidelity=Fidelity("epochs", 1, 27, kind="int", resumable=True))
    if Capability.MULTI_OBJECTIVE in declares:
        yield _practice("multi-objective", space, objectives=(Objective("a"), Objective("b", "maximize")))
    if {Capability.MULTI_OBJECTIVE, Capability.MULTI_FIDELITY} <= declares:
        objectives = (Objective("a"), Objective("b", "maximize"))
        levels = Fidelity("epochs", 1, 27, kind="int", resumable=True)
        yield _practice("multi-fidelity-objective", space, objectives=objectives, fidelity=levels)
    if Capability.CONSTRAINTS in declares:
        yield _practice("constrained", space, constraints=("c",))
    if len(cls.requires) > 1:
        yield _practice(
            "all that it requires",
            space,
            objectives=(Objective("a"), Objective("b", "maximize"))[: 1 + (Capability.MULTI_OBJECTIVE in cls.requires)],
            fidelity=Fidelity("epochs", 1, 27, kind="int", resumable=True) if cls.requires & _LEVELS else None,
            constraints=("c",) if Capability.CONSTRAINTS in cls.requires else (),
        )


def _richest_space(capabilities: frozenset[Capability]) -> tuple[str, ConfigurationSpace]:
    """What the optimizer can represent, in one space, and its name."""
    if Capability.CATEGORICALS not in capabilities:
        return "numbers", _numeric_space()
    space = _mixed_space()
    kinds = ["mixed"]
    if Capability.CONDITIONS in capabilities:
        kinds = ["conditional"]
        momentum = Float("momentum", (0.0, 0.99))
        space.add(momentum)
        space.add(EqualsCondition(momentum, space["kind"], "sgd"))
    if Capability.FORBIDDENS in capabilities:
        kinds.append("forbidden")
        clauses = (ForbiddenEqualsClause(space["kind"], "adam"), ForbiddenEqualsClause(space["batch"], 16))
        space.add(ForbiddenAndConjunction(*clauses))
    return " and ".join(kinds), space


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
        budget=TRIALS if fidelity is None else LEVELLED,
    )
    def practice(config: dict[str, object]) -> dict[str, float]:
        numbers = [float(value) for value in config.values() if isinstance(value, int | float)]
        return {"a": sum(number**2 for number in numbers), "b": sum(numbers), "c": numbers[0] - 2}

    return practice


def _continuous_space() -> ConfigurationSpace:
    return ConfigurationSpace({"x": (-5.0, 5.0), "y": (0.0, 1.0)})


def _numeric_space() -> ConfigurationSpace:
    space = ConfigurationSpace({"layers": (1, 5)})
    space.add(
        Float("rate", (1e-5, 1.0), log=True),
        Integer("width", (8, 512), log=True),
        OrdinalHyperparameter("batch", [16, 32, 64, 128]),
        Constant("classes", 10),
    )
    return space


def _mixed_space() -> ConfigurationSpace:
    space = ConfigurationSpace({"kind": ["sgd", "adam", "rmsprop"]})
    space.add(*_numeric_space().values())
    return space


class _PracticeRuns:
    """The runs of an optimizer on one practice task. Its checks share them: they may be expensive."""

    def __init__(self, choice: OptimizerChoice, task: Task) -> None:
        self.choice, self.task = choice, task
        self.kind = task.id.partition("/")[2]
        self._slow = False

    @cached_property
    def whole(self) -> RunOutcome:
        """A run as users do it."""
        began = time.process_time()
        problem = self.task.problem
        outcome = run_loop(problem, lambda own: self.choice.start(own, 0), SequentialEvaluator(self.task), count())
        self._slow = time.process_time() - began > _SLOW_S
        return outcome

    @property
    def _most(self) -> int | None:
        """The number of trials after which a further run may end; `None` where it ends with its budget."""
        number = len(self.whole.trials)
        return max(number // 2, 1) if self._slow else None

    def check_legality(self) -> None:
        """Each trial is legal, and what is spent is the budget."""
        _expect_complete(self.whole)
        _expect_legal(self.whole)
        if self.whole.status is Status.OK:
            _expect_exact_budget(self.whole, self.task.problem)

    def check_determinism(self) -> None:
        """The same seed again, while other code draws from the global generators."""
        most = self._most
        seen = [
            [(record.config, record.fidelity) for record in outcome.trials[:most]]
            for outcome in (self.whole, self._drive(SequentialEvaluator(self.task), most, 1, _disturb))
        ]
        for number, (one, other) in enumerate(zip_longest(*seen)):
            _expect(one == other, f"trial {number} differs between two runs with one seed: {one} and {other}")

    def check_robustness(self) -> None:
        """The first and every third trial fails, and three are pending at a time where the optimizer allows it."""
        workers = 3 if Capability.ASYNCHRONOUS in self.choice.cls.capabilities else 1
        most = self._most
        outcome = self._drive(_FailingEvaluator(self.task), most, workers, lambda: None)
        _expect_legal(outcome)
        if most is None:
            _expect_complete(outcome)

    def _drive(
        self, evaluator: SequentialEvaluator, most: int | None, workers: int, between: Callable[[], None]
    ) -> RunOutcome:
        """A run of at most so many trials, in which whatever the optimizer raises is raised."""
        problem = replace(self.task.problem, n_workers=workers)
        accounts = Accounts(problem, evaluator, History())
        optimizer = self.choice.start(replace(problem, space=deepcopy(problem.space)), 0)
        asked = 0
        while True:
            try:
                while accounts.has_room and asked != most:
                    between()
                    if (trial := optimizer.ask()) is None:
                        break
                    accounts.submit(trial, 0.0, asked)
                    asked += 1
            except SearchSpaceExhausted:
                accounts.note_nothing_left()
            if not accounts.pending:
                return accounts.close()
            trial, result = accounts.next_result()
            between()
            optimizer.tell(trial, result)
            accounts.record(trial.id, 0.0)


def _disturb() -> None:
    """Draw from the global generators, as other code may."""
    random.random()
    np.random.rand()
    if "torch" in sys.modules:
        sys.modules["torch"].rand(1)


def _expect_complete(outcome: RunOutcome) -> None:
    _expect(outcome.status.is_complete, f"the run is {outcome.status}: {outcome.reason}\n{outcome.error}")


class _FailingEvaluator(SequentialEvaluator):
    """Lets the first trial and then every third one crash, but for the first at full fidelity where there are others.

    A run of which every full trial failed is a failure, and with a fidelity there may be a single one.
    """

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        self._crashing = _Crashing(task)
        self._healthy = task
        fidelity = task.problem.fidelity
        self._spared = None if fidelity is None else fidelity.upper

    def submit(self, job: Job) -> None:
        """Evaluate the trial, or let it crash."""
        self._task = self._crashing if job.trial.id % 3 == 0 else self._healthy
        if self._spared is not None and (job.trial.fidelity is None or job.trial.fidelity >= self._spared):
            self._task, self._spared = self._healthy, None
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
        raise RuntimeError(_ON_PURPOSE)


_ON_PURPOSE = "this trial fails on purpose"


def _check_reference(cls: type[Optimizer]) -> None:
    _expect(bool(cls.__doc__), "its docstring is empty: its first line says what the method is")
    _expect(
        bool(_IDENTIFIED.search(cls.reference)),
        f"its reference is {cls.reference!r}: name authors and year, and a DOI, an arXiv id or an address",
    )


def _check_pending(choice: OptimizerChoice, run: _PracticeRuns) -> None:
    """Whether `ask` returns `None` while trials are pending if and only if that is declared."""
    cls = choice.cls
    if Capability.ASYNCHRONOUS not in cls.capabilities:
        _expect(cls.pending is Pending.WAITS, "it is not asynchronous: declare pending = Pending.WAITS")
        return
    problem = replace(run.task.problem, n_workers=3)
    optimizer = choice.start(replace(problem, space=deepcopy(problem.space)), 0)
    waits = cls.pending is Pending.WAITS
    most = _PATIENCE if waits else problem.n_workers
    waited = any(optimizer.ask() is None for _ in range(most))
    _expect(waited or not waits, f"it waits for no result within {most} trials: declare what it does with pending ones")
    _expect(waits or not waited, "it waits for results: declare pending = Pending.WAITS")


def _check_pickling(cls: type[Optimizer]) -> None:
    try:
        found = pickle.loads(pickle.dumps(cls))
    except (pickle.PicklingError, AttributeError) as error:
        raise NonConformance(f"the class can't be pickled: {error}: define it at the top of a module") from None
    _expect(found is cls, f"pickling {cls} gives {found}")


def _require_runs(runs: list[_PracticeRuns]) -> None:
    _expect(bool(runs), "the declared capabilities fit no task: see optathlon.Capability")


def _check_metadata(task: Task) -> None:
    try:
        json.dumps(dict(task.metadata))
    except TypeError as error:
        raise NonConformance(f"the metadata of {task.id} are not JSON: {error}") from None


def _check_facts(task: Task) -> None:
    known, shown = known_facts([task.id])[task.id], shown_by(task.problem)
    if len(task.problem.objectives) > 1:
        shown["optimum"] = "optimal_hypervolume" in task.metadata
    for name, value in shown.items():
        told = getattr(known, name)
        _expect(told == value, f"the facts say that {name} is {told!r}, and the problem that it is {value!r}")


def _check_batches(task: Task) -> None:
    if type(task).evaluate_many is Task.evaluate_many:
        return
    fidelity = task.problem.fidelity
    configs, seeds = probes(task.problem.space, TRIALS), list(range(TRIALS))
    for level in (None,) if fidelity is None else (None, fidelity.lower):
        alone = [task.evaluate(dict(one), fidelity=level, seed=seed) for one, seed in zip(configs, seeds, strict=True)]
        together = task.evaluate_many([dict(one) for one in configs], fidelity=level, seeds=seeds)
        _expect(len(together) == TRIALS, f"evaluate_many gave {len(together)} results for {TRIALS} configurations")
        for config, one, other in zip(configs, alone, together, strict=True):
            _expect(repr(one) == repr(other), f"{dict(config)} gave {one} alone, and {other} with others")


def _check_ids(name: str) -> None:
    ids = list(task_ids(name))
    _expect(len(set(ids)) == len(ids), f"{len(ids) - len(set(ids))} of {len(ids)} ids are listed again")
    strange = [id for id in ids if not id.startswith(f"{name}/") or not id.isprintable()]
    _expect(not strange, f"{len(strange)} ids are no paths in {name!r}, e.g. {strange[:1]}")


def _check_listed_facts(name: str) -> None:
    listed = list(task_ids(name))
    told = [id for group in task_groups(name) for id in group.ids]
    _expect(len(listed) == len(told), f"there are {len(listed)} ids, and facts of {len(told)}")
    for one, other in zip(listed, told, strict=True):
        _expect(one == other, f"facts are told of {other!r} where the id {one!r} is listed")
    silent = [group.ids[0] for group in task_groups(name) if not group.facts.description]
    _expect(
        not silent or collection(name) is None, f"{len(silent)} groups have no description, e.g. that of {silent[:1]}"
    )


def _check_unknown_id(name: str) -> None:
    source = collection(name)
    for id in (f"{name}/", f"{name}/no such task"):
        if source is not None:
            try:
                source.make(id)
            except (KeyError, UsageError):
                continue
            raise NonConformance(f"{id!r} is made, and not refused with a KeyError")


def _sampled(task: Task, number: int) -> Iterator[Trial]:
    fidelity = task.problem.fidelity
    level = None if fidelity is None else fidelity.upper
    for id, config in enumerate(probes(task.problem.space, number)):
        yield Trial(config, level, id=id)


def _check_evaluation(task: Task) -> None:
    """A trial may fail where the task itself says so, and not all of them."""
    errors = []
    for trial in _sampled(task, TRIALS):
        result = evaluate(task, trial, trial.id)
        if not result.ok:
            errors.append(f"{dict(trial.config)} is {result.status}: {result.error}")
            _expect(_says_so(task, trial, trial.id), errors[-1])
            continue
        for objective, value in zip(task.problem.objectives, result.values, strict=True):
            inside = objective.lower <= value <= objective.upper
            _expect(inside, f"{objective.name} is {value}, outside [{objective.lower}, {objective.upper}]")
    _expect(len(errors) < TRIALS, f"all of {TRIALS} trials fail, the first: {errors[0] if errors else ''}")


def _says_so(task: Task, trial: Trial, seed: int) -> bool:
    """Whether the task gives a failed result, as tables of real trials do, and doesn't raise."""
    try:
        result = task.evaluate(dict(trial.config), fidelity=trial.fidelity, seed=seed)
    except Exception:  # a task may raise anything
        return False
    return isinstance(result, Result) and not result.ok


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
    fine = result.ok or _says_so(task, replace(trial, fidelity=level), 0)
    _expect(fine, f"level {level:g} is {result.status} ({hint}): {result.error}")


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
        legal = record.status == Status.OK or _ON_PURPOSE in (record.error or "")
        _expect(legal, f"trial {record.trial} is {record.status}: {record.error}")


def _expect_exact_budget(outcome: RunOutcome, problem: Problem) -> None:
    inside = [record for record in outcome.trials if not record.over_budget]
    spent = math.fsum(record.evaluations for record in inside)
    _expect(spent <= problem.budget.amount * (1 + 1e-9), f"{spent} evaluations exceed the budget {problem.budget}")
    _expect(problem.budget.is_spent_by(outcome.spent), f"the run ended after {outcome.spent} of {problem.budget}")


def _expect(condition: bool, otherwise: str) -> None:
    if not condition:
        raise NonConformance(otherwise)


__all__ = ["Check", "NonConformance", "collection_checks", "optimizer_checks", "task_checks"]
