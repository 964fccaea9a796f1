"""Runs in workers on a Ray cluster, which places them and says when one of them or its node is lost.

Each worker is an actor with one CPU, and with the GPUs for one run where its tasks need any. Workers read the plugins
from where the driver found them and append to the results folder themselves: all nodes see the same files under the
same absolute paths, and have the same packages installed. Without an address, Ray is started here for the experiment.
"""

from __future__ import annotations

import logging
import math
import os
import shutil
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optathlon.errors import UsageError
from optathlon.experiments.executors.executor import Assignment, ExecutorOptions
from optathlon.experiments.executors.messages import Batch, Order, Ready, Refused, Report, Verify, WorkerSettings
from optathlon.experiments.executors.pool import WorkerHandle, WorkerPool
from optathlon.experiments.executors.ray_head import RayHead
from optathlon.experiments.executors.worker import Stop, Worker
from optathlon.running.environment import pinning
from optathlon.running.gpus import GpuPool, gpu_shortage, visible_gpus
from optathlon.running.runs import RunSpec

if TYPE_CHECKING:
    from ray import ObjectRef, ObjectRefGenerator
    from ray.exceptions import RayError

_CONNECT_S = 10.0
_GRACE_S = 3.0
_TOLERANCE = 1e-9
_DECIMALS = 4
"""Ray counts GPUs in ten-thousandths."""


class RayOptions(ExecutorOptions):
    """Options of the executor `ray`.

    Attributes
    ----------
    address:
        `HOST:PORT` of the cluster's head, or `auto` for the one that this machine is part of. By default Ray is started
        here. Where this process is connected to Ray already, that is used.
    """

    address: str | None = None


class _Actor:
    """A worker in a process that Ray started, with `share` GPUs for each trial."""

    def __init__(self, settings: WorkerSettings, number: int, share: float) -> None:
        self._settings = settings
        self._number = number
        self._share = share

    def begin(self) -> Iterator[Report]:
        """Get ready for orders, or say why that can't be."""
        self._scratch = tempfile.tempdir = tempfile.mkdtemp(prefix="optathlon-")
        try:
            self._worker = Worker(self._settings, self._number, Path(self._scratch))
        except UsageError as refusal:
            yield Refused(str(refusal))
        else:
            yield Ready()

    def handle(self, order: Order) -> Iterator[Report]:
        """Do what the order says, as `Worker.handle` does, on the GPUs that Ray has lent to this process."""
        if self._share and isinstance(order, Batch):
            order = replace(order, gpus=GpuPool(visible_gpus()).take(self._share, order.runs[0].at_once))
        rays_own = signal.signal(signal.SIGTERM, self._worker.stop)
        try:
            yield from self._worker.handle(order)
        except Stop:
            self.close()
            raise SystemExit from None
        finally:
            signal.signal(signal.SIGTERM, rays_own)

    def close(self) -> None:
        """Store what has ended, and leave nothing behind."""
        self._worker.close()
        shutil.rmtree(self._scratch, ignore_errors=True)


@dataclass(eq=False, kw_only=True)
class _RayWorker(WorkerHandle):
    """An actor, and its answers to the present order."""

    actor: Any
    share: float
    answers: ObjectRefGenerator
    head: RayHead

    def send(self, order: Order) -> None:
        """Send an order, and expect the answers to it instead of those to the last one."""
        self.answers = self.actor.handle.remote(order)

    def reports(self) -> list[Report]:
        """Those that have arrived. Raises what the worker raised, which is an error of the harness."""
        import ray

        found = []
        try:
            while self.answers.next_ready() and (answer := next(self.answers, None)) is not None:
                found.append(ray.get(answer))
        except ray.exceptions.RayTaskError:
            raise
        except ray.exceptions.RayError:  # `death` says what it means
            pass
        return found

    def death(self) -> str | None:
        """As Ray says; an idle actor that has died is found out by its next order."""
        import ray

        ended, _ = ray.wait([self.answers.completed()], timeout=0)
        try:
            ray.get(ended)
        except ray.exceptions.RayError as error:
            return _cause(error)
        return None

    def kill(self) -> None:
        """End the actor's process, and wait until Ray knows that it is gone."""
        import ray

        self.head.require()
        ray.kill(self.actor)
        ray.wait([self.answers.completed()], timeout=_GRACE_S)

    def close(self) -> ObjectRef:
        """Ask the actor to store what it has, after the present order; the answer comes when that is done."""
        return self.actor.close.remote()


