"""Where data files are, whether they are the published ones, and which were used.

Collections that need data read it from `data_root() / COLLECTION`, in the layout of its public source. Optathlon
downloads nothing by itself: a missing file is an error that says what to put where.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from optathlon.errors import MissingData

ENVIRONMENT_VARIABLE = "OPTATHLON_DATA"
CACHE_VARIABLE = "OPTATHLON_CACHE"

_used: dict[str, str] = {}


def data_root() -> Path:
    """The data folder: `$OPTATHLON_DATA`, else `optathlon` in `$XDG_DATA_HOME`, else in `~/.local/share`."""
    if chosen := os.environ.get(ENVIRONMENT_VARIABLE):
        return Path(chosen).expanduser()
    base = os.environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "optathlon"


def cache_root() -> Path:
    """The folder of what can be made again: `$OPTATHLON_CACHE`, else `optathlon` in `$XDG_CACHE_HOME` or `~/.cache`."""
    if chosen := os.environ.get(CACHE_VARIABLE):
        return Path(chosen).expanduser()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "optathlon"


def data_file(collection: str, relative: str, *, sha256: str | None = None, remedy: str) -> Path:
    """The path of a collection's data file, after its checks; the file is noted as used.

    Parameters
    ----------
    collection:
        The collection's name, which is its folder in the data folder.
    relative:
        The file's path in that folder, with `/`.
    sha256:
        The published file's checksum in hexadecimal, or `None` where none is known.
    remedy:
        How to get the file, as an imperative that completes "…: ".

    Raises
    ------
    MissingData
        If the file is absent, can't be read, or differs from the published one.
    """
    path = data_root() / collection / relative
    try:
        with path.open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        where = f"the data folder is ${ENVIRONMENT_VARIABLE}"
        raise MissingData(f"{collection} needs the file {path} ({error.strerror}; {where}): {remedy}") from None
    if sha256 is not None and found != sha256:
        raise MissingData(
            f"{path} is not the published file (its SHA-256 starts with {found[:12]}, not {sha256[:12]}): {remedy}"
        )
    _used[f"{collection}/{relative}"] = found
    return path


def used_files() -> dict[str, str]:
    """The data files that this process has used, as `{"COLLECTION/RELATIVE": SHA-256}`, sorted; for provenance."""
    return dict(sorted(_used.items()))
