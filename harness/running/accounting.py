"""The accounts of a run: what each trial cost, whether the budget is used, and what the optimizer is told.

Budget: a trial at fidelity z costs z / z_max full evaluations, a continued trial the increment over its parent, and
one whose proposal was illegal a full one. Evaluations are charged when a trial is asked, so that pending trials count;
seconds and reported cost are charged when it ends. The trial that exceeds the budget is stored as `over_budget`.

Imputation: for a failed trial the optimizer is told the worst loss of the run so far (per objective), or the worst that
the objective's bounds allow while nothing has succeeded, or 1e6 where there is no bound. No value is stored.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from numbers import Real
from typing import NamedTuple

from optathlon.budget import BudgetUnit
from optathlon.errors import Interruption, InvalidConfiguration
from optathlon.problem import Fidelity, Objective, Problem
from optathlon.redaction import redacted, without_known_secrets
from optathlon.running.evaluation import Evaluator, FinishedTrial, Job
from optathlon.space import active_checker, count_configurations, plain
from optathlon.text import ERROR_CHARACTERS, NAME_CHARACTERS, ends, shortened
from optathlon.trial import Result, Status, Trial, Value

IMPUTED_WITHOUT_BOUND = 1e6
"""The loss told for a failure while nothing has succeeded and the objective has no bound."""

_INTEGER_BITS = 1024
"""Integers of more bits are proposed by mistake, and not stored digit by digit."""

_MOST_FREE_TRIALS = 1000
"""A run under a budget of reported cost or simulated seconds ends when so many trials in a row have cost nothing."""


class TrialRecord(NamedTuple):
    """What is stored of a trial: the columns of `optathlon.results.schema.TRIALS` but for the run."""

    trial: int
    config: Mapping[str, Value]
    fidelity: float | None
    parent: int | None
    evaluations: float
    values: tuple[float, ...] | None
    constraints: tuple[float, ...] | None
    metrics: Mapping[str, float] | None
    status: str
    error: str | None
    cost: float | None
    ask_s: float
    tell_s: float
    evaluate_s: float
    start: float
    end: float
    worker: int
    over_budget: bool
    peak_memory: int | None = None


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """How a run ended: `reason` in one line, `error` the last lines of an exception, `spent` in the budget's unit."""

    status: Status
    trials: list[TrialRecord]
    spent: float
    reason: str = ""
    error: str = ""


class ReplayMismatch(Interruption):
    """An optimizer asked something else than the journal of the run holds: it can't be replayed."""


class History:
    """What is remembered of a run beyond this process: nothing. `optathlon.running.journal` has one that keeps all."""

    past: Mapping[int, TrialRecord] = {}
    """The trials that an earlier process finished, by number, in the order in which they were told."""

    def add(self, record: TrialRecord) -> None:
        """Keep a finished trial, before it is told (so `tell_s` is NaN)."""


@dataclass(slots=True)
class _Asked:
    """A trial between `ask` and its record."""

    trial: Trial
    paid: float
    ask_s: float
    evaluations: float
    over_budget: bool
    finished: FinishedTrial | None = None


