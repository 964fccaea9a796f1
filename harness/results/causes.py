"""Which failures have one cause: their texts differ in numbers only."""

from __future__ import annotations

import re

import pandas as pd

_NUMBER = re.compile(r"0x[0-9a-f]+|(?<![\w.])[-+]?\.?\d[\d_,.:]*(e[-+]?\d+)?", re.IGNORECASE)
"""Numbers, but not those within a name, such as `x12`."""


def same_cause(texts: pd.Series, counts: pd.Series | None = None) -> pd.Series:
    """Each text, or, where some differ from it in numbers only, the most frequent one of them, marked as such.

    Numbers are counts, times, sizes and addresses. Of equally frequent texts the first by name stands for all.
    `counts` says how often each text occurs; by default once.
    """
    weights = counts if counts is not None else pd.Series(1, index=texts.index)
    distinct = weights.groupby(texts).sum().sort_values(ascending=False, kind="stable")
    masked = pd.Series([_NUMBER.sub("#", text) for text in distinct.index], index=distinct.index, dtype=object)
    shown = masked.groupby(masked).transform(
        lambda alike: alike.index[0] + (" (numbers vary)" if len(alike) > 1 else "")
    )
    return texts.map(shown)
