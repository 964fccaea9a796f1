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
    harmless = table.apply(_harmless).rename(columns=_no_formula)
    if index:
        levels = [_harmless(table.index.get_level_values(level).to_series()) for level in range(table.index.nlevels)]
        names = [_no_formula(name) for name in table.index.names]
        single = pd.Index(levels[0].array, name=names[0])
        harmless.index = single if len(levels) == 1 else pd.MultiIndex.from_arrays([*levels], names=names)
    if harmless.size < _MANY_CELLS:
        harmless.to_csv(path, index=index, lineterminator="\n", encoding="utf-8")
    else:
        flat = harmless.reset_index() if index else harmless
        csv.write_csv(pa.Table.from_pandas(flat, preserve_index=False), path, csv.WriteOptions(quoting_style="needed"))


def _harmless(column: pd.Series) -> pd.Series:
    return column if pd.api.types.is_numeric_dtype(column.dtype) else column.astype(object).map(_no_formula)


def _no_formula(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
