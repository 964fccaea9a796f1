"""What all executors that hand runs to workers share: batches, deaths, limits and GPUs.

Each adds how a worker is started, spoken to and ended.
"""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from optathlon.errors import OptathlonError, UsageError
from optathlon.experiments.executors.executor import Assignment, Executor
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
)
from optathlon.running.gpus import GpuPool
from optathlon.running.journal import PATIENCE_S
from optathlon.running.limits import TimeLimit
from optathlon.running.runs import RunSpec
from optathlon.trial import Status

_BATCH_S = 1.0
"""A batch should take about this long."""
_MOST_PER_BATCH = 200
_ATTEMPTS = 2
"""How often a run may take its worker down before it is recorded as crashed."""
TICK_S = 0.2
_LATE_S = 10.0
"""A run that does not end by itself so many seconds after its limit is ended with its worker."""


@dataclass(eq=False)
class WorkerHandle(ABC):
    """The driver's view of a worker."""

    number: int
    starting: bool = True
    busy: bool = True
    """Until it reports that it is ready, first for the start and then for each order."""
    check: Verify | None = None
    runs: deque[RunSpec] = field(default_factory=deque)
    """Those of the present batch that have not ended; the first is going on."""
    unstored: dict[str, tuple[RunSpec, Ended]] = field(default_factory=dict)
    """Those that have ended but are not known to be on disk."""
    gpus: tuple[float, list[str]] = (0.0, [])
    began: float = 0.0
    """When the run that is going on began, on the monotonic clock; earlier by what earlier processes spent on it."""
    limited_since: float = math.inf
    """The same, once the worker has said that its limit counts."""

    def give(self, order: Order) -> None:
        """Hand an order to the idle worker."""
        self.busy = True
        if isinstance(order, Verify):
            self.check = order
        elif isinstance(order, Batch):
            self.runs = deque(order.runs)
            self.expect_next()
        self.send(order)

    def expect_next(self) -> None:
        """The next run begins, as far as the driver can tell."""
        self.began, self.limited_since = time.monotonic(), math.inf

    @property
    def seconds(self) -> float:
        """How long the run that is going on has taken."""
        return time.monotonic() - self.began

    def is_late(self, limit: float, patience: float = 0.0) -> bool:
        """Whether the run that is going on has taken so many seconds longer than its limit."""
        return bool(self.runs) and time.monotonic() - self.limited_since > limit + patience

    @abstractmethod
    def send(self, order: Order) -> None:
        """Send an order; a worker that has just died is buried with it later."""

    @abstractmethod
    def reports(self) -> list[Report]:
        """What the worker has reported since the last call."""

    @abstractmethod
    def death(self) -> str | None:
        """How the worker died, to follow "it died"; `None` while it lives."""

    @abstractmethod
    def kill(self) -> None:
        """End the worker at once, whatever it does, and let go of it."""


