"""The judge behind a server that means harm: whatever it sends, a request ends in a verdict or in one line."""

from __future__ import annotations

import gzip
import json
import math
import os
import signal
import socketserver
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optathlon.errors import OptathlonError, Unavailable, UsageError
from optathlon.llm.judges.endpoint import Endpoint
from optathlon.llm.judges.verdicts import understood
from optathlon.llm.judging import Prompt, Verdicts
from optathlon.llm.reply_bodies import MOST_BYTES

Send = Callable[[bytes], None]

VERDICT = json.dumps({"choices": [{"message": {"content": "1"}}]}).encode()
PLENTY = 64 * MOST_BYTES
"""What takes the place of an endless body, for clients that would read it."""


class Hostile:
    """A server that answers each request by a function that may send any bytes."""

    def __init__(self) -> None:
        self.answer: Callable[[Send], None] = lambda send: None
        self.requests = 0
        self.sent = 0
        outer = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                length = 0
                while (line := self.rfile.readline()).strip():
                    name, _, value = line.partition(b":")
                    length = int(value) if name.lower() == b"content-length" else length
                self.rfile.read(length)
                outer.requests += 1
                with suppress(OSError):  # the client has had enough
                    outer.answer(self.send)

            def send(self, content: bytes) -> None:
                self.request.sendall(content)
                outer.sent += len(content)

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hostile]:
    """Its judgements are kept for the test alone: another server may get the same port."""
    monkeypatch.setenv("OPTATHLON_CACHE", str(tmp_path / "cache"))
    for proxy in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(proxy, raising=False)
    made = Hostile()
    yield made
    made.close()


def head(status: int = 200, **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} X", *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode()


def whole(body: bytes, status: int = 200, **headers: str) -> bytes:
    return head(status, Content_Length=str(len(body)), **headers) + body


def asked(server: Hostile, **options: Any) -> Verdicts:
    settings: dict[str, Any] = {"key": None, "retries": 0, "at_once": 1}
    return Endpoint(server.url, "m", **(settings | options)).prefer([Prompt("p", "say")], ["a"], ["b"], seed=0)


def failure(server: Hostile, **options: Any) -> OptathlonError:
    with pytest.raises(OptathlonError) as caught:
        asked(server, **options)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 500
    return caught.value


# Without an end


def flood(piece: bytes) -> Callable[[Send], None]:
    """Sends the piece again and again."""

    def answer(send: Send) -> None:
        for _ in range(0, PLENTY, len(piece)):
            send(piece)

    return answer


def trickle(content: bytes) -> Callable[[Send], None]:
    def answer(send: Send) -> None:
        for byte in content:
            time.sleep(0.05)
            send(bytes([byte]))

    return answer


def after(start: bytes, rest: Callable[[Send], None]) -> Callable[[Send], None]:
    def answer(send: Send) -> None:
        send(start)
        rest(send)

    return answer


def test_a_body_without_end_is_not_read(server: Hostile) -> None:
    server.answer = after(head(), flood(b" " * 2**16))
    told = failure(server)
    assert isinstance(told, UsageError)
    assert f"doesn't answer as /chat/completions does (it is longer than {MOST_BYTES} bytes)" in str(told)
    assert server.sent < PLENTY / 2


@pytest.mark.parametrize(
    ("status", "message"), [(400, "refuses the request (400: no no"), (503, "fails, tried 1 times: 503: no no")]
)
def test_an_error_without_end_is_told_by_its_beginning(server: Hostile, status: int, message: str) -> None:
    server.answer = after(head(status), flood(b"no " * 2**14))
    assert message in str(failure(server))
    assert server.sent < PLENTY / 2


def test_headers_without_end_are_not_read(server: Hostile) -> None:
    server.answer = after(b"HTTP/1.1 200 OK\r\n", flood(b"X-More: " + b"x" * 8192 + b"\r\n"))
    assert isinstance(failure(server), Unavailable)
    assert server.sent < PLENTY / 2


