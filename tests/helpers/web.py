"""A web server in a thread, which serves files well or in the ways in which servers of the world don't."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Site:
    """What is served, by path, and how; and what was asked for.

    Attributes
    ----------
    files:
        Contents by path.
    redirects:
        Addresses by path.
    cut:
        How many bytes the next answers end after, one each, though more were announced.
    status:
        Codes that the next answers have instead of 200, one each.
    ranges:
        Whether it knows ranges.
    pace:
        Bytes that are sent at once; `gate` is awaited before each further ones.
    requests:
        The paths asked for, with the `Range` header, or nothing.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    cut: list[int] = field(default_factory=list)
    status: list[int] = field(default_factory=list)
    ranges: bool = True
    pace: int = 1 << 16
    gate: threading.Semaphore | None = None
    requests: list[tuple[str, str]] = field(default_factory=list)
    url: str = ""

    def sent(self) -> int:
        """How many requests were not redirected."""
        return sum(path not in self.redirects for path, _ in self.requests)


@contextmanager
def served(site: Site) -> Iterator[Site]:
    """Within this block the site is at `site.url`."""

    class Handler(_Handler):
        pages = site

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    site.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    pages: Site

    def do_GET(self) -> None:
        site = self.pages
        site.requests.append((self.path, self.headers.get("Range", "")))
        if self.path in site.redirects:
            self._head(302, {"Location": site.redirects[self.path], "Content-Length": "0"})
        elif site.status:
            self._head(site.status.pop(0), {"Content-Length": "0"})
        elif self.path not in site.files:
            self._head(404, {"Content-Length": "0"})
        else:
            self._file(site.files[self.path])

    def _file(self, content: bytes) -> None:
        tag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
        begin = 0
        wanted = self.headers.get("Range", "")
        if self.pages.ranges and wanted and self.headers.get("If-Range") in (None, tag):
            begin = int(wanted.removeprefix("bytes=").rstrip("-"))
        if begin and begin >= len(content):
            self._head(416, {"Content-Length": "0"})
            return
        headers = {"Content-Length": str(len(content) - begin), "ETag": tag}
        if begin:
            headers["Content-Range"] = f"bytes {begin}-{len(content) - 1}/{len(content)}"
        self._head(206 if begin else 200, headers)
        self._body(content[begin:])

    def _body(self, content: bytes) -> None:
        if self.pages.cut:
            content = content[: self.pages.cut.pop(0)]
            self.close_connection = True
        for place in range(0, len(content), self.pages.pace):
            if self.pages.gate is not None:
                self.pages.gate.acquire(timeout=20)
            try:
                self.wfile.write(content[place : place + self.pages.pace])
            except OSError:  # nobody reads it any more
                return

    def _head(self, code: int, headers: dict[str, str]) -> None:
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        pass
