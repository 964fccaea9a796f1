"""What a driver and its workers say to each other."""

from __future__ import annotations

from dataclasses import dataclass, replace

from optathlon.errors import Interruption
from optathlon.registry.plugins import PluginSet
from optathlon.resources import Limits
from optathlon.results.folder import ResultsFolder
from optathlon.results.rows import Session
from optathlon.running.journal import PATIENCE_S
from optathlon.running.runs import RunSpec
from optathlon.trial import Status


@dataclass(frozen=True)
class WorkerSettings:
    """What a worker needs to know."""

    folder: ResultsFolder
    session: Session
    plugins: PluginSet
    limits: Limits
    driver: int | None
    """The process id of the driver that is the worker's parent; a worker whose driver is gone stores nothing more."""
    record: str
    """The id of the driver's record, which tells it from other drivers of the folder."""

    def for_other_machines(self) -> WorkerSettings:
        """The same for workers that another program starts, maybe on another machine."""
        return replace(self, folder=ResultsFolder(self.folder.path.absolute()), driver=None)


@dataclass(frozen=True, slots=True)
class Verify:
    """Order: compare the fingerprint of a task with that of the results folder; its trials need so many GPUs."""

    task: str
    fingerprint: str
    gpus: float = 0.0


@dataclass(frozen=True, slots=True)
class Batch:
    """Order: do these runs; `gpus` are what each of a run's evaluation processes sees, where the task needs any."""

    runs: list[RunSpec]
    gpus: list[str] | None = None
    patience: float = PATIENCE_S
    """Seconds after which a run gets a journal."""


@dataclass(frozen=True, slots=True)
class Flush:
    """Order: store what has ended."""


@dataclass(frozen=True, slots=True)
class Began:
    """Report: a run has begun; its limit counts from now on, but for what earlier processes have spent on it."""

    run: str
    elapsed: float = 0.0
    """Seconds."""


@dataclass(frozen=True, slots=True)
class Ended:
    """Report: a run has ended; it may not be stored yet."""

    run: str
    status: Status
    seconds: float
    reason: str = ""


@dataclass(frozen=True, slots=True)
class RunElsewhere:
    """Report: another process is doing this run."""

    run: str


@dataclass(frozen=True, slots=True)
class Stored:
    """Report: these runs are on disk."""

    runs: list[str]


@dataclass(frozen=True, slots=True)
class Ready:
    """Report: the worker is ready for the next order."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Report: a task can't be run at all; the line says why and what to do."""

    message: str


@dataclass(frozen=True, slots=True)
class Interrupted:
    """Report: runs can't go on, and nobody's proposal is to blame; results can't be written, for example."""

    error: Interruption


Order = Batch | Verify | Flush
Report = Began | Ended | RunElsewhere | Stored | Ready | Refused | Interrupted
