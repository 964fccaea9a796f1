"""Paths that a user gives, in flags, files and calls."""

from __future__ import annotations

import contextlib
import os
import shlex
import stat
from pathlib import Path
from typing import BinaryIO


def expanded(path: str | Path) -> Path:
    """`path` with the home folder for `~`."""
    path = Path(path)
    with contextlib.suppress(RuntimeError):  # there is no such user, so it is a name like any other
        path = path.expanduser()
    return path


def resolved(path: str | Path) -> Path:
    """`path` from the root on, with the home folder for `~`: it stays the same wherever the process goes."""
    return Path(os.path.abspath(expanded(path)))  # noqa: PTH100, which leaves links as they are


def followed(path: str | Path) -> Path:
    """`path` from the root on, with links followed as far as they lead."""
    return Path(os.path.realpath(resolved(path)))  # `Path.resolve` raises for links in a circle


def opened(path: Path) -> BinaryIO:
    """A file to be read as bytes. Raises `OSError`, and `ValueError` for folders, and pipes, which may have no end."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise ValueError(f"{str(path)!r} is not a file")
    return path.open("rb")


def read_bytes(path: Path) -> bytes:
    """The content of a file; raises as `opened`."""
    with opened(path) as file:
        return file.read()


def shown(path: Path) -> Path:
    """`path` as it is short to read: from the present folder on, where it is below that."""
    try:
        return path.relative_to(Path.cwd())
    except (ValueError, OSError):
        return path


def quoted(path: Path) -> str:
    """`path` as `shown`, and as a shell takes it."""
    return shlex.quote(str(shown(path)))