def test_answers_without_end_that_are_to_be_waited_for(server: Hostile) -> None:
    server.answer = flood(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert "timed out, with no whole answer within 0.3 s" in str(failure(server, timeout=0.3))


# Slowly


@pytest.mark.parametrize(
    ("at_once", "slowly"),
    [
        (head(), VERDICT),
        (b"", whole(VERDICT)),
        (b"HTTP/1.1 200 OK\r\n", b"X-More: x\r\n" * 20 + b"Content-Length: 43\r\n\r\n" + VERDICT),
        (head(Transfer_Encoding="chunked"), b"1\r\n \r\n" * 40 + b"0\r\n\r\n"),
    ],
    ids=["body", "everything", "headers", "chunks"],
)
def test_byte_by_byte_is_not_waited_for(server: Hostile, at_once: bytes, slowly: bytes) -> None:
    """Each byte comes before the limit, and all of them long after it."""
    server.answer = after(at_once, trickle(slowly))
    told = failure(server, timeout=0.3)
    assert isinstance(told, Unavailable)
    assert "fails, tried 1 times: timed out, with no whole answer within 0.3 s" in str(told)


def test_an_error_byte_by_byte_is_told_by_its_status(server: Hostile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("optathlon.llm.reply_bodies.ERROR_S", 0.2)
    server.answer = after(head(401), trickle(b"n" * 1000))
    assert "gives no access (401: n" in str(failure(server))


def test_all_tries_and_waits_are_within_the_deadline(server: Hostile, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it, 10,000 tries of 0.1 s each would be due, with 0.01 s or more between them."""
    monkeypatch.setattr("optathlon.llm.chat_client.BACKOFF", 1e-9)
    server.answer = lambda send: time.sleep(0.5)
    told = failure(server, timeout=0.1, deadline=0.5, retries=10_000)
    assert isinstance(told, Unavailable)
    assert "0.5 s" in str(told)
    assert 1 < server.requests < 100


def test_an_interrupt_does_not_wait_for_the_server(server: Hostile) -> None:
    released, gone = threading.Event(), threading.Event()

    def hold(send: Send) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        try:
            while not released.wait(0.05):
                send(b" ")
        except OSError:
            gone.set()

    server.answer = after(head(), hold)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            asked(server)
    finally:
        signal.signal(signal.SIGINT, before)
        left = gone.wait(10)
        released.set()
    assert left


# Compressed


def nested_bomb() -> bytes:
    return gzip.compress(gzip.compress(bytes(PLENTY)))


@pytest.mark.parametrize(
    ("encoding", "body", "message"),
    [
        ("gzip", gzip.compress(bytes(PLENTY)), "it is longer than"),
        ("deflate", zlib.compress(bytes(PLENTY)), "it is longer than"),
        ("gzip", gzip.compress(b"{}") + bytes(2 * MOST_BYTES), "it is longer than"),
        ("gzip, gzip", nested_bomb(), "compressed in a way that nobody asked for"),
        ("br", b"anything", "compressed in a way that nobody asked for"),
        ("gzip", b"nothing of the kind", "it can't be decompressed"),
        ("gzip", gzip.compress(VERDICT)[:20], "it is not an object in JSON"),
    ],
    ids=["gzip", "deflate", "after its end", "twice", "otherwise", "not at all", "cut"],
)
def test_a_compressed_bomb_is_not_unpacked(server: Hostile, encoding: str, body: bytes, message: str) -> None:
    server.answer = lambda send: send(whole(body, Content_Encoding=encoding))
    told = failure(server)
    assert isinstance(told, UsageError)
    assert message in str(told)


def test_a_compressed_bomb_in_an_error_is_not_unpacked(server: Hostile) -> None:
    server.answer = lambda send: send(whole(gzip.compress(b"no " * MOST_BYTES), 400, Content_Encoding="gzip"))
    assert "refuses the request (400: no no" in str(failure(server))


def test_a_compressed_answer_is_understood(server: Hostile) -> None:
    server.answer = lambda send: send(whole(gzip.compress(VERDICT), Content_Encoding="gzip"))
    assert asked(server).preferences.tolist() == [1.0]


# Of other kinds


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 500_000,
        b'{"choices":' * 50_000,
        b'{"choices": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
        b"{",
        b"\xff\xfe{}",
        b'{"choices": "\\ud800"}',
        b"1e999",
        b"null",
    ],
    ids=["deep", "deep objects", "deep within", "cut", "no text", "half a pair", "infinite", "null"],
)
def test_what_is_no_object_in_json_is_told(server: Hostile, body: bytes) -> None:
    server.answer = lambda send: send(whole(body))
    told = failure(server)
    assert isinstance(told, UsageError)
    assert "(it is not an object in JSON)" in str(told)


@pytest.mark.parametrize("body", [b"[" * 60_000, b'{"error":' * 5_000, b"\x1b[31mred\x00\x07\xe2\x80\xae", b"\xff" * 9])
def test_errors_of_any_form_are_one_printable_line(server: Hostile, body: bytes) -> None:
    server.answer = lambda send: send(whole(body, 400))
    assert "refuses the request (400" in str(failure(server))


def chosen(**rest: object) -> dict[str, Any]:
    return {"choices": [{"message": {"content": "1"}} | rest]}


@pytest.mark.parametrize(
    "usage",
    [
        [],
        "x",
        7,
        {"prompt_tokens": "9", "completion_tokens": [1]},
        {"prompt_tokens": -5, "completion_tokens": True},
        {"prompt_tokens": 10**400, "completion_tokens": 2**60},
        {"prompt_tokens": 1.5, "completion_tokens": None},
        {"prompt_tokens": {"total": 3}, "completion_tokens": math.nan},
    ],
)
def test_tokens_that_are_no_number_of_tokens_are_unknown(server: Hostile, usage: object) -> None:
    server.answer = lambda send: send(whole(json.dumps(chosen() | {"usage": usage}).encode()))
    verdicts = asked(server, dollars_per_million_input=1.0, dollars_per_million_output=1.0)
    assert verdicts.preferences.tolist() == [1.0]
    assert verdicts.metrics == {}


@pytest.mark.parametrize(
    "logprobs",
    [
        [],
        "x",
        {"content": {}},
        {"content": ["1"]},
        {"content": [{"token": 1, "top_logprobs": []}]},
        {"content": [{"token": "1", "top_logprobs": {"1": -0.1}}]},
        {"content": [{"token": "1", "top_logprobs": [{"token": "1", "logprob": 1e9}]}]},
        {"content": [{"token": "1", "top_logprobs": [{"token": "1", "logprob": math.nan}]}]},
        {"content": [{"token": "1", "top_logprobs": [{"token": "1", "logprob": "-0.1"}]}]},
        {"content": [{"token": "1", "top_logprobs": [{"token": "1", "logprob": True}]}]},
        {"content": [{"token": "1", "top_logprobs": [{"logprob": -0.1}]}]},
    ],
)
def test_probabilities_that_are_none_are_not_understood(server: Hostile, logprobs: object) -> None:
    server.answer = lambda send: send(whole(json.dumps(chosen(logprobs=logprobs)).encode()))
    assert math.isnan(asked(server, logprobs=True).preferences[0])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(["1", "2", "Tie"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "choices",
                    "message",
                    "content",
                    "logprobs",
                    "token",
                    "top_logprobs",
                    "logprob",
                    "usage",
                    "prompt_tokens",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=15,
)


@given(choice=JSON, logprobs=JSON, usage=JSON, answer=st.dictionaries(st.sampled_from(["choices", "usage"]), JSON))
def test_any_answer_is_a_verdict_or_not_understood(
    choice: object, logprobs: object, usage: object, answer: dict[str, object]
) -> None:
    for given_answer in (answer, {"choices": [choice], "usage": usage}, chosen(logprobs=logprobs) | {"usage": usage}):
        preference, *tokens, unclear = understood(given_answer)
        assert bool(unclear) == math.isnan(preference)
        assert math.isnan(preference) or 0.0 <= preference <= 1.0
        assert all(math.isnan(count) or 0.0 <= count <= 2**53 for count in tokens)
