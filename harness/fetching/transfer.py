"""Downloads a file over HTTP such that a broken, killed or repeated download goes on where it was.

What has come lies in `NAME.part`, and in `NAME.part.json` which version of the file it is of: the `ETag`, else the
`Last-Modified` that the server gave. The rest is asked for with `Range` and `If-Range` (RFC 9110, section 13.1.5): if
the file has changed meanwhile, or the server doesn't know ranges, all of it comes again.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from httpx2 import Client, HTTPError, InvalidURL, Response, Timeout, TransportError
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from optathlon.fetching.failure import FetchError
from optathlon.redaction import redacted
from optathlon.text import described

TIMEOUT = 60.0
"""Seconds without a byte after which a try ends."""
TRIES = 5
"""How often a file is asked for, if the trouble may pass."""
BACKOFF = 1.0
"""Seconds before the second try; twice as many before each further one."""

_REDIRECTS = 10
_TRY_AGAIN = (408, 425, 429, 500, 502, 503, 504)

Tell = Callable[[int], object]
"""Is told how many bytes are there."""


class _Passing(Exception):
    """Trouble that may be over after a while."""


def download(url: str, partial: Path, *, limit: int, tell: Tell = lambda count: None) -> None:
    """Download all of `url` to `partial`, from where an earlier download has ended, and tell of the progress.

    Raises `FetchError` in one line where that can't be done, and where more than `limit` bytes come.
    """
    retrying = Retrying(
        retry=retry_if_exception_type(_Passing),
        stop=stop_after_attempt(TRIES),
        wait=wait_exponential(multiplier=BACKOFF, max=30),
        reraise=True,
    )
    try:
        with Client(timeout=Timeout(TIMEOUT), follow_redirects=False) as client:
            retrying(_try, client, url, partial, limit, tell)
    except _Passing as error:
        kept = f", {partial.stat().st_size:,} bytes are kept to go on from" if partial.exists() else ""
        raise FetchError(f"can't get {redacted(url)}: {error}{kept}: repeat the command later") from None
    except (HTTPError, InvalidURL) as error:
        raise FetchError(f"can't get {redacted(url)}: {described(error)}") from None


def forget(partial: Path) -> None:
    """Remove what has come of a file."""
    _version_file(partial).unlink(missing_ok=True)
    partial.unlink(missing_ok=True)


def _try(client: Client, url: str, partial: Path, limit: int, tell: Tell) -> None:
    try:
        with _response(client, url, {"Accept-Encoding": "identity", **_resuming(partial)}) as response:
            _append(response, partial, _begin(response, partial), limit, tell)
    except TransportError as error:
        raise _Passing(described(error)) from None


def _append(response: Response, partial: Path, begin: int, limit: int, tell: Tell) -> None:
    """Write the body after the first `begin` bytes."""
    with partial.open("r+b" if begin else "wb") as file:
        file.truncate(begin)
        file.seek(begin)
        if not begin:
            _note_version(response, partial)
        count = begin
        tell(count)
        for chunk in response.iter_raw():
            count += len(chunk)
            if count > limit:
                raise _too_large(str(response.url), partial, limit)
            file.write(chunk)
            tell(count)
        file.flush()
        os.fsync(file.fileno())


def _too_large(url: str, partial: Path, limit: int) -> FetchError:
    forget(partial)
    return FetchError(f"{redacted(url)} has more than the {limit:,} bytes that are expected: nothing of it is kept")


@contextmanager
def _response(client: Client, url: str, headers: dict[str, str]) -> Iterator[Response]:
    """The answer with the file, or the rest of it, at the end of all redirections."""
    for _ in range(_REDIRECTS):
        with client.stream("GET", url, headers=headers) as response:
            if not response.has_redirect_location:
                _require_file(response)
                yield response
                return
            url = _redirected(url, response.headers["location"])
    raise FetchError(f"{redacted(url)} is redirected more than {_REDIRECTS} times")


def _redirected(url: str, location: str) -> str:
    """Where a redirection leads: not out of the web, nor from an encrypted address to one that isn't."""
    target = urljoin(url, location)
    allowed = ("https",) if urlsplit(url).scheme == "https" else ("http", "https")
    if urlsplit(target).scheme not in allowed:
        raise FetchError(f"{redacted(url)} is redirected to {redacted(target)!r}, which is not followed")
    return target


def _require_file(response: Response) -> None:
    code = response.status_code
    if code in _TRY_AGAIN:
        raise _Passing(f"the server answers {code} {response.reason_phrase}")
    if code not in (200, 206, 416):
        raise FetchError(f"{redacted(str(response.url))}: the server answers {code} {response.reason_phrase}")


def _begin(response: Response, partial: Path) -> int:
    """After how many bytes of what is there the body begins."""
    if response.status_code == 200:
        return 0
    there = partial.stat().st_size if partial.exists() else 0
    sent = re.match(r"bytes (\d+)-", response.headers.get("content-range", ""))
    if response.status_code == 206 and sent and int(sent[1]) == there:
        return there
    forget(partial)
    raise _Passing("the server sends another part than was asked for")


def _resuming(partial: Path) -> dict[str, str]:
    """The headers that ask for the rest of the same version only; none where nothing is there, or of no version."""
    try:
        there = partial.stat().st_size
        version = json.loads(_version_file(partial).read_text())["version"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return {"Range": f"bytes={there}-", "If-Range": version} if there and version else {}


def _note_version(response: Response, partial: Path) -> None:
    tag = response.headers.get("etag", "")
    version = tag if tag and not tag.startswith("W/") else response.headers.get("last-modified", "")
    _version_file(partial).write_text(json.dumps({"version": version}))


def _version_file(partial: Path) -> Path:
    return partial.with_name(f"{partial.name}.json")
