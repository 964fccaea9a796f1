"""A worker process: takes batches of runs, does them, and appends them to the results folder."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, lru_cache
from multiprocessing.connection import Connection
from pathlib import Path
from types import FrameType

from optathlon.errors import UsageError
from optathlon.registry import OptimizerChoice, choose_optimizer, load_plugin, make_task
from optathlon.runs import RunSpec, execute
from optathlon.store.folder import ResultsFolder
from optathlon.store.rows import Session, run_row
from optathlon.store.writer import ShardWriter
from optathlon.task import Task, short_hash
from optathlon.trial import Status

_FLUSH_AFTER_S = 0.5
_TASKS_KEPT = 4


@dataclass(frozen=True)
class WorkerSettings:
    """What a worker needs to know."""

    folder: ResultsFolder
    session: Session
    plugins: tuple[Path, ...]
    driver: int
    """The driver's process id; a worker whose driver is gone stores nothing more."""


@dataclass(frozen=True, slots=True)
class Verify:
    """Order: compare fingerprints of tasks (by id) with those of the results folder."""

    fingerprints: dict[str, str]


@dataclass(frozen=True, slots=True)
class Ended:
    """Report: a run has ended; it may not be stored yet."""

    run: str
    status: Status
    seconds: float


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


Order = list[RunSpec] | Verify
Report = Ended | Stored | Ready | Refused


class _Stop(BaseException):
    """The driver asked this worker to stop."""


class Worker:
    """Carries out the driver's orders, one after the other."""

    def __init__(self, connection: Connection, settings: WorkerSettings) -> None:
        self._connection = connection
        self._settings = settings
        self._writer = ShardWriter(settings.folder)
        self._flushed = time.monotonic()
        self._stopping = False
        self._interruptible = False

    def serve(self) -> None:
        """Work until the driver closes the connection, goes away, or asks to stop."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, self._on_stop)
        try:
            for plugin in self._settings.plugins:
                load_plugin(plugin)
            while True:
                self._connection.send(Ready())
                with self._interrupting():
                    order = self._connection.recv()
                self._carry_out(order)
        except UsageError as refusal:
            self._connection.send(Refused(str(refusal)))
        except (_Stop, EOFError, BrokenPipeError, ConnectionResetError):
            pass
        finally:
            if os.getppid() == self._settings.driver:
                self._writer.flush()

    def _carry_out(self, order: Order) -> None:
        if isinstance(order, Verify):
            for task_id, expected in order.fingerprints.items():
                self._verify(task_id, expected)
            return
        for spec in order:
            self._do(spec)
        self._flush()

    def _do(self, spec: RunSpec) -> None:
        task = _task(spec.task)
        fingerprint = _fingerprint(spec.task)
        optimizer = _optimizer(spec.optimizer)
        started, began = datetime.now(UTC), time.perf_counter()
        with self._interrupting():
            outcome = execute(spec, optimizer, task)
        seconds = time.perf_counter() - began
        if self._stopping:  # a library may have swallowed the request and gone on in some other way
            raise _Stop
        self._writer.describe(task, fingerprint)
        self._writer.add(
            run_row(spec, outcome, self._settings.session, optimizer.options, fingerprint, started, seconds),
            outcome.trials,
        )
        self._connection.send(Ended(spec.id, outcome.status, seconds))
        if time.monotonic() - self._flushed > _FLUSH_AFTER_S:
            self._flush()

    def _flush(self) -> None:
        if os.getppid() != self._settings.driver:
            raise _Stop
        self._connection.send(Stored(self._writer.flush()))
        self._flushed = time.monotonic()

    def _verify(self, task_id: str, expected: str) -> None:
        found = _fingerprint(task_id)
        if found != expected:
            raise UsageError(
                f"the task {task_id!r} gives other values now than those in {str(self._settings.folder.path)!r} "
                f"(fingerprint {found}, stored {expected}): its data or code changed; give another --out folder"
            )

    @contextmanager
    def _interrupting(self) -> Iterator[None]:
        """Within this block a request to stop takes effect at once; elsewhere it waits for the next such block."""
        self._interruptible = True
        try:
            if self._stopping:
                raise _Stop
            yield
        finally:
            self._interruptible = False

    def _on_stop(self, _signal: int, _frame: FrameType | None) -> None:
        self._stopping = True
        if self._interruptible:
            raise _Stop


def work(connection: Connection, settings: WorkerSettings, scratch: str) -> None:
    """The entry point of a worker process, whose temporary files go to the folder `scratch`."""
    tempfile.tempdir = scratch
    threading.Thread(target=_end_with_driver, args=(scratch,), daemon=True).start()
    Worker(connection, settings).serve()


def _end_with_driver(scratch: str) -> None:
    """End this process as soon as its driver is gone, whatever it does: a repeated command does the run anew."""
    driver = multiprocessing.parent_process()
    if driver is not None:
        driver.join()
        shutil.rmtree(scratch, ignore_errors=True)
        os._exit(1)


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
