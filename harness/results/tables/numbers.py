"""Columns of numbers: their types, and the decimal mark of those that are written as text."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import compute

from optathlon.results.tables.table import MISSING, Table

_COLUMNS = ("step", "value", "time", "test_value")
_PER_SECOND = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}

_DURATION = r"^\d+ days?( \d{2}:\d{2}:\d{2}(\.\d+)?)?$"
_NUMBER = r"(?i)^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$|^[+-]?(inf|infinity|nan)$"
_WITH_POINT = r"^[+-]?(\d+\.\d*|\.\d+)([eE][+-]?\d+)?$"
_WITH_COMMA = r"^[+-]?\d*,\d+([eE][+-]?\d+)?$"
_MAYBE_GROUPED = r"^[+-]?[1-9]\d{0,2},\d{3}$"


def numbers(table: Table, column: str) -> np.ndarray:
    """Shape (rows,): a column of numbers, or of durations in seconds; NaN where it is missing.

    Text may have decimal commas, if all of the table's has. `UsageError` where something is not a number, or where a
    comma may as well separate thousands.
    """
    if table.has_text(column):
        return _parsed(table, column)
    kind = table.kind(column)
    values = table.rows[column].cast(kind)
    if pa.types.is_duration(kind):
        ticks: np.ndarray = values.cast(pa.int64()).cast(pa.float64(), safe=False).to_numpy()
        return ticks / _PER_SECOND[kind.unit]
    is_number = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_null)
    if not any(test(kind) for test in is_number):
        raise table.unusable(column, "numbers")
    known: np.ndarray = values.cast(pa.float64(), safe=False).to_numpy()
    return known


def times(table: Table) -> np.ndarray:
    """Shape (rows,): the column `time` in seconds; text may be durations as pandas writes them, `0 days 00:00:01.5`."""
    if table.has_text("time"):
        text = table.stripped("time")
        is_duration = compute.match_substring_regex(text, _DURATION).to_numpy()
        if is_duration.any():
            missing = compute.is_in(text, pa.array(MISSING)).to_numpy()
            table.refuse(
                ~(is_duration | missing), "the time in {} is not a duration as others are: give all in seconds"
            )
            durations = pd.to_timedelta(text.to_pandas().where(is_duration))
            seconds: np.ndarray = durations.dt.total_seconds().to_numpy(dtype=float)
            return seconds
    if pa.types.is_timestamp(table.kind("time")):
        raise table.unusable("time", "seconds since the run's start")
    return numbers(table, "time")


def _parsed(table: Table, column: str) -> np.ndarray:
    text = _with_points(table, column)
    text = compute.if_else(compute.is_in(text, pa.array(MISSING)), "nan", text)
    try:
        parsed: np.ndarray = text.cast(pa.float64()).to_numpy()
    except pa.ArrowInvalid:
        wrong = ~compute.match_substring_regex(text, _NUMBER).to_numpy()
        example = text[int(np.argmax(wrong))].as_py()
        table.refuse(wrong, f"the {column} in {{}} is not a number but {example!r}: fix it")
        raise
    return parsed


def _with_points(table: Table, column: str) -> pa.ChunkedArray:
    """The text of a column, with points in place of decimal commas."""
    text = table.stripped(column)
    if not compute.any(compute.match_substring(text, ",")).as_py():
        return text
    commas, points, groups = (_matches(table, pattern) for pattern in (_WITH_COMMA, _WITH_POINT, _MAYBE_GROUPED))
    if points.any():
        table.refuse(commas > 0, "a number in {} has a comma, but others have points: write all with decimal points")
    if groups.sum() == commas.sum():
        table.refuse(
            groups > 0,
            "can't tell whether the comma of a number in {} is a decimal mark or separates thousands: write numbers "
            "with decimal points",
        )
    is_decimal = compute.match_substring_regex(text, _WITH_COMMA)
    return compute.if_else(is_decimal, compute.replace_substring(text, ",", "."), text)


def _matches(table: Table, pattern: str) -> np.ndarray:
    """Shape (rows,): how many numbers of the row are written like this."""
    found = np.zeros(len(table.rows), dtype=int)
    for column in _COLUMNS:
        if column in table and table.has_text(column):
            found += compute.match_substring_regex(table.stripped(column), pattern).to_numpy()
    return found
