"""Cells: values as readers see them, three significant digits each, in Unicode."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from optathlon.text import one_line

MISSING = "–"
MINUS = "−"

_DIGITS = 3
_LEAST_P = 0.001
"""Smaller p-values are only said to be so."""

Align = Literal["decimal", "left", "center"]


@dataclass(frozen=True)
class Cell:
    """What stands in a cell.

    Attributes
    ----------
    text:
        The whole of it, but for a power of ten.
    power:
        The number is `text` times ten to this.
    is_number:
        Whether its decimal point is aligned with those of the others.
    bold:
        Whether it is the best.
    mark:
        What stands above its end, such as a dagger.
    """

    text: str
    power: int | None = None
    is_number: bool = False
    bold: bool = False
    mark: str = ""


@dataclass(frozen=True)
class Style:
    """How the values of a column are shown: where they stand, and as what; a function takes one value per source."""

    align: Align
    cell: Callable[..., Cell]


def is_missing(value: object) -> bool:
    """Whether there is no value."""
    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and math.isnan(value))


def text_cell(value: object) -> Cell:
    """Text on one line, yes and no, and any other single value."""
    if is_missing(value):
        return Cell(MISSING)
    if isinstance(value, bool | np.bool_):
        return Cell("yes" if value else "no")
    if isinstance(value, int | float | np.number):
        return number_cell(value)
    if isinstance(value, list | tuple):
        return Cell(", ".join(one_line(str(each)) for each in value) or MISSING)
    return Cell(one_line(str(value)) or MISSING)


def number_cell(value: Any) -> Cell:
    """Three significant digits; more before the decimal point up to 99,999; beyond that, and below 0.001, a power."""
    if is_missing(value):
        return Cell(MISSING)
    number = float(value)
    if math.isnan(number):
        return Cell(MISSING)
    if math.isinf(number):
        return Cell(f"{MINUS}∞" if number < 0 else "∞", is_number=True)
    if number == 0:
        return Cell("0", is_number=True)
    mantissa, exponent = f"{number:.{_DIGITS - 1}e}".split("e")
    power = int(exponent)
    if not -4 < power < 5:
        return Cell(mantissa.replace("-", MINUS), power, is_number=True)
    return Cell(f"{number:,.{max(0, _DIGITS - 1 - power)}f}".replace("-", MINUS), is_number=True)


def count_cell(value: Any) -> Cell:
    """All digits of a whole number."""
    if is_missing(value) or not float(value).is_integer():
        return number_cell(value)
    return Cell(f"{int(value):,}".replace("-", MINUS), is_number=True)


def percent_cell(share: Any) -> Cell:
    """A share in per cent; the column's header says so."""
    return Cell(MISSING) if is_missing(share) else number_cell(100 * float(share))


def p_cell(value: Any) -> Cell:
    """A p-value, or that it is below 0.001."""
    if not is_missing(value) and float(value) < _LEAST_P:
        return Cell(f"<{_LEAST_P}", is_number=True)
    return number_cell(value)


def interval_cell(low: Any, high: Any) -> Cell:
    """Both ends."""
    if is_missing(low) or is_missing(high):
        return Cell(MISSING)
    return Cell(f"[{plain(number_cell(low))}, {plain(number_cell(high))}]")


def record_cell(*values: Any) -> Cell:
    """Counts side by side, such as of wins, ties and losses."""
    return Cell(MISSING if all(map(is_missing, values)) else " / ".join(plain(count_cell(value)) for value in values))


def plain(cell: Cell) -> str:
    """The whole cell as text."""
    return cell.text if cell.power is None else f"{cell.text}·10{str(cell.power).translate(_SUPERSCRIPT)}"


_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

TEXT = Style("left", text_cell)
NUMBER = Style("decimal", number_cell)
COUNT = Style("decimal", count_cell)
PERCENT = Style("decimal", percent_cell)
P_VALUE = Style("decimal", p_cell)
INTERVAL = Style("center", interval_cell)
RECORD = Style("center", record_cell)
