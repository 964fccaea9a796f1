"""Reading files that somebody else wrote: no more than a stated size, and one line about what is wrong."""

from __future__ import annotations

import gzip
import json
import zlib
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import BinaryIO, cast

from optathlon.errors import UsageError

_POINTER = b"version https://git-lfs"


def read_text(path: Path | Traversable, what: str, *, most_bytes: int) -> str:
    """The text of a UTF-8 file, of a `.gz` file what it holds.

    Parameters
    ----------
    path:
        Where it is; a device or a pipe that never ends is read no further than `most_bytes`.
    what:
        What it is, such as "experiment file", for messages.
    most_bytes:
        How large it may be, once unpacked.

    Raises `UsageError` in one line where it can't be read, is larger, or is not UTF-8.
    """
    where = f"the {what} {str(path)!r}"
    try:
        with path.open("rb") as file:
            packed = path.name.endswith(".gz")
            stream = cast("BinaryIO", gzip.GzipFile(fileobj=file) if packed else file)
            content = stream.read(most_bytes + 1)
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise UsageError(f"can't read {where}: {getattr(error, 'strerror', None) or error}") from None
    if len(content) > most_bytes:
        raise UsageError(f"{where} holds more than {most_bytes / 2**20:,.0f} MiB: give a smaller one, or split it")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{where} is not UTF-8 text (byte {error.start}): save it as UTF-8") from None


def is_pointer(path: Path) -> bool:
    """Whether a file is what Git LFS puts in the place of one that has not been fetched."""
    try:
        with path.open("rb") as stream:
            return stream.read(len(_POINTER)) == _POINTER
    except OSError:
        return False


def parse_json(text: str, where: str, *, hint: str = "") -> object:
    """What a JSON text holds. Raises `UsageError` in one line that ends with `hint`: not JSON, or nested too deep."""
    end = f": {hint}" if hint else ""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise UsageError(f"{where} is not JSON ({error.msg}, line {error.lineno}, column {error.colno}){end}") from None
    except RecursionError:
        raise UsageError(f"{where} is JSON nested too deep to be read{end}") from None
    except ValueError as error:  # a number of more digits than Python converts
        raise UsageError(f"{where} is not JSON that can be read ({error}){end}") from None
