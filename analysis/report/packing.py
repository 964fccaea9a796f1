"""Arrays as short text for the page, and the page's data as JSON."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from markupsafe import Markup

_STEPS = 65534
_MISSING = 65535
_WIDE = 1e3


def is_wide(values: np.ndarray) -> bool:
    """Whether the known numbers are positive and span magnitudes, so that a logarithmic scale serves them better."""
    known = values[np.isfinite(values)]
    return bool(len(known) and known.min() > 0 and known.max() > _WIDE * known.min())


def pack(values: np.ndarray) -> dict[str, Any]:
    """Numbers in 16 bits each, as the page's `packing.js` reads them.

    Returns
    -------
    `low` and `high` (of the numbers or, where `log` is true, of their logarithms) and `data`: base64 of little-endian
    unsigned integers, on a scale from 0 (`low`) to 65,534 (`high`); 65,535 is a missing number.
    """
    numbers = np.asarray(values, dtype=float).ravel()
    finite = np.isfinite(numbers)
    known = numbers[finite]
    logarithmic = is_wide(known)
    scaled = np.log(known) if logarithmic else known
    low, high = (float(scaled.min()), float(scaled.max())) if len(scaled) else (0.0, 0.0)
    codes = np.full(len(numbers), _MISSING, dtype="<u2")
    codes[finite] = np.round((scaled - low) / ((high - low) or 1.0) * _STEPS)
    return {"low": low, "high": high, "log": logarithmic, "data": base64.b64encode(codes.tobytes()).decode()}


def short(value: float, digits: int = 5) -> float | None:
    """`value` with some significant digits; `None` where it is missing or infinite."""
    return float(f"{value:.{digits}g}") if math.isfinite(value) else None


def json_script(data: Mapping[str, Any]) -> Markup:
    """`data` as JSON that may stand in a `<script>` element: nothing in it ends the element."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029"))
