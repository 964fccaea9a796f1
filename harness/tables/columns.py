"""The columns of a table that a descriptor names, read from its file and no more of it."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from optathlon.errors import MissingData, UsageError
from optathlon.table_file import DELIMITERS, KINDS, PARQUET, TEXT, format_of, opened, read_head, reading
from optathlon.tables.findings import Findings
from optathlon.trial import Value

if TYPE_CHECKING:
    import pyarrow as pa

MOST_CELLS = 20_000_000
"""Rows times columns that are read: in memory they take up to 1 GB."""

_MISSING = ("", "na", "n/a", "nan", "null", "none")
"""What stands for no number, in lower case."""
_NUMBER = r"(?i)^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$|^[+-]?inf(inity)?$"


@dataclass(frozen=True)
class Columns:
    """Columns of a table.

    Attributes
    ----------
    content:
        Text without blanks around it, or what a Parquet file has.
    file:
        Where they are from.
    sha256:
        The checksum of that file.
    """

    content: pa.Table
    file: Path
    sha256: str

    def __len__(self) -> int:
        return int(self.content.num_rows)

    def __contains__(self, column: str) -> bool:
        return column in self.content.column_names

    def numbers(self, column: str, findings: Findings) -> tuple[np.ndarray, np.ndarray]:
        """Shape (rows,): floats, NaN where there is no number; and where there is nothing.

        Whatever else stands there is a problem.
        """
        import pyarrow as pa
        from pyarrow import compute

        values = self._plain(column)
        if not pa.types.is_string(values.type):
            if not _is_number(values.type):
                findings.problems.append(f"the column {column!r} holds {values.type}, not numbers")
                return np.full(len(self), np.nan), np.zeros(len(self), dtype=bool)
            numbers = np.asarray(values.cast(pa.float64(), safe=False).to_numpy(), dtype=float)
            return numbers, np.isnan(numbers)
        known = compute.invert(compute.is_in(compute.utf8_lower(values), pa.array(_MISSING)))
        fine = compute.match_substring_regex(values, _NUMBER)
        wrong = compute.and_not(known, fine).to_numpy()
        if wrong.any():
            example = values[int(np.argmax(wrong))].as_py()
            findings.refuse(
                wrong, f"the column {column!r} has no number but {_short(example)} in {{}}: fix it{_hint(example)}"
            )
        parsed = compute.if_else(compute.and_(known, fine), values, None).cast(pa.float64())
        return np.asarray(parsed.to_numpy(), dtype=float), ~known.to_numpy()

    def values(self, column: str) -> tuple[np.ndarray, list[Value | None]]:
        """Shape (rows,): places in the list of the column's distinct values; `None` is an empty cell."""
        coded = self._plain(column).combine_chunks().dictionary_encode(null_encoding="encode")
        codes = np.asarray(coded.indices.to_numpy(zero_copy_only=False), dtype=np.int64)
        return codes, [None if _is_empty(value) else value for value in coded.dictionary.to_pylist()]

    def _plain(self, column: str) -> pa.ChunkedArray:
        """A column whose text has no blanks around it, and is empty where it is missing."""
        import pyarrow as pa
        from pyarrow import compute

        values = self.content[column]
        if pa.types.is_dictionary(values.type):
            values = values.cast(values.type.value_type)
        if _is_text(values.type):
            return compute.utf8_trim_whitespace(values.cast(pa.string()).fill_null(""))
        return values


def read_columns(file: Path, wanted: Collection[str], findings: Findings) -> Columns | None:
    """Those of the wanted columns that a file has; `None` where it can't be read. What is wrong is a problem.

    Raises `MissingData` where there is no file.
    """
    if not file.is_file():
        raise MissingData(f"no file {str(file)!r}: put the table there, or correct the key `table`")
    kind, compression = format_of(file)
    try:
        with reading(file):
            if kind == PARQUET and not compression:
                content = _read_parquet(file, wanted, findings)
            elif kind in TEXT:
                content = _read_text(file, compression, wanted, findings)
            else:
                raise UsageError(f"can't tell what {str(file)!r} is: save it as {KINDS}")
    except UsageError as error:
        findings.problems.append(str(error))
        return None
    if not content.num_columns:
        return None
    if not content.num_rows:
        findings.problems.append("the table has no rows")
        return None
    return Columns(content, file, sha256_of(file))


def sha256_of(file: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def column_names(file: Path) -> list[str]:
    """The names of all columns of a file; `UsageError` where it can't be read."""
    import pyarrow.parquet as pq

    kind, compression = format_of(file)
    with reading(file):
        if kind == PARQUET:
            return list(pq.read_schema(file).names)
        head = read_head(file, compression)
        return [
            name.strip() for name in head.names(head.delimiter or max(DELIMITERS, key=lambda one: len(head.names(one))))
        ]


def _read_parquet(file: Path, wanted: Collection[str], findings: Findings) -> pa.Table:
    import pyarrow.parquet as pq

    source = pq.ParquetFile(file, page_checksum_verification=True)
    chosen = _present(source.schema_arrow.names, wanted, findings)
    _require_room(file, source.metadata.num_rows * len(chosen))
    return source.read(columns=chosen)


def _read_text(file: Path, compression: str, wanted: Collection[str], findings: Findings) -> pa.Table:
    """The wanted columns of a file of text, as text; block by block, so that what is too large ends early."""
    import pyarrow as pa
    import pyarrow.csv as pc

    head = read_head(file, compression)
    delimiter = head.delimiter or max(DELIMITERS, key=lambda one: len({*map(str.strip, head.names(one))} & {*wanted}))
    names = head.names(delimiter)
    if not names:
        raise UsageError("the table is empty")
    plain = [name.strip() for name in names]
    chosen = _present(plain, wanted, findings)
    as_written = [names[plain.index(name)] for name in chosen]
    if not chosen:
        return pa.table({})
    with opened(file, compression) as source:
        batches = pc.open_csv(
            source,
            pc.ReadOptions(encoding=head.encoding.removesuffix("-sig"), skip_rows=head.skipped + 1, column_names=names),
            pc.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            pc.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), include_columns=as_written),
        )
        rows, read = 0, []
        for batch in batches:
            rows += batch.num_rows
            _require_room(file, rows * len(chosen))
            read.append(batch)
        return pa.Table.from_batches(read, batches.schema).rename_columns(chosen)


def _present(names: list[str], wanted: Collection[str], findings: Findings) -> list[str]:
    """Those of the wanted columns that there are; the others are problems."""
    for name in wanted:
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(map(_short, names[:20]))}"
            findings.problems.append(f"the table has no column {name!r}: {hint}")
        elif names.count(name) > 1:
            findings.problems.append(f"two columns are called {name!r}: rename one")
    return [name for name in wanted if names.count(name) == 1]


def _require_room(file: Path, cells: int) -> None:
    if cells > MOST_CELLS:
        raise UsageError(
            f"{str(file)!r} has more than {MOST_CELLS:,} cells in the columns that are read: give fewer columns, or "
            "split the table"
        )


def _is_empty(value: object) -> bool:
    return value in ("", None) or (isinstance(value, float) and isnan(value))


def _is_text(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _is_number(kind: pa.DataType) -> bool:
    import pyarrow as pa

    is_number = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_null)
    return any(test(kind) for test in is_number)


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:39]}…")


def _hint(text: str) -> str:
    return " (write decimal points)" if "," in text else ""
