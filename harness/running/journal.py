"""The journal of a run that takes long: what a killed process leaves behind, and going on from there.

One JSON line per finished trial, after a header that says which run it is. A trial is noted before it is told, so that
a kill at any moment loses the trials in flight at most. To go on, the run is *replayed*: the optimizer is asked again,
its proposals are compared with the journal, and the stored results are told (`ReplayedEvaluator`, `recalling`).

A journal is locked while its run goes on, so that two drivers on one results folder never do the same long run at once.
The lock goes with the process that holds it.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from optathlon.budget import Budget, BudgetUnit
from optathlon.errors import Interruption, storage_errors
from optathlon.running.accounting import History, ReplayMismatch, RunOutcome, TrialRecord
from optathlon.running.evaluation import Evaluator, FinishedTrial, Job, TimedResult
from optathlon.space import plain
from optathlon.task import agree
from optathlon.trial import Result, Status, Trial

FORMAT = 1
"""Version of the layout, in each journal's header."""
PATIENCE_S = 0.5
"""A run that has taken so long is worth a journal; what is quicker is done again."""
_SYNC_EVERY_S = 0.5


class DoneElsewhere(Interruption):
    """Another process is doing this run at this moment."""


class Journal(History):
    """The journal of one run.

    Parameters
    ----------
    path:
        Where it is, or will be.
    identity:
        JSON values that tell whether a journal is of the very same run; another one is begun from the start.
    patience:
        Seconds from now until a run without a journal gets one, with all its trials so far.
    on_long:
        Called when the run turns out to be long, just before it gets its journal.

    Attributes
    ----------
    past:
        The trials of an earlier process, by number.
    trials:
        These and those of this process, in the order in which they were told.
    elapsed:
        Wall-clock seconds that earlier processes spent on the run, as far as is known.

    Raises `DoneElsewhere` where another process holds the journal, and `StorageError` where it can't be written.
    """

    def __init__(
        self,
        path: Path,
        identity: Mapping[str, Any],
        patience: float = PATIENCE_S,
        on_long: Callable[[], None] = lambda: None,
    ) -> None:
        self.past: dict[int, TrialRecord] = {}
        self.elapsed = 0.0
        self._began = time.monotonic()
        self._path = path
        self._header = {"format": FORMAT} | dict(identity)
        self._due = time.monotonic() + patience
        self._on_long = on_long
        self.trials: list[TrialRecord] = []
        self._written = 0
        self._file: BinaryIO | None = None
        self._synced = 0.0
        if path.exists():
            self._resume()

    def add(self, record: TrialRecord) -> None:
        """Write the record; a run that is still young keeps it in mind."""
        self.trials.append(record)
        if self._file is None:
            if time.monotonic() < self._due:
                return
            self._on_long()
            with storage_errors(self._path):
                self._begin()
        with storage_errors(self._path):
            self._write()

    def restart(self) -> None:
        """Begin the file again, without what an earlier process did."""
        self.past, self.trials = {}, []
        with storage_errors(self._path):
            self._begin()

    def close(self) -> None:
        """Let go of the file, for another process to go on with."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def remove(self) -> None:
        """Delete the file: its run is stored."""
        if self._file is not None:
            self._path.unlink(missing_ok=True)
            self.close()

    def _resume(self) -> None:
        with storage_errors(self._path):
            self._file = self._open()
            length, self.trials, self.elapsed = _read(self._file, self._header)
            self._file.truncate(length)
            if not length:
                self._begin()
        self._written = len(self.trials)
        self.past = {record.trial: record for record in self.trials}

    def _begin(self) -> None:
        """An empty journal, in which nothing is written yet."""
        self._file = self._file or self._open()
        self._file.truncate(0)
        self._file.write(json.dumps(self._header).encode() + b"\n")
        self._written = 0

    def _open(self) -> BinaryIO:
        self._path.parent.mkdir(exist_ok=True)
        file = self._path.open("ab+", buffering=0)
        _lock(file, self._path)
        return file

    def _write(self) -> None:
        assert self._file is not None
        elapsed = round(self.elapsed + time.monotonic() - self._began, 3)
        new = self.trials[self._written :]
        lines = b"".join(
            json.dumps({"elapsed": elapsed, "trial": record}, default=plain).encode() + b"\n" for record in new
        )
        while lines:
            lines = lines[self._file.write(lines) :]
        if time.monotonic() - self._synced > _SYNC_EVERY_S:
            os.fsync(self._file.fileno())
            self._synced = time.monotonic()
        self._written = len(self.trials)


def journal_path(folder: Path, run: str) -> Path:
    """Where the journal of a run is, in a results folder."""
    return folder / "journal" / f"{run}.jsonl"


def read_journal(path: Path, identity: Mapping[str, Any]) -> list[TrialRecord]:
    """The trials in a journal that has these values in its header; none where there is no such journal."""
    if is_of(read_header(path), identity):
        with contextlib.suppress(OSError), path.open("rb") as file:
            return _read(file, read_header(path))[1]
    return []


def read_header(path: Path) -> dict[str, Any]:
    """What a journal says of itself; nothing where it says nothing."""
    with contextlib.suppress(OSError, ValueError), path.open("rb") as file:
        header = json.loads(file.readline())
        if isinstance(header, dict):
            return header
    return {}


def is_of(header: Mapping[str, Any], identity: Mapping[str, Any]) -> bool:
    """Whether a journal with this header is of the present format and has these values in it."""
    known = {name: header.get(name, "") for name in ("format", *identity)}
    return _is_same(known, {"format": FORMAT} | dict(identity))


def discard_journal(path: Path) -> None:
    """Delete a journal, unless a process holds it."""
    with contextlib.suppress(OSError, DoneElsewhere), path.open("rb+") as file:
        _lock(file, path)
        path.unlink()


def salvaged(records: Sequence[TrialRecord], budget: Budget, status: Status, reason: str) -> RunOutcome:
    """The outcome of a run of which only its journal is left."""
    match budget.unit:
        case BudgetUnit.EVALUATIONS:
            spent = math.fsum(record.evaluations for record in records)
        case BudgetUnit.SECONDS:
            spent = max((record.end for record in records), default=0.0)
        case BudgetUnit.COST:
            spent = math.fsum(record.cost or 0.0 for record in records)
    return RunOutcome(status, list(records), spent, reason)


class ReplayedEvaluator:
    """Gives the results of a journal in the order in which they were told, and then those of `evaluator`.

    Trials that were in flight when the journal ended are evaluated at once. The clock stands still in between: the time
    between two processes, and the time that replaying takes, do not count.
    """

    simulates = False

    def __init__(self, evaluator: Evaluator, past: Mapping[int, TrialRecord]) -> None:
        self._evaluator = evaluator
        self._known = past.keys()
        self._untold = {id: record for id, record in past.items() if not _was_rejected(record)}
        self._asked: dict[int, Trial] = {}
        self._starts: dict[int, float] = {}
        self._time = 0.0
        self._end = max((record.end for record in past.values()), default=0.0)
        self._offset = 0.0
        if not self._untold:
            self._go_on()

    def now(self) -> float:
        """Seconds on the run's clock, which goes on where the journal ends."""
        return self._time if self._untold else self._offset + self._evaluator.now()

    def charge_overhead(self, seconds: float) -> None:
        """Nothing: that time has passed."""

    def submit(self, job: Job) -> None:
        """Evaluate the trial, unless the journal has its result."""
        id = job.trial.id
        if id in self._untold:
            self._asked[id] = job.trial
        elif id in self._known:
            raise ReplayMismatch(f"trial {id} was told before it was asked")
        else:
            self._starts[id] = self.now()
            self._evaluator.submit(job)

    def wait(self) -> FinishedTrial:
        """The next result of the journal; after its end, the next of the evaluator."""
        if self._untold:
            return self._recall()
        finished = self._evaluator.wait()
        return finished._replace(start=self._starts.pop(finished.trial.id), end=self._offset + finished.end)

    def _recall(self) -> FinishedTrial:
        id = next(iter(self._untold))
        if id not in self._asked:
            raise ReplayMismatch(f"trial {id} was told before it was asked")
        record = self._untold.pop(id)
        self._time = max(self._time, record.end)
        if not self._untold:
            self._go_on()
        return _finished(self._asked.pop(id), record)

    def _go_on(self) -> None:
        """Let the clock run again."""
        self._offset = self._end - self._evaluator.now()


