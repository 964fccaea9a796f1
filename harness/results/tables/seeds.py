"""Seeds: whole numbers, exactly, or names."""

from __future__ import annotations

import hashlib
import re
from decimal import Decimal, InvalidOperation

import numpy as np
import pyarrow as pa
from pyarrow import compute

from optathlon.results.tables.table import MISSING, Table

_LARGEST = 2**63 - 1
_DIGITS = 12
"""Of the hash of a seed that is a name."""

_NUMBER = r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?"

_NONE = "no seed in {}: give one, or leave the row out"
_NOT_WHOLE = "the seed in {} is not a whole number below 2^63: fix it, or give all seeds names"


def seeds(table: Table) -> np.ndarray:
    """Shape (rows,), int64: the column `seed`; a name is the number that its text alone gives.

    Raises `UsageError` where one is missing, or a number is not whole, too large, or not exact.
    """
    kind = table.kind("seed")
    if table.has_text("seed") or pa.types.is_decimal(kind):
        return _of_text(table)
    values = table.rows["seed"].cast(kind)
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        raise table.unusable("seed", "whole numbers or text")
    table.refuse(values.is_null(nan_is_null=True).to_numpy(), _NONE)
    if pa.types.is_floating(kind):
        return _of_floats(table, values.to_numpy())
    if kind == pa.uint64():
        table.refuse(compute.greater(values, pa.scalar(_LARGEST, kind)).to_numpy(), _NOT_WHOLE)
    of_rows: np.ndarray = values.cast(pa.int64()).to_numpy()
    return of_rows


def _of_floats(table: Table, seeds: np.ndarray) -> np.ndarray:
    digits = np.finfo(seeds.dtype).nmant + 1
    table.refuse(seeds != np.floor(seeds), _NOT_WHOLE)
    table.refuse(
        np.abs(seeds) > 2.0**digits,
        f"the seed in {{}} is above 2^{digits}, where floating-point numbers miss some: store it as a whole number",
    )
    return seeds.astype(np.int64)


def _of_text(table: Table) -> np.ndarray:
    names = table.text("seed")
    table.refuse(names.categories.isin(MISSING)[names.codes], _NONE)
    numbers = [number for name in names.categories if (number := _number(name)) is not None]
    if len(numbers) < len(names.categories):
        seeds = [_of_name(name) for name in names.categories]
    else:
        whole = [number.copy_abs() <= _LARGEST and number == number.to_integral_value() for number in numbers]
        table.refuse(~np.array(whole)[names.codes], _NOT_WHOLE)
        seeds = [int(number) for number in numbers]
    of_rows: np.ndarray = np.array(seeds, dtype=np.int64)[names.codes]
    return of_rows


def _number(text: str) -> Decimal | None:
    """What the text is as a number, infinite where its exponent is beyond all that can be counted."""
    if not re.fullmatch(_NUMBER, text):
        return None
    try:
        return Decimal(text)
    except InvalidOperation:
        return Decimal("inf")


def _of_name(text: str) -> int:
    """The number of one seed where some are names."""
    if text.isascii() and text.isdigit() and str(int(text)) == text and int(text) <= _LARGEST:
        return int(text)
    return int(hashlib.sha256(text.encode()).hexdigest()[:_DIGITS], 16)
