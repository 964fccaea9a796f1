"""Runs: one optimizer on one task with one seed. What identifies one, and doing it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

from optathlon.budget import Budget
from optathlon.registry.optimizers import OptimizerChoice
from optathlon.running.accounting import History, ReplayMismatch, RunOutcome
from optathlon.running.clocks import Clock
from optathlon.running.evaluation import Evaluator
from optathlon.running.journal import Journal
from optathlon.running.limits import TimeLimit
from optathlon.running.loop import run_loop
from optathlon.running.seeds import noise_seeds, optimizer_seed
from optathlon.task import Task


@dataclass(frozen=True, slots=True)
class RunSpec:
    """All that determines a run, and so its id, and what does not enter the id.

    Attributes
    ----------
    attempt:
        How often the run has been done on purpose, this time included; not a part of the id.
    gpus:
        How many GPUs each of its trials needs, as in `Resources`; not a part of the id.
    experiment:
        The label of the experiment that it belongs to; not a part of the id.
    """

    optimizer: str
    task: str
    task_version: str
    seed: int
    root_seed: int
    budget: Budget
    n_workers: int = 1
    clock: Clock = Clock.REAL
    attempt: int = 1
    gpus: float = 0.0
    experiment: str = ""

    @property
    def id(self) -> str:
        """A content hash of everything above but `attempt`, `gpus` and `experiment`."""
        start, end = _around_the_seed(
            self.optimizer, self.task, self.task_version, self.root_seed, self.budget, self.n_workers, self.clock
        )
        return hashlib.sha256(b"%b%d%b" % (start, self.seed, end)).hexdigest()[:16]

    @property
    def at_once(self) -> int:
        """How many trials are really evaluated at the same time: simulated workers take turns."""
        return self.n_workers if self.clock is Clock.REAL else 1


@lru_cache(maxsize=4096)
def _around_the_seed(
    optimizer: str, task: str, version: str, root_seed: int, budget: Budget, n_workers: int, clock: Clock
) -> tuple[bytes, bytes]:
    """What comes before and after the seed in the JSON text that is hashed: a plan has millions of runs to name."""
    clocks = [] if clock is Clock.REAL else [clock]
    identity = (optimizer, task, version), (root_seed, str(budget), n_workers, *clocks)
    before, after = (json.dumps(part)[1:-1].encode() for part in identity)
    return b"[%b, " % before, b", %b]" % after


def execute(
    spec: RunSpec,
    optimizer: OptimizerChoice,
    task: Task,
    make_evaluator: Callable[[History], Evaluator],
    journal: Journal,
    *,
    limit: TimeLimit | None = None,
    fail_fast: int | None = None,
) -> RunOutcome:
    """Do a run, from where the journal ends.

    A run that asks something else than the journal has starts from the beginning, and says so in the outcome's reason.
    For `limit` and `fail_fast` see `run_loop`.
    Raises `optathlon.errors.Interruption` where the run can't go on here.
    """

    def run() -> RunOutcome:
        seed = optimizer_seed(spec.root_seed, spec.optimizer, spec.task, spec.seed)
        return run_loop(
            replace(task.problem, budget=spec.budget, n_workers=spec.n_workers),
            lambda problem: optimizer.start(problem, seed),
            make_evaluator(journal),
            noise_seeds(spec.root_seed, spec.task, spec.seed),
            journal,
            limit=limit,
            fail_fast=fail_fast,
        )

    try:
        return run()
    except ReplayMismatch as divergence:
        journal.restart()
        outcome = run()
        return replace(outcome, reason=f"not replayable, so started again: {divergence}. {outcome.reason}".strip())
