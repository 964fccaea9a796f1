"""Runs in jobs of SLURM: one array of jobs, each of which is a driver with workers on its node.

The logs of the jobs are in the folder `slurm` of the results folder.
"""

from __future__ import annotations

import importlib.util
import math
import re
import shutil
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, cast

import pyarrow as pa
from pydantic import Field, field_validator, model_validator

from optathlon.budget import parse_duration
from optathlon.errors import OptathlonError, UsageError, unknown
from optathlon.experiments.executors.executor import Assignment, Executor, ExecutorOptions
from optathlon.experiments.executors.messages import Interrupted, Refused
from optathlon.experiments.executors.slurm_job import ArrayJob, JobDone, JobFailed, JobResult
from optathlon.experiments.executors.slurm_queue import SlurmQueue
from optathlon.results.folder import ResultsFolder, ShardGone
from optathlon.results.schema import RUNS
from optathlon.running.gpus import gpu_shortage
from optathlon.running.runs import RunSpec
from optathlon.trial import Status

if TYPE_CHECKING:
    from submitit import Executor as Submitter
    from submitit import Job
    from submitit.core.core import InfoWatcher

_EXTRA = "extra_"
_MEMORY = re.compile(r"\d+([KMGT]B?)?", re.IGNORECASE)
_SIGNAL_DELAY = "signal_delay_s"
_POLL_S = 1.0
_TICK_S = 0.2
_SETTLE_S = 60.0
"""So long may a file system take to show here what a job has stored on its node."""
_BLOCKS_PER_JOB = 8
_LOG_LINES = 3
_SHORTEST_MIN = 5
"""Of a job: it is told 90 s before its end, or up to a minute earlier, and has to start before that."""


class SlurmOptions(ExecutorOptions):
    """Options of the executor `slurm`.

    Attributes
    ----------
    array:
        How many jobs there are at most.
    time:
        Time limit of a job, as `90min` or `4h`; five minutes at least, unless `extra_signal_delay_s` is given. SLURM
        signals a job 90 seconds before its end, and up to a minute earlier. The job then stops cleanly, is requeued and
        goes on where it was.
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
    extra: dict[str, str | int] = Field(default_factory=dict)

    @field_validator("time")
    @classmethod
    def _duration(cls, value: str) -> str:
        try:
            parse_duration(value)
        except UsageError as error:
            raise ValueError(str(error)) from None
        return value

    @field_validator("mem")
    @classmethod
    def _memory(cls, value: str | None) -> str | None:
        if value is not None and not _MEMORY.fullmatch(value):
            raise ValueError("give megabytes or a number with a unit, such as 500MB or 16GB")
        return value

    @model_validator(mode="before")
    @classmethod
    def _collect_extra(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        extra = {key.removeprefix(_EXTRA): _number(value) for key, value in given.items() if key.startswith(_EXTRA)}
        own = {key: value for key, value in given.items() if not key.startswith(_EXTRA)}
        return own | ({"extra": extra} if extra else {})

    @model_validator(mode="after")
    def _check(self) -> Self:
        _check_extra(self.extra)
        if self.cluster == "slurm":
            _check_time(self.time, self.minutes, self.extra.get(_SIGNAL_DELAY))
        return self

    @property
    def minutes(self) -> int:
        """The time limit in minutes, in which SLURM counts."""
        return math.ceil(parse_duration(self.time) / 60)


class SlurmExecutor(Executor):
    """Does runs in an array of SLURM jobs.

    Each job is a driver of its own, that starts workers on its node, leaves out what the results folder has, and stores
    what it does. This process looks on: it may be killed without harm to the jobs. An interrupt or SIGTERM cancels
    them, so that nothing goes on unseen.

    Raises `UsageError` where SLURM is not installed.
    """

    options = SlurmOptions
    packages = ("submitit",)
    install = "pip install 'optathlon[slurm]'"

    def __init__(self, options: SlurmOptions, assignment: Assignment) -> None:
        _require_slurm(options)
        self._options = options
        self._jobs = assignment.jobs
        self._folder = assignment.settings.for_other_machines().folder
        self._drive = assignment.drive
        self._watcher = assignment.watcher
        self._queue = SlurmQueue()

    def run(self, runs: Sequence[RunSpec], stored_fingerprints: Mapping[str, str]) -> None:
        """Do all runs; see `Executor`. Each job verifies the tasks of its runs before it begins.

        Raises `OptathlonError` where jobs failed for good and runs are missing therefore.
        """
        todo = list(runs)
        _require_room(todo, self._options.gpus_per_node)
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
                self._watcher.note(self._queue.note())
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
            jobs = self._submitter().map_array(ArrayJob(self._drive), parts)
        except (FailedJobError, FailedSubmissionError) as error:
            raise UsageError(f"SLURM refuses the jobs: {' '.join(str(error).split())}") from None
        if self._options.cluster == "slurm":
            for job in jobs:
                job.watcher = cast("InfoWatcher", self._queue)
                self._queue.register_job(job.job_id)
        return jobs

    def _submitter(self) -> Submitter:
        import submitit

        options = self._options
        submitter = submitit.AutoExecutor(
            self._folder.path / "slurm",
            cluster=options.cluster,
            slurm_max_num_timeout=options.requeues,
            local_max_num_timeout=options.requeues,
        )
        submitter.update_parameters(
            name="optathlon",
            timeout_min=options.minutes,
            cpus_per_task=options.cpus_per_task or self._jobs,
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
            time.sleep(_TICK_S)
            self._watcher.tick((), len(self._pending))
        for status, reason in self._pending.look():
            self._watcher.ended(status, reason)

    def _end(self, job: Job[JobResult], runs: list[RunSpec]) -> int:
        """Hear what became of a job that has ended; how many of its runs are missing."""
        match _result(job):
            case Refused(message):
                raise UsageError(message)
            case Interrupted(error):
                raise error
            case JobFailed(reason):
                self._wait(_POLL_S)
                print(_failure_line(job, reason), file=sys.stderr, flush=True)
                return len(self._pending.of(runs))
            case JobDone(elsewhere):
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

    def look(self) -> list[tuple[Status, str]]:
        """The statuses, with reasons, of the runs stored since the last look, which reads the new shards only."""
        shards = {path.name for path in (self._folder.path / "runs").glob("*.parquet")}
        new, self._seen = sorted(shards - self._seen), shards
        return [ended for shard in new for ended in self._ended(shard)]

    def _ended(self, shard: str) -> Iterator[tuple[Status, str]]:
        try:
            table = self._folder.read_shard("runs", shard, self._schema).to_pydict()
        except ShardGone:  # a compaction has put its rows into another one
            return
        for run, attempt, status, reason in zip(*(table[name] for name in self._schema.names), strict=True):
            if (attempt or 1) >= self._attempts.get(run, math.inf):
                del self._attempts[run]
                yield Status(status), reason or ""

    @cached_property
    def _schema(self) -> pa.Schema:
        return pa.schema([RUNS.field(name) for name in ("run", "attempt", "status", "reason")])


def _check_extra(extra: Iterable[str]) -> None:
    """Raise `UsageError` for an option that submitit doesn't know, as far as it is installed."""
    if not extra or importlib.util.find_spec("submitit") is None:
        return
    import submitit

    known = submitit.SlurmExecutor._valid_parameters()
    for key in extra:
        if key not in known:
            raise unknown("option", _EXTRA + key, (_EXTRA + name for name in known), where="the executor 'slurm'")