class Accounts:
    """Keeps the accounts of one run. Between `submit` and `record` a trial is pending.

    Where `history` has trials of an earlier process, what is asked is compared with them, and `ReplayMismatch` is
    raised if it differs; the evaluator is expected to give their results. A run has no room for more trials once
    `fail_fast` of them have failed and none has succeeded.
    """

    def __init__(self, problem: Problem, evaluator: Evaluator, history: History, fail_fast: int | None = None) -> None:
        self._problem = problem
        self._history = history
        self._budget = problem.budget
        self._evaluator = evaluator
        self._active = active_checker(problem.space)
        self._imputed = [_ImputedLoss(objective) for objective in problem.objectives]
        self._asked: dict[int, _Asked] = {}
        self._rejected: list[FinishedTrial] = []
        self._records: dict[int, TrialRecord] = {}
        self._evaluations = 0.0
        self._cost = 0.0
        self._cost_from_scratch: dict[int, float] = {}
        self._seeds: dict[int, int] = {}
        self._free_trials = 0
        self._failure = ""
        self._nothing_left = False
        self._fail_fast = math.inf if fail_fast is None else fail_fast
        self._failed_at_first = 0
        self._has_succeeded = False

    @property
    def pending(self) -> int:
        """How many trials wait for their result."""
        return len(self._asked)

    @property
    def records(self) -> list[TrialRecord]:
        """The trials whose accounts are closed, in the order in which they were told."""
        return list(self._records.values())

    @property
    def spent(self) -> float:
        """What the run has spent, pending trials included, in the budget's unit."""
        match self._budget.unit:
            case BudgetUnit.EVALUATIONS:
                return self._evaluations
            case BudgetUnit.SECONDS:
                return self._evaluator.now()
            case BudgetUnit.COST:
                return self._cost

    @property
    def has_room(self) -> bool:
        """Whether another trial may be asked: a worker is free, and neither budget nor space is used up."""
        return (
            len(self._asked) < self._problem.n_workers
            and not self._budget.is_spent_by(self.spent)
            and not self._failure
            and not self._nothing_left
            and not self._fails_from_the_start
        )

    @property
    def _fails_from_the_start(self) -> bool:
        return not self._has_succeeded and self._failed_at_first >= self._fail_fast

    def note_nothing_left(self) -> None:
        """The optimizer says that there is nothing left to try."""
        self._nothing_left = True

    def charge_overhead(self, seconds: float) -> None:
        """Let the optimizer's own time pass on the clock."""
        self._evaluator.charge_overhead(seconds)

    def submit(self, proposal: Trial, ask_s: float, seed: int) -> None:
        """Charge a proposed trial and start evaluating it; an illegal one is charged and fails at once.

        A trial that continues another has that one's noise: it goes on with the same training.
        """
        trial = replace(proposal, id=len(self._records) + len(self._asked))
        try:
            trial, evaluations = self._admit(trial)
        except InvalidConfiguration as error:
            trial, evaluations, rejection = _raw(trial), 1.0, str(error)
        else:
            rejection = ""
        if (known := self._history.past.get(trial.id)) is not None:
            _require_same(trial, known)
            ask_s = known.ask_s
        self._evaluations += evaluations
        by_evaluations = self._budget.unit is BudgetUnit.EVALUATIONS
        over_budget = by_evaluations and self._budget.is_exceeded_by(self._evaluations)
        if trial.parent is not None:
            seed = self._seeds[trial.parent]
        self._seeds[trial.id] = seed
        paid = 0.0 if trial.parent is None else self._cost_from_scratch.get(trial.parent, 0.0)
        self._asked[trial.id] = _Asked(trial, paid, ask_s, evaluations, over_budget)
        self.charge_overhead(ask_s)
        if rejection:
            now = self._evaluator.now()
            result = Result(status=Status.INVALID, error=rejection)
            self._rejected.append(FinishedTrial(trial, result, now, now, 0, 0.0))
        else:
            self._evaluator.submit(Job(trial, seed, paid))

    def next_result(self) -> tuple[Trial, Result]:
        """The next trial to finish, with what the optimizer is told: losses, and none of the metrics."""
        finished = self._rejected.pop(0) if self._rejected else self._evaluator.wait()
        trial, result = finished.trial, finished.result
        losses = tuple(
            imputed.learn(objective.loss(value))
            for imputed, objective, value in zip(self._imputed, self._problem.objectives, result.values, strict=False)
        )
        self._has_succeeded |= result.ok
        self._failed_at_first += not self._has_succeeded
        self._charge(finished)
        asked = self._asked[trial.id]
        asked.finished = finished
        if trial.id not in self._history.past:
            self._history.add(_record(asked, finished, tell_s=math.nan))
        return trial, replace(result, losses=losses or tuple(imputed.loss for imputed in self._imputed), metrics={})

    def record(self, trial_id: int, tell_s: float) -> None:
        """Close the account of a trial whose result was told."""
        if not math.isnan(tell_s):
            self.charge_overhead(tell_s)
        asked = self._asked.pop(trial_id)
        if asked.finished is not None:
            self._records[trial_id] = _record(asked, asked.finished, tell_s)

    def close(self) -> RunOutcome:
        """The outcome of a run that has nothing left to do."""
        if self._failure:
            return self.outcome(Status.INVALID, self._failure)
        if self._budget.is_spent_by(self.spent):
            return self.outcome(Status.OK)
        if self._fails_from_the_start:
            return self.outcome(Status.OK, "ended by fail-fast")
        return self.outcome(*self._end_before_the_budget())

    def _end_before_the_budget(self) -> tuple[Status, str]:
        """Whether there was nothing left to try, or the optimizer gave up; and that in words."""
        trials, size = len(self._records), count_configurations(self._problem.space)
        tried = self._count_tried() if size else 0
        if size and tried == size:
            return Status.EXHAUSTED, f"nothing is left to try: all {size} configurations were tried, in {trials} trials"
        share = f", which tried {tried} of the {size} configurations" if size else ""
        if self._nothing_left and trials:
            return Status.EXHAUSTED, f"the optimizer has nothing left to try, after {trials} trials{share}"
        return (
            Status.STALLED,
            f"the optimizer proposed nothing while nothing was pending, after {trials} trials{share}",
        )

    @property
    def _full_level(self) -> float | None:
        return None if self._problem.fidelity is None else self._problem.fidelity.upper

    def _count_tried(self) -> int:
        """How many legal configurations were tried in full, whatever came of it."""
        return len(
            {
                json.dumps(dict(record.config), sort_keys=True, default=plain)
                for record in self._records.values()
                if record.fidelity == self._full_level and self._is_legal(record)
            }
        )

    def _is_legal(self, record: TrialRecord) -> bool:
        try:
            self._active(record.config)
        except InvalidConfiguration:
            return False
        return True

    def outcome(self, status: Status, reason: str = "", error: str = "") -> RunOutcome:
        """The outcome now: finished trials are kept, also those whose `tell` failed; pending ones are not.

        A run without a result says so. If it is complete otherwise, it ends as most of its trials did.
        """
        for trial_id in [asked.trial.id for asked in self._asked.values() if asked.finished]:
            self.record(trial_id, tell_s=math.nan)
        records = list(self._records.values())
        if failures := self._nothing_but_failures():
            lines = (failures[0].error or "").strip().splitlines() or ["no error was reported"]
            reason = "; ".join(filter(None, [reason, f"{_share_of(failures, records)} failed: {lines[-1]}"]))
            error = error or failures[0].error or ""
            status = Status(failures[0].status) if status.is_complete else status
        return RunOutcome(status, records, self.spent, " ".join(reason.split()), error)

    def _nothing_but_failures(self) -> list[TrialRecord]:
        """All trials (those at full fidelity, if any) where none has a result; the most frequent kind first."""
        full = [record for record in self._records.values() if record.fidelity == self._full_level]
        failures = full or list(self._records.values())
        if any(record.status == Status.OK for record in failures):
            return []
        statuses = Counter(record.status for record in failures)
        errors = Counter((record.status, record.error) for record in failures)
        return sorted(failures, key=lambda one: (-statuses[one.status], -errors[one.status, one.error]))

    def _admit(self, trial: Trial) -> tuple[Trial, float]:
        """The trial with active hyperparameters and its level, and what it costs in full evaluations."""
        active = self._active(trial.config)
        fidelity = self._problem.fidelity
        if fidelity is None:
            if trial.fidelity is not None or trial.parent is not None:
                raise InvalidConfiguration("a fidelity level was proposed for a task without fidelities")
            return replace(trial, config=active), 1.0
        level = _level(fidelity, trial.fidelity)
        trial = replace(trial, config=active, fidelity=level, parent=self._parent_below(trial, level, fidelity))
        return trial, (level - self._continued_level(trial, fidelity)) / fidelity.upper

    def _parent_below(self, trial: Trial, level: float, fidelity: Fidelity) -> int | None:
        """The parent; none where snapping to `fidelity.levels` has brought both to one level: nothing is continued."""
        parent = self._records.get(trial.parent) if fidelity.levels and isinstance(trial.parent, int) else None
        return None if parent is not None and parent.fidelity == level != trial.fidelity else trial.parent

    def _continued_level(self, trial: Trial, fidelity: Fidelity) -> float:
        """The level that `trial` continues from; 0 where it starts from scratch."""
        if trial.parent is None:
            return 0.0
        parent = self._records.get(trial.parent) if isinstance(trial.parent, int) else None
        if parent is None or parent.status != Status.OK:
            raise InvalidConfiguration(f"the parent trial {trial.parent!r} has not finished, or has failed")
        if not fidelity.resumable:
            raise InvalidConfiguration(f"trials can't be continued: the fidelity {fidelity.name!r} is not resumable")
        if parent.config != trial.config or not (parent.fidelity or 0.0) < (trial.fidelity or 0.0):
            raise InvalidConfiguration(
                f"the parent trial {trial.parent} has another configuration or not a lower level"
            )
        return parent.fidelity or 0.0

    def _charge(self, finished: FinishedTrial) -> None:
        """Charge what only a finished trial shows: its end on the clock, its reported cost."""
        asked, result = self._asked[finished.trial.id], finished.result
        cost = result.cost or 0.0
        self._cost += cost
        self._cost_from_scratch[finished.trial.id] = asked.paid + cost
        self._require_cost(result)
        match self._budget.unit:
            case BudgetUnit.SECONDS:
                asked.over_budget = self._budget.is_exceeded_by(finished.end)
            case BudgetUnit.COST:
                asked.over_budget = self._budget.is_exceeded_by(self._cost)

    def _require_cost(self, result: Result) -> None:
        """A run whose budget or clock counts reported cost can't go on without."""
        by_cost = self._budget.unit is BudgetUnit.COST
        if not (by_cost or self._evaluator.simulates):
            return
        if result.ok and result.cost is None:
            self._failure = (
                "the budget counts reported cost, but the task reports none: give a budget of evaluations"
                if by_cost
                else "the clock is virtual, but the task reports no cost: use the real clock"
            )
        self._free_trials = 0 if result.cost else self._free_trials + 1
        if self._free_trials >= _MOST_FREE_TRIALS and self._budget.unit is not BudgetUnit.EVALUATIONS:
            self._failure = f"{_MOST_FREE_TRIALS} trials in a row have cost nothing: give a budget of evaluations"