class WorkerPool(Executor):
    """Does runs in as many workers as the assignment has jobs."""

    def __init__(self, options: Any, assignment: Assignment) -> None:
        self._options = options
        self._size = assignment.jobs
        self._settings = assignment.settings
        self._watcher = assignment.watcher
        self._gpus = GpuPool([])
        self._workers: list[WorkerHandle] = []
        self._queues: dict[float, deque[RunSpec]] = {}
        self._checks: deque[Verify] = deque()
        self._attempts: dict[str, int] = {}
        self._seconds, self._count = 0.0, 0

    def run(self, runs: Sequence[RunSpec], stored_fingerprints: Mapping[str, str]) -> None:
        """Do all runs; see `Executor`."""
        for spec in runs:
            self._queues.setdefault(spec.gpus, deque()).append(spec)
        gpus = {spec.task: spec.gpus for spec in runs}
        self._checks = deque(Verify(task, value, gpus.get(task, 0.0)) for task, value in stored_fingerprints.items())
        try:
            for number in range(min(self._size, self._queued)):
                self._workers.append(self.start_worker(number))
            while self._has_work:
                self.wait(self._workers, TICK_S)
                for worker in list(self._workers):
                    self._serve(worker)
                self._feed_idle_workers()
                self._tick()
        finally:
            self.stop_workers(self._workers)
            self._workers.clear()

    @abstractmethod
    def start_worker(self, number: int) -> WorkerHandle:
        """Start a worker; it reports when it is ready."""

    @abstractmethod
    def wait(self, workers: Sequence[WorkerHandle], seconds: float) -> None:
        """Wait until one of the workers may have news, for so many seconds at most."""

    @abstractmethod
    def stop_workers(self, workers: Sequence[WorkerHandle]) -> None:
        """Let the workers store what they have finished, and end them."""

    def next_check(self, worker: WorkerHandle) -> Verify | None:
        """The next check that the worker can do."""
        return self._checks.popleft() if self._checks else None

    def lend_gpus(self, worker: WorkerHandle, amount: float, count: int) -> list[str] | None:
        """What each of `count` processes of the worker sees that needs so many GPUs; `None` where they must wait."""
        return self._gpus.take(amount, count) if amount else []

    @property
    def _queued(self) -> int:
        return sum(map(len, self._queues.values()))

    @property
    def _has_work(self) -> bool:
        """Workers that have not started yet need not be waited for."""
        at_work = (worker.busy and not worker.starting for worker in self._workers)
        return bool(self._queued or self._checks) or any(at_work) or any(worker.unstored for worker in self._workers)

    def _tick(self) -> None:
        begun = [worker.runs for worker in self._workers if worker.runs]
        self._watcher.tick([runs[0] for runs in begun], self._queued + sum(map(len, begun)))

    def _serve(self, worker: WorkerHandle) -> None:
        death = worker.death()
        for report in worker.reports():
            self._hear(worker, report)
        limit = self._settings.limits.run_seconds or math.inf
        if death is not None and worker.is_late(limit):
            self._give_up(worker, f"{TimeLimit(limit)}, and its worker process died {death}")
        elif death is not None:
            self._bury(worker, f"the worker process died {death}", Status.CRASHED)
        elif worker.is_late(limit, _LATE_S):
            worker.kill()
            self._give_up(worker, f"{TimeLimit(limit)}, and did not stop")

    def _give_up(self, worker: WorkerHandle, reason: str) -> None:
        """Record a run that was over its limit when its worker ended."""
        self._attempts[worker.runs[0].id] = _ATTEMPTS
        self._bury(worker, reason, Status.TIMEOUT)

    def _hear(self, worker: WorkerHandle, report: Report) -> None:
        match report:
            case Began(_, elapsed):
                worker.began = worker.limited_since = time.monotonic() - elapsed
            case Ended():
                spec = worker.runs.popleft()
                worker.unstored[spec.id] = spec, report
                worker.expect_next()
                self._seconds, self._count = self._seconds + report.seconds, self._count + 1
            case RunElsewhere():
                self._watcher.elsewhere(worker.runs.popleft())
                worker.expect_next()
            case Stored(runs):
                for run in runs:
                    _, ended = worker.unstored.pop(run)
                    self._watcher.ended(ended.status, ended.reason)
            case Ready():
                worker.starting = worker.busy = False
                worker.check = None
                self._take_back_gpus(worker)
            case Refused(message):
                raise UsageError(message)
            case Interrupted(error):
                raise error

    def _feed_idle_workers(self) -> None:
        for worker in self._workers:
            if not worker.busy:
                self._feed(worker)

    def _feed(self, worker: WorkerHandle) -> None:
        if (check := self.next_check(worker)) is not None:
            worker.give(check)
        elif self._checks or any(other.check for other in self._workers):
            return
        elif (batch := self._next_batch(worker)) is not None:
            worker.give(batch)
        elif worker.unstored:
            worker.give(Flush())

    def _next_batch(self, worker: WorkerHandle) -> Batch | None:
        """The next runs for which there are GPUs: one where it needs GPUs or is tried again, else about a second's."""
        for gpus, queue in self._queues.items():
            self._drop_done(queue)
            if not queue:
                continue
            masks = self.lend_gpus(worker, gpus, queue[0].at_once)
            if masks is None:
                continue
            worker.gpus = gpus, masks
            size = 1 if gpus or queue[0].id in self._attempts else self._batch_size(len(queue))
            batch = [queue.popleft()]
            while len(batch) < size and queue and queue[0].id not in self._attempts:
                batch.append(queue.popleft())
                self._drop_done(queue)
            return Batch(batch, masks or None, 0.0 if batch[0].id in self._attempts else PATIENCE_S)
        return None

    def _drop_done(self, queue: deque[RunSpec]) -> None:
        while queue and self._watcher.is_done(queue[0]):
            self._watcher.elsewhere(queue.popleft())

    def _batch_size(self, queued: int) -> int:
        mean = self._seconds / self._count if self._count else _BATCH_S
        fair = -(-queued // (2 * self._size))
        return min(_MOST_PER_BATCH, fair, int(_BATCH_S / max(mean, 1e-4)))

    def _take_back_gpus(self, worker: WorkerHandle) -> None:
        self._gpus.give_back(*worker.gpus)
        worker.gpus = 0.0, []

    def _bury(self, worker: WorkerHandle, reason: str, status: Status) -> None:
        """What a dead worker had not stored goes back into the queue, or is given up after too many attempts."""
        seconds = worker.seconds
        worker.kill()
        self._workers.remove(worker)
        self._take_back_gpus(worker)
        if worker.starting and not self._may_try_again(f"worker {worker.number}"):
            raise OptathlonError(f"{reason} before it could do any run")
        if worker.check is not None:
            if not self._may_try_again(worker.check.task):
                raise OptathlonError(f"{reason}, twice, when it checked {worker.check.task!r}")
            self._checks.append(worker.check)
        again = []
        for spec, ended in worker.unstored.values():
            if self._watcher.is_stored(spec):
                self._watcher.ended(ended.status, ended.reason)
            elif self._may_try_again(spec.id):
                again.append(spec)
            else:
                self._watcher.lost(spec, status, f"{reason} before it had stored the run", ended.seconds)
        if worker.runs:
            running = worker.runs.popleft()
            if self._may_try_again(running.id):
                again.append(running)
            else:
                self._watcher.lost(running, status, reason, seconds)
        for spec in reversed([*again, *worker.runs]):
            self._queues[spec.gpus].appendleft(spec)
        if self._queued or self._checks:
            self._workers.append(self.start_worker(worker.number))

    def _may_try_again(self, id: str) -> bool:
        """Whether what was going on in a worker that died may be tried again."""
        self._attempts[id] = self._attempts.get(id, 0) + 1
        return self._attempts[id] < _ATTEMPTS
