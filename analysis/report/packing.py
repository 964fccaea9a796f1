"""Arrays as short text for the page, and the page's data as JSON."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from markupsafe import Markup

Bits = Literal[24, 32, 64]

_STEPS, _MISSING = 65534, 65535
_SINGLE = np.finfo(np.float32)
_LARGEST = float.fromhex("0x1.fffep127")
"""Of 24 bits."""
_WIDE = 1e3


def is_wide(values: np.ndarray) -> bool:
    """Whether the known numbers are positive and span magnitudes, so that a logarithmic scale serves them better."""
    known = values[np.isfinite(values)]
    return bool(len(known) and known.min() > 0 and known.max() / _WIDE > known.min())


def pack(values: np.ndarray, bits: Bits = 32) -> dict[str, Any]:
    """Numbers as the page's `packing.js` reads them, each to its digits whatever else is packed with it.

    Parameters
    ----------
    values:
        Of any shape; by rows.
    bits:
        Of each number; 24 keep almost five digits (errors are below 1/65,536), 32 seven, and 64 sixteen.

    Returns
    -------
    `data`: base64 of little-endian IEEE numbers of so many `bits` or, where some number is beyond the range of 32, of
    64. Those of 24 are the first three bytes of 32. NaN is a missing number, and so is what is infinite.
    """
    numbers = np.asarray(values, dtype="<f8").ravel()
    numbers = np.where(np.isfinite(numbers), numbers, np.nan)
    sizes = np.abs(numbers[np.nan_to_num(numbers) != 0])
    fits = not len(sizes) or (sizes.min() >= _SINGLE.smallest_normal and sizes.max() <= _LARGEST)
    if not fits or bits == 64:
        return {"bits": 64, "data": base64.b64encode(numbers.tobytes()).decode()}
    coded = as_read(numbers, bits).astype("<f4").view(np.uint8).reshape(-1, 4)
    return {"bits": bits, "data": base64.b64encode(coded[:, 4 - bits // 8 :].tobytes()).decode()}


def as_read(numbers: np.ndarray, bits: Literal[24, 32]) -> np.ndarray:
    """Shape of `numbers`, 32 bits each: what becomes of them where they are packed in so many bits."""
    single = np.asarray(numbers, dtype=np.float32)
    if bits == 32:
        return single
    halved = np.where(np.isnan(single), np.uint32(0), np.uint32(0x80))
    return ((single.view(np.uint32) + halved) & np.uint32(0xFFFFFF00)).view(np.float32)


def pack_on_a_scale(values: np.ndarray) -> dict[str, Any]:
    """Numbers in 16 bits each, for statistics of which all lie on one scale and none far out.

    Returns
    -------
    As `pack`, with `bits` 16, and `low` and `high` (of the numbers or, where `log` is true, of their logarithms): an
    unsigned integer goes from 0 (`low`) to 65,534 (`high`), and 65,535 is a missing number.
    """
    numbers = np.asarray(values, dtype=float).ravel()
    finite = np.isfinite(numbers)
    known = numbers[finite]
    logarithmic = is_wide(known)
    scaled = np.log(known) if logarithmic else known
    low, high = (float(scaled.min()), float(scaled.max())) if len(scaled) else (0.0, 0.0)
    codes = np.full(len(numbers), _MISSING, dtype="<u2")
    codes[finite] = np.round((scaled - low) / ((high - low) or 1.0) * _STEPS)
    data = base64.b64encode(codes.tobytes()).decode()
    return {"bits": 16, "low": low, "high": high, "log": logarithmic, "data": data}


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
