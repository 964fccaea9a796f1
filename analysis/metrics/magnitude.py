"""Room for differences of numbers that are as large as floats can be."""

from __future__ import annotations

import numpy as np

_HUGE = 1e300
_SHARE = 0.25
"""A power of two, so that only the exponent changes."""


def room(*values: np.ndarray) -> np.ndarray:
    """What to multiply `values` (of shapes that go together) by, so that their differences stay finite.

    It is 1 but where some are so large that the difference of two may be beyond all that a float can hold. NaN and
    infinite values don't count.
    """
    largest = np.zeros(1)
    for each in values:
        largest = np.fmax(largest, np.where(np.isinf(each), 0.0, np.abs(each)))
    return np.where(largest > _HUGE, _SHARE, 1.0)
