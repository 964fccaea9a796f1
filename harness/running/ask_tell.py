"""Ask and tell: an optimizer of the roster on a problem whose trials somebody else evaluates."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from numbers import Integral
from typing import Any, TypeVar

import numpy as np

from optathlon.best import best_first
from optathlon.budget import Budget, BudgetUnit
from optathlon.errors import OptathlonError, SearchSpaceExhausted, UsageError
from optathlon.function_task import Objectives, as_objectives, as_space
from optathlon.problem import Constraint, Fidelity, Problem
from optathlon.registry.capabilities import mismatch, remarks_on
from optathlon.registry.editing import reload_edited
from optathlon.registry.optimizers import choose_optimizer
from optathlon.running.accounting import Accounts, History, RunOutcome, TrialRecord
from optathlon.running.evaluation import FinishedTrial, Job, checked, timed
from optathlon.running.loop import told
from optathlon.running.seeds import noise_seeds, optimizer_seed
from optathlon.running.telling import Numbers, number, told_result
from optathlon.text import described
from optathlon.trial import Result, Status, Trial

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class AskedTrial(Trial):
    """A trial to evaluate: its active hyperparameters as plain Python values, its level, and a seed for its noise.

    Attributes
    ----------
    seed:
        Drives whatever is random in the evaluation (0 <= seed < 2**32); a trial that continues another has that one's.
    """

    seed: int = 0


def make_optimizer(
    id: str,
    space: Any,
    *,
    objectives: Objectives = "minimize",
    fidelity: Fidelity | None = None,
    constraints: Sequence[str] = (),
    budget: str | float = 100,
    n_workers: int = 1,
    seed: int = 0,
    task: str = "",
) -> AskTell:
    """An optimizer to ask and tell, on a search space of one's own.

    Parameters
    ----------
    id:
        As for `optathlon run`: `"smac-hpo"`, `"smac-hpo[n_trees=50]"`, `"my_package:MyOptimizer"`, `"file.py:Class"`.
    space, objectives, fidelity, constraints, budget:
        As for `optathlon.as_task`.
    n_workers:
        How many trials may be pending at once.
    seed:
        The same seed gives the same trials, where the same values are told in the same order.
    task:
        A task's id: on the same problem and with the seed of a run, trials are those of that run (root seed 0).

    Raises `UsageError` for what does not exist, is not installed, or what the optimizer can't do. Warns of what
    it makes no use of, such as constraints.
    """
    if isinstance(n_workers, bool) or not isinstance(n_workers, Integral) or n_workers < 1:
        raise UsageError(f"n_workers is {n_workers!r}: give a whole number from 1 on")
    if isinstance(seed, bool) or not isinstance(seed, Integral) or seed < 0:
        raise UsageError(f"the seed is {seed!r}: give a whole number from 0 on")
    if isinstance(constraints, str):
        raise UsageError(f"constraints is the text {constraints!r}: give a list of names")
    reload_edited()
    choice = choose_optimizer(id)
    problem = Problem(
        as_space(space),
        as_objectives(objectives),
        fidelity,
        tuple(map(Constraint, constraints)),
        Budget.parse(budget),
        n_workers,
    )
    if reason := mismatch(choice.cls, problem):
        raise UsageError(f"{choice.id!r} can't do this: {reason}; see `optathlon info {choice.name}`")
    for remark in remarks_on(choice, problem):
        warnings.warn(f"{choice.id}: {remark}", stacklevel=2)
    return AskTell(
        choice.id,
        problem,
        lambda own: choice.start(own, optimizer_seed(0, choice.id, task, seed)),
        noise_seeds(0, task, seed),
    )


class AskTell:
    """An optimizer that is asked for trials and told their values, with the accounts of a run; by `make_optimizer`.

    It is for one thread. Trials themselves may be evaluated anywhere, and told in any order.
    """

    def __init__(self, id: str, problem: Problem, start: Callable[[Problem], Any], noise: Iterator[int]) -> None:
        self.id = id
        self.problem = problem
        self._noise = noise
        self._evaluator = _Elsewhere()
        self._accounts = Accounts(problem, self._evaluator, History())
        self._asked: dict[int, AskedTrial] = {}
        self._failure = ""
        self._has_stalled = False
        own = replace(problem, space=deepcopy(problem.space))
        self._optimizer = self._do("starting", lambda: start(own))

    def __repr__(self) -> str:
        budget = self.problem.budget
        told = len(self.trials)
        return f"<{self.id}: {told} trials told, {len(self._asked)} pending, {self.spent:g} of {budget} {budget.unit}>"

    def ask(self) -> AskedTrial | None:
        """A trial to evaluate; `None` where none can come before others are told, or at all (`is_done`).

        Proposals that are not in the search space are charged, and told as failures; another one is asked for then.

        Raises `UsageError` where as many trials are pending as `n_workers` says, and `OptathlonError` where the
        optimizer fails.
        """
        self._require_working()
        if len(self._asked) >= self.problem.n_workers:
            raise UsageError(
                f"{len(self._asked)} trials are pending and n_workers is {self.problem.n_workers}: tell one of them "
                "first, or make the optimizer with a larger n_workers"
            )
        while self._accounts.has_room and not self._has_stalled:
            began = time.perf_counter()
            try:
                proposal = self._do("ask", self._optimizer.ask)
            except SearchSpaceExhausted:
                self._accounts.note_nothing_left()
                break
            if proposal is None:
                self._has_stalled = not self._asked
                break
            self._accounts.submit(proposal, time.perf_counter() - began, next(self._noise))
            if job := self._evaluator.take():
                trial = AskedTrial(**_public(job.trial), seed=job.seed)
                self._asked[trial.id] = trial
                return trial
            self._pass_on()  # it was illegal
        return None

    def tell(
        self,
        trial: AskedTrial,
        value: Numbers | Result,
        *,
        cost: float | None = None,
        constraints: Numbers | None = None,
    ) -> None:
        """Tell what evaluating a trial gave, in the objectives' own units and directions.

        Parameters
        ----------
        trial:
            As it was asked.
        value:
            A number; one per objective, in their order; or a dictionary of objectives and constraints by name, where
            all else is kept as metrics. Where one is not finite, the trial counts as failed, as in a run.
        cost:
            What a budget of cost counts, of the whole trial (seconds, say), also where it continues another.
        constraints:
            One per constraint, feasible where <= 0; they may stand in `value` too.

        Raises `UsageError`, and the trial stays pending, for a trial that is not pending, and for values that don't fit
        the objectives; `OptathlonError` where the optimizer fails.
        """
        self._require_pending(trial)
        result = value if isinstance(value, Result) else told_result(value, constraints, self.problem)
        self._finish(trial, result, cost)

    def fail(
        self, trial: AskedTrial, error: str = "", *, status: Status | str = Status.CRASHED, cost: float | None = None
    ) -> None:
        """Tell that a trial has failed: `"crashed"`, `"timeout"`, `"memory"`, `"diverged"` or `"invalid"`, and why.

        The optimizer is told the worst value so far, as in a run. Raises as `tell`.
        """
        self._require_pending(trial)
        if status not in _FAILURES:
            raise UsageError(f"a trial can't fail as {status!r}: give one of {', '.join(_FAILURES)}")
        self._finish(trial, Result(status=Status(status), error=str(error)), cost)

    @property
    def is_done(self) -> bool:
        """Whether no trial is pending and none will come: the budget is used, or there is nothing left to try."""
        return not self._asked and (self._has_stalled or not self._accounts.has_room)

    @property
    def spent(self) -> float:
        """What is spent of the budget, in its unit, pending trials included."""
        return self._accounts.spent

    @property
    def outcome(self) -> RunOutcome:
        """What came of it so far, as of a run: its status and, where it ended before its budget, the reason."""
        if self._failure:
            return self._accounts.outcome(Status.CRASHED, self._failure)
        return self._accounts.close() if self.is_done else self._accounts.outcome(Status.OK)

    @property
    def trials(self) -> list[TrialRecord]:
        """All trials that were told, and illegal proposals: `config`, `fidelity`, `values`, `status`, `error`, …"""
        return self._accounts.records

    @property
    def best(self) -> list[TrialRecord]:
        """The best trial that is feasible and at the full level; of several objectives the Pareto set.

        Empty while there is none.
        """
        fidelity = self.problem.fidelity
        eligible = [
            record
            for record in self._accounts.records
            if record.values is not None
            and (fidelity is None or record.fidelity == fidelity.upper)
            and all(value <= 0 for value in record.constraints or ())
        ]
        objectives = self.problem.objectives
        losses = [
            [objective.loss(value) for objective, value in zip(objectives, record.values or (), strict=True)]
            for record in eligible
        ]
        order = best_first(np.array(losses, dtype=float).reshape(-1, len(objectives)))
        return [eligible[place] for place in (order if len(objectives) > 1 else order[:1])]

    def _finish(self, trial: AskedTrial, result: Result, cost: float | None) -> None:
        if cost is not None:
            result = replace(result, cost=number("the cost", cost))
        if result.cost is not None and not 0 <= result.cost < math.inf:
            raise UsageError(f"the cost is {result.cost}: give seconds, or what else the budget counts, from 0 on")
        if result.ok and result.cost is None and self.problem.budget.unit is BudgetUnit.COST:
            raise UsageError("the budget counts cost: tell it, as in tell(trial, value, cost=3.5)")
        self._require_working()
        self._evaluator.finish(trial.id, checked(result, self.problem))
        del self._asked[trial.id]
        self._pass_on()

    def _pass_on(self) -> None:
        """Tell the optimizer the next result."""
        trial, result = self._accounts.next_result()
        began = time.perf_counter()
        self._do("tell", lambda: self._optimizer.tell(trial, told(self._optimizer, result)))
        self._accounts.record(trial.id, tell_s=time.perf_counter() - began)

    def _require_pending(self, trial: AskedTrial) -> None:
        if not isinstance(trial, AskedTrial):
            raise UsageError(f"tell takes a trial that ask has returned, not {str(trial)[:60]!r}")
        if self._asked.get(trial.id) == trial:
            return
        if trial.id not in self._asked and any(record.trial == trial.id for record in self._accounts.records):
            raise UsageError(f"trial {trial.id} was told already: tell each trial once")
        raise UsageError(f"trial {trial.id} was not asked of this optimizer: tell the trials that its ask returns")

    def _require_working(self) -> None:
        if self._failure:
            raise OptathlonError(f"{self._failure}: make a new optimizer")

    def _do(self, doing: str, action: Callable[[], T]) -> T:
        """What the action returns; what the optimizer raises ends it."""
        try:
            return action()
        except (SearchSpaceExhausted, UsageError):
            raise
        except Exception as error:  # a library may raise anything
            self._failure = f"the optimizer {self.id!r} failed: {doing} raised {described(error)}"
            raise OptathlonError(self._failure) from error


class _Elsewhere:
    """An `Evaluator` whose trials are evaluated by somebody else, on the real clock."""

    simulates = False

    def __init__(self) -> None:
        self._origin = time.perf_counter()
        self._new: Job | None = None
        self._running: dict[int, tuple[Job, float, int]] = {}
        self._finished: list[FinishedTrial] = []

    def now(self) -> float:
        return time.perf_counter() - self._origin

    def charge_overhead(self, seconds: float) -> None:
        """Nothing: that time has passed."""

    def submit(self, job: Job) -> None:
        busy = {worker for _, _, worker in self._running.values()}
        worker = next(number for number in range(len(busy) + 1) if number not in busy)
        self._running[job.trial.id] = job, self.now(), worker
        self._new = job

    def take(self) -> Job | None:
        """The job that was submitted last, once; `None` where there is none."""
        job, self._new = self._new, None
        return job

    def finish(self, trial_id: int, result: Result) -> None:
        """The trial has ended."""
        job, start, worker = self._running.pop(trial_id)
        end = self.now()
        result = timed(result, end - start, job).result
        self._finished.append(FinishedTrial(job.trial, result, start, end, worker, end - start))

    def wait(self) -> FinishedTrial:
        return self._finished.pop(0)


_FAILURES = (Status.CRASHED, Status.TIMEOUT, Status.MEMORY, Status.DIVERGED, Status.INVALID)


def _public(trial: Trial) -> dict[str, Any]:
    """The fields of a trial that anyone may see, and that can be sent to other processes."""
    return {"config": dict(trial.config), "fidelity": trial.fidelity, "parent": trial.parent, "id": trial.id}


__all__ = ["AskTell", "AskedTrial", "make_optimizer"]
