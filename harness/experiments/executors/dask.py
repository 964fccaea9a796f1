"""Runs in worker processes that Dask workers start: on a cluster at an address, or on one started here.

Each thread of a Dask worker is a place for one worker process of ours. All machines see the same files under the same
absolute paths, and have the same packages installed.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import re
import tempfile
import threading
import time
import uuid
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import wait
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import field_validator

from optathlon.errors import UsageError
from optathlon.experiments.executors.executor import Assignment, ExecutorOptions
from optathlon.experiments.executors.messages import (
    Interrupted,
    Order,
    Ready,
    Refused,
    Report,
    WorkerSettings,
)
from optathlon.experiments.executors.pool import WorkerHandle, WorkerPool
from optathlon.experiments.executors.process import WorkerProcess
from optathlon.running.runs import RunSpec

if TYPE_CHECKING:
    from distributed import Client

_CONNECT_S = 10.0
_LOOK_EVERY_S = 1.0
_GRACE_S = 5.0
_IDLE_S = 60.0
"""A worker process without orders for so long ends: its driver may have been killed."""


class DaskOptions(ExecutorOptions):
    """Options of the executor `dask`.

    Attributes
    ----------
    address:
        Of the cluster's scheduler, as `tcp://HOST:8786`. By default a cluster is started on this machine.
    """

    address: str | None = None

    @field_validator("address")
    @classmethod
    def _readable(cls, value: str | None) -> str | None:
        # checked here, as a client that can't read its address complains in a traceback of its own
        if value is not None and not re.fullmatch(r"([a-z]+://)?[^/\s]+:\d+(/\S*)?", value):
            raise ValueError("give tcp://HOST:PORT")
        return value


@dataclass(eq=False, kw_only=True)
class _DaskWorker(WorkerHandle):
    """A worker process on the Dask worker at `place`, which is empty until there is room."""

    executor: DaskExecutor
    key: str
    place: str = ""
    answer: Any = None

    def send(self, order: Order) -> None:
        """Send an order as a task of Dask."""
        self.answer = self.executor.submit(self.place, _handle, self.key, order)

    def reports(self) -> list[Report]:
        """The events that have arrived."""
        news = self.executor.news[self.key]
        return [pickle.loads(news.popleft()) for _ in range(len(news))]

    def death(self) -> str | None:
        """How the process died, as its Dask worker tells, or that this one is gone."""
        if self.place and self.place not in self.executor.places:
            return f"with its Dask worker {self.place}"
        if self.answer is None or not self.answer.done():
            return None
        return str(self.answer.exception()) if self.answer.status == "error" else self.answer.result()

    def kill(self) -> None:
        """End the process at once."""
        self.executor.end([self], patience=0.0)


class DaskExecutor(WorkerPool):
    """Does runs on a Dask cluster; see `WorkerPool`. Workers for which there is no free thread wait for one.

    `run` raises `UsageError` where the cluster can't be reached, and where a run needs GPUs.
    """

    options = DaskOptions
    packages = ("distributed",)
    install = "pip install 'optathlon[dask]'"

    def __init__(self, options: DaskOptions, assignment: Assignment) -> None:
        super().__init__(options, assignment)
        self._settings = self._settings.for_other_machines()
        self.news: dict[str, deque[bytes]] = {}
        self.places: Mapping[str, int] = {}
        self._arrival = threading.Event()
        self._looked = 0.0

    def run(self, runs: Sequence[RunSpec], stored_fingerprints: Mapping[str, str]) -> None:
        """Do all runs; see `Executor`."""
        for spec in runs:
            if spec.gpus:
                raise UsageError(f"{spec.task!r} needs GPUs, which 'dask' doesn't place: give --executor ray or slurm")
        with _connected(self._options.address, self._size) as self._client:
            self._topic = f"optathlon-{uuid.uuid4().hex}"
            self._client.subscribe_topic(self._topic, self._hear_event)
            super().run(runs, stored_fingerprints)

    def start_worker(self, number: int) -> WorkerHandle:
        """A worker that starts as soon as there is room."""
        worker = _DaskWorker(number, executor=self, key=uuid.uuid4().hex)
        self.news[worker.key] = deque()
        return worker

    def wait(self, workers: Sequence[WorkerHandle], seconds: float) -> None:
        """Wait for an event, and look now and then which Dask workers there are."""
        if time.monotonic() - self._looked > _LOOK_EVERY_S:
            self.places, self._looked = self._client.ncores(), time.monotonic()
            self._place(_dask(workers))
        self._arrival.wait(seconds)
        self._arrival.clear()

    def stop_workers(self, workers: Sequence[WorkerHandle]) -> None:
        """Let them store what they have finished, and end them."""
        self.end(_dask(workers), _GRACE_S)

    def submit(self, place: str, function: Any, *arguments: Any) -> Any:
        """The future of a call on the Dask worker at `place`."""
        return self._client.submit(function, *arguments, self._topic, workers=[place], pure=False, retries=0)

    def end(self, workers: Sequence[_DaskWorker], patience: float) -> None:
        """End processes, which have so many seconds to store what they have finished."""
        places = [worker.place for worker in workers if worker.place in self.places]
        if places:
            busy = {worker.key: worker.busy for worker in workers}
            self._client.run(_end, busy, patience, workers=places, on_error="ignore")

    def _place(self, workers: Sequence[_DaskWorker]) -> None:
        used = Counter(worker.place for worker in workers)
        free = deque(place for place, threads in self.places.items() for _ in range(threads - used[place]))
        variables = {name: value for name, value in os.environ.items() if name.startswith("OPTATHLON_")}
        for worker in workers:
            if not worker.place and free:
                worker.place = free.popleft()
                arguments = (worker.key, self._settings, worker.number, variables)
                worker.answer = self.submit(worker.place, _begin, *arguments)

    def _hear_event(self, event: tuple[float, tuple[str, bytes]]) -> None:
        key, report = event[1]
        self.news[key].append(report)
        self._arrival.set()


def _dask(workers: Sequence[WorkerHandle]) -> list[_DaskWorker]:
    return [worker for worker in workers if isinstance(worker, _DaskWorker)]


# What follows runs in Dask workers.

_processes: dict[str, WorkerProcess] = {}
_timers: dict[str, threading.Timer] = {}


def _begin(key: str, settings: WorkerSettings, number: int, variables: Mapping[str, str], topic: str) -> str | None:
    """Start a worker process, and wait until it is ready; how it died, if it did."""
    if multiprocessing.current_process().daemon:
        remedy = "start them with --no-nanny, or with DASK_DISTRIBUTED__WORKER__DAEMON=False in their environment"
        _tell(topic, key, Refused(f"the Dask workers may not start processes: {remedy}"))
        return None
    scratch = Path(tempfile.mkdtemp(prefix="optathlon-"))
    context = multiprocessing.get_context("spawn")
    _processes[key] = WorkerProcess(context, settings, number, scratch, variables=variables)
    return _relay(key, topic)


def _handle(key: str, order: Order, topic: str) -> str | None:
    """Let the worker process do what the order says; how it died, if it did."""
    _timers.pop(key).cancel()
    _processes[key].send(order)
    return _relay(key, topic)


def _relay(key: str, topic: str) -> str | None:
    """Send the reports on one order to the driver."""
    process = _processes[key]
    while True:
        wait(process.signals, _LOOK_EVERY_S)
        death = process.death()
        for report in process.reports():
            if isinstance(report, Ready):
                _timers[key] = threading.Timer(_IDLE_S, _end, [{key: False}, _GRACE_S])
                _timers[key].daemon = True
                _timers[key].start()
            _tell(topic, key, report)
            if isinstance(report, Ready | Refused | Interrupted):
                return None
        if death:
            return death


def _tell(topic: str, key: str, report: Report) -> None:
    from distributed import get_worker

    get_worker().log_event(topic, (key, pickle.dumps(report)))


def _end(busy: Mapping[str, bool], patience: float) -> None:
    """End those of the processes that are here."""
    here = {key: _processes.pop(key) for key in busy if key in _processes}
    for key, process in here.items():
        process.ask_to_stop(busy=busy[key])
    for process in here.values():
        process.end(patience)


@contextmanager
def _connected(address: str | None, size: int) -> Iterator[Client]:
    """A client of the cluster at the address, or of one that is there within this block."""
    import dask
    from distributed import Client, LocalCluster

    if address is not None:
        try:
            client = Client(address, timeout=_CONNECT_S, set_as_default=False)
        except (OSError, ValueError) as error:
            why = " ".join(str(error).split())
            raise UsageError(f"can't reach a Dask cluster at {address!r}: {why}: give tcp://HOST:PORT") from None
        with client:
            yield client
        return
    with (
        dask.config.set({"distributed.worker.daemon": False}),
        LocalCluster(size, 1, dashboard_address=":0", silence_logs=50) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield client