class _ImputedLoss:
    """The loss to tell for a failure, of one objective."""

    def __init__(self, objective: Objective) -> None:
        self._worst = -math.inf
        bound = objective.worst_loss
        self._without_success = bound if math.isfinite(bound) else IMPUTED_WITHOUT_BOUND

    def learn(self, loss: float) -> float:
        """Learn a success's loss, and return it."""
        self._worst = max(self._worst, loss)
        return loss

    @property
    def loss(self) -> float:
        """The worst loss so far."""
        return self._worst if math.isfinite(self._worst) else self._without_success


def _level(fidelity: Fidelity, level: float | None) -> float:
    """The level at which a proposal is evaluated, and for which it is charged."""
    if level is None:
        return fidelity.upper
    whole = fidelity.kind == "int" and not fidelity.levels
    if not isinstance(level, Real) or not fidelity.lower <= level <= fidelity.upper or (whole and level != int(level)):
        kind = "an integer" if whole else "a number"
        raise InvalidConfiguration(
            f"fidelity {fidelity.name!r} is {level!r}, not {kind} in [{fidelity.lower:g}, {fidelity.upper:g}]"
        )
    return int(level) if whole else fidelity.snapped(float(level))


def _require_same(trial: Trial, known: TrialRecord) -> None:
    """Raise `ReplayMismatch` where an asked trial differs from the one of the same number in the journal."""
    if _as_stored(trial) != _as_stored(known):
        raise ReplayMismatch(f"trial {trial.id} is {dict(trial.config)}, the journal has {dict(known.config)}")


