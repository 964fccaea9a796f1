"""A worker in a process of its own: its life, and our end of the pipe to it."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection
from multiprocessing.context import ForkContext, SpawnContext
from pathlib import Path
from types import MappingProxyType

from optathlon.errors import UsageError
from optathlon.experiments.executors.messages import Interrupted, Order, Ready, Refused, Report, WorkerSettings
from optathlon.experiments.executors.worker import Stop, Worker
from optathlon.running.environment import pinned
from optathlon.running.isolation import cause


class WorkerProcess:
    """A worker process, which starts at once and reports when it is ready.

    Parameters
    ----------
    context:
        How processes are started.
    settings:
        What the worker needs to know.
    number:
        Its number among the workers of its machine, from 0.
    scratch:
        Folder for temporary files.
    others:
        The worker processes that this process has started before.
    variables:
        Environment variables of the worker, beside those that make runs repeatable.
    """

    def __init__(
        self,
        context: ForkContext | SpawnContext,
        settings: WorkerSettings,
        number: int,
        scratch: Path,
        others: Sequence[WorkerProcess] = (),
        variables: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._connection, theirs = context.Pipe()
        forks = isinstance(context, ForkContext)
        inherited = [self._connection, *(other._connection for other in others)] if forks else []
        self._process = context.Process(target=_work, args=(theirs, settings, number, inherited, scratch))
        with pinned(variables):
            self._process.start()
        theirs.close()

    @property
    def signals(self) -> list[Connection | int]:
        """What to wait for until there may be news."""
        return [self._connection, self._process.sentinel]

    def send(self, order: Order) -> None:
        """Send an order through the pipe; one to a dead process is lost."""
        with contextlib.suppress(OSError):
            self._connection.send(order)

    def reports(self) -> list[Report]:
        """What lies in the pipe."""
        found = []
        with contextlib.suppress(EOFError, OSError):
            while self._connection.poll():
                found.append(self._connection.recv())
        return found

    def death(self) -> str | None:
        """How the process died, by signal or exit code, to follow "it died"; `None` while it lives."""
        return None if self._process.is_alive() else cause(self._process.exitcode)

    def ask_to_stop(self, *, busy: bool) -> None:
        """Let the worker store what it has finished, and end: by closing the pipe and, while it is busy, by SIGTERM."""
        if busy:
            self._process.terminate()
        self._connection.close()

    def end(self, patience: float = 0.0) -> None:
        """Wait for the process to end, for `patience` seconds at most; then kill it."""
        self._process.join(patience)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._connection.close()


def _work(
    connection: Connection, settings: WorkerSettings, number: int, inherited: list[Connection], scratch: Path
) -> None:
    """The life of a worker process, until the other end is closed, its parent goes away, or it is asked to stop."""
    for other in inherited:  # a worker must notice when its driver is gone
        other.close()
    tempfile.tempdir = str(scratch)
    threading.Thread(target=_end_with_parent, args=(scratch,), daemon=True).start()
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


def _end_with_parent(scratch: Path) -> None:
    """End this process as soon as its parent is gone, whatever it does: a repeated command does the run again."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        shutil.rmtree(scratch, ignore_errors=True)
        os._exit(1)
