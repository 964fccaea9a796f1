"""Takes files out of zip and tar archives of strangers: only those that are asked for, only plain ones, not too much.

Nothing is written but below the given folder. What an archive says of links, owners, permissions and devices is not
followed: contents are copied into new files.
"""

from __future__ import annotations

import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from lzma import LZMAError
from pathlib import Path, PurePosixPath
from typing import IO

from optathlon.fetching.failure import FetchError

_CHUNK = 1 << 20
_KIND, _PLAIN = 0o170000, 0o100000


def unpack(archive: Path, members: Mapping[str, str], folder: Path, *, limit: int) -> list[str]:
    """Copy members of a zip or tar archive to their places below `folder`; the paths that were written, sorted.

    `members` is as for `optathlon.data_source.Archive`. Raises `FetchError` where a member is missing, not a plain
    file, or leads out of the folder, where they have more than `limit` bytes together, and for broken archives.
    """
    written: dict[str, str] = {}
    room, called = limit, archive.name.removesuffix(".part")
    try:
        with _opened(archive) as entries:
            for name, open_entry in entries:
                place = _place(name, members)
                if place is None:
                    continue
                if place in written:
                    raise FetchError(f"{called} has {name!r} twice")
                room -= _copy(open_entry, folder / place, room, f"{name!r} of {called}")
                written[place] = name
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, LZMAError, EOFError, NotImplementedError) as error:
        raise FetchError(f"{called} is broken: {error}") from None
    _require_all(called, members, written)
    return sorted(written)


Entry = tuple[str, Callable[[], IO[bytes] | None]]
"""A member's name, and what opens it; `None` where it is not a plain file."""


@contextmanager
def _opened(archive: Path) -> Iterator[Iterator[Entry]]:
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as zipped:
            yield _zip_entries(zipped)
    elif tarfile.is_tarfile(archive):
        with tarfile.open(archive) as tar:
            yield _tar_entries(tar)
    else:
        raise FetchError(f"{archive.name.removesuffix('.part')} is neither a zip nor a tar archive")


def _zip_entries(zipped: zipfile.ZipFile) -> Iterator[Entry]:
    for info in zipped.infolist():
        if not info.is_dir():
            yield info.filename, partial(_zip_member, zipped, info)


def _zip_member(zipped: zipfile.ZipFile, info: zipfile.ZipInfo) -> IO[bytes] | None:
    if (info.external_attr >> 16) & _KIND not in (0, _PLAIN):  # the kind of file, where it was packed on Unix
        return None
    try:
        return zipped.open(info)
    except RuntimeError as error:  # it is encrypted
        raise FetchError(str(error)) from None


def _tar_entries(tar: tarfile.TarFile) -> Iterator[Entry]:
    for info in tar:
        if not info.isdir():
            yield info.name, partial(_tar_member, tar, info)


def _tar_member(tar: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes] | None:
    return tar.extractfile(info) if info.isreg() else None


def _place(name: str, members: Mapping[str, str]) -> str | None:
    """Where a member goes, if it is wanted; `FetchError` where that would be outside of the folder it belongs to."""
    plain = name.removeprefix("./")
    if plain in members:
        return members[plain]
    for source, target in members.items():
        if source.endswith("/") and plain.startswith(source):
            inner = PurePosixPath(plain[len(source) :])
            if inner.is_absolute() or ".." in inner.parts or "\\" in plain or "\0" in plain:
                raise FetchError(f"{name!r} leads out of the archive: nothing of it is used")
            return f"{target}{inner}"
    return None


def _copy(open_entry: Callable[[], IO[bytes] | None], target: Path, room: int, what: str) -> int:
    """Copy a member, counting what really comes out of it; the number of bytes."""
    source = open_entry()
    if source is None:
        raise FetchError(f"{what} is a link or a device, not a file: nothing of it is used")
    target.parent.mkdir(parents=True, exist_ok=True)
    count = 0
    with source, target.open("xb") as file:
        while chunk := source.read(_CHUNK):
            count += len(chunk)
            if count > room:
                raise FetchError(f"{what} unpacks to more than is expected: nothing of it is used")
            file.write(chunk)
    return count


def _require_all(called: str, members: Mapping[str, str], written: Mapping[str, str]) -> None:
    for source, target in members.items():
        found = any(place.startswith(target) for place in written) if source.endswith("/") else target in written
        if not found:
            raise FetchError(f"{called} has no {source!r}")
