"""Runs in jobs of SLURM: one array of jobs, each of which is a driver with workers on its node.

`SlurmOptions` says which options there are, as `--slurm KEY=VALUE` or under `slurm:` in an experiment file. The logs of
the jobs are in the folder `slurm` of the results folder.
"""

from __future__ import annotations

import ctypes
import math
import multiprocessing
import shutil
import signal
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from optathlon.errors import Interruption, MissingDependency, OptathlonError, UsageError, first_complaint, unknown
from optathlon.experiments.driver import Snapshot, carry_out, terminating_as_interrupt
from optathlon.experiments.executors.messages import Hindered, Refused, WorkerSettings
from optathlon.experiments.executors.pool import TICK_S, Watcher
from optathlon.experiments.experiment import Execution, parse_duration
from optathlon.registry.plugins import load_plugin
from optathlon.results.folder import ResultsFolder, ShardGone
from optathlon.results.rows import Session
from optathlon.results.schema import RUNS
from optathlon.running.environment import pinned
from optathlon.running.gpus import lacking, visible_gpus
from optathlon.running.isolation import cause
from optathlon.running.runs import RunSpec
from optathlon.trial import Status

if TYPE_CHECKING:
    from submitit import Executor as Submitter
    from submitit import Job
    from submitit.helpers import DelayedSubmission

_EXTRA = "extra_"
_POLL_S = 1.0
_SETTLE_S = 60.0
"""So long may a file system take to show here what a job has stored on its node."""
_GRACE_S = 20.0
_BLOCKS_PER_JOB = 8
_LOG_LINES = 3
_PR_SET_PDEATHSIG = 1
_INTERRUPTED = 130


class SlurmOptions(BaseModel):
    """Options of the jobs.

    Attributes
    ----------
    array:
        How many jobs there are at most.
    time:
        Time limit of a job, as `90min` or `4h`. A job that hits it is requeued and goes on where it was.
    requeues:
        How often a job that hits its time limit is requeued; after preemption it always is.
    partition, account, qos, mem:
        As SLURM's own options; `mem` is for a node, e.g. `16GB`.
    cpus_per_task:
        Cores of a job; by default one per worker.
    gpus_per_node:
        GPUs of a job.
    cluster:
        `slurm`; `local` or `debug` try things out without SLURM, in processes of this machine or one after the other.
    extra:
        What is given as `extra_KEY`: further options of `submitit.SlurmExecutor`, such as `extra_constraint`.
    """

    model_config = ConfigDict(frozen=True, coerce_numbers_to_str=True)

    array: int = Field(default=10, ge=1)
    time: str = "4h"
    requeues: int = Field(default=20, ge=0)
    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    mem: str | None = None
    cpus_per_task: int | None = Field(default=None, ge=1)
    gpus_per_node: int = Field(default=0, ge=0)
    cluster: Literal["slurm", "local", "debug"] = "slurm"
    extra: dict[str, str | int] = {}

    @field_validator("time")
    @classmethod
    def _duration(cls, value: str) -> str:
        parse_duration(value)
        return value

    @classmethod
    def parse(cls, options: Mapping[str, str | int]) -> Self:
        """Read options; `UsageError` in one line for an unknown key, with the nearest match, or a wrong value."""
        extra = {key.removeprefix(_EXTRA): _number(value) for key, value in options.items() if key.startswith(_EXTRA)}
        own = {key: value for key, value in options.items() if not key.startswith(_EXTRA)}
        known = [name for name in cls.model_fields if name != "extra"]
        for key in own:
            if key not in known:
                raise unknown("SLURM option", key, known)
        try:
            return cls.model_validate(own | {"extra": extra})
        except ValidationError as error:
            place, complaint = first_complaint(error)
            raise UsageError(f"the SLURM option {place}={own.get(place)}: {complaint}") from None

    @property
    def minutes(self) -> int:
        """The time limit in minutes, in which SLURM counts."""
        return math.ceil(parse_duration(self.time) / 60)


@dataclass(frozen=True)
class Through:
    """What a job leaves behind that did its runs, but for `elsewhere` of them that other drivers do."""

    elsewhere: int


@dataclass(frozen=True)
class Broken:
    """What a job leaves behind that failed, and why."""

    reason: str


JobResult = Through | Refused | Hindered | Broken


