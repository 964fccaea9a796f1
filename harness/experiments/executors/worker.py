"""What a worker does, wherever it is: takes orders, does runs, and appends them to the results folder."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache, lru_cache, partial
from pathlib import Path
from types import FrameType

from optathlon.errors import Interruption, StorageError, UsageError, storage_errors
from optathlon.experiments.executors.messages import (
    Batch,
    Began,
    Ended,
    Flush,
    Interrupted,
    Order,
    Ready,
    Refused,
    Report,
    RunElsewhere,
    Stored,
    Verify,
    WorkerSettings,
)
from optathlon.registry.optimizers import OptimizerChoice, choose_optimizer
from optathlon.registry.tasks import make_task
from optathlon.resources import Resources
from optathlon.results.drivers import OtherDrivers, shard_files
from optathlon.results.rows import run_row
from optathlon.results.writer import ShardWriter
from optathlon.running.accounting import RunOutcome
from optathlon.running.evaluation import fingerprint_of
from optathlon.running.evaluators import Processes, isolated_fingerprint, make_evaluator
from optathlon.running.interruption import Ending, forget, held, interrupt
from optathlon.running.isolation import EvaluationProcess
from optathlon.running.journal import DoneElsewhere, Journal, journal_path, salvaged
from optathlon.running.limits import TimeLimit, TimeUp
from optathlon.running.runs import RunSpec, execute
from optathlon.task import Task, agree, lasting
from optathlon.trial import Status

_FLUSH_AFTER_S, _FLUSH_BEFORE_S, _FLUSH_SHARE = 0.5, 20.0, 0.02
"""Finished runs are stored after this share of a worker's lifetime, within these bounds: more would be lost by a kill,
less would make more files. Runs with a journal are not lost in any case."""
_TASKS_KEPT = 4


class Stop(Ending):
    """The driver asked this worker to stop."""


class Worker:
    """Follows orders, one after the other.

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
        self._others = OtherDrivers(settings.folder, settings.record, shard_files(settings.folder.path))
        self._session = replace(settings.session, host=platform.node())
        self._processes = Processes(settings.plugins.files, number, scratch)
        self._fingerprints: dict[str, str] = {}
        self._journals: dict[str, Journal] = {}
        self._news: list[Report] = []
        self._began = self._flushed = time.monotonic()
        self._interruptible = False
        self._stopping = False
        _task.cache_clear()
        _optimizer.cache_clear()
        settings.plugins.load()

    def handle(self, order: Order) -> Iterator[Report]:
        """Do what the order says; the last report is `Ready`, or says why there will be no more."""
        try:
            match order:
                case Verify(task_id, expected):
                    self._verify(task_id, expected)
                case Batch(runs):
                    for spec in runs:
                        yield from self._do(spec, order)
                    if not order.patience:  # a worker died with it: what comes next must not be blamed on it
                        self._flush()
                case Flush():
                    self._flush()
            yield from self._tell()
            yield Ready()
        except UsageError as refusal:
            yield Refused(str(refusal))
        except Interruption as error:
            yield Interrupted(error)

    def stop(self, _signal: int, _frame: FrameType | None) -> None:
        """Raise `Stop` as soon as that does no harm; a signal handler."""
        self._stopping = True
        if self._interruptible:
            interrupt(Stop())

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
            forget(Stop)

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

    def _tell(self) -> Iterator[Report]:
        """What is new, as a generator: Ray sends to what `handle` yields from."""
        news, self._news = self._news, []
        return (report for report in news)

    def _do(self, spec: RunSpec, batch: Batch) -> Iterator[Report]:
        task, optimizer = _task(spec.task), self._optimizer(spec.optimizer)
        resources = task.resources.within(self._settings.limits)
        processes: list[EvaluationProcess] = []
        if resources.needs_process or spec.at_once > 1:
            processes = self._processes.get(spec.at_once, resources.cpus, batch.gpus)
        fingerprint = self._fingerprint(task, resources, processes)
        started, began = datetime.now(UTC), time.perf_counter()
        evaluator = partial(make_evaluator, spec, task, resources, processes)
        try:
            journal = self._journals[spec.id] = self._journal(spec, fingerprint, batch.patience)
            if self._settings.limits.run_seconds or journal.elapsed:
                yield Began(spec.id, journal.elapsed)
            run = partial(execute, spec, optimizer, task, evaluator, journal, fail_fast=self._settings.limits.fail_fast)
            outcome = self._limited(spec, journal, run)
        except DoneElsewhere:
            if abandoned := self._journals.pop(spec.id, None):
                abandoned.remove()
            self._news.append(RunElsewhere(spec.id))
            yield from self._tell()
            return
        finally:
            for process in processes:
                process.stop_if_busy()
        seconds = journal.elapsed + time.perf_counter() - began
        if self._stopping:  # a library may have swallowed the request and gone on in some other way
            raise Stop
        self._writer.describe(task, fingerprint)
        self._writer.add(
            run_row(spec, outcome, self._session, optimizer.options, lasting(fingerprint), started, seconds),
            outcome.trials,
        )
        self._news.append(Ended(spec.id, outcome.status, seconds, outcome.reason))
        if time.monotonic() - self._flushed > self._flush_after:
            self._flush()
        yield from self._tell()

    def _optimizer(self, id: str) -> OptimizerChoice:
        """The optimizer; `UsageError` where it is other code here than where its runs were planned."""
        optimizer = _optimizer(id)
        if difference := self._session.code_of(id).difference(optimizer.code):
            raise UsageError(
                f"the optimizer {id!r} is other code for a worker on {platform.node()} than for the command "
                f"({difference}): give both the same files and packages, and repeat the command"
            )
        return optimizer

    def _journal(self, spec: RunSpec, fingerprint: str, patience: float) -> Journal:
        """The run's journal. Once a run turns out to be long, what has ended is stored: it should not wait."""
        limit = self._settings.limits.run_seconds
        path = journal_path(self._settings.folder.path, spec.id)
        code = self._session.code_of(spec.optimizer).id
        identity = {"run": spec.id, "attempt": spec.attempt, "fingerprint": lasting(fingerprint), "code": code}
        return Journal(path, identity, min(patience, limit / 2) if limit else patience, partial(self._on_long, spec))

    def _on_long(self, spec: RunSpec) -> None:
        """Nobody else is at the run, as its journal is locked; but another driver may have stored it by now."""
        if self._others.have_just_stored(spec):
            raise DoneElsewhere(f"another process has stored the run {spec.id}")
        self._flush()

    def _limited(self, spec: RunSpec, journal: Journal, run: Callable[..., RunOutcome]) -> RunOutcome:
        """The outcome of a run that can be stopped, and ends at its limit."""
        limit = TimeLimit(self._settings.limits.run_seconds, journal.elapsed)
        try:
            with self.interruptible(), limit.enforced(journal.keep):
                outcome = run(limit=limit)
        except TimeUp:  # it came a moment after the run had ended
            return salvaged(journal.trials, spec.budget, Status.TIMEOUT, str(limit))
        if limit.is_up and len(outcome.trials) < len(journal.trials):  # it came while the journal was replayed
            return salvaged(journal.trials, spec.budget, outcome.status, outcome.reason)
        return outcome

    @property
    def _flush_after(self) -> float:
        lifetime = time.monotonic() - self._began
        return min(max(_FLUSH_AFTER_S, _FLUSH_SHARE * lifetime), _FLUSH_BEFORE_S)

    def _flush(self) -> None:
        if not self._has_driver:
            raise Stop
        with held():
            with storage_errors(self._settings.folder.path):
                stored = self._writer.flush()
            for run in stored:
                self._journals.pop(run).remove()
            self._flushed = time.monotonic()
            self._news.append(Stored(stored))

    def _verify(self, task_id: str, expected: str) -> None:
        task = _task(task_id)
        resources = task.resources.within(self._settings.limits)
        processes = self._processes.get(1, resources.cpus, None) if resources.needs_process else []
        found = self._fingerprint(task, resources, processes)
        if not agree(found, expected):
            raise UsageError(
                f"the task {task_id!r} gives other values now than those in {str(self._settings.folder.path)!r} "
                f"(fingerprint {found}, stored {expected}): its data or code changed; give another --out folder, or "
                "raise its version"
            )

    def _fingerprint(self, task: Task, resources: Resources, processes: Sequence[EvaluationProcess]) -> str:
        if task.id not in self._fingerprints:
            here = not resources.needs_process
            self._fingerprints[task.id] = (
                fingerprint_of(task) if here else isolated_fingerprint(task, resources, processes[0])
            )
        return self._fingerprints[task.id]


@lru_cache(maxsize=_TASKS_KEPT)
def _task(task_id: str) -> Task:
    return make_task(task_id)


@cache
def _optimizer(optimizer_id: str) -> OptimizerChoice:
    return choose_optimizer(optimizer_id)
