"""Names of files for ids of optimizers and tasks, each of its own also where letters differ in case only."""

from __future__ import annotations

import re
from collections.abc import Iterable

from optathlon.task import short_hash

_LONGEST, _HASH = 80, 6


def addresses(ids: Iterable[str]) -> dict[str, str]:
    """By id a name of letters, digits, `.` and `-`, that no other one has."""
    taken: dict[str, str] = {}
    found = {}
    for id in sorted(ids):
        words = _words(id)
        first = taken.setdefault(words, id)
        found[id] = words if words and first == id else f"{words}-{short_hash(id)[:_HASH]}"
    return found


def _words(id: str) -> str:
    return re.sub(r"[^a-z0-9.]+", "-", id.lower()).strip("-.")[:_LONGEST]
