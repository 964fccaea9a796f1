"""Files of tables, CSV or Parquet, as other programs write them: their formats, compression, encodings and headers."""

from __future__ import annotations

import csv
import io
import lzma
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optathlon.errors import UsageError
from optathlon.text import one_line, shortened

KINDS = ".csv or .tsv (also .gz, .bz2, .xz, .zst) or .parquet"
TEXT = (".csv", ".tsv")
PARQUET = ".parquet"
DELIMITERS = (",", ";", "\t", "|")

_COMPRESSED = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd", ".xz": "xz"}
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
"""Byte order marks."""
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


@dataclass(frozen=True)
class Head:
    """The begin of a file of text.

    Attributes
    ----------
    text:
        From the line on that names the columns.
    encoding:
        As Python calls it.
    delimiter:
        What the file itself says that separates its columns; empty where it doesn't.
    skipped:
        How many lines come before the one that names the columns.
    """

    text: str
    encoding: str
    delimiter: str
    skipped: int

    def names(self, delimiter: str) -> list[str]:
        """The columns' names, as they stand there, where this separates them."""
        return next(csv.reader(io.StringIO(self.text, newline=""), delimiter=delimiter), [])


def format_of(file: Path) -> tuple[str, str]:
    """The endings of the name that tell its kind and its compression, in lower case; empty where there is none."""
    name = file.name.lower()
    compression = next((ending for ending in _COMPRESSED if name.endswith(ending)), "")
    return Path(name.removesuffix(compression)).suffix, compression


def is_called_a_table(file: Path) -> bool:
    """Whether a file's name is that of a table."""
    return format_of(file)[0] in (*TEXT, PARQUET)


def opened(file: Path, compression: str) -> Any:
    """A stream of what a file holds, unpacked."""
    import pyarrow as pa

    if compression == ".xz":
        return lzma.open(file)
    return pa.input_stream(str(file), compression=_COMPRESSED.get(compression))


def read_head(file: Path, compression: str) -> Head:
    """The begin of a file of text. Raises `UsageError` where it is something else."""
    with opened(file, compression) as source:
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
    return Head(text[stated.end() :], encoding, stated[1], 1) if stated else Head(text, encoding, "", 0)


@contextmanager
def reading(file: Path) -> Iterator[None]:
    """Within this block, what a library says of a file that it can't read is a `UsageError` in one line."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError, EOFError, lzma.LZMAError, UnicodeError) as error:
        reason = one_line(str(error))
        text = f"{shortened(reason, _REASON)}{_remedy(reason)}"
        raise UsageError(f"can't read {str(file)!r} as a table: {text}") from None


def _remedy(reason: str) -> str:
    if "columns, got" in reason:
        return " (is a comma in a number or a name: quote it, or separate columns by semicolons?)"
    return " (save it as UTF-8)" if "UTF8" in reason else ""
