"""Which optimizers a figure draws where there are too many for a page."""

from __future__ import annotations

import numpy as np
import pandas as pd

from optathlon.analysis.plots.style import Best

MOST = 60
"""As many rows as a page holds."""


def foremost(ends: pd.Series, best: Best = "low", *, most: int = MOST) -> list[str]:
    """The `most` best optimizers of an index, or all: best first, ties by name and what is not finite last."""
    finite = ends.replace([np.inf, -np.inf], np.nan).sort_index()
    order = finite.sort_values(ascending=best == "low", kind="stable", na_position="last")
    return [str(name) for name in order.index[:most]]


def cut_note(count: int, superlative: str = "best", *, most: int = MOST) -> str:
    """What to add to the title of an axis; empty where all `count` optimizers are drawn."""
    return f" — the {superlative} {most} of {count}" if count > most else ""
