"""Where a command is to write, tried before the work whose result goes there."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory

from optathlon.errors import UsageError


def require_file_place(path: Path) -> None:
    """Raise `UsageError` where no file can be written to `path`."""
    if path.is_dir():
        raise UsageError(f"can't write to {str(path)!r}: it is a folder: give the name of a file")
    _require_place(path, path.parent)


def require_folder_place(path: Path) -> None:
    """Raise `UsageError` unless `path` is a folder that can be written to, or can be made."""
    _require_place(path, path)


def require_new_folder(path: Path) -> None:
    """Raise `UsageError` unless `path` is an empty folder, or can be made."""
    require_folder_place(path)
    if path.exists() and any(path.iterdir()):
        raise UsageError(f"can't write to {str(path)!r}: it is not empty: give a new folder")


def _require_place(path: Path, folder: Path) -> None:
    """Raise `UsageError` where `folder`, or the first one above it that exists, takes nothing; what is tried goes."""
    present = next((place for place in (folder, *folder.parents) if os.path.lexists(place)), Path())
    try:
        TemporaryDirectory(dir=present, prefix=".optathlon-").cleanup()
    except OSError as error:
        raise UsageError(f"can't write to {str(path)!r}: {error.strerror}: give another --out") from None
