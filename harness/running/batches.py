"""Evaluating the pending trials of a run together, where a task is quicker at that: tables and surrogates.

What is stored and told is the same as one by one: each trial has its own seed and failure, and is told in its turn.
Only times differ.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from optathlon.budget import Budget, BudgetUnit
from optathlon.errors import Interruption
from optathlon.running.evaluation import FinishedTrial, Job, TimedResult, checked, evaluate_timed, timed
from optathlon.running.interruption import is_from_outside
from optathlon.task import Task
from optathlon.trial import Result


class BatchEvaluator:
    """Evaluates in this process, on the real clock, all that is pending when the first of them is waited for."""

    simulates = False

    def __init__(self, task: Task) -> None:
        self._task = task
        self._origin = time.perf_counter()
        self._waiting: list[Job] = []
        self._finished: list[FinishedTrial] = []

    def now(self) -> float:
        """Wall-clock seconds since the run began."""
        return time.perf_counter() - self._origin

    def charge_overhead(self, seconds: float) -> None:
        """Nothing: that time has passed."""

    def submit(self, job: Job) -> None:
        """Keep the trial until one is waited for."""
        self._waiting.append(job)

    def wait(self) -> FinishedTrial:
        """The oldest trial that was submitted."""
        if not self._finished:
            jobs, self._waiting = self._waiting, []
            start = self.now()
            for job, one in zip(jobs, evaluate_together(self._task, jobs), strict=True):
                self._origin -= one.saved
                end = start + one.seconds + one.saved
                self._finished.append(FinishedTrial(job.trial, one.result, start, end, 0, one.seconds))
        return self._finished.pop(0)


def is_quicker_together(task: Task, budget: Budget) -> bool:
    """Whether a task has its own way to evaluate several, and time doesn't decide how many there are."""
    return type(task).evaluate_many is not Task.evaluate_many and budget.unit is not BudgetUnit.SECONDS


def evaluate_together(task: Task, jobs: Sequence[Job]) -> list[TimedResult]:
    """What `evaluate_timed` gives for each job, those of one level evaluated at once; a share of the time for each.

    Where that raises, or gives something else than a result for each, they are evaluated one by one.
    """
    levels: dict[float | None, list[Job]] = {}
    for job in jobs:
        levels.setdefault(job.trial.fidelity, []).append(job)
    found: dict[int, TimedResult] = {}
    for level, group in levels.items():
        found.update(_of_level(task, level, group))
    return [found[job.trial.id] for job in jobs]


def _of_level(task: Task, level: float | None, jobs: Sequence[Job]) -> Mapping[int, TimedResult]:
    began = time.perf_counter()
    results = _results(task, level, jobs) if len(jobs) > 1 else []
    if len(results) != len(jobs):
        return {job.trial.id: evaluate_timed(task, job) for job in jobs}
    seconds = (time.perf_counter() - began) / len(jobs)
    return {job.trial.id: timed(result, seconds, job) for job, result in zip(jobs, results, strict=True)}


def _results(task: Task, level: float | None, jobs: Sequence[Job]) -> Sequence[Result]:
    """What the task gives for all at once, checked; nothing where anything raises."""
    configs, seeds = [dict(job.trial.config) for job in jobs], [job.seed for job in jobs]
    try:
        return [checked(one, task.problem) for one in task.evaluate_many(configs, fidelity=level, seeds=seeds)]
    except Interruption:
        raise
    except BaseException as error:  # whatever it is, it is told by the trial that is to blame
        if is_from_outside(error):
            raise
        return []
