"""The journal of a run that takes long: what a killed process leaves behind, and going on from there.

One JSON line per finished trial, after a header that says which run it is. A trial is noted before it is told, so that
a kill at any moment loses the trials in flight at most. To go on, the run is *replayed*: the optimizer is asked again,
its proposals are compared with the journal, and the stored results are told (`ReplayedEvaluator`, `recalling`).

Each line ends with the CRC-32 of its text and of all lines before it, so that what was changed, moved or cut out is
never replayed: the first line that is not whole ends the journal. Format 1 had no checksums; only the types of what it
wrote are checked.

A journal is locked while its run goes on, so that two drivers on one results folder never do the same long run at once.
The lock goes with the process that holds it.
"""

from __future__ import annotations

import contextlib
import errno
import io
import json
import math
import os
import re
import stat
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, cast

from pydantic import TypeAdapter

from optathlon.budget import Budget, BudgetUnit
from optathlon.errors import Interruption, StorageError, storage_errors
from optathlon.running.accounting import History, ReplayMismatch, RunOutcome, TrialRecord
from optathlon.running.evaluation import Evaluator, FinishedTrial, Job, TimedResult
from optathlon.running.interruption import held
from optathlon.space import plain
from optathlon.task import agree
from optathlon.trial import Result, Status, Trial

