"""Files that come into a folder together: a kill leaves none of them there, or all for the next pack to bring in."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from optathlon.fetching.store import synced

_READY = ".ready"


@contextmanager
def alone(*folders: Path) -> Iterator[None]:
    """Within this block no other pack is at work in these folders."""
    with ExitStack() as stack:
        for folder in sorted({folder.resolve() for folder in folders}):
            descriptor = os.open(folder, os.O_RDONLY)
            stack.callback(os.close, descriptor)
            with suppress(OSError):  # not every file system can lock a folder
                fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield


@contextmanager
def work_folder(folder: Path, name: str) -> Iterator[Path]:
    """An empty folder below another one, for this block; what a killed pack left in it goes."""
    work = folder / f".{name}.new"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


@contextmanager
def staged(folder: Path, name: str) -> Iterator[Path]:
    """A folder for files that go into `folder` when the block has ended, in the place of those of the same names."""
    ready = folder / f".{name}{_READY}"
    with work_folder(folder, name) as work:
        yield work
        synced(work)
        work.rename(ready)
    synced(folder)
    _bring_in(ready)


def finish(folder: Path) -> None:
    """Bring into a folder what was ready when a pack was killed."""
    for ready in sorted(folder.glob(f".*{_READY}")):
        _bring_in(ready)


def _bring_in(ready: Path) -> None:
    for path in sorted(ready.iterdir()):
        path.replace(ready.parent / path.name)
    synced(ready.parent)
    ready.rmdir()
