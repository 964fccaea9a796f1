"""Printing what strangers may have written: names in tables, errors in results, messages of plugins."""

from __future__ import annotations

from typing import TextIO

from optathlon.text import clean


def show(*parts: object, end: str = "\n", file: TextIO | None = None) -> None:
    """Print as `print` does, with what a terminal would obey, such as escape codes, as visible text."""
    print(*(clean(str(part)) for part in parts), end=end, file=file)
