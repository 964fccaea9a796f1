"""The server of the page: on this machine only, for who knows the token, and without a way to change the results.

Every address begins with the token, which each server draws for itself:

    GET  /TOKEN/             the page
    GET  /TOKEN/state        how the experiment stands, as JSON
    POST /TOKEN/report       build the report so far
    GET  /TOKEN/report/      the last report that was built

A request must name this machine in its `Host` header, or another site that a browser shows could ask by a name of its
own that leads here.
"""

from __future__ import annotations

import asyncio
import errno
import secrets
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from importlib.resources import files

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from optathlon.errors import UsageError
from optathlon.results.folder import ResultsFolder
from optathlon.view.follower import Follower
from optathlon.view.report_builder import ReportBuilder

HOST = "127.0.0.1"
_HOSTS = [HOST, "localhost"]
_TOKEN_BYTES = 24
_ASSETS = {
    "": ("page.html", "text/html"),
    "page.css": ("page.css", "text/css"),
    "page.js": ("page.js", "text/javascript"),
}
_PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
_REPORT_POLICY = (
    "sandbox allow-scripts allow-popups allow-downloads; default-src 'none'; script-src 'unsafe-inline'; "
    "style-src 'unsafe-inline'; img-src data: blob:; connect-src data:; base-uri 'none'; form-action 'none'"
)
"""A report is a page for itself: it can't see the token's other addresses."""
_HEADERS = {
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


class View:
    """A server that listens, and can be run.

    Parameters
    ----------
    folder:
        The results folder.
    port:
        Where to listen; 0 for any free port.
    complain:
        Is told in one line what is wrong with the folder, when that changes.

    Raises `UsageError` where the port can't be had.
    """

    def __init__(self, folder: ResultsFolder, port: int, complain: Callable[[str], None]) -> None:
        self._token = secrets.token_urlsafe(_TOKEN_BYTES)
        self._socket = _listening(port)
        self._app = make_app(folder, self._token, complain)

    @property
    def address(self) -> str:
        """The page's address, with the token."""
        return f"http://{HOST}:{self._socket.getsockname()[1]}/{self._token}/"

    def run(self) -> None:
        """Serve until an interrupt, which is raised at the end."""
        config = uvicorn.Config(
            self._app,
            loop="asyncio",
            http="h11",
            ws="none",
            access_log=False,
            log_level="error",
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=1,
        )
        with self._socket:
            uvicorn.Server(config).run(sockets=[self._socket])


def make_app(folder: ResultsFolder, token: str, complain: Callable[[str], None]) -> Starlette:
    """The application that answers requests; see the module."""
    follower, builder = Follower(folder, complain), ReportBuilder(folder.path)

    async def state(request: Request) -> Response:
        return JSONResponse({**await follower.latest(), "report": builder.state()})

    async def build(request: Request) -> Response:
        builder.begin()
        return JSONResponse(builder.state(), status_code=202)

    async def report(scope: Scope, receive: Receive, send: Send) -> None:
        if builder.built is None:
            await PlainTextResponse("no report is built yet", status_code=404)(scope, receive, send)
            return
        await StaticFiles(directory=builder.built.folder, html=True)(scope, receive, send)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with builder:
            yield

    routes = [
        *(Route(f"/{path}", partial(_asset, path)) for path in _ASSETS),
        Route("/state", state),
        Route("/report", build, methods=["POST"]),
        Mount("/report", _with_headers(report, {"content-security-policy": _REPORT_POLICY})),
    ]
    middleware = [
        Middleware(TrustedHostMiddleware, allowed_hosts=_HOSTS, www_redirect=False),
        Middleware(_Known, token),
    ]
    return Starlette(routes=[Mount("/{token}", routes=routes)], middleware=middleware, lifespan=lifespan)


class _Known:
    """Answers 404 to whom does not know the token, and adds the headers of every answer."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = _with_headers(app, _HEADERS)
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            given = scope["path"].split("/")[1]
            if not secrets.compare_digest(given.encode(), self._token.encode()):
                await PlainTextResponse("nothing is here: use the whole address", status_code=404)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _with_headers(app: Callable[[Scope, Receive, Send], Awaitable[None]], headers: dict[str, str]) -> ASGIApp:
    """The application with headers that its answers have unless they say otherwise."""
    encoded = {name.encode(): value.encode() for name, value in headers.items()}

    async def with_headers(scope: Scope, receive: Receive, send: Send) -> None:
        async def add(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = list({**encoded, **dict(message["headers"])}.items())
            await send(message)

        await app(scope, receive, add)

    return with_headers


async def _asset(name: str, request: Request) -> Response:
    file, kind = _ASSETS[name]
    content = await asyncio.to_thread(files("optathlon.view").joinpath(file).read_text, encoding="utf-8")
    return Response(content, media_type=kind, headers={"content-security-policy": _PAGE_POLICY})


def _listening(port: int) -> socket.socket:
    try:
        return socket.create_server((HOST, port))
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        reason = "another program has it" if taken else (error.strerror or str(error)).lower()
        raise UsageError(f"can't use the port {port}: {reason}: give another --port, or none for a free one") from None
