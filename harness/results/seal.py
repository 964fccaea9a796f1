"""The seal of a shard's file: checksums of all its bytes, by which a reader knows that none has changed.

Beside the checksums of its pages, each Parquet file has in its footer, under `optathlon.seal`, sixteen hexadecimal
digits: the CRC-32 of what comes before the footer, and the CRC-32 of the footer with zeros in their place. A reader
verifies both before it reads anything: the headers of pages are in no other checksum, and one changed bit there gives
other values.
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


def is_as_sealed(path: Path) -> bool:
    """Whether no byte of the file has changed; always true without a seal, as earlier versions wrote files."""
    with opened(path) as file:
        found = _look(file)
        return found.digits is None or _stated(found) == (_body(file, found), zlib.crc32(found.blank))


def is_whole(path: Path) -> bool:
    """Whether no byte of the file has changed; a file without a seal is read to see whether that can be done.

    Raises `OSError`, `ValueError`, or one of Arrow's errors, where the file can't be read.
    """
    with opened(path) as file:
        is_sealed = _look(file).digits is not None
    if is_sealed:
        return is_as_sealed(path)
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


def _stated(found: _Sealed) -> tuple[int, int] | None:
    """The checksums of body and footer as the file has them; `None` where they are no numbers."""
    digits = found.footer[found.digits] if found.digits else b""
    try:
        return int(digits[: _DIGITS // 2], 16), int(digits[_DIGITS // 2 :], 16)
    except ValueError:
        return None


def _body(file: BinaryIO, found: _Sealed) -> int:
    position, left, checksum = file.tell(), found.start, 0
    file.seek(0)
    while left > 0 and (chunk := file.read(min(_CHUNK, left))):
        checksum = zlib.crc32(chunk, checksum)
        left -= len(chunk)
    file.seek(position)
    return checksum