class RayExecutor(WorkerPool):
    """Does runs on a Ray cluster; see `WorkerPool`.

    Workers for which the cluster has no room wait until it has, while the others go on. A worker does the runs that
    need one amount of GPUs per trial; when there are no more of these, it makes way for one for another amount.

    `run` raises `UsageError` where the cluster can't be reached or has not enough GPUs on any node, and `Unavailable`
    where its head is lost.
    """

    options = RayOptions
    packages = ("ray",)
    install = "pip install 'optathlon[ray]'"

    def __init__(self, options: RayOptions, assignment: Assignment) -> None:
        super().__init__(options, assignment)
        self._settings = self._settings.for_other_machines()
        self._address = options.address
        self._head: RayHead
        self._at_once: dict[float, int] = {}
        self._room: dict[float, float] = {}

    def run(self, runs: Sequence[RunSpec], stored_fingerprints: Mapping[str, str]) -> None:
        """Do all runs; see `Executor`."""
        with _connected(self._address, self._size) as self._head:
            self._find_room(runs)
            super().run(runs, stored_fingerprints)

    def start_worker(self, number: int) -> WorkerHandle:
        """Ask Ray for an actor, of the kind that is needed most."""
        share = self._neediest()
        return self._start(number, next(iter(self._queues)) if share is None else share)

    def wait(self, workers: Sequence[WorkerHandle], seconds: float) -> None:
        """Wait for an answer or a death."""
        import ray

        self._head.check()
        answers = [worker.answers for worker in workers if isinstance(worker, _RayWorker) and worker.busy]
        if answers:
            ray.wait([*answers, *(answer.completed() for answer in answers)], timeout=seconds)
        else:
            time.sleep(seconds)

    def stop_workers(self, workers: Sequence[WorkerHandle]) -> None:
        """Let those that are idle, or soon will be, store what they have finished; then end all."""
        rays = [worker for worker in workers if isinstance(worker, _RayWorker)]
        _await([worker.close() for worker in rays if not worker.starting])
        if self._head.answers:
            for worker in rays:
                worker.kill()

    def next_check(self, worker: WorkerHandle) -> Verify | None:
        """A check of a task that needs what the worker has."""
        for check in self._checks:
            if isinstance(worker, _RayWorker) and check.gpus == worker.share:
                self._checks.remove(check)
                return check
        return None

    def lend_gpus(self, worker: WorkerHandle, amount: float, count: int) -> list[str] | None:
        """Nothing: the actor has its GPUs from Ray, or it has not what is needed."""
        return [] if isinstance(worker, _RayWorker) and worker.share == amount else None

    def _feed(self, worker: WorkerHandle) -> None:
        super()._feed(worker)
        if isinstance(worker, _RayWorker) and not worker.busy and not worker.unstored:
            share = self._needed_instead(worker.share)
            if share is not None:
                _await([worker.close()])
                worker.kill()
                self._workers[self._workers.index(worker)] = self._start(worker.number, share)

    def _needed_instead(self, own: float) -> float | None:
        """For which GPUs per trial a worker is needed more than the idle one that has `own`."""
        unchecked = {check.gpus for check in self._checks}
        unserved = [share for share in unchecked if not self._number_with(share)]
        if unserved:
            return max(unserved)
        return None if self._checks or self._queues[own] else self._neediest()

    def _neediest(self) -> float | None:
        """Of the GPU amounts that are waited for and have room: that with the fewest workers, else the highest."""
        waiting = [
            share for share, queue in self._queues.items() if queue and self._number_with(share) < self._room[share]
        ]
        return min(waiting, key=lambda share: (self._number_with(share), -share), default=None)

    def _number_with(self, share: float) -> int:
        return sum(isinstance(worker, _RayWorker) and worker.share == share for worker in self._workers)

    def _start(self, number: int, share: float) -> _RayWorker:
        import ray

        self._head.require()
        variables = {name: value for name, value in os.environ.items() if name.startswith("OPTATHLON_")}
        actor = (
            ray.remote(_Actor)
            .options(
                num_cpus=1,
                num_gpus=_gpus_for(share, self._at_once[share]),
                max_restarts=0,
                max_task_retries=0,
                runtime_env={"env_vars": variables | pinning()},
            )
            .remote(self._settings, number, share)
        )
        return _RayWorker(number, actor=actor, share=share, answers=actor.begin.remote(), head=self._head)

    def _find_room(self, runs: Sequence[RunSpec]) -> None:
        """How many workers for which GPUs there can be; `UsageError` where it is none."""
        nodes = _gpus_of_nodes()
        for spec in runs:
            share = spec.gpus
            if spec.at_once > self._at_once.get(share, 0):
                self._at_once[share] = spec.at_once
                if missing := gpu_shortage(share, spec.at_once, max(nodes)):
                    raise UsageError(
                        f"no node of the Ray cluster has room for {spec.task!r}: {missing}: leave it out, or add a node"
                    )
        for share, count in self._at_once.items():
            needed = _gpus_for(share, count)
            self._room[share] = sum(_fitting(needed, gpus) for gpus in nodes)


