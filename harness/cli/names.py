"""Ids as flags give them: several times, or separated by commas."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator

_COMMA = re.compile(r",(?![^\[]*\])")
"""One that is not inside of brackets."""


def split_names(texts: Iterable[str]) -> list[str]:
    """Ids separated by commas (but for those inside of brackets), in their canonical form and each once."""
    from optathlon.registry.options import canonical_options, parse_options

    ids = map(parse_options, separated([*texts]) or ())
    return list(dict.fromkeys(name + canonical_options(options) for name, options in ids))


def separated(texts: list[str] | None) -> list[str] | None:
    """Ids or patterns that were separated by commas, each apart; commas inside of brackets separate nothing.

    What names a file that is there is one, whatever commas its path has: `a,b.yaml`, `mine=a,b.py:Class[x=1]`.
    """
    return None if texts is None else [part for text in texts for part in _parts(text)]


def _parts(text: str) -> Iterator[str]:
    path = text.partition("[")[0]
    places = (path, path.rpartition(":")[0], path.partition("=")[2].rpartition(":")[0])
    if any(map(os.path.isfile, places)):
        yield text
    else:
        yield from filter(None, map(str.strip, _COMMA.split(text)))
