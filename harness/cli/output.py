"""Printing what strangers may have written: names in tables, errors in results, messages of plugins."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from itertools import islice
from typing import TextIO

from optathlon.text import clean

_AT_ONCE = 1000
"""Lines that are printed together: a call of `print` for each takes longer than to find them."""

_unread: list[TextIO] = []
"""Streams whose reader has gone."""


def show(*parts: object, end: str = "\n", file: TextIO | None = None) -> None:
    """Print as `print` does, with what a terminal would obey, such as escape codes, as visible text.

    Where nobody reads any more, as after `| head`, nothing is written: the command goes on to its end and exit code.
    """
    _print(" ".join(clean(str(part)) for part in parts), end, file or sys.stdout)


def show_lines(lines: Iterable[str]) -> None:
    """Print lines as `show` does, as they come: there may be many."""
    show_safe_lines(map(clean, lines))


def show_safe_lines(lines: Iterable[str]) -> None:
    """Print lines as `show_lines` does, which have nothing that a terminal would obey."""
    rest = iter(lines)
    while some := [*islice(rest, _AT_ONCE)]:
        _print("\n".join(some), "\n", sys.stdout)


def _print(text: str, end: str, stream: TextIO) -> None:
    try:
        print(text, end=end, file=stream)
    except BrokenPipeError:
        _discard(stream)


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