class SlurmExecutor:
    """Does runs in an array of SLURM jobs.

    Each job is a driver of its own, that starts workers on its node, leaves out what the results folder has, and stores
    what it does. This process looks on: it may be killed without harm to the jobs. An interrupt or SIGTERM cancels
    them, so that nothing goes on unseen.

    Parameters
    ----------
    execution:
        Number of workers per job, limits, and the SLURM options.
    settings:
        What the workers need to know.
    watcher:
        Hears what becomes of the runs.
    gpus_wanted:
        How many GPUs a trial of each task wants; tasks that want none may be absent.

    Raises `UsageError` for wrong options, and where submitit or SLURM is not installed.
    """

    def __init__(
        self, execution: Execution, settings: WorkerSettings, watcher: Watcher, gpus_wanted: Mapping[str, float]
    ) -> None:
        self._options = SlurmOptions.parse(execution.slurm)
        _require_installed(self._options)
        self._folder = ResultsFolder(settings.folder.path.absolute())
        self._execution = execution.model_copy(update={"executor": "local"})
        self._work = Work(self._execution, self._folder, settings.session, settings.plugins, dict(gpus_wanted))
        self._watcher = watcher

    def run(self, runs: Iterable[RunSpec], stored_fingerprints: Mapping[str, str]) -> None:
        """Do all runs; see `Executor`. Each job verifies the tasks of its runs before it begins.

        Raises `OptathlonError` where jobs failed for good and runs are missing therefore.
        """
        todo = list(runs)
        _require_room(todo, self._work.gpus_wanted, self._options.gpus_per_node)
        self._pending = _Pending(self._folder, todo)
        parts = cut(todo, self._options.array)
        going_on = dict(zip(self._submit(parts), parts, strict=True))
        missing = 0
        try:
            while going_on:
                self._wait(_POLL_S)
                for job in list(going_on):
                    if job.done():
                        missing += self._end(job, going_on.pop(job))
        finally:
            for job in going_on:
                job.cancel(check=False)
        if missing:
            raise OptathlonError(
                f"{missing} of {len(todo)} runs are missing as jobs failed: see the lines above; "
                "the same command does the rest"
            )

    def _submit(self, parts: list[list[RunSpec]]) -> list[Job[JobResult]]:
        from submitit.core.utils import FailedJobError, FailedSubmissionError

        try:
            return self._submitter().map_array(ArrayJob(self._work), parts)
        except (FailedJobError, FailedSubmissionError) as error:
            raise UsageError(f"SLURM refuses the jobs: {' '.join(str(error).split())}") from None

    def _submitter(self) -> Submitter:
        import submitit

        options = self._options
        known = submitit.SlurmExecutor._valid_parameters()
        for key in options.extra:
            if key not in known:
                raise unknown("SLURM option", _EXTRA + key, (_EXTRA + name for name in known))
        submitter = submitit.AutoExecutor(
            self._folder.path / "slurm",
            cluster=options.cluster,
            slurm_max_num_timeout=options.requeues,
            local_max_num_timeout=options.requeues,
        )
        submitter.update_parameters(
            name="optathlon",
            timeout_min=options.minutes,
            cpus_per_task=options.cpus_per_task or self._execution.jobs,
            gpus_per_node=options.gpus_per_node or None,
            slurm_partition=options.partition,
            slurm_account=options.account,
            slurm_qos=options.qos,
            slurm_mem=options.mem,
            **{f"slurm_{key}": value for key, value in options.extra.items()},
        )
        return submitter

    def _wait(self, seconds: float) -> None:
        """Wait so long, and tell the watcher what was stored meanwhile."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            time.sleep(TICK_S)
            self._watcher.tick((), len(self._pending))
        for status in self._pending.look():
            self._watcher.ended(status)

    def _end(self, job: Job[JobResult], runs: list[RunSpec]) -> int:
        """Hear what became of a job that has ended; how many of its runs are missing."""
        match _result(job):
            case Refused(message):
                raise UsageError(message)
            case Hindered(error):
                raise error
            case Broken(reason):
                self._wait(_POLL_S)
                print(_failure_line(job, reason), file=sys.stderr, flush=True)
                return len(self._pending.of(runs))
            case Through(elsewhere):
                deadline = time.monotonic() + _SETTLE_S
                while len(self._pending.of(runs)) > elsewhere and time.monotonic() < deadline:
                    self._wait(_POLL_S)
                for spec in self._pending.of(runs):
                    self._watcher.elsewhere(spec)
        return 0


def cut(runs: list[RunSpec], count: int) -> list[list[RunSpec]]:
    """The runs in `count` parts, or fewer where there are fewer runs, of nearly equal size.

    They are dealt out in small blocks: neighbours, which share a task, stay together, and each part gets some of all.
    """
    count = min(count, len(runs))
    size = max(1, len(runs) // (count * _BLOCKS_PER_JOB))
    blocks = [runs[start : start + size] for start in range(0, len(runs), size)]
    return [[spec for block in blocks[part::count] for spec in block] for part in range(count)]


@dataclass(frozen=True)
class Work:
    """What all jobs need to know to do runs."""

    execution: Execution
    folder: ResultsFolder
    session: Session
    plugins: tuple[Path, ...]
    gpus_wanted: dict[str, float]

    def do(self, runs: list[RunSpec]) -> JobResult:
        """Do those that are not stored, in workers on this machine."""
        try:
            for plugin in self.plugins:
                load_plugin(plugin)
            before = Snapshot.of(self.folder.path)
            todo = list(_without_stored(runs, before))
            _require_room(todo, self.gpus_wanted, len(visible_gpus()) if any(self.gpus_wanted.values()) else 0)
            return Through(carry_out(self.execution, self.folder, self.session, todo, self.gpus_wanted, before))
        except UsageError as refusal:
            return Refused(str(refusal))
        except Interruption as error:
            return Hindered(error)


def _without_stored(runs: list[RunSpec], before: Snapshot) -> Iterator[RunSpec]:
    stored = before.finished.select(["run", "attempt"]).to_pydict()
    attempts = dict(zip(stored["run"], stored["attempt"], strict=True))
    return (spec for spec in runs if spec.id not in attempts or (attempts[spec.id] or 1) < spec.attempt)


class ArrayJob:
    """What a job calls. The driver is a process of its own: it starts in the pinned environment, and can be ended."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._driver: SpawnProcess | None = None

    def __call__(self, runs: list[RunSpec]) -> JobResult:
        """Do the runs. An interrupt or SIGTERM, as by `scancel`, ends the driver cleanly and goes on."""
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe(duplex=False)
        self._driver = context.Process(target=_drive, args=(self._work, runs, theirs))
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
        return DelayedSubmission(ArrayJob(self._work), runs)

    def _result(self, connection: Connection) -> JobResult:
        assert self._driver is not None
        try:
            result: JobResult = connection.recv()
        except EOFError:
            self._driver.join()
            return Broken(f"its driver died {cause(self._driver.exitcode)}")
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


