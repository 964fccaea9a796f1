"""What a SLURM job does: a driver of its own does its runs on the node, and is ended cleanly at the time limit."""

from __future__ import annotations

import ctypes
import multiprocessing
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import TYPE_CHECKING

from optathlon.errors import Interruption, UsageError
from optathlon.experiments.executors.messages import Interrupted, Refused
from optathlon.running.environment import pinned
from optathlon.running.interruption import terminating_as_interrupt
from optathlon.running.isolation import cause
from optathlon.running.runs import RunSpec

if TYPE_CHECKING:
    from submitit.helpers import DelayedSubmission

_GRACE_S = 20.0
_PR_SET_PDEATHSIG = 1
_INTERRUPTED = 130


@dataclass(frozen=True)
class JobDone:
    """What a job leaves behind that did its runs, but for `elsewhere` of them that other drivers do."""

    elsewhere: int


@dataclass(frozen=True)
class JobFailed:
    """What a job leaves behind that failed, and why."""

    reason: str


JobResult = JobDone | Refused | Interrupted | JobFailed
Drive = Callable[[list[RunSpec]], int]


class ArrayJob:
    """What a job calls. The driver is a process of its own: it starts in the pinned environment, and can be ended."""

    def __init__(self, drive: Drive) -> None:
        self._drive = drive
        self._driver: SpawnProcess | None = None

    def __call__(self, runs: list[RunSpec]) -> JobResult:
        """Do the runs. An interrupt or SIGTERM, as by `scancel`, ends the driver cleanly and goes on."""
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe(duplex=False)
        self._driver = context.Process(target=_serve, args=(self._drive, runs, theirs))
        with terminating_as_interrupt(), ours:
            try:
                with pinned(), theirs:
                    self._driver.start()
                return self._result(ours)
            finally:
                self._end_driver()

    def checkpoint(self, runs: list[RunSpec]) -> DelayedSubmission:
        """Called by submitit at the time limit or preemption: what to do when the job is requeued."""
        from submitit.helpers import DelayedSubmission

        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # SLURM sends it when the job is requeued
        self._end_driver()
        return DelayedSubmission(ArrayJob(self._drive), runs)

    def _result(self, connection: Connection) -> JobResult:
        assert self._driver is not None
        try:
            result: JobResult = connection.recv()
        except EOFError:
            self._driver.join()
            return JobFailed(f"its driver died {cause(self._driver.exitcode)}")
        self._driver.join(_GRACE_S)
        return result

    def _end_driver(self) -> None:
        """Let the driver stop its workers, which store what they have finished."""
        if self._driver is not None and self._driver.pid is not None:
            if self._driver.is_alive():
                self._driver.terminate()
            self._driver.join(_GRACE_S)
            if self._driver.is_alive():
                self._driver.kill()


def _serve(drive: Drive, runs: list[RunSpec], connection: Connection) -> None:
    """The life of a job's driver."""
    from submitit import JobEnvironment

    # SLURM may send its signals to every process of a job: those are for the one that started this
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.Signals[f"SIG{JobEnvironment.USR_SIG}"], signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    try:
        connection.send(_result_of(drive, runs))
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)


def _result_of(drive: Drive, runs: list[RunSpec]) -> JobResult:
    try:
        return JobDone(drive(runs))
    except UsageError as refusal:
        return Refused(str(refusal))
    except Interruption as error:
        return Interrupted(error)
