"""Local parallel execution: persistent worker processes that take batches of runs."""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkContext, SpawnContext
from multiprocessing.process import BaseProcess

from optathlon.environment import is_pinned, pinned
from optathlon.errors import OptathlonError, UsageError
from optathlon.executors.worker import Ended, Order, Ready, Refused, Report, Stored, Verify, WorkerSettings, work
from optathlon.runs import RunSpec
from optathlon.trial import Status

_BATCH_S = 1.0
"""A batch should take about this long: a killed grid loses at most as much per worker."""
_MOST_PER_BATCH = 200
_ATTEMPTS = 2
"""How often a run may take its worker down before it is recorded as crashed."""
_TICK_S = 0.2
_GRACE_S = 5.0


@dataclass
class _Worker:
    """The driver's view of a worker process."""

    process: BaseProcess
    connection: Connection
    starting: bool = True
    check: Verify | None = None
    unstored: dict[str, RunSpec] = field(default_factory=dict)
    ended: dict[str, Status] = field(default_factory=dict)
    busy: bool = True
    """Until it reports that it is ready, first for the start and then for each order."""

    def give(self, order: Order) -> None:
        self.busy = True
        self.ended.clear()
        if isinstance(order, Verify):
            self.check = order
        else:
            self.unstored = {spec.id: spec for spec in order}
        with contextlib.suppress(BrokenPipeError):  # a worker that has just died is buried with this order
            self.connection.send(order)


