"""From a file to the rows of a table of results: its columns, and what separates them."""

from __future__ import annotations

import re
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq

from optathlon.errors import UsageError
from optathlon.results.tables.table import KNOWN, plain
from optathlon.table_file import (
    DELIMITERS,
    KINDS,
    PARQUET,
    TEXT,
    Head,
    format_of,
    is_called_a_table,
    opened,
    read_head,
    reading,
)


def read_rows(file: Path) -> pa.Table:
    """The rows of a table; the known columns of a text file are text, as it stands there.

    Raises `UsageError` where the file is absent, damaged, or no table.
    """
    if not file.is_file():
        raise UsageError(f"no file {str(file)!r}: give a table, {KINDS}")
    kind, compression = format_of(file)
    with reading(file):
        if kind == PARQUET and not compression:
            return pq.ParquetFile(file, page_checksum_verification=True).read()
        if kind in TEXT:
            return _read_text(file, compression)
    raise UsageError(f"can't tell what {str(file)!r} is: save it as {KINDS}")


def is_table(path: Path) -> bool:
    """Whether a path is a file, or is called like a table and not there at all."""
    return path.is_file() or (not path.exists() and is_called_a_table(path))


def table_name(file: Path) -> str:
    """The file's name without what tells its format, for what is written beside it."""
    return file.name[: len(file.name) - len("".join(format_of(file)))] or file.name


def _read_text(file: Path, compression: str) -> pa.Table:
    head = read_head(file, compression)
    delimiter = head.delimiter or _delimiter(head, file)
    with opened(file, compression) as source:
        rows = pc.read_csv(
            source,
            pc.ReadOptions(encoding=head.encoding.removesuffix("-sig"), skip_rows=head.skipped),
            pc.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            pc.ConvertOptions(
                column_types={name: pa.string() for name in head.names(delimiter) if name.strip() in KNOWN}
            ),
        )
    return rows.rename_columns([name.strip() for name in rows.column_names])


def _delimiter(head: Head, file: Path) -> str:
    """What separates the header into most known columns."""
    known = {delimiter: _known_columns(head, delimiter) for delimiter in DELIMITERS}
    best = max(known, key=lambda delimiter: known[delimiter])
    others = re.search(r"\b(?:optimizer|task|seed|step|value)(\W+)(?:optimizer|task|seed|step|value)\b", head.text)
    if known[best] < 2 and others and others[1] in DELIMITERS:
        raise UsageError(
            f"{str(file)!r}: its first line is not the one that names the columns: remove what is before it"
        )
    if known[best] < 2 and others:
        raise UsageError(
            f"{str(file)!r}: columns are separated by {others[1]!r}: save it with commas, semicolons, tabs or '|'"
        )
    return best


def _known_columns(head: Head, delimiter: str) -> int:
    return len({plain(name) for name in head.names(delimiter)} & {*KNOWN})
