"""What a worker does, wherever it is: takes orders, does runs, and appends them to the results folder."""

from __future__ import annotations

import os
import platform
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache, lru_cache, partial
from pathlib import Path
from types import FrameType

from optathlon.accounting import History, Outcome
from optathlon.clocks import Clock, VirtualEvaluator
from optathlon.errors import StorageError, UsageError, storage_errors
from optathlon.evaluation import Evaluator, SequentialEvaluator, measure
from optathlon.isolation import EvaluationProcess, ProcessEvaluator, Site
from optathlon.journal import PATIENCE_S, DoneElsewhere, Journal, ReplayedEvaluator, journal_path, recalling, salvaged
from optathlon.loop import TimeUp
from optathlon.registry import OptimizerChoice, choose_optimizer, load_plugin, make_task
from optathlon.resources import Limits, Resources
from optathlon.runs import RunSpec, execute
from optathlon.store.folder import ResultsFolder
from optathlon.store.rows import Session, run_row
from optathlon.store.writer import ShardWriter
from optathlon.task import Task, short_hash
from optathlon.trial import Status

_FLUSH_AFTER_S, _FLUSH_BEFORE_S, _FLUSH_SHARE = 0.5, 20.0, 0.02
"""Finished runs are stored after this share of a worker's lifetime, within these bounds: more would be lost by a kill,
less would make more files. Runs with a journal are not lost in any case."""
_TASKS_KEPT = 4


@dataclass(frozen=True)
class WorkerSettings:
    """What a worker needs to know."""

    folder: ResultsFolder
    session: Session
    plugins: tuple[Path, ...]
    limits: Limits
    driver: int | None
    """The process id of the driver that is the worker's parent; a worker whose driver is gone stores nothing more."""


@dataclass(frozen=True, slots=True)
class Verify:
    """Order: compare fingerprints of tasks (by id) with those of the results folder."""

    fingerprints: dict[str, str]


@dataclass(frozen=True, slots=True)
class Batch:
    """Order: do these runs; `gpus` are what each of a run's evaluation processes sees, where the task wants any."""

    runs: list[RunSpec]
    gpus: list[str] | None = None
    patience: float = PATIENCE_S
    """Seconds after which a run gets a journal."""


@dataclass(frozen=True, slots=True)
class Flush:
    """Order: store what has ended."""


@dataclass(frozen=True, slots=True)
class Ended:
    """Report: a run has ended; it may not be stored yet."""

    run: str
    status: Status
    seconds: float


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Report: another process is doing this run."""

    run: str


@dataclass(frozen=True, slots=True)
class Stored:
    """Report: these runs are on disk."""

    runs: list[str]


@dataclass(frozen=True, slots=True)
class Ready:
    """Report: the last order is carried out."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Report: a task can't be run at all; the line says why and what to do."""

    message: str


@dataclass(frozen=True, slots=True)
class Unstorable:
    """Report: results can't be written; the line says why."""

    message: str


Order = Batch | Verify | Flush
Report = Ended | Elsewhere | Stored | Ready | Refused | Unstorable


class Stop(BaseException):
    """The driver asked this worker to stop."""


