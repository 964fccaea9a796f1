"""Runs with a journal, which can be killed at any trial."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ConfigSpace import ConfigurationSpace

from optathlon import Budget, Problem, Result, Task
from optathlon.registry.optimizers import OptimizerChoice, choose_optimizer
from optathlon.running.accounting import RunOutcome, TrialRecord
from optathlon.running.clocks import Clock, VirtualEvaluator
from optathlon.running.evaluation import Evaluator, Job, SequentialEvaluator, evaluate_timed
from optathlon.running.interruption import Ending
from optathlon.running.journal import Journal, ReplayedEvaluator, recalling
from optathlon.running.journal import read_journal as read_journal_of
from optathlon.running.loop import run_loop
from optathlon.running.runs import RunSpec, execute

IDENTITY = {"run": "r", "fingerprint": "f"}


def read_journal(path: Path) -> list[TrialRecord]:
    return read_journal_of(path, {})


class Killed(Ending):
    """The process dies here."""


class Mortal:
    """An evaluator whose process dies when it should evaluate one trial more than `lives`."""

    def __init__(self, evaluator: Evaluator, lives: float) -> None:
        self.evaluator, self.lives = evaluator, lives
        self.simulates = evaluator.simulates
        self.now, self.charge_overhead, self.wait = evaluator.now, evaluator.charge_overhead, evaluator.wait

    def submit(self, job: Job) -> None:
        if self.lives == 0:
            raise Killed
        self.lives -= 1
        self.evaluator.submit(job)


def timeless(outcome: RunOutcome) -> list[tuple[object, ...]]:
    return [
        (record.trial, record.config, record.fidelity, record.parent, record.evaluations, record.values, record.metrics,
         record.status, record.error, record.cost, record.over_budget)
        for record in outcome.trials
    ]  # fmt: skip


def do(
    spec: RunSpec,
    choice: OptimizerChoice,
    task: Task,
    path: Path,
    wrap: Callable[[Evaluator], Evaluator] = lambda evaluator: evaluator,
) -> RunOutcome:
    """A run with a journal that is written from the first trial on."""
    journal = Journal(path, IDENTITY, patience=0.0)

    def make_evaluator(history: Any) -> Evaluator:
        if spec.clock is Clock.REAL:
            return ReplayedEvaluator(wrap(SequentialEvaluator(task)), dict(history.past))
        here = recalling(lambda job: evaluate_timed(task, job), history.past)
        return wrap(VirtualEvaluator(here, spec.n_workers, spec.clock))

    try:
        return execute(spec, choice, task, make_evaluator, journal)
    finally:
        journal.close()


class Line(Task):
    """A quick task; counts how often it is evaluated."""

    id = "toy/line"

    def __init__(self, n_workers: int = 1, budget: Budget = Budget(12)) -> None:  # noqa: B008
        self.evaluated: list[int] = []
        self._problem = Problem(ConfigurationSpace({"x": (0.0, 1.0)}), budget=budget, n_workers=n_workers)

    @property
    def problem(self) -> Problem:
        return self._problem

    def evaluate(self, config: Any, *, fidelity: float | None, seed: int) -> Result:
        self.evaluated.append(seed)
        if config["x"] < 0.2:
            raise ValueError("too small")
        return Result((config["x"],), cost=1.0 + seed % 7, metrics={"test/x": 2 * config["x"]})


RANDOM = choose_optimizer("random")


def random_run(task: Task, journal: Journal) -> RunOutcome:
    noise = iter(range(99))
    return run_loop(task.problem, lambda problem: RANDOM.start(problem, 0), SequentialEvaluator(task), noise, journal)


def journal_of(path: Path, trials: int) -> list[TrialRecord]:
    task = Line(budget=Budget(trials))
    journal = Journal(path, IDENTITY, patience=0.0)
    outcome = random_run(task, journal)
    journal.close()
    return outcome.trials
