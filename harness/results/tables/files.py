"""From a file to the rows of a table: formats, compression, delimiters and encodings."""

from __future__ import annotations

import csv
import io
import lzma
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq

from optathlon.errors import UsageError
from optathlon.results.tables.table import KNOWN, plain
from optathlon.text import one_line, shortened

KINDS = ".csv or .tsv (also .gz, .bz2, .xz, .zst) or .parquet"

_TEXT = (".csv", ".tsv")
_PARQUET = ".parquet"
_COMPRESSED = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd", ".xz": "xz"}
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
"""Byte order marks."""
_DELIMITERS = (",", ";", "\t", "|")
_MAGIC = {
    b"PAR1": ".parquet",
    b"\x1f\x8b": ".csv.gz",
    b"BZh": ".csv.bz2",
    b"\xfd7zXZ": ".csv.xz",
    b"\x28\xb5\x2f\xfd": ".csv.zst",
}
"""How files of other formats begin, and what they are called."""
_REASON = 400
"""Characters of what a library says of a file."""
_HEAD = 2**20
"""Bytes of text that hold the header."""


def read_rows(file: Path) -> pa.Table:
    """The rows of a table; the known columns of a text file are text, as it stands there.

    Raises `UsageError` where the file is absent, damaged, or no table.
    """
    if not file.is_file():
        raise UsageError(f"no file {str(file)!r}: give a table, {KINDS}")
    kind, compression = _format(file)
    try:
        if kind == _PARQUET and not compression:
            return pq.ParquetFile(file, page_checksum_verification=True).read()
        if kind in _TEXT:
            return _read_text(file, compression)
    except (pa.ArrowException, OSError, EOFError, lzma.LZMAError, UnicodeError) as error:
        reason = one_line(str(error))
        text = f"{shortened(reason, _REASON)}{_remedy(reason)}"
        raise UsageError(f"can't read {str(file)!r} as a table: {text}") from None
    raise UsageError(f"can't tell what {str(file)!r} is: save it as {KINDS}")


def is_table(path: Path) -> bool:
    """Whether a path is a file, or is called like a table and not there at all."""
    return path.is_file() or (not path.exists() and _format(path)[0] in (*_TEXT, _PARQUET))


def table_name(file: Path) -> str:
    """The file's name without what tells its format, for what is written beside it."""
    return file.name[: len(file.name) - len("".join(_format(file)))] or file.name


def _format(file: Path) -> tuple[str, str]:
    """The endings of the name that tell its kind and its compression, in lower case; empty where there is none."""
    name = file.name.lower()
    compression = next((ending for ending in _COMPRESSED if name.endswith(ending)), "")
    return Path(name.removesuffix(compression)).suffix, compression


def _read_text(file: Path, compression: str) -> pa.Table:
    with _opened(file, compression) as source:
        head: bytes = source.read(_HEAD)
    for magic, ending in _MAGIC.items():
        if head.startswith(magic):
            raise UsageError(f"{str(file)!r} is not text: it begins like a {ending} file, so rename it to that")
    if b"\0" in head and not head.startswith(_UTF16):
        raise UsageError(f"{str(file)!r} is not text in UTF-8: save it as {KINDS}")
    encoding = "utf-16" if head.startswith(_UTF16) else "utf-8-sig"
    text = head.decode(encoding, errors="replace")
    # Excel reads and writes a first line such as "sep=;"
    stated = re.match(r"sep=([^\w\s]|\t)\r?\n", text)
    delimiter = stated[1] if stated else _delimiter(text, file)
    header = _header(text[stated.end() :] if stated else text, delimiter)
    with _opened(file, compression) as source:
        rows = pc.read_csv(
            source,
            pc.ReadOptions(encoding=encoding.removesuffix("-sig"), skip_rows=1 if stated else 0),
            pc.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            pc.ConvertOptions(column_types={name: pa.string() for name in header if name.strip() in KNOWN}),
        )
    return rows.rename_columns([name.strip() for name in rows.column_names])


def _opened(file: Path, compression: str) -> Any:
    if compression == ".xz":
        return lzma.open(file)
    return pa.input_stream(str(file), compression=_COMPRESSED.get(compression))


def _delimiter(text: str, file: Path) -> str:
    """What separates the header into most known columns."""
    known = {delimiter: _known_columns(text, delimiter) for delimiter in _DELIMITERS}
    best = max(known, key=lambda delimiter: known[delimiter])
    others = re.search(r"\b(?:optimizer|task|seed|step|value)(\W+)(?:optimizer|task|seed|step|value)\b", text)
    if known[best] < 2 and others and others[1] in _DELIMITERS:
        raise UsageError(
            f"{str(file)!r}: its first line is not the one that names the columns: remove what is before it"
        )
    if known[best] < 2 and others:
        raise UsageError(
            f"{str(file)!r}: columns are separated by {others[1]!r}: save it with commas, semicolons, tabs or '|'"
        )
    return best


def _known_columns(text: str, delimiter: str) -> int:
    return len({plain(name) for name in _header(text, delimiter)} & {*KNOWN})


def _header(text: str, delimiter: str) -> list[str]:
    return next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), [])


def _remedy(reason: str) -> str:
    if "columns, got" in reason:
        return " (is a comma in a number or a name: quote it, or separate columns by semicolons?)"
    return " (save it as UTF-8)" if "UTF8" in reason else ""