class Worker:
    """Carries out orders, one after the other.

    Parameters
    ----------
    settings:
        What it needs to know.
    number:
        Its number among the workers of its machine, from 0: it decides which cores its evaluation processes get.
    scratch:
        Folder for temporary files.
    """

    def __init__(self, settings: WorkerSettings, number: int, scratch: Path) -> None:
        self._settings = settings
        self._writer = ShardWriter(settings.folder)
        self._session = replace(settings.session, host=platform.node())
        self._processes = _Processes(settings.plugins, number, scratch)
        self._journals: dict[str, Journal] = {}
        self._flushed_early: list[Stored] = []
        self._began = self._flushed = time.monotonic()
        self._interruptible = False
        self._stopping = False
        for plugin in settings.plugins:
            load_plugin(plugin)

    def carry_out(self, order: Order) -> Iterator[Report]:
        """Carry out an order; the last report is `Ready`, or says why there will be no more."""
        try:
            match order:
                case Verify(fingerprints):
                    for task_id, expected in fingerprints.items():
                        self._verify(task_id, expected)
                case Batch(runs):
                    for spec in runs:
                        yield from self._do(spec, order)
                case Flush():
                    yield self._flush()
            yield Ready()
        except UsageError as refusal:
            yield Refused(str(refusal))
        except StorageError as error:
            yield Unstorable(str(error))

    def stop(self, _signal: int, _frame: FrameType | None) -> None:
        """Raise `Stop` as soon as that does no harm; a signal handler."""
        self._stopping = True
        if self._interruptible:
            raise Stop

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Within this block a request to stop takes effect at once; elsewhere it waits for the next such block."""
        self._interruptible = True
        try:
            if self._stopping:
                raise Stop
            yield
        finally:
            self._interruptible = False

    def close(self) -> None:
        """Store what has ended, if that can be done, and end the evaluation processes."""
        try:
            if self._has_driver:
                self._flush()
        except StorageError:
            pass
        finally:
            for journal in self._journals.values():
                journal.close()
            self._processes.stop()

    @property
    def _has_driver(self) -> bool:
        return self._settings.driver in (None, os.getppid())

    def _do(self, spec: RunSpec, batch: Batch) -> Iterator[Report]:
        task, optimizer = _task(spec.task), _optimizer(spec.optimizer)
        resources = task.resources.within(self._settings.limits)
        processes: list[EvaluationProcess] = []
        if resources.needs_process or spec.at_once > 1:
            processes = self._processes.get(spec.at_once, resources.cpus, batch.gpus)
        fingerprint = self._fingerprint(task, resources, batch.gpus)
        started, began = datetime.now(UTC), time.perf_counter()
        limit = self._settings.limits.run_seconds
        patience = min(batch.patience, limit / 2) if limit else batch.patience
        identity = {"run": spec.id, "attempt": spec.attempt, "fingerprint": fingerprint}
        try:
            path = journal_path(self._settings.folder.path, spec.id)
            journal = self._journals[spec.id] = Journal(path, identity, patience, self._flush_early)
            make_evaluator = partial(_evaluator, spec, task, resources, processes)
            outcome = self._outcome(spec, optimizer, task, make_evaluator, journal)
        except DoneElsewhere:
            self._journals.pop(spec.id, None)
            yield Elsewhere(spec.id)
            return
        finally:
            for process in processes:
                process.stop_if_busy()
        seconds = time.perf_counter() - began
        if self._stopping:  # a library may have swallowed the request and gone on in some other way
            raise Stop
        self._writer.describe(task, fingerprint)
        self._writer.add(
            run_row(spec, outcome, self._session, optimizer.options, fingerprint, started, seconds), outcome.trials
        )
        yield from self._flushed_early
        self._flushed_early.clear()
        yield Ended(spec.id, outcome.status, seconds)
        if time.monotonic() - self._flushed > self._flush_after:
            yield self._flush()

    def _outcome(
        self,
        spec: RunSpec,
        optimizer: OptimizerChoice,
        task: Task,
        make_evaluator: Callable[[History], Evaluator],
        journal: Journal,
    ) -> Outcome:
        try:
            with self.interruptible(), _limited(self._settings.limits.run_seconds):
                return execute(spec, optimizer, task, make_evaluator, journal)
        except TimeUp as limit:  # it came a moment after the run had ended
            return salvaged(journal.trials, spec.budget, Status.TIMEOUT, str(limit))

    @property
    def _flush_after(self) -> float:
        lifetime = time.monotonic() - self._began
        return min(max(_FLUSH_AFTER_S, _FLUSH_SHARE * lifetime), _FLUSH_BEFORE_S)

    def _flush_early(self) -> None:
        """Before a long run, store what has ended: it should not wait for so long."""
        self._flushed_early.append(self._flush())

    def _flush(self) -> Stored:
        if not self._has_driver:
            raise Stop
        with storage_errors(self._settings.folder.path), _undisturbed():
            stored = self._writer.flush()
        for run in stored:
            self._journals.pop(run).remove()
        self._flushed = time.monotonic()
        return Stored(stored)

    def _verify(self, task_id: str, expected: str) -> None:
        task = _task(task_id)
        found = self._fingerprint(task, task.resources.within(self._settings.limits), None)
        if found != expected:
            raise UsageError(
                f"the task {task_id!r} gives other values now than those in {str(self._settings.folder.path)!r} "
                f"(fingerprint {found}, stored {expected}): its data or code changed; give another --out folder"
            )

    def _fingerprint(self, task: Task, resources: Resources, gpus: list[str] | None) -> str:
        return (
            self._processes.fingerprint(task.id, resources, gpus) if resources.needs_process else _fingerprint(task.id)
        )


class _Processes:
    """The evaluation processes of a worker: started when first needed, and kept."""

    def __init__(self, plugins: tuple[Path, ...], number: int, scratch: Path) -> None:
        self._plugins = plugins
        self._number = number
        self._scratch = scratch
        self._processes: list[EvaluationProcess] = []
        self._fingerprints: dict[str, str] = {}

    def get(self, count: int, cpus: int | None, gpus: list[str] | None) -> list[EvaluationProcess]:
        """So many processes, on cores of their own where `cpus` says how many, and on these GPUs."""
        for index in range(count):
            site = Site(_cores(self._number * count + index, cpus), gpus[index] if gpus else None)
            if index == len(self._processes):
                self._processes.append(EvaluationProcess(site, self._plugins, self._scratch))
            elif self._processes[index].site != site:
                self._processes[index].stop()
                self._processes[index] = EvaluationProcess(site, self._plugins, self._scratch)
        return self._processes[:count]

    def fingerprint(self, task: str, resources: Resources, gpus: list[str] | None) -> str:
        """The task's fingerprint, found in a process."""
        if task not in self._fingerprints:
            (process,) = self.get(1, resources.cpus, gpus)
            self._fingerprints[task] = process.fingerprint(task, resources)
        return self._fingerprints[task]

    def stop(self) -> None:
        for process in self._processes:
            process.stop()


