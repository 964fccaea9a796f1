"""Runs: one optimizer on one task with one seed. What identifies one, and doing it."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import cached_property

from optathlon.accounting import Outcome
from optathlon.budget import Budget
from optathlon.evaluation import SequentialEvaluator
from optathlon.loop import run_loop
from optathlon.registry import OptimizerChoice
from optathlon.seeds import noise_seeds, optimizer_seed
from optathlon.task import Task, short_hash


@dataclass(frozen=True)
class RunSpec:
    """All that determines a run, and so its id."""

    optimizer: str
    task: str
    task_version: str
    seed: int
    root_seed: int
    budget: Budget
    n_workers: int = 1

    @cached_property
    def id(self) -> str:
        """A content hash of everything above."""
        identity = (
            self.optimizer,
            self.task,
            self.task_version,
            self.seed,
            self.root_seed,
            str(self.budget),
            self.n_workers,
        )
        return short_hash(json.dumps(identity))


def execute(spec: RunSpec, optimizer: OptimizerChoice, task: Task) -> Outcome:
    """Do a run in this process, one trial at a time on the real clock."""
    seed = optimizer_seed(spec.root_seed, spec.optimizer, spec.task, spec.seed)
    return run_loop(
        replace(task.problem, budget=spec.budget, n_workers=spec.n_workers),
        lambda problem: optimizer.start(problem, seed),
        SequentialEvaluator(task),
        noise_seeds(spec.root_seed, spec.task, spec.seed),
    )