def _gpus_for(share: float, count: int) -> float:
    """What Ray must lend for `count` processes with `share` GPUs each: a share of one GPU, or whole ones."""
    if share * count <= 1 + _TOLERANCE or share > 1:
        return round(share * count, _DECIMALS)
    per_gpu = int(1 / share + _TOLERANCE)
    return math.ceil(count / per_gpu)


def _fitting(needed: float, gpus: float) -> float:
    """How many workers that need so many GPUs each fit on a node with `gpus`."""
    if not needed:
        return math.inf
    return int(1 / needed + _TOLERANCE) * int(gpus) if needed <= 1 else gpus // needed


def _gpus_of_nodes() -> list[float]:
    """The GPUs of each node that can take a worker; `UsageError` where there is no such node."""
    import ray

    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    gpus = [resources.get("GPU", 0.0) for resources in nodes if resources.get("CPU", 0.0) >= 1]
    if not gpus:
        raise UsageError("the Ray cluster has no CPU for a worker: add a node, or start it with more --num-cpus")
    return gpus


@contextmanager
def _connected(address: str | None, cpus: int) -> Iterator[RayHead]:
    """Within this block there is Ray: that of the process, that at the address, or one started here; its head."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray

    if ray.is_initialized():
        yield RayHead(ray.get_runtime_context().gcs_address)
        return
    if address is not None:
        _check_reachable(address)
    where = {"address": "local", "num_cpus": cpus} if address is None else {"address": address}
    try:
        with _own_sigterm():
            ray.init(**where, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, RuntimeError, ValueError) as error:
        why = " ".join(str(error).split()).rstrip(".")
        raise UsageError(
            f"can't use Ray at {where['address']!r}: {why}: start it, or set RAY_AUTH_MODE=token if it asks for a token"
        ) from error
    try:
        yield RayHead(ray.get_runtime_context().gcs_address)
    finally:
        ray.shutdown()


def _check_reachable(address: str) -> None:
    """Raise `UsageError` where nothing listens: Ray itself would try for minutes."""
    if address == "auto":
        return
    host, _, port = address.rpartition(":")
    if not host or "/" in host or not port.isdecimal() or int(port) >= 2**16:
        raise UsageError(f"can't read the address {address!r}: give HOST:PORT of the Ray cluster's head, or auto")
    try:
        socket.create_connection((host, int(port)), _CONNECT_S).close()
    except OSError as error:
        why = error.strerror or error
        raise UsageError(
            f"can't reach a Ray cluster at {address!r}: {why}: give HOST:PORT as `ray start --head` prints it"
        ) from None


@contextmanager
def _own_sigterm() -> Iterator[None]:
    """Keep this process's SIGTERM handler, which Ray replaces."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _await(answers: list[ObjectRef]) -> None:
    """Wait a while for all of these."""
    import ray

    if answers:
        ray.wait(answers, num_returns=len(answers), timeout=_GRACE_S)


def _cause(error: RayError) -> str:
    """The first sentence of what Ray tells about a death."""
    detail = str(error).rpartition("exit detail: ")[2]
    return f"({detail.splitlines()[-1].partition('. ')[0]})"
