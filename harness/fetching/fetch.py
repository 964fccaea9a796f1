"""Fetches a source: each part comes whole and checked, or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from optathlon.data_source import DataFile, Part
from optathlon.errors import storage_errors
from optathlon.fetching.failure import FetchError
from optathlon.fetching.origins import Origin, Tell
from optathlon.fetching.store import Condition, Kept, Say, checksum, synced
from optathlon.fetching.unpacking import unpack

_POINTER = b"version https://git-lfs.github.com/spec/"
"""How a file begins that Git LFS has put in the place of another one."""

Progress = Callable[[Part], Tell]


@dataclass(frozen=True, slots=True)
class Fetcher:
    """Fetches sources from one origin.

    Parameters
    ----------
    origin:
        Where the parts come from.
    say:
        Is told in a line what was done.
    progress:
        Gives, for each part, what is told how many of its bytes are there.
    """

    origin: Origin
    say: Say
    progress: Progress

    def fetch(self, kept: Kept) -> None:
        """Have all of a source in the data folder; what is there and good is left as it is.

        Raises `FetchError` where a part can't be had or isn't the published one, and `StorageError`.
        """
        with kept.locked(self.say), storage_errors(kept.folder):
            conditions = kept.conditions()
            lacking = [part for part in kept.source.parts if _lacks(part, kept, conditions)]
            if not lacking:
                self.say(f"{kept.id} is there already")
                return
            files = dict(kept.recorded())
            for part in lacking:
                files[part.name] = self._part(kept, part)
                kept.record(files)
            self.say(f"{kept.id} is complete in {kept.folder}")

    def _part(self, kept: Kept, part: Part) -> dict[str, str]:
        """Bring, check and place a part; the SHA-256 of its files."""
        partial = kept.partial(part.name)
        resumed = partial.exists()
        while True:
            try:
                if not _is_whole(partial, part):
                    self.origin.bring(kept.collection, part, partial, self.progress(part))
                found = _checked(partial, part)
                break
            except _Wrong as error:
                _forget(partial)
                if not resumed:
                    raise FetchError(str(error)) from None
                resumed = False  # what was there before may be what is wrong
        if part.sha256 is None:
            self.say(f"{kept.id}: {part.name} came with SHA-256 {found}, which nothing published confirms")
        return self._placed(kept, part, partial, found)

    @staticmethod
    def _placed(kept: Kept, part: Part, partial: Path, found: str) -> dict[str, str]:
        if isinstance(part, DataFile):
            _move(partial, kept.folder / part.path)
            _forget(partial)
            return {part.path: found}
        unpacked = partial.with_name(f"{partial.name}.unpacked")
        shutil.rmtree(unpacked, ignore_errors=True)
        try:
            paths = unpack(partial, part.members, unpacked, limit=part.unpacked)
            files = {path: checksum(unpacked / path) for path in paths}
            for path in paths:
                _move(unpacked / path, kept.folder / path)
        finally:
            shutil.rmtree(unpacked, ignore_errors=True)
            _forget(partial)
        return files


class _Wrong(Exception):
    """What came is not what was published."""


def _lacks(part: Part, kept: Kept, conditions: dict[str, Condition]) -> bool:
    """Whether a part must come: some of its files are missing or altered."""
    present = (Condition.GOOD, Condition.UNCHECKED)
    unknown = f"the files of {part.name}" in conditions
    return unknown or any(conditions[path] not in present for path in _paths(part, kept))


def _paths(part: Part, kept: Kept) -> list[str]:
    """The paths of a part's files, those of its folders as they were recorded."""
    return [*part.paths, *kept.recorded().get(part.name, ())]


def _is_whole(partial: Path, part: Part) -> bool:
    """Whether the whole file lies there, as where a fetch was killed just before its end."""
    return part.sha256 is not None and partial.is_file() and checksum(partial) == part.sha256


def _checked(partial: Path, part: Part) -> str:
    """The SHA-256 of what came, which is the published one where that is known."""
    with partial.open("rb") as file:
        begin = file.read(len(_POINTER))
    if begin == _POINTER:
        raise _Wrong(
            f"{part.name} came as a pointer of Git LFS, not as the file itself: the place it was taken from stores "
            "large files elsewhere; take it from a full download, or from a clone after `git lfs pull`"
        )
    found = checksum(partial)
    if part.sha256 is not None and found != part.sha256:
        raise _Wrong(
            f"{part.name} is not the published file: its SHA-256 is {found[:12]}…, not {part.sha256[:12]}…; "
            "nothing of it is kept"
        )
    return found


def _move(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    source.replace(target)
    synced(target.parent)


def _forget(partial: Path) -> None:
    partial.unlink(missing_ok=True)
    partial.with_name(f"{partial.name}.json").unlink(missing_ok=True)
