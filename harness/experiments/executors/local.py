"""Runs on this machine, in persistent worker processes."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkContext, SpawnContext
from multiprocessing.process import BaseProcess
from pathlib import Path

from optathlon.errors import UsageError
from optathlon.experiments.executors.messages import Interrupted, Order, Ready, Refused, Report, WorkerSettings
from optathlon.experiments.executors.pool import WorkerHandle, WorkerPool
from optathlon.experiments.executors.worker import Stop, Worker
from optathlon.running.environment import is_pinned, pinned
from optathlon.running.gpus import GpuPool, gpu_shortage, visible_gpus
from optathlon.running.isolation import cause
from optathlon.running.runs import RunSpec

_GRACE_S = 5.0


@dataclass(eq=False, kw_only=True)
class _LocalWorker(WorkerHandle):
    """A worker process, and our end of the pipe to it."""

    process: BaseProcess
    connection: Connection

    def send(self, order: Order) -> None:
        """Send an order through the pipe."""
        with contextlib.suppress(BrokenPipeError):
            self.connection.send(order)

    def reports(self) -> list[Report]:
        """What lies in the pipe."""
        found = []
        with contextlib.suppress(EOFError, ConnectionResetError):
            while self.connection.poll():
                found.append(self.connection.recv())
        return found

    def death(self) -> str | None:
        """By signal or exit code."""
        return None if self.process.is_alive() else cause(self.process.exitcode)

    def kill(self) -> None:
        """End the process and close the pipe."""
        _end(self.process, 0.0)
        self.connection.close()


class LocalExecutor(WorkerPool):
    """Does runs on this machine in worker processes; see `WorkerPool`."""

    @classmethod
    def available_gpus(cls) -> float:
        """Those that this process sees."""
        return len(visible_gpus())

    def run(self, runs: Sequence[RunSpec], stored_fingerprints: Mapping[str, str]) -> None:
        """Do all runs; see `Executor`. Raises `UsageError` where a run needs more GPUs than there are."""
        if any(spec.gpus for spec in runs):
            self._gpus = _gpus_for(runs)
        self._context = _context()
        with tempfile.TemporaryDirectory(prefix="optathlon-") as self._scratch:
            super().run(runs, stored_fingerprints)

    def start_worker(self, number: int) -> WorkerHandle:
        """Start a process."""
        ours, theirs = self._context.Pipe()
        others = [worker.connection for worker in self._workers if isinstance(worker, _LocalWorker)]
        inherited = [ours, *others] if isinstance(self._context, ForkContext) else []
        arguments = (theirs, self._settings, number, inherited, Path(self._scratch))
        process = self._context.Process(target=_work, args=arguments)
        with pinned():
            process.start()
        theirs.close()
        return _LocalWorker(number, process=process, connection=ours)

    def wait(self, workers: Sequence[WorkerHandle], seconds: float) -> None:
        """Wait for a message or a death."""
        local = [worker for worker in workers if isinstance(worker, _LocalWorker)]
        wait([signal for worker in local for signal in (worker.connection, worker.process.sentinel)], seconds)

    def stop_workers(self, workers: Sequence[WorkerHandle]) -> None:
        """Ask busy processes to stop, let the idle ones see that the pipe is closed, and wait a while for all."""
        local = [worker for worker in workers if isinstance(worker, _LocalWorker)]
        for worker in local:
            if worker.busy:
                worker.process.terminate()
            worker.connection.close()
        deadline = time.monotonic() + _GRACE_S
        for worker in local:
            _end(worker.process, max(0.0, deadline - time.monotonic()))


def _gpus_for(runs: Sequence[RunSpec]) -> GpuPool:
    """The GPUs of this machine; `UsageError` where a run would wait for them forever."""
    gpus = visible_gpus()
    for task, amount, at_once in {(spec.task, spec.gpus, spec.at_once) for spec in runs}:
        if missing := gpu_shortage(amount, at_once, len(gpus)):
            raise UsageError(f"{task!r} can't be done on this machine: {missing}: do it where they are")
    return GpuPool(gpus)


def _context() -> ForkContext | SpawnContext:
    """Forking is quick, and safe while this process runs no threads of its own; it needs a pinned environment."""
    forks = sys.platform == "linux" and is_pinned()
    return multiprocessing.get_context("fork") if forks else multiprocessing.get_context("spawn")


def _work(
    connection: Connection, settings: WorkerSettings, number: int, inherited: list[Connection], scratch: Path
) -> None:
    """The life of a worker process, until the driver closes the connection, goes away, or asks to stop."""
    for other in inherited:  # a worker must notice when its driver is gone
        other.close()
    tempfile.tempdir = str(scratch)
    threading.Thread(target=_end_with_driver, args=(scratch,), daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError, Stop):
        try:
            worker = Worker(settings, number, scratch)
        except UsageError as refusal:
            connection.send(Refused(str(refusal)))
            return
        signal.signal(signal.SIGTERM, worker.stop)
        try:
            _serve(worker, connection)
        finally:
            worker.close()


def _serve(worker: Worker, connection: Connection) -> None:
    connection.send(Ready())
    while True:
        with worker.interruptible():
            order = connection.recv()
        for report in worker.handle(order):
            connection.send(report)
            if isinstance(report, Refused | Interrupted):
                return


def _end_with_driver(scratch: Path) -> None:
    """End this process as soon as its driver is gone, whatever it does: a repeated command does the run again."""
    driver = multiprocessing.parent_process()
    if driver is not None:
        driver.join()
        shutil.rmtree(scratch, ignore_errors=True)
        os._exit(1)


def _end(process: BaseProcess, patience: float) -> None:
    """Wait for a process to end, for `patience` seconds at most; then kill it."""
    process.join(patience)
    if process.is_alive():
        process.kill()
        process.join()