def _check_time(time: str, minutes: int, signal_delay_s: str | int | None) -> None:
    """Raise `UsageError` where a job would be told to stop before it has begun."""
    if signal_delay_s is None:
        if minutes < _SHORTEST_MIN:
            raise UsageError(
                f"the option time={time} of the executor 'slurm' is too short: SLURM tells a job to stop 90 s before "
                f"its end, or up to a minute earlier: give {_SHORTEST_MIN}min or more, or extra_signal_delay_s too"
            )
    elif not isinstance(signal_delay_s, int) or not 0 < signal_delay_s < 60 * minutes:
        raise UsageError(
            f"the option extra_signal_delay_s={signal_delay_s} of the executor 'slurm': give whole seconds, more than "
            f"0 and fewer than time={time} has"
        )


def _require_slurm(options: SlurmOptions) -> None:
    if options.cluster == "slurm" and not (shutil.which("sbatch") and shutil.which("srun")):
        raise UsageError(
            "no SLURM here, as there are no commands sbatch and srun: log in to a machine that submits jobs, "
            "or try things out with --executor-option cluster=local"
        )


def _require_room(runs: Iterable[RunSpec], gpus: int) -> None:
    """Raise `UsageError` where a run needs more GPUs than a job has: it would wait forever."""
    for task, amount, at_once in {(spec.task, spec.gpus, spec.at_once) for spec in runs if spec.gpus}:
        if missing := gpu_shortage(amount, at_once, gpus):
            raise UsageError(f"no job has room for {task!r}: {missing}: give --executor-option gpus_per_node=N")


def _result(job: Job[JobResult]) -> JobResult:
    from submitit.core.utils import UncompletedJobError

    try:
        return job.result()
    except UncompletedJobError:
        return JobFailed(f"it broke off in the state {job.state}")


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
