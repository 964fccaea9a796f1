"""Numbers as the cells of the page's tables show them."""

from __future__ import annotations

import math
from dataclasses import dataclass

MISSING = "–"

_TIMES = ((1e-3, "µs", 1e6), (1.0, "ms", 1e3), (120.0, "s", 1.0), (7200.0, "min", 1 / 60), (math.inf, "h", 1 / 3600))
"""Below how many seconds which unit is used, and how many of it make a second."""

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

_BETTER, _WORSE = "0,158,115", "213,94,0"
"""Two colours that colour-blind readers tell apart (Okabe and Ito)."""

_STRONGEST = 0.55
"""The opacity of the largest difference."""


@dataclass(frozen=True)
class Shaded:
    """A cell with a background that says how much better or worse it is; `sure` where chance hardly explains it."""

    optimizer: str
    text: str
    shade: str
    sure: bool = False


def shade(difference: float) -> str:
    """A background for a difference in [-1, 1], below 0 better."""
    opacity = _STRONGEST * min(1.0, abs(difference))
    return f"background:rgba({_BETTER if difference < 0 else _WORSE},{opacity:.2f})"


def number(value: float, digits: int = 4) -> str:
    """`value` with some significant digits, whole ones with a comma between thousands; a dash where it is missing."""
    if value is None or math.isnan(value):
        return MISSING
    if 999.5 <= abs(value) < 1e6:
        text = f"{value:,.0f}"
    else:
        mantissa, _, exponent = f"{value:.{digits}g}".partition("e")
        text = f"{mantissa} × 10{str(int(exponent)).translate(_SUPERSCRIPTS)}" if exponent else mantissa
    return text.replace("-", "−")


def fixed(value: float, places: int = 2) -> str:
    """`value` with fixed decimals; a dash where it is missing."""
    return MISSING if math.isnan(value) else f"{value:.{places}f}"


def signed(value: float, places: int = 3) -> str:
    """`value` with fixed decimals and its sign; a dash where it is missing."""
    return MISSING if math.isnan(value) else f"{value:{'+' if value else ''}.{places}f}".replace("-", "−")


def whole(value: float) -> str:
    """`value` as an integer; a dash where it is missing."""
    return MISSING if math.isnan(value) else f"{int(value):,}"


def percent(share: float) -> str:
    """`share` as a percentage; a dash where it is missing."""
    if math.isnan(share):
        return MISSING
    return f"{100 * share:.0f} %" if share == 0 or share >= 0.1 else f"{100 * share:.2g} %"


def seconds(value: float) -> str:
    """A duration with a fitting unit; a dash where it is missing."""
    if math.isnan(value):
        return MISSING
    unit, factor = next((unit, factor) for limit, unit, factor in _TIMES if value < limit)
    return f"{value * factor:.3g} {unit}"
