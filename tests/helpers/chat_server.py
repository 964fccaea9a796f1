"""A server of chats on this machine, and a judge that asks it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

import pytest

from optathlon.errors import OptathlonError
from optathlon.llm.judges.endpoint import Endpoint
from optathlon.llm.judging import Prompt

KEY = "sk-not-to-be-seen-0123456789"
NAME = "OPTATHLON_TESTS_KEY"
PROMPTS = [Prompt("p0", "Name a fruit."), Prompt("p1", "Add.", "1 and 1")]
OURS, THEIRS = ["apple", "2"], ["stone", "3"]


class Reply(NamedTuple):
    """What a server answers; `None` closes the connection without a word."""

    status: int | None
    body: str
    headers: Mapping[str, str] = {}


class Seen(NamedTuple):
    path: str
    headers: Mapping[str, str]
    body: Any
    at: float


class Server:
    """An endpoint that keeps what it was asked, and answers by a function of the number of the request and its body."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.answer: Callable[[int, Any], Reply] = lambda number, body: said("1")
        self.at_once, self.most_at_once = 0, 0
        lock, outer = threading.Lock(), self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with lock:
                    outer.seen.append(Seen(self.path, dict(self.headers), body, time.monotonic()))
                    number = len(outer.seen)
                    outer.at_once += 1
                    outer.most_at_once = max(outer.most_at_once, outer.at_once)
                reply = outer.answer(number, body)
                with lock:
                    outer.at_once -= 1
                if reply.status is None:
                    self.close_connection = True
                    return
                content = reply.body.encode()
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST

            def log_message(self, format: str, *args: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def said(text: str | None, **rest: Any) -> Reply:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    usage = rest.pop("usage", {"prompt_tokens": 100, "completion_tokens": 2})
    return Reply(200, json.dumps({"choices": [choice | rest], "usage": usage}))


def error(status: int, message: str, **headers: str) -> Reply:
    body = json.dumps({"error": {"message": message, "type": "some_error", "code": None}})
    return Reply(status, body, {name.replace("_", "-"): value for name, value in headers.items()})


def judge(server: Server, **options: Any) -> Endpoint:
    settings: dict[str, Any] = {"key": NAME, "at_once": 1, "retries": 3}
    return Endpoint(server.url, "some-model", **(settings | options))


def failure(asked: Endpoint) -> BaseException:
    with pytest.raises(OptathlonError) as caught:
        asked.prefer(PROMPTS, OURS, THEIRS, seed=0)
    assert "\n" not in str(caught.value)
    return caught.value
