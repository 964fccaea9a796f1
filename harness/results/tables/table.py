"""A table as it was read, its columns of text, and complaints about its rows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import compute

from optathlon.errors import UsageError
from optathlon.text import clean

Direction = Literal["minimize", "maximize"]

REQUIRED = ("optimizer", "task", "seed", "step", "value")
OPTIONAL = ("collection", "direction", "time", "test_value", "status")
KNOWN = (*REQUIRED, *OPTIONAL)
MISSING = ("", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None")
"""Texts that stand for no number."""


def plain(column: str) -> str:
    """A column's name without what spellings differ in."""
    return column.strip().lower().replace(" ", "_").replace("-", "_")


@dataclass(frozen=True)
class Table:
    """The rows of a file."""

    file: Path
    rows: pa.Table

    def __contains__(self, column: str) -> bool:
        return column in self.rows.column_names

    def error(self, complaint: str) -> UsageError:
        """About the whole table."""
        return UsageError(f"{str(self.file)!r}: {complaint}")

    def refuse(self, wrong: np.ndarray, complaint: str) -> None:
        """Raise `UsageError` where a row is wrong (boolean, by row); `{}` in the complaint is the first one."""
        rows = np.flatnonzero(wrong)
        if len(rows):
            others = len(rows) - 1
            more = f" (and {others} more {'row' if others == 1 else 'rows'})" if others else ""
            raise self.error(complaint.replace("{}", f"row {rows[0] + 1}{more}"))

    def kind(self, column: str) -> pa.DataType:
        """What the values of a column are."""
        kind = self.rows[column].type
        return kind.value_type if pa.types.is_dictionary(kind) else kind

    def unusable(self, column: str, wanted: str) -> UsageError:
        """About a column of something else than what is wanted."""
        return self.error(f"the column {column!r} holds {self.kind(column)}: give {wanted}")

    def has_text(self, column: str) -> bool:
        """Whether a column holds text."""
        kind = self.kind(column)
        return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))

    def stripped(self, column: str) -> pa.ChunkedArray:
        """A column as text without blanks around it; empty where it is missing."""
        try:
            text = self.rows[column].cast(pa.string()).fill_null("")
        except pa.ArrowException:
            raise self.unusable(column, "numbers or text") from None
        return compute.utf8_trim_whitespace(text)

    def text(self, column: str) -> pd.Categorical:
        """A column of text, cleaned, in one form of each letter, its categories sorted; empty where it is missing."""
        normalised = compute.utf8_normalize(self.stripped(column), form="NFC")
        labels = pd.Categorical(normalised.dictionary_encode().to_pandas())
        cleaned = [clean(label) for label in labels.categories]
        categories = pd.Index(sorted({*cleaned}), dtype=labels.categories.dtype)
        return pd.Categorical.from_codes(categories.get_indexer(pd.Index(cleaned))[labels.codes], categories)

    def names(self, column: str) -> pd.Categorical:
        """A column of text in which nothing is empty."""
        labels = self.text(column)
        empty = [not name for name in labels.categories]
        self.refuse(np.array(empty)[labels.codes], f"no {column} in {{}}: name it, or leave the row out")
        return labels
