"""Doing stored runs again, through the accounts that every run goes through.

First from what is stored of them: the trials of a run are proposed as they are, and so it turns out what each of them
costs, whether its configuration and its level are legal, when the budget ends, and which noise each has. Some are
evaluated again, the results of the others are taken as stored. Then by the optimizer itself, which must ask for the
same trials again where it is told the same results.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from optathlon.budget import Budget, BudgetUnit
from optathlon.errors import SearchSpaceExhausted
from optathlon.optimizer import Optimizer
from optathlon.problem import Problem
from optathlon.registry.optimizers import OptimizerChoice
from optathlon.running.accounting import ReplayMismatch, RunOutcome, TrialRecord
from optathlon.running.evaluation import Evaluator, FinishedTrial, Job, evaluate_timed
from optathlon.running.journal import recalling
from optathlon.running.loop import run_loop
from optathlon.running.seeds import noise_seeds, optimizer_seed
from optathlon.space import plain
from optathlon.task import Task
from optathlon.trial import Result, Status, Trial

Row = Mapping[Any, Any]
"""A row of a frame, by column."""

_ROUNDING = 1e-9
"""Of sums of shares, relative to the budget."""


def record_of(row: Mapping[str, Any]) -> TrialRecord:
    """A stored trial, of a row of `optathlon.results.schema.TRIALS`."""
    fields = {name: row[name] for name in TrialRecord._fields}
    lists = {name: row[name] and tuple(row[name]) for name in ("values", "constraints")}
    return TrialRecord(**fields | lists | {"config": json.loads(row["config"]), "metrics": dict(row["metrics"] or ())})


def from_stored(
    run: Row, trials: list[TrialRecord], task: Task, evaluated: Collection[int], slack: float = 0.0
) -> Iterator[str]:
    """What the accounts of a run say otherwise than what is stored of it.

    Parameters
    ----------
    run:
        With the columns of `optathlon.results.schema.RUNS`; its budget is in full evaluations, and it has one worker.
    trials:
        In their order, numbered from 0.
    task:
        Its task.
    evaluated:
        The numbers of the trials that are evaluated again.
    slack:
        How much values may differ, relative to the larger one.
    """
    known = {trial.trial: trial for trial in trials if trial.trial not in evaluated}
    outcome = _done(run, lambda _: _Stored(trials), task, _Recalled(task, known))
    if different := [*_differences(trials, outcome.trials, slack)]:
        more = f" (and {len(different) - 1} more of its trials differ)" if len(different) > 1 else ""
        yield f"{different[0]}: it was edited, or the task is not deterministic{more}"
    elif len(trials) > len(outcome.trials):
        yield f"it has {len(trials)} trials, and its budget ends with {len(outcome.trials)}"
    elif run["status"] == Status.OK and outcome.status is not Status.OK:
        yield f"it says that it ended well, and has used {outcome.spent:g} of {run['budget']:g} evaluations"
    elif abs(outcome.spent - run["spent"]) > _ROUNDING * run["budget"]:
        yield f"it says that it spent {run['spent']:g} evaluations, its trials {outcome.spent:g}"
    ends = [0.0, *(trial.end for trial in trials)]
    if backwards := [
        trial.trial for end, trial in zip(ends, trials, strict=False) if not end <= trial.start <= trial.end
    ]:
        yield f"trial {backwards[0]}: its times are not in order, so trials were moved or edited"


def by_optimizer(run: Row, trials: list[TrialRecord], task: Task, optimizer: OptimizerChoice) -> Iterator[str]:
    """Where an optimizer asks for other trials than those of its run, which used up its budget.

    It is told the stored results, so nothing is evaluated. Arguments are those of `from_stored`.
    """
    seed = optimizer_seed(int(run["root_seed"]), str(run["optimizer"]), task.id, int(run["seed"]))
    known = {trial.trial: trial for trial in trials}
    try:
        outcome = _done(run, lambda problem: optimizer.start(problem, seed), task, _Recognised(task, known))
    except ReplayMismatch as mismatch:
        yield (
            f"done again, {mismatch}: it was edited, the optimizer is not deterministic, or it computes otherwise "
            "on the processor that did the run"
        )
        return
    if outcome.status is not Status.OK:
        yield f"done again, it ends as {outcome.status}: {outcome.reason}"


class _Stored(Optimizer):
    """Proposes the trials that a run has, and learns nothing."""

    def __init__(self, trials: list[TrialRecord]) -> None:
        self._left = iter(trials)

    def ask(self) -> Trial:
        for trial in self._left:
            return Trial(trial.config, trial.fidelity, trial.parent)
        raise SearchSpaceExhausted

    def tell(self, trial: Trial, result: Result) -> None:
        pass


class _Recalled:
    """Gives known results, and evaluates the other trials; no time passes."""

    simulates = False

    def __init__(self, task: Task, known: Mapping[int, TrialRecord]) -> None:
        self._evaluate = recalling(partial(evaluate_timed, task), known)
        self._finished: list[FinishedTrial] = []

    def now(self) -> float:
        return 0.0

    def charge_overhead(self, seconds: float) -> None:
        pass

    def submit(self, job: Job) -> None:
        done = self._evaluate(job)
        self._finished.append(FinishedTrial(job.trial, done.result, 0.0, 0.0, 0, done.seconds))

    def wait(self) -> FinishedTrial:
        return self._finished.pop(0)


class _Recognised(_Recalled):
    """Raises `ReplayMismatch` where another trial is asked for than the known one of its number."""

    def __init__(self, task: Task, known: Mapping[int, TrialRecord]) -> None:
        super().__init__(task, known)
        self._known = known

    def submit(self, job: Job) -> None:
        known = self._known.get(job.trial.id)
        if known is not None and (asked := _proposal(job.trial)) != (was := _proposal(known)):
            raise ReplayMismatch(f"trial {job.trial.id} is {asked}, and was {was}")
        super().submit(job)


def _proposal(trial: Trial | TrialRecord) -> tuple[dict[str, Any], float | None, int | None]:
    """What an optimizer has asked for, as it is read from results."""
    return json.loads(json.dumps(dict(trial.config), default=plain)), trial.fidelity, trial.parent


def _done(run: Row, start: Callable[[Problem], Optimizer], task: Task, evaluator: Evaluator) -> RunOutcome:
    """The run by this optimizer, with the results of `evaluator`."""
    budget = Budget(float(run["budget"]), BudgetUnit(str(run["budget_unit"])))
    problem = replace(task.problem, budget=budget, n_workers=1)
    noise = noise_seeds(int(run["root_seed"]), task.id, int(run["seed"]))
    return run_loop(problem, start, evaluator, noise)


def _differences(stored: list[TrialRecord], again: list[TrialRecord], slack: float) -> Iterator[str]:
    """By trial, the first thing in which it differs."""
    for before, after in zip(stored, again, strict=False):
        was, found = _told(before), _told(after)
        for name in {**was, **found}:
            if not _same(was.get(name), found.get(name), slack):
                yield f"trial {before.trial}: its {name} is {was.get(name)}, and evaluated again {found.get(name)}"
                break


def _told(trial: TrialRecord) -> dict[str, Any]:
    """What follows from the proposal, by name."""
    names = ("trial", "status", "config", "fidelity", "parent", "evaluations", "over_budget")
    values = {
        f"value{f'_{number}' if number > 1 else ''}": one for number, one in enumerate(trial.values or (), start=1)
    }
    constraints = {f"constraint_{number}": one for number, one in enumerate(trial.constraints or (), start=1)}
    facts = {name: getattr(trial, name) for name in names}
    return facts | values | constraints | dict(trial.metrics or ())


def _same(one: Any, other: Any, slack: float) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=slack) or (math.isnan(one) and math.isnan(other))
    return bool(one == other)
