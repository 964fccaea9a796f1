"""Arrays as short text for the page, and the page's data as JSON."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from markupsafe import Markup

_SINGLE = np.finfo(np.float32)
_WIDE = 1e3


def is_wide(values: np.ndarray) -> bool:
    """Whether the known numbers are positive and span magnitudes, so that a logarithmic scale serves them better."""
    known = values[np.isfinite(values)]
    return bool(len(known) and known.min() > 0 and known.max() > _WIDE * known.min())


def pack(values: np.ndarray) -> dict[str, Any]:
    """Numbers as the page's `packing.js` reads them, each to seven digits whatever else is packed with it.

    Returns
    -------
    `data`: base64 of little-endian IEEE numbers of so many `bits`: 32 or, where some number is beyond the range of
    these, 64. NaN is a missing number, and so is what is infinite.
    """
    numbers = np.asarray(values, dtype="<f8").ravel()
    numbers = np.where(np.isfinite(numbers), numbers, np.nan)
    sizes = np.abs(numbers[np.nan_to_num(numbers) != 0])
    fits = not len(sizes) or (sizes.min() >= _SINGLE.smallest_normal and sizes.max() <= _SINGLE.max)
    coded = numbers.astype("<f4" if fits else "<f8")
    return {"bits": 8 * coded.itemsize, "data": base64.b64encode(coded.tobytes()).decode()}


def short(value: float, digits: int = 9) -> float | None:
    """`value` with some significant digits; `None` where it is missing or infinite."""
    if not math.isfinite(value):
        return None
    rounded = float(f"{value:.{digits}g}")
    return rounded if math.isfinite(rounded) else value


def json_script(data: Mapping[str, Any]) -> Markup:
    """`data` as JSON that may stand in a `<script>` element: nothing in it ends the element."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029"))