def recalling(evaluate: Callable[[Job], TimedResult], past: Mapping[int, TrialRecord]) -> Callable[[Job], TimedResult]:
    """`evaluate`, but for trials that a journal has: their results are taken from there."""

    def recall(job: Job) -> TimedResult:
        record = past.get(job.trial.id)
        if record is None:
            return evaluate(job)
        return TimedResult(_result(record), record.evaluate_s, record.peak_memory)

    return recall


def _was_rejected(record: TrialRecord) -> bool:
    """Whether the trial was an illegal proposal, which no evaluator ever sees."""
    return record.status == Status.INVALID and record.start == record.end


def _finished(trial: Trial, record: TrialRecord) -> FinishedTrial:
    return FinishedTrial(
        trial,
        _result(record),
        record.start,
        record.end,
        record.worker,
        record.evaluate_s,
        record.peak_memory,
    )


def _result(record: TrialRecord) -> Result:
    return Result(
        values=record.values or (),
        status=Status(record.status),
        cost=record.cost,
        metrics=record.metrics or {},
        constraints=record.constraints or (),
        error=record.error or "",
    )


def _read(file: BinaryIO, header: Mapping[str, Any]) -> tuple[int, list[TrialRecord], float]:
    """How many bytes are whole and of the run that `header` names, its trials, and the seconds spent on them."""
    file.seek(0)
    length, records, elapsed = 0, [], 0.0
    for number, line in enumerate(file):
        try:
            content: Any = json.loads(line) if line.endswith(b"\n") else None
            if number == 0:
                if not _is_same(content, header):
                    break
            else:
                elapsed, record = float(content["elapsed"]), _record(content["trial"])
                records.append(record)
        except (ValueError, TypeError, KeyError):  # the rest was cut off or garbled
            break
        length += len(line)
    return length, records, elapsed


def _is_same(found: object, header: Mapping[str, Any]) -> bool:
    """Whether two headers are of one run. Earlier versions did not note the optimizer's code."""
    if not isinstance(found, dict):
        return False
    unknown = {"code": header["code"]} if "code" in header and not found.get("code") else {}
    fingerprints = [str(one.get("fingerprint", "")) for one in (found, header)]
    alike = {"fingerprint": header["fingerprint"]} if all(fingerprints) and agree(*fingerprints) else {}
    return {**found, **unknown, **alike} == header


def _record(fields: Any) -> TrialRecord:
    record = TrialRecord(*fields)
    return record._replace(
        values=record.values and tuple(record.values), constraints=record.constraints and tuple(record.constraints)
    )


def _lock(file: BinaryIO, path: Path) -> None:
    """Take the journal for this process, where the file system knows locks; what the process forks does not have it."""
    try:
        import fcntl
    except ImportError:
        return
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        file.close()
        raise DoneElsewhere(f"another process is doing the run of {path.name}") from None
    except OSError:  # a file system without locks
        return
    if not path.exists() or not os.path.samestat(os.fstat(file.fileno()), path.stat()):
        file.close()
        raise DoneElsewhere(f"another process has just finished the run of {path.name}")
