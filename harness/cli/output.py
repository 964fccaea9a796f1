"""Printing what strangers may have written: names in tables, errors in results, messages of plugins."""

from __future__ import annotations

import os
import sys
from typing import TextIO

from optathlon.text import clean

_unread: list[TextIO] = []
"""Streams whose reader has gone."""


def show(*parts: object, end: str = "\n", file: TextIO | None = None) -> None:
    """Print as `print` does, with what a terminal would obey, such as escape codes, as visible text.

    Where nobody reads any more, as after `| head`, nothing is written: the command goes on to its end and exit code.
    """
    try:
        print(*(clean(str(part)) for part in parts), end=end, file=file)
    except BrokenPipeError:
        _discard(file or sys.stdout)


def flush() -> None:
    """Write what is still to be written, where somebody reads it."""
    for stream in filter(None, (sys.stdout, sys.stderr)):
        try:
            stream.flush()
        except BrokenPipeError:
            _discard(stream)


def is_read(stream: TextIO) -> bool:
    """Whether what is written to the stream goes anywhere, as far as the last writing told."""
    return stream not in _unread


def _discard(stream: TextIO) -> None:
    """Let all that is written to the stream disappear."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    _unread.append(stream)
