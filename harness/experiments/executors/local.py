"""Runs on this machine, in persistent worker processes."""

from __future__ import annotations

import multiprocessing
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import wait
from multiprocessing.context import ForkContext, SpawnContext
from pathlib import Path

from optathlon.errors import UsageError
from optathlon.experiments.executors.messages import Order, Report
from optathlon.experiments.executors.pool import WorkerHandle, WorkerPool
from optathlon.experiments.executors.process import WorkerProcess
from optathlon.running.environment import is_pinned
from optathlon.running.gpus import GpuPool, gpu_shortage, visible_gpus
from optathlon.running.runs import RunSpec

_GRACE_S = 5.0


@dataclass(eq=False, kw_only=True)
class _LocalWorker(WorkerHandle):
    """A worker process on this machine."""

    process: WorkerProcess

    def send(self, order: Order) -> None:
        """Send an order through the pipe."""
        self.process.send(order)

    def reports(self) -> list[Report]:
        """What lies in the pipe."""
        return self.process.reports()

    def death(self) -> str | None:
        """By signal or exit code."""
        return self.process.death()

    def kill(self) -> None:
        """End the process and close the pipe."""
        self.process.end()


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
        others = [worker.process for worker in _local(self._workers)]
        process = WorkerProcess(self._context, self._settings, number, Path(self._scratch), others)
        return _LocalWorker(number, process=process)

    def wait(self, workers: Sequence[WorkerHandle], seconds: float) -> None:
        """Wait for a message or a death."""
        wait([signal for worker in _local(workers) for signal in worker.process.signals], seconds)

    def stop_workers(self, workers: Sequence[WorkerHandle]) -> None:
        """Ask busy processes to stop, let the idle ones see that the pipe is closed, and wait a while for all."""
        for worker in _local(workers):
            worker.process.ask_to_stop(busy=worker.busy)
        deadline = time.monotonic() + _GRACE_S
        for worker in _local(workers):
            worker.process.end(max(0.0, deadline - time.monotonic()))


def _local(workers: Sequence[WorkerHandle]) -> list[_LocalWorker]:
    return [worker for worker in workers if isinstance(worker, _LocalWorker)]


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
