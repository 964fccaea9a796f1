"""The seal of a shard's file: checksums of all its bytes, by which a reader knows that none has changed.

Beside the checksums of its pages, each Parquet file has in its footer, under `optathlon.seal`, sixteen hexadecimal
digits: the CRC-32 of what comes before the footer, and the CRC-32 of the footer with zeros in their place. A reader
verifies the footer and the pages that it reads; `is_whole` verifies everything.
"""

from __future__ import annotations

import os
import zlib
from pathlib import Path
from typing import BinaryIO, NamedTuple

import pyarrow.parquet as pq

from optathlon.paths import opened

_KEY = "optathlon.seal"
_DIGITS = 16
_HEAD = _KEY.encode() + bytes((0x18, _DIGITS))
"""The key in the footer, and what Thrift's compact protocol writes before a text of so many bytes."""
_LENGTH_AND_MAGIC = 8
_CHUNK = 2**20

METADATA = {_KEY: "0" * _DIGITS}
"""What a writer must put into a file's metadata before it is sealed."""


class _Sealed(NamedTuple):
    """A file's footer: where it begins, its bytes, and where the digits are in them (`None`: it has no seal)."""

    start: int
    footer: bytes
    digits: slice | None

    @property
    def blank(self) -> bytes:
        """The footer with zeros in the place of its digits."""
        if self.digits is None:
            return self.footer
        return self.footer[: self.digits.start] + b"0" * _DIGITS + self.footer[self.digits.stop :]


def seal(path: Path) -> None:
    """Put the checksums into a finished file, which was written with `METADATA`."""
    with path.open("rb+") as file:
        found = _look(file)
        assert found.digits is not None
        file.seek(found.start + found.digits.start)
        file.write(b"%08x%08x" % (_body(file, found), zlib.crc32(found.blank)))


def has_whole_footer(path: Path) -> bool:
    """Whether no byte of the footer has changed; always true without a seal, as earlier versions wrote files."""
    with opened(path) as file:
        found = _look(file)
    return found.digits is None or _stated(found, 1) == zlib.crc32(found.blank)


def is_whole(path: Path) -> bool:
    """Whether no byte of the file has changed; a file without a seal is read to see whether that can be done.

    Raises `OSError`, `ValueError`, or one of Arrow's errors, where the file can't be read.
    """
    with opened(path) as file:
        found = _look(file)
        if found.digits is not None:
            return (_stated(found, 0), _stated(found, 1)) == (_body(file, found), zlib.crc32(found.blank))
    with pq.ParquetFile(path, pre_buffer=False) as table:
        for group in range(table.num_row_groups):
            table.read_row_group(group, use_threads=False)
    return True


def _look(file: BinaryIO) -> _Sealed:
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _LENGTH_AND_MAGIC))
    start = max(0, size - _LENGTH_AND_MAGIC - int.from_bytes(file.read(4), "little"))
    file.seek(start)
    footer = file.read()
    at = footer.rfind(_HEAD)
    return _Sealed(start, footer, slice(at + len(_HEAD), at + len(_HEAD) + _DIGITS) if at >= 0 else None)


def _stated(found: _Sealed, number: int) -> int:
    """One of the two checksums as the file has it; -1 where that is not a number."""
    assert found.digits is not None
    half = _DIGITS // 2
    digits = found.footer[found.digits][number * half :][:half]
    try:
        return int(digits, 16)
    except ValueError:
        return -1


def _body(file: BinaryIO, found: _Sealed) -> int:
    position, left, checksum = file.tell(), found.start, 0
    file.seek(0)
    while left > 0 and (chunk := file.read(min(_CHUNK, left))):
        checksum = zlib.crc32(chunk, checksum)
        left -= len(chunk)
    file.seek(position)
    return checksum
