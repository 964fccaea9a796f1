"""Evaluating trials: where a task's mistakes become a trial's status, and nothing else."""

from __future__ import annotations

import math
import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import replace
from numbers import Real
from typing import NamedTuple, Protocol

import numpy as np

from optathlon.errors import Interruption, UsageError
from optathlon.problem import Constraint, Objective, Problem
from optathlon.running.interruption import is_from_outside
from optathlon.task import Task
from optathlon.text import described
from optathlon.trial import Result, Status, Trial

_ERROR_LINES = 8


class Job(NamedTuple):
    """A trial to evaluate: `seed` drives the task's noise, `paid` is the cost (seconds) of what the trial continues."""

    trial: Trial
    seed: int
    paid: float = 0.0


class TimedResult(NamedTuple):
    """What evaluating a job gave; the result's cost is what it adds to `Job.paid`."""

    result: Result
    seconds: float
    peak_memory: int | None = None
    """Bytes, where the trial had a process of its own."""
    saved: float = 0.0
    """Seconds that reusing earlier work has saved, which pass on the real clock all the same, less those put aside."""


class FinishedTrial(NamedTuple):
    """A trial that has ended, with its times in seconds on the run's clock."""

    trial: Trial
    result: Result
    start: float
    end: float
    worker: int
    evaluate_s: float
    peak_memory: int | None = None


class Evaluator(Protocol):
    """Evaluates trials on a clock. The run loop is the same for all of them."""

    simulates: bool
    """Whether time passes by the cost that results report."""

    def now(self) -> float:
        """Seconds on the run's clock."""

    def charge_overhead(self, seconds: float) -> None:
        """The optimizer has thought for so long; on the real clock that time has passed already."""

    def submit(self, job: Job) -> None:
        """Start evaluating a trial on a free worker."""

    def wait(self) -> FinishedTrial:
        """The next trial to finish; only called while one is pending."""


class SequentialEvaluator:
    """Evaluates in this process, one trial at a time, on the real clock."""

    simulates = False

    def __init__(self, task: Task) -> None:
        self._task = task
        self._origin = time.perf_counter()
        self._finished: list[FinishedTrial] = []

    def now(self) -> float:
        """Wall-clock seconds since the run began."""
        return time.perf_counter() - self._origin

    def charge_overhead(self, seconds: float) -> None:
        """Nothing: that time has passed."""

    def submit(self, job: Job) -> None:
        """Evaluate the trial at once."""
        start = self.now()
        evaluated = evaluate_timed(self._task, job)
        self._origin -= evaluated.saved
        end = start + evaluated.seconds + evaluated.saved
        self._finished.append(FinishedTrial(job.trial, evaluated.result, start, end, 0, evaluated.seconds))

    def wait(self) -> FinishedTrial:
        """The oldest trial that was submitted."""
        return self._finished.pop(0)


def evaluate_timed(task: Task, job: Job) -> TimedResult:
    """Evaluate a job in this process, and take the time."""
    began = time.perf_counter()
    result = evaluate(task, job.trial, job.seed)
    return timed(result, time.perf_counter() - began, job)


def timed(result: Result, seconds: float, job: Job) -> TimedResult:
    """A result that took so long, with the cost that it adds to what the job continues."""
    if result.cost is not None and job.paid:
        result = replace(result, cost=max(0.0, result.cost - job.paid))
    charged = max(0.0, seconds - result.aside)
    saved = max(0.0, (result.cost or 0.0) - charged) if result.reused else 0.0
    return TimedResult(result, seconds, saved=saved + charged - seconds)


def evaluate(task: Task, trial: Trial, seed: int) -> Result:
    """Evaluate one trial; whatever goes wrong in the task becomes the result's status.

    Raises the `Interruption` that the task has raised, and what comes from outside: a limit, Ctrl-C.
    """
    try:
        result = task.evaluate(dict(trial.config), fidelity=trial.fidelity, seed=seed)
        return checked(result, task.problem)
    except Interruption:
        raise
    except MemoryError:
        return Result(status=Status.MEMORY, error=last_lines())
    except BaseException as error:  # any error of a user's objective is that trial's failure, and the run goes on
        if is_from_outside(error):
            raise
        return Result(status=Status.CRASHED, error=last_lines())


def fingerprint_of(task: Task) -> str:
    """The task's fingerprint; empty where the task fails on the probes, so that its trials can fail one by one."""
    try:
        return task.fingerprint()
    except UsageError:
        raise
    except BaseException as error:  # a user's objective may raise anything
        if is_from_outside(error):
            raise
        return ""


def last_lines() -> str:
    """The last lines of the exception being handled; the very last one says what it is."""
    lines = traceback.format_exc().strip().splitlines()
    if isinstance(group := sys.exception(), BaseExceptionGroup):  # whose text ends with a ruler
        lines.append(f"{described(group)}: {described(group.exceptions[0])}")
    return "\n".join(lines[-_ERROR_LINES:])


def checked(result: object, problem: Problem) -> Result:
    """The result with plain floats, or an invalid one that says what is wrong with it."""
    try:
        return _checked(result, problem)
    except _Malformed as fault:
        return Result(status=Status.INVALID, error=str(fault))


class _Malformed(Exception):
    """A task returned something else than its problem declares."""


def _checked(result: object, problem: Problem) -> Result:
    """The result with plain floats; raises `_Malformed`."""
    if not isinstance(result, Result):
        raise _Malformed(f"the task returned {type(result).__name__}, not a Result")
    try:
        status = Status(result.status)
    except ValueError:
        raise _Malformed(f"the task returned the status {result.status!r}, none of {', '.join(Status)}") from None
    succeeded = status is Status.OK
    return Result(
        values=_floats("objective", result.values, problem.objectives) if succeeded else (),
        status=status,
        cost=_cost(result.cost),
        metrics={str(name): _float(f"metric {name!r}", value) for name, value in dict(result.metrics).items()},
        constraints=_floats("constraint", result.constraints, problem.constraints) if succeeded else (),
        error=str(result.error),
        reused=bool(result.reused),
        aside=max(0.0, _float("aside", result.aside)),
    )


def _floats(kind: str, values: object, declared: Sequence[Objective | Constraint]) -> tuple[float, ...]:
    """One finite number for each of what is declared."""
    try:
        given: tuple[object, ...] = tuple(values)  # type: ignore[arg-type]
    except TypeError:
        raise _Malformed(f"the task returned {values!r} for {len(declared)} {kind}s") from None
    if len(given) != len(declared):
        raise _Malformed(f"the task returned {len(given)} values for {len(declared)} {kind}s")
    if not given:
        return ()
    numbers = tuple(_float(f"{kind} {one.name!r}", value) for one, value in zip(declared, given, strict=True))
    for one, number in zip(declared, numbers, strict=True):
        if not math.isfinite(number):
            raise _Malformed(f"{kind} {one.name!r} is {number}")
    return numbers


def _cost(cost: object) -> float | None:
    if cost is None:
        return None
    number = _float("the cost", cost)
    if not 0 <= number < math.inf:
        raise _Malformed(f"the cost is {number}, not seconds >= 0")
    return number


def _float(what: str, value: object) -> float:
    """A real number, NumPy's included, as a plain float."""
    if type(value) is float:
        return value
    if isinstance(value, bool | np.bool_) or not isinstance(value, Real):
        raise _Malformed(f"{what} is {value!r}, not a number")
    try:
        return float(value)
    except OverflowError:
        raise _Malformed(f"{what} is too large for a floating-point number") from None