def _as_stored(trial: Trial | TrialRecord) -> str:
    """What is compared of a trial, as text: a journal turns tuples into lists."""
    return json.dumps((dict(trial.config), trial.fidelity, trial.parent), sort_keys=True, default=plain)


@lru_cache(maxsize=4096)
def _metric_name(name: str) -> str:
    return shortened(without_known_secrets(name), NAME_CHARACTERS)


def stored_text(text: str, limit: int) -> str | None:
    """What is stored of an error or a reason: without secrets, clean and short; `None` where there is nothing."""
    return shortened(redacted(ends(text, 10 * limit)), limit) or None


def _share_of(failures: Sequence[TrialRecord], records: Sequence[TrialRecord]) -> str:
    kind = "trials" if len(failures) == len(records) else "full trials"
    return f"{len(failures)} of {len(failures)} {kind}"


def _raw(trial: Trial) -> Trial:
    """An illegal proposal as it is stored: plain values where there are some, else their text; no level."""
    config = {shortened(str(name), NAME_CHARACTERS): _shown(plain(value)) for name, value in trial.config.items()}
    return replace(trial, config=config, fidelity=None, parent=None)


def _shown(value: object) -> Value:
    if isinstance(value, int) and value.bit_length() > _INTEGER_BITS:
        return f"an integer of {value.bit_length()} bits"
    if isinstance(value, int | float):
        return value
    return shortened(value if isinstance(value, str) else repr(value), NAME_CHARACTERS)


def _record(asked: _Asked, finished: FinishedTrial, tell_s: float) -> TrialRecord:
    trial, result = asked.trial, finished.result
    return TrialRecord(
        trial=trial.id,
        config=trial.config,
        fidelity=trial.fidelity,
        parent=trial.parent,
        evaluations=asked.evaluations,
        values=result.values or None,
        constraints=result.constraints or None,
        metrics={_metric_name(name): value for name, value in result.metrics.items()} or None,
        status=result.status,
        error=stored_text(result.error, ERROR_CHARACTERS),
        cost=result.cost,
        ask_s=asked.ask_s,
        tell_s=tell_s,
        evaluate_s=finished.evaluate_s,
        start=finished.start,
        end=finished.end,
        worker=finished.worker,
        over_budget=asked.over_budget,
        peak_memory=finished.peak_memory,
    )
