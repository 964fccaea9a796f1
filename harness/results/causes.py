"""Which failures have one cause: their texts differ in numbers only."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

_NUMBER = re.compile(r"0x[0-9a-f]+|(?<![\w.])[-+]?\.?\d[\d_,.:]*(e[-+]?\d+)?", re.IGNORECASE)
"""Numbers, but not those within a name, such as `x12`."""


def same_cause(texts: pd.Series) -> pd.Series:
    """What `causes` has for each text."""
    return texts.map(causes(Counter(texts)))


def causes(counts: Mapping[str, int]) -> dict[str, str]:
    """Each text, or, where some differ from it in numbers only, the most frequent one of them, marked as such.

    Numbers are counts, times, sizes and addresses. Of equally frequent texts the first by name stands for all.
    `counts` says how often each text occurs.
    """
    alike: dict[str, list[str]] = {}
    for text in sorted(counts, key=lambda text: (-counts[text], text)):
        alike.setdefault(_NUMBER.sub("#", text), []).append(text)
    return {
        text: texts[0] + (" (numbers vary)" if len(texts) > 1 else "") for texts in alike.values() for text in texts
    }