FORMAT = 2
"""Version of the layout, in each journal's header."""
_WITHOUT_CHECKSUMS = 1
PATIENCE_S = 0.5
"""A run that has taken so long is worth a journal; what is quicker is done again."""
_SYNC_EVERY_S = 0.5
_CHECKSUM = re.compile(rb', "crc": "([0-9a-f]{8})"\}\n$')
_NOT_WHOLE = (ValueError, TypeError, KeyError, RecursionError)
"""What a line raises that was cut off or changed; pydantic's errors are a `ValueError`."""
_RECORD = TypeAdapter(TrialRecord)
_ELAPSED = TypeAdapter(float)


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
        Called when the run turns out to be long and has its journal, which is still empty; may raise `DoneElsewhere`.

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
        self._checksum: int | None = 0
        self._synced = 0.0
        if os.path.lexists(path):
            self._resume()

    def add(self, record: TrialRecord) -> None:
        """Write the record; a run that is still young keeps it in mind."""
        with held():
            self.trials.append(record)
            if self._file is None:
                if time.monotonic() < self._due:
                    return
                with storage_errors(self._path):
                    self._begin()
                self._on_long()
            with storage_errors(self._path):
                self._write()

    def keep(self) -> None:
        """Write what is only in mind so far: whoever ends the run may have to kill this process.

        Where another process holds the journal, or it can't be written, nothing is.
        """
        if self._file is None and self.trials:
            with contextlib.suppress(DoneElsewhere, StorageError), storage_errors(self._path):
                self._begin()
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
            found = _read(self._file, self._header)
            self.trials, self.elapsed, self._checksum = found.records, found.elapsed, found.checksum
            self._file.truncate(found.length)
            if not found.length:
                self._begin()
        self._written = len(self.trials)
        self.past = {record.trial: record for record in self.trials}

    def _begin(self) -> None:
        """An empty journal, in which nothing is written yet."""
        self._file = self._file or self._open()
        self._file.truncate(0)
        line, self._checksum = _line(self._header, 0)
        self._file.write(line)
        self._written = 0

    def _open(self) -> BinaryIO:
        self._path.parent.mkdir(exist_ok=True)
        file = _opened(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
        _lock(file, self._path)
        return file

    def _write(self) -> None:
        assert self._file is not None
        elapsed = round(self.elapsed + time.monotonic() - self._began, 3)
        new = self.trials[self._written :]
        lines = b""
        for record in new:
            line, self._checksum = _line({"elapsed": elapsed, "trial": record}, self._checksum)
            lines += line
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
        with contextlib.suppress(OSError, StorageError), _opened(path, os.O_RDONLY) as file:
            return _read(file, read_header(path)).records
    return []


def read_header(path: Path) -> dict[str, Any]:
    """What a journal says of itself; nothing where it says nothing."""
    with contextlib.suppress(OSError, StorageError, *_NOT_WHOLE), _opened(path, os.O_RDONLY) as file:
        header, _ = _header(file.readline())
        if isinstance(header.get("attempt", 1), int):
            return header
    return {}


def is_of(header: Mapping[str, Any], identity: Mapping[str, Any]) -> bool:
    """Whether a journal with this header is of the present format and has these values in it."""
    known = {name: header.get(name, "") for name in ("format", *identity)}
    return _is_same(known, {"format": FORMAT} | dict(identity))


def discard_journal(path: Path) -> None:
    """Delete a journal, unless a process holds it."""
    with contextlib.suppress(OSError, StorageError, DoneElsewhere), _opened(path, os.O_RDWR) as file:
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


@dataclass
class _Contents:
    """What is whole of a journal, and of the run that was expected; `checksum` is that of its last line."""

    length: int = 0
    records: list[TrialRecord] = field(default_factory=list)
    elapsed: float = 0.0
    checksum: int | None = 0


def _read(file: BinaryIO, header: Mapping[str, Any]) -> _Contents:
    """What is whole of a journal, if it is of the run that `header` names."""
    file.seek(0)
    found = _Contents()
    known: set[int] = set()
    with contextlib.suppress(*_NOT_WHOLE):  # the rest was cut off or changed
        for number, line in enumerate(io.BytesIO(file.read())):
            if number == 0:
                content, found.checksum = _header(line)
                if not _is_same(content, header):
                    break
            else:
                content, checksum = _parsed(line, found.checksum)
                elapsed, record = _ELAPSED.validate_python(content["elapsed"], strict=True), _record(content["trial"])
                if record.trial in known:
                    break
                known.add(record.trial)
                found.records.append(record)
                found.elapsed, found.checksum = elapsed, checksum
            found.length += len(line)
    return found


def _header(line: bytes) -> tuple[dict[str, Any], int | None]:
    """The header, and its checksum, which format 1 did not have; raises one of `_NOT_WHOLE`."""
    if _CHECKSUM.search(line):
        return _parsed(line, 0)
    content, _ = _parsed(line, None)
    if content.get("format") != _WITHOUT_CHECKSUMS:
        raise ValueError("no checksum")
    return content, None


def _line(content: Mapping[str, Any], checksum: int | None) -> tuple[bytes, int | None]:
    """A line with the checksum that follows on the one of the line before it; without where that had none."""
    text = json.dumps(content, default=plain).encode()
    if checksum is None:
        return text + b"\n", None
    checksum = zlib.crc32(text, checksum)
    return b'%b, "crc": "%08x"}\n' % (text[:-1], checksum), checksum


def _parsed(line: bytes, checksum: int | None) -> tuple[dict[str, Any], int | None]:
    """What a line says, and its checksum; raises one of `_NOT_WHOLE`."""
    if not line.endswith(b"\n"):
        raise ValueError("cut off")
    if checksum is not None:
        found = _CHECKSUM.search(line)
        text = b"%b}" % line[: found.start()] if found else b""
        checksum = zlib.crc32(text, checksum)
        if found is None or int(found[1], 16) != checksum:
            raise ValueError("changed")
        line = text
    content = json.loads(line)
    if not isinstance(content, dict):
        raise TypeError("no object")
    return content, checksum


def _is_same(found: object, header: Mapping[str, Any]) -> bool:
    """Whether two headers are of one run. Earlier versions did not note the optimizer's code."""
    if not isinstance(found, dict):
        return False
    unknown = {"code": header["code"]} if "code" in header and not found.get("code") else {}
    if found.get("format") == _WITHOUT_CHECKSUMS:
        unknown["format"] = header["format"]
    fingerprints = [str(one.get("fingerprint", "")) for one in (found, header)]
    alike = {"fingerprint": header["fingerprint"]} if all(fingerprints) and agree(*fingerprints) else {}
    return {**found, **unknown, **alike} == header


def _record(fields: Any) -> TrialRecord:
    """A trial as it was written; raises one of `_NOT_WHOLE` where something has another type, or can't be."""
    trial, config, *others = fields
    if not isinstance(config, dict):
        raise TypeError("no configuration")
    _RECORD.validate_json(json.dumps([trial, {}, *others]), strict=True)
    record = TrialRecord(*fields)
    succeeded = Status(record.status) is Status.OK
    if record.trial < 0 or succeeded != (record.values is not None):
        raise ValueError("no such trial")
    return record._replace(
        values=record.values and tuple(record.values), constraints=record.constraints and tuple(record.constraints)
    )


def _opened(path: Path, flags: int) -> BinaryIO:
    """A journal; `StorageError` for a link, which may lead anywhere, and for what is not a file."""
    try:
        descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EMLINK, errno.EISDIR):
            raise _no_journal(path) from None
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _no_journal(path)
    return cast(BinaryIO, os.fdopen(descriptor, "rb" if flags == os.O_RDONLY else "rb+", buffering=0))


def _no_journal(path: Path) -> StorageError:
    return StorageError(f"the journal {str(path)!r} is a link or no file: delete it and repeat the command")


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