class LocalExecutor:
    """Does runs on this machine in `jobs` worker processes.

    Parameters
    ----------
    jobs:
        Number of worker processes.
    settings:
        What the workers need to know.
    on_end:
        Called with the status of each run that is stored.
    on_death:
        Called with a run that took its worker down repeatedly, and the reason; it must record the run.
    on_tick:
        Called a few times a second.
    """

    def __init__(
        self,
        jobs: int,
        settings: WorkerSettings,
        on_end: Callable[[Status], None],
        on_death: Callable[[RunSpec, str], None],
        on_tick: Callable[[], None],
    ) -> None:
        self._jobs = jobs
        self._settings = settings
        self._on_end = on_end
        self._on_death = on_death
        self._on_tick = on_tick
        self._context = _context()
        self._workers: list[_Worker] = []
        self._queue: deque[RunSpec] = deque()
        self._checks: deque[Verify] = deque()
        self._attempts: dict[str, int] = {}
        self._seconds, self._count = 0.0, 0

    def run(self, runs: Iterable[RunSpec], stored_fingerprints: dict[str, str]) -> None:
        """Do all runs. Tasks that the results folder has already are verified before anything runs.

        Raises `UsageError` where a task can't be run, after all workers have stored what they had finished. A
        KeyboardInterrupt stops the workers in the same way and goes on.
        """
        self._queue = deque(runs)
        self._checks = deque(Verify({id: fingerprint}) for id, fingerprint in stored_fingerprints.items())
        with tempfile.TemporaryDirectory(prefix="optathlon-") as self._scratch:
            try:
                for _ in range(min(self._jobs, len(self._queue))):
                    self._start_worker()
                while any(worker.busy for worker in self._workers) or self._queue or self._checks:
                    self._serve_once()
            finally:
                self._stop_workers()

    def _serve_once(self) -> None:
        signals = [signal for worker in self._workers for signal in (worker.connection, worker.process.sentinel)]
        ready = wait(signals, _TICK_S)
        for worker in list(self._workers):
            if worker.connection in ready or worker.process.sentinel in ready:
                try:
                    while worker.connection.poll():
                        self._handle(worker, worker.connection.recv())
                except (EOFError, ConnectionResetError):
                    self._bury(worker)
                    continue
                if worker.process.sentinel in ready:
                    self._bury(worker)
        self._on_tick()

    def _handle(self, worker: _Worker, report: Report) -> None:
        match report:
            case Ended(run, status, seconds):
                worker.ended[run] = status
                self._seconds, self._count = self._seconds + seconds, self._count + 1
            case Stored(runs):
                for run in runs:
                    del worker.unstored[run]
                    self._on_end(worker.ended[run])
            case Ready():
                worker.starting = worker.busy = False
                worker.check = None
                self._feed_idle_workers()
            case Refused(message):
                raise UsageError(message)

    def _feed_idle_workers(self) -> None:
        for worker in [worker for worker in self._workers if not worker.busy]:
            if self._checks:
                worker.give(self._checks.popleft())
            elif self._queue and not self._verifying:
                worker.give(self._next_batch())

    @property
    def _verifying(self) -> bool:
        return any(worker.check for worker in self._workers)

    def _next_batch(self) -> list[RunSpec]:
        """The next runs, as many as take about a second; a run that has taken a worker down goes alone."""
        first = self._queue.popleft()
        batch = [first]
        if first.id in self._attempts:
            return batch
        mean = self._seconds / self._count if self._count else _BATCH_S
        fair = -(-len(self._queue) // (2 * self._jobs))
        size = min(_MOST_PER_BATCH, fair, int(_BATCH_S / max(mean, 1e-4)))
        while self._queue and len(batch) < size and self._queue[0].id not in self._attempts:
            batch.append(self._queue.popleft())
        return batch

    def _start_worker(self) -> None:
        ours, theirs = self._context.Pipe()
        inherited = (
            [ours, *(worker.connection for worker in self._workers)] if isinstance(self._context, ForkContext) else []
        )
        process = self._context.Process(target=_work, args=(theirs, self._settings, inherited, self._scratch))
        with pinned():
            process.start()
        theirs.close()
        self._workers.append(_Worker(process, ours))

    def _bury(self, worker: _Worker) -> None:
        """A worker died: what it had not stored goes back into the queue, or is given up after too many attempts."""
        _end(worker.process, _GRACE_S)
        worker.connection.close()
        self._workers.remove(worker)
        cause = _cause(worker.process.exitcode)
        if worker.starting:
            raise OptathlonError(f"a worker process died {cause} before it could do any run")
        if worker.check is not None:
            if not self._may_try_again(*worker.check.fingerprints):
                raise OptathlonError(
                    f"checking the task {', '.join(worker.check.fingerprints)} killed a worker {cause}"
                )
            self._checks.append(worker.check)
        running = next((spec for id, spec in worker.unstored.items() if id not in worker.ended), None)
        again = [spec for spec in worker.unstored.values() if spec is not running]
        if running is not None and self._may_try_again(running.id):
            again.append(running)
        elif running is not None:
            self._on_death(running, f"the worker process died {cause}, {_ATTEMPTS} times")
        self._queue.extendleft(reversed(again))
        if self._queue or self._checks:
            self._start_worker()

    def _may_try_again(self, *ids: str) -> bool:
        """Whether what was going on in a worker that died may be tried again."""
        for id in ids:
            self._attempts[id] = self._attempts.get(id, 0) + 1
        return max(self._attempts[id] for id in ids) < _ATTEMPTS

    def _stop_workers(self) -> None:
        """Let the workers store what they have finished, and end them."""
        for worker in self._workers:
            if worker.busy:
                worker.process.terminate()
            worker.connection.close()
        deadline = time.monotonic() + _GRACE_S
        for worker in self._workers:
            _end(worker.process, max(0.0, deadline - time.monotonic()))
        self._workers.clear()


def _context() -> ForkContext | SpawnContext:
    """Forking is quick, and safe while this process runs no threads of its own; it needs a pinned environment."""
    forks = sys.platform == "linux" and is_pinned()
    return multiprocessing.get_context("fork") if forks else multiprocessing.get_context("spawn")


def _work(connection: Connection, settings: WorkerSettings, inherited: list[Connection], scratch: str) -> None:
    """Work, once the driver's ends that a fork inherits are closed: a worker must notice when its driver is gone."""
    for other in inherited:
        other.close()
    work(connection, settings, scratch)


def _end(process: BaseProcess, patience: float) -> None:
    """Wait for a process to end, for `patience` seconds at most; then kill it."""
    process.join(patience)
    if process.is_alive():
        process.kill()
        process.join()


def _cause(exitcode: int | None) -> str:
    if exitcode is not None and exitcode < 0:
        return f"of {signal.Signals(-exitcode).name}"
    return f"with exit code {exitcode}"
