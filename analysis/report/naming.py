"""Names of the files of a report."""

from __future__ import annotations

import re


def suffix(comparison: str) -> str:
    """What tells the files of several comparisons apart."""
    return "" if comparison == "all tasks" else "_" + re.sub(r"[^a-z0-9]+", "_", comparison.lower())