def _evaluator(
    spec: RunSpec, task: Task, resources: Resources, processes: list[EvaluationProcess], history: History
) -> Evaluator:
    """The evaluator of a run: on its clock, here or in processes, and with what is known of it already."""
    if spec.clock is not Clock.REAL:
        here = partial(measure, task)
        there = partial(processes[0].measure, task.id, resources=resources) if processes else here
        return VirtualEvaluator(recalling(there, history.past), spec.n_workers, spec.clock)
    evaluator: Evaluator = ProcessEvaluator(task.id, resources, processes) if processes else SequentialEvaluator(task)
    return ReplayedEvaluator(evaluator, history.past) if history.past else evaluator


def _cores(index: int, cpus: int | None) -> tuple[int, ...]:
    """The cores of the process of that number on this machine, `cpus` each; they are shared where there are too few."""
    if cpus is None:
        return ()
    known = sorted(os.sched_getaffinity(0))
    return tuple(sorted({known[(index * cpus + offset) % len(known)] for offset in range(cpus)}))


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Within this block no signal ends the run or the worker; it is delivered afterwards."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _limited(seconds: float | None) -> Iterator[None]:
    """Raise `TimeUp` within this block after so many wall-clock seconds."""
    if seconds is None:
        yield
        return

    def end(_signal: int, _frame: FrameType | None) -> None:
        raise TimeUp(f"the run took longer than its limit of {seconds:g} s")

    before: Callable[[int, FrameType | None], object] | int | None = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@lru_cache(maxsize=_TASKS_KEPT)
def _task(task_id: str) -> Task:
    return make_task(task_id)


@cache
def _optimizer(optimizer_id: str) -> OptimizerChoice:
    return choose_optimizer(optimizer_id)


@cache
def _fingerprint(task_id: str) -> str:
    """The task's fingerprint; a task that fails on the probes has one too, so that its trials can fail one by one."""
    try:
        return _task(task_id).fingerprint()
    except UsageError:
        raise
    except Exception as error:  # a user's objective may raise anything
        return short_hash(f"raises {type(error).__name__}")
