"""Evaluating trials: where a task's mistakes become a trial's status, and nothing else."""

from __future__ import annotations

import math
import time
import traceback
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple, Protocol

from optathlon.problem import Problem
from optathlon.task import Task
from optathlon.trial import Result, Status, Trial

_ERROR_LINES = 8


class Finished(NamedTuple):
    """A trial that has ended, with its times in seconds on the run's clock."""

    trial: Trial
    result: Result
    start: float
    end: float
    worker: int
    evaluate_s: float


class Evaluator(Protocol):
    """Evaluates trials on a clock. The run loop is the same for all of them."""

    def now(self) -> float:
        """Seconds on the run's clock."""

    def submit(self, trial: Trial, seed: int) -> None:
        """Start evaluating a trial; `seed` drives the task's noise."""

    def wait(self) -> Finished:
        """The next trial to finish; only called while one is pending."""


class SequentialEvaluator:
    """Evaluates in this process, one trial at a time, on the real clock."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._origin = time.perf_counter()
        self._finished: list[Finished] = []

    def now(self) -> float:
        """Wall-clock seconds since the run began."""
        return time.perf_counter() - self._origin

    def submit(self, trial: Trial, seed: int) -> None:
        """Evaluate the trial at once."""
        start = self.now()
        result = evaluate(self._task, trial, seed)
        end = self.now()
        self._finished.append(Finished(trial, result, start, end, 0, end - start))

    def wait(self) -> Finished:
        """The oldest trial that was submitted."""
        return self._finished.pop(0)


def evaluate(task: Task, trial: Trial, seed: int) -> Result:
    """Evaluate one trial; whatever goes wrong in the task becomes the result's status."""
    try:
        result = task.evaluate(trial.config, fidelity=trial.fidelity, seed=seed)
    except MemoryError:
        return Result(status=Status.MEMORY, error=last_lines())
    except Exception:  # any error of a user's objective is that trial's failure, and the run goes on
        return Result(status=Status.CRASHED, error=last_lines())
    return _checked(result, task.problem)


def last_lines() -> str:
    """The last lines of the exception being handled."""
    return "\n".join(traceback.format_exc().strip().splitlines()[-_ERROR_LINES:])


def _checked(result: object, problem: Problem) -> Result:
    """The result, or an invalid one that says what is wrong with it."""
    if not isinstance(result, Result):
        return _invalid(f"the task returned {type(result).__name__}, not a Result")
    if not result.ok:
        return replace(result, values=(), constraints=())
    reason = _fault("objective", result.values, [objective.name for objective in problem.objectives]) or _fault(
        "constraint", result.constraints, [constraint.name for constraint in problem.constraints]
    )
    return _invalid(reason) if reason else result


def _fault(kind: str, values: Sequence[float], names: list[str]) -> str:
    if len(values) != len(names):
        return f"the task returned {len(values)} values for {len(names)} {kind}s"
    for name, value in zip(names, values, strict=True):
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return f"{kind} {name!r} is {value!r}, not a number"
        if not math.isfinite(value):
            return f"{kind} {name!r} is {value}"
    return ""


def _invalid(error: str) -> Result:
    return Result(status=Status.INVALID, error=error)
