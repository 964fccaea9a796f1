"""Tables as CSV files that spreadsheets may open."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
from pyarrow import csv

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What begins a formula in a spreadsheet, or is skipped before one."""

_MANY_CELLS = 1_000_000
"""Of so many, Arrow writes the same numbers five times as fast as pandas, but 1 and not 1.0."""


def write_csv(table: pd.DataFrame, path: Path, *, index: bool = True) -> None:
    """Write a table as UTF-8 with full precision.

    Text that a spreadsheet would take for a formula gets an apostrophe in front, as OWASP's page on CSV injection says.
    Numbers stay as they are.

    Parameters
    ----------
    table:
        The names of its index levels, where they have some, become names of columns.
    path:
        The file.
    index:
        Whether the index is written.
    """
    flat = _with_labels(table) if index else table
    harmless = pd.DataFrame({place: _harmless(flat.iloc[:, place]) for place in range(flat.shape[1])}, index=flat.index)
    harmless.columns = pd.Index([_no_formula(name) for name in flat.columns])
    if table.size < _MANY_CELLS:
        harmless.to_csv(path, index=False, lineterminator="\n", encoding="utf-8")
    else:
        csv.write_csv(
            pa.Table.from_pandas(harmless, preserve_index=False), path, csv.WriteOptions(quoting_style="needed")
        )


def _with_labels(table: pd.DataFrame) -> pd.DataFrame:
    """With the levels of the index as first columns, which are written sooner than an index is."""
    levels = {number: table.index.get_level_values(number) for number in range(table.index.nlevels)}
    flat = pd.concat([pd.DataFrame(levels), table.reset_index(drop=True)], axis=1)
    names = [*("" if name is None else name for name in table.index.names), *table.columns]
    return flat.set_axis(pd.Index(names, dtype=object), axis=1)


def _harmless(column: pd.Series) -> pd.Series:
    if pd.api.types.is_numeric_dtype(column.dtype):
        return column
    if isinstance(column.dtype, pd.StringDtype):
        changed = column.str.startswith(_FORMULA)
        return column.mask(changed.fillna(False), "'" + column) if changed.any() else column
    return column.astype(object).map(_no_formula)


def _no_formula(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
