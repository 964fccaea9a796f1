"""What of a source is in the data folder, and in which state.

A source's files lie in the collection's folder. Beside them, `.fetched/NAME.json` records by part which files belong to
it, with their SHA-256. It is written after the files of each part are in place: what a fetch left unfinished never
counts. Parts may share folders, and files that are equal.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePosixPath

from optathlon.data import data_root
from optathlon.data_source import DataFile, DataSource
from optathlon.errors import storage_errors

Say = Callable[[str], object]

Files = Mapping[str, Mapping[str, str]]
"""By part and path the SHA-256 of files."""

_WORK = ".fetched"


class State(StrEnum):
    """How much of a source is there."""

    COMPLETE = "complete"
    INCOMPLETE = "incomplete"
    ABSENT = "absent"


class Condition(StrEnum):
    """What there is to say of a file of a source."""

    GOOD = "good"
    """It has the checksum that was published, or that was recorded when it was fetched."""
    UNCHECKED = "unchecked"
    """It is there, but nobody knows its checksum."""
    MISSING = "missing"
    ALTERED = "altered"


@dataclass(frozen=True, slots=True)
class Kept:
    """A collection's source in the data folder."""

    collection: str
    source: DataSource

    @property
    def id(self) -> str:
        """What users call it."""
        return f"{self.collection}/{self.source.name}"

    @property
    def folder(self) -> Path:
        """The collection's folder."""
        return data_root() / self.collection

    @property
    def work(self) -> Path:
        """Where downloads and the record are."""
        return self.folder / _WORK

    def files(self) -> dict[str, str]:
        """The source's files by path in the folder, with the known SHA-256, or nothing."""
        found = dict.fromkeys(self.source.paths, "")
        for files in self.recorded().values():
            found |= files
        pinned = {part.path: part.sha256 for part in self.source.parts if isinstance(part, DataFile) and part.sha256}
        return found | pinned

    def recorded(self) -> Files:
        """By part, the files of the record, with their SHA-256; empty where there is none."""
        try:
            record = json.loads(self._record.read_text())["parts"]
            return {
                part.name: {path: known for path, known in record[part.name].items() if _is_inside(path)}
                for part in self.source.parts
                if part.name in record
            }
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return {}

    def record(self, files: Files) -> None:
        """Write down what belongs to the source."""
        temporary = self._record.with_suffix(".tmp")
        temporary.write_text(json.dumps({"source": self.id, "parts": files}, indent=1, sort_keys=True) + "\n")
        temporary.replace(self._record)

    def state(self) -> State:
        """How much is there, by name."""
        files = self.files()
        there = sum((self.folder / path).is_file() for path in files)
        if files and there == len(files) and not self._unknown():
            return State.COMPLETE
        return State.INCOMPLETE if there or self._downloads() else State.ABSENT

    def conditions(self) -> dict[str, Condition]:
        """What there is to say of each file, by reading all of them."""
        found = {path: _condition(self.folder / path, known) for path, known in self.files().items()}
        return found | {f"the files of {name}": Condition.MISSING for name in self._unknown()}

    def remove(self) -> int:
        """Remove the source's files, what has come of it, and folders that are empty then; the bytes freed."""
        files = [self.folder / path for path in self.files()]
        freed = 0
        with storage_errors(self.folder):
            self._record.unlink(missing_ok=True)
            for file in [*files, *self._downloads()]:
                with suppress(FileNotFoundError):
                    freed += file.stat().st_size
                    file.unlink()
            for folder in sorted({parent for file in files for parent in self._parents(file)}, reverse=True):
                with suppress(OSError):  # others' files are in it
                    folder.rmdir()
        return freed

    def partial(self, name: str) -> Path:
        """Where a part's file is while it comes."""
        return self.work / f"{self.source.name}--{name.replace('/', '--')}.part"

    @contextmanager
    def locked(self, say: Say = lambda text: None) -> Iterator[None]:
        """Within this block no other process fetches or removes this source."""
        with storage_errors(self.work):
            self.work.mkdir(parents=True, exist_ok=True)
            file = (self.work / f"{self.source.name}.lock").open("w")
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say(f"waiting for another process that is at work on {self.id}")
                fcntl.flock(file, fcntl.LOCK_EX)
            yield

    @property
    def _record(self) -> Path:
        return self.work / f"{self.source.name}.json"

    def _unknown(self) -> list[str]:
        """The parts with folders of which nobody knows what belongs in them: they have not been fetched."""
        recorded = self.recorded()
        archives = [part for part in self.source.parts if not isinstance(part, DataFile)]
        with_folders = [part for part in archives if any(place.endswith("/") for place in part.members.values())]
        return [part.name for part in with_folders if not recorded.get(part.name)]

    def _downloads(self) -> list[Path]:
        return sorted(self.work.glob(f"{self.source.name}--*.part*"))

    def _parents(self, file: Path) -> Iterator[Path]:
        return (parent for parent in file.parents if self.folder in parent.parents)


def checksum(path: Path) -> str:
    """A file's SHA-256 in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def synced(folder: Path) -> None:
    """Have what was renamed in a folder on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _is_inside(path: str) -> bool:
    """Whether a relative path stays in its folder, whoever wrote it down."""
    pure = PurePosixPath(path)
    return not pure.is_absolute() and ".." not in pure.parts


def _condition(path: Path, known: str) -> Condition:
    if not path.is_file():
        return Condition.MISSING
    if not known:
        return Condition.UNCHECKED
    return Condition.GOOD if checksum(path) == known else Condition.ALTERED


__all__ = ["Condition", "Kept", "State"]