def _drive(work: Work, runs: list[RunSpec], connection: Connection) -> None:
    """The life of a job's driver."""
    from submitit import JobEnvironment

    # SLURM may send its signals to every process of a job: those are for the one that started this
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.Signals[f"SIG{JobEnvironment.USR_SIG}"], signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    try:
        connection.send(work.do(runs))
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)


class _Pending:
    """The runs that are not stored yet."""

    def __init__(self, folder: ResultsFolder, runs: Iterable[RunSpec]) -> None:
        self._folder = folder
        self._attempts = {spec.id: spec.attempt for spec in runs}
        self._seen: set[str] = set()

    def __len__(self) -> int:
        return len(self._attempts)

    def of(self, runs: Iterable[RunSpec]) -> list[RunSpec]:
        """Those of `runs` that are pending."""
        return [spec for spec in runs if spec.id in self._attempts]

    def look(self) -> list[Status]:
        """The statuses of the runs that were stored since the last look, which reads the new shards only."""
        shards = {path.name for path in (self._folder.path / "runs").glob("*.parquet")}
        new, self._seen = sorted(shards - self._seen), shards
        return [status for shard in new for status in self._ended(shard)]

    def _ended(self, shard: str) -> Iterator[Status]:
        try:
            table = self._folder.read_shard("runs", shard, self._schema).to_pydict()
        except ShardGone:  # a compaction has put its rows into another one
            return
        for run, attempt, status in zip(table["run"], table["attempt"], table["status"], strict=True):
            if (attempt or 1) >= self._attempts.get(run, math.inf):
                del self._attempts[run]
                yield Status(status)

    @cached_property
    def _schema(self) -> pa.Schema:
        return pa.schema([RUNS.field(name) for name in ("run", "attempt", "status")])


def _require_installed(options: SlurmOptions) -> None:
    if find_spec("submitit") is None:
        raise MissingDependency("the executor 'slurm'", "submitit", "pip install 'optathlon[slurm]'")
    if options.cluster == "slurm" and not (shutil.which("sbatch") and shutil.which("srun")):
        raise UsageError(
            "no SLURM here, as there are no commands sbatch and srun: log in to a machine that submits jobs, "
            "or try things out with --slurm cluster=local"
        )


def _require_room(runs: Iterable[RunSpec], gpus_wanted: Mapping[str, float], gpus: int) -> None:
    """Raise `UsageError` where a run wants more GPUs than a job has: it would wait forever."""
    for task, at_once in {(spec.task, spec.at_once) for spec in runs if gpus_wanted.get(spec.task)}:
        if reason := lacking(gpus_wanted[task], at_once, gpus):
            raise UsageError(
                f"no job has room for {task!r}: {reason}: give --slurm gpus_per_node=N, on nodes with as many"
            )


def _result(job: Job[JobResult]) -> JobResult:
    from submitit.core.utils import UncompletedJobError

    try:
        return job.result()
    except UncompletedJobError:
        return Broken(f"it broke off in the state {job.state}")


def _failure_line(job: Job[JobResult], reason: str) -> str:
    paths = job.paths
    last = _last_lines(paths.stderr)
    return f"job {job.job_id} failed: {reason}; last lines: {last}; logs: {paths.stderr} and {paths.stdout}"


def _last_lines(log: Path) -> str:
    try:
        with log.open(errors="replace") as file:
            return " | ".join(" ".join(line.split()) for line in deque(filter(str.strip, file), _LOG_LINES))
    except OSError:
        return "none"


def _number(value: str | int) -> str | int:
    return int(value) if isinstance(value, str) and value.isdecimal() else value
