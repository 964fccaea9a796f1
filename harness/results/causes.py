"""Which failures have one cause: their texts differ in numbers only."""

from __future__ import annotations

import re

import pandas as pd

_NUMBER = re.compile(r"0x[0-9a-f]+|(?<![\w.])[-+]?\.?\d[\d_,.:]*(e[-+]?\d+)?", re.IGNORECASE)
"""Numbers, but not those within a name, such as `x12`."""


def same_cause(texts: pd.Series) -> pd.Series:
    """Each text, or, where some differ from it in numbers only, the most frequent one of them, marked as such.

    Numbers are counts, times, sizes and addresses. Of equally frequent texts the first by name stands for all.
    """
    distinct = texts.value_counts().sort_index().sort_values(ascending=False, kind="stable")
    masked = pd.Series([_NUMBER.sub("#", text) for text in distinct.index], index=distinct.index, dtype=object)
    groups = masked.groupby(masked)
    shown = groups.transform(lambda alike: alike.index[0] + (" (numbers vary)" if len(alike) > 1 else ""))
    return texts.map(shown)
