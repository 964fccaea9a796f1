"""What a server sends, within bounds: of bytes as they come and as they are when decompressed, and of nesting."""

from __future__ import annotations

import json
import zlib
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress

from anyio import move_on_after
from httpx2 import HTTPError, Response
from pydantic_core import from_json

MOST_BYTES = 2**20
"""Of an answer at most, decompressed or not."""
MOST_BYTES_OF_ERRORS = 2**16
"""Of what a server says about an error, the rest is not read."""
ERROR_S = 5.0
"""Seconds that may be spent on reading what a server says about an error."""

_COMPRESSED = ("gzip", "x-gzip", "deflate")
_PLAIN = ("", "identity")
_ANY_HEADER = 32 + zlib.MAX_WBITS
"""For zlib: a header of gzip or of zlib."""


class Unreadable(Exception):
    """A body that is too long, or compressed in a way that can't be read; the text says which."""


async def whole(response: Response) -> bytes:
    """All of a body. Raises `Unreadable`, and `httpx2.HTTPError` where the connection breaks."""
    return b"".join([piece async for piece in _pieces(response, MOST_BYTES)])


async def complaint(response: Response) -> str:
    """What a server says about an error, wherever it puts that, as far as it comes soon."""
    content = b""
    with move_on_after(ERROR_S), suppress(Unreadable, HTTPError):
        async for piece in _pieces(response, MOST_BYTES_OF_ERRORS):
            content += piece
    text = content.decode(errors="replace")
    try:
        told = from_json(content)
    except ValueError:
        return text
    for name in ("error", "message", "detail"):
        if isinstance(told, Mapping) and name in told:
            told = told[name]
    return told if isinstance(told, str) else json.dumps(told, ensure_ascii=False)


def json_object(content: bytes) -> Mapping[str, object] | None:
    """The object that a text in JSON is; `None` for any other text, and where it is nested too deeply to be read."""
    try:
        found = from_json(content)
    except ValueError:
        return None
    return found if isinstance(found, Mapping) else None


async def _pieces(response: Response, most: int) -> AsyncIterator[bytes]:
    """The body, decompressed. httpx would decompress each piece to its end, which may be a thousand times as long."""
    encoding = response.headers.get("Content-Encoding", "").strip().lower()
    if encoding not in (*_COMPRESSED, *_PLAIN):
        raise Unreadable("it is compressed in a way that nobody asked for")
    unpacking = zlib.decompressobj(_ANY_HEADER) if encoding in _COMPRESSED else None
    received = unpacked = 0
    async for raw in response.aiter_raw():
        try:
            piece = unpacking.decompress(raw, most + 1 - unpacked) if unpacking else raw
        except zlib.error:
            raise Unreadable("it can't be decompressed") from None
        received, unpacked = received + len(raw), unpacked + len(piece)
        yield piece
        if max(received, unpacked) > most:
            raise Unreadable(f"it is longer than {most} bytes")
