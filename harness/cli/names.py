"""Optimizer ids as flags give them."""

from __future__ import annotations

import re
from collections.abc import Iterable


def split_names(texts: Iterable[str]) -> list[str]:
    """Ids separated by commas (but for those inside of brackets), in their canonical form and each once."""
    from optathlon.registry.options import canonical_options, parse_options

    ids = (id for text in texts for id in re.split(r",(?![^\[]*\])", text) if id.strip())
    return list(dict.fromkeys(name + canonical_options(options) for name, options in map(parse_options, ids)))
