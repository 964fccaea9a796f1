"""What the judge behind a server bears: what it tries again, and what it tells at once."""

from __future__ import annotations

import json
import socket
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from chat_server import NAME, OURS, PROMPTS, THEIRS, Reply, Server, error, failure, judge, said

from optathlon.errors import Unavailable, UsageError
from optathlon.llm.judges.endpoint import Endpoint
from optathlon.llm.judging import Prompt

pytestmark = pytest.mark.usefixtures("endpoint_key")


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 529, None])
def test_what_may_pass_is_tried_again(server: Server, waits: list[float], status: int | None) -> None:
    server.answer = lambda number, body: said("1") if number == 3 else Reply(status, "busy")
    assert judge(server).prefer(PROMPTS[:1], OURS[:1], THEIRS[:1], seed=0).preferences.tolist() == [1.0]
    assert waits == [1.0, 2.0]


@pytest.mark.parametrize("status", [429, 503, None])
def test_what_does_not_pass_is_told(server: Server, waits: list[float], status: int | None) -> None:
    server.answer = lambda number, body: Reply(status, json.dumps({"error": {"message": "busy\nnow"}}))
    told = failure(judge(server))
    assert not isinstance(told, UsageError)
    assert str(told).startswith(f"{server.url} fails, tried 4 times: {'' if status is None else f'{status}: busy now'}")
    assert waits == [1.0, 2.0, 4.0]
    assert len(server.seen) == 4


def test_a_server_that_is_down_is_told(waits: list[float]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    told = failure(Endpoint(url, "m", key=None, retries=2, at_once=1))
    assert str(told).startswith(f"{url} fails, tried 3 times: ")
    assert "refused" in str(told)
    assert waits == [1.0, 2.0]


def test_a_server_that_is_silent_is_told(server: Server, waits: list[float]) -> None:
    def late(number: int, body: Any) -> Any:
        time.sleep(0.5)
        return said("1")

    server.answer = late
    assert "timed out" in str(failure(judge(server, timeout=0.1, retries=0)))
    assert waits == []


@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        ("7", 7.0),
        ("0.5", 1.0),
        ("299", 299.0),
        ("soon", 1.0),
        ("-3", 1.0),
        ("nan", 1.0),
        (format_datetime(datetime.now(tz=UTC) - timedelta(hours=1)), 1.0),
        ("Wed, 21 Oct 2015 07:28:00", 1.0),
    ],
    ids=["seconds", "too soon", "late", "words", "negative", "no number", "an hour ago", "no zone"],
)
def test_the_server_says_how_long_to_wait(server: Server, waits: list[float], wish: str, expected: float) -> None:
    server.answer = lambda number, body: said("1") if number == 2 else error(429, "slowly", Retry_After=wish)
    judge(server).prefer(PROMPTS[:1], OURS[:1], THEIRS[:1], seed=0)
    assert waits == [expected]


@pytest.mark.parametrize(
    "wish",
    ["300", "1e9", "inf", "Fri, 01 Jan 2100 00:00:00 GMT"],
)
def test_a_wait_that_the_deadline_has_no_room_for_is_told_at_once(
    server: Server, waits: list[float], wish: str
) -> None:
    server.answer = lambda number, body: error(429, "slowly", Retry_After=wish)
    told = failure(judge(server))
    assert isinstance(told, Unavailable)
    assert "429: slowly: the next try would be in" in str(told)
    assert str(told).endswith("but a request may take 300 s in all: repeat the command later")
    assert (waits, len(server.seen)) == ([], 1)


def test_requests_are_spread_over_a_minute(server: Server) -> None:
    steady = judge(server, per_minute=1200.0, at_once=3)
    for what in ("say", "tell"):
        asked = [Prompt(f"p{number}", f"{what} {number}") for number in range(6)]
        steady.prefer(asked, ["a"] * 6, ["b"] * 6, seed=0)
    times = sorted(seen.at for seen in server.seen)
    assert len(times) == 12
    assert times[-1] - times[0] >= 11 * 0.05 - 0.03


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_is_told_at_once(server: Server, waits: list[float], status: int) -> None:
    server.answer = lambda number, body: error(status, "Incorrect API key provided")
    told = failure(judge(server))
    assert isinstance(told, UsageError)
    assert str(told) == (
        f"{server.url} gives no access ({status}: Incorrect API key provided): set {NAME} to a key that is valid"
    )
    assert waits == []
    assert len(server.seen) == 1
    assert "give key= the name of a variable" in str(failure(judge(server, key=None)))


def test_an_unknown_model_or_address_is_told_at_once(server: Server, waits: list[float]) -> None:
    server.answer = lambda number, body: error(404, "The model does not exist")
    told = failure(judge(server))
    assert isinstance(told, UsageError)
    assert str(told) == (
        f"{server.url} has no model 'some-model', or is not the address up to /chat/completions "
        "(404: The model does not exist)"
    )
    assert waits == []


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('{"error": {"message": "no such parameter"}}', "400: no such parameter"),
        ('{"error": "no such parameter"}', "400: no such parameter"),
        ('{"object": "error", "message": "no such parameter"}', "400: no such parameter"),
        ('{"detail": [{"loc": "x"}]}', '400: [{"loc": "x"}]'),
        ("<html>\nno</html>", "400: <html> no</html>"),
        ("", "400"),
        ("x" * 500, f"400: {'x' * 200}…"),
    ],
)
def test_a_refused_request_is_told_at_once(server: Server, waits: list[float], body: str, message: str) -> None:
    server.answer = lambda number, _: Reply(400, body)
    told = failure(judge(server))
    assert isinstance(told, UsageError)
    assert str(told) == f"{server.url} refuses the request ({message}): change what it complains of"
    assert waits == []


@pytest.mark.parametrize("body", ["<html>hello</html>", "[1]", ""])
def test_a_server_of_another_kind_is_told(server: Server, body: str) -> None:
    server.answer = lambda number, _: Reply(200, body)
    assert "doesn't answer as /chat/completions does" in str(failure(judge(server)))


def test_nothing_more_is_asked_after_a_failure(server: Server) -> None:
    server.answer = lambda number, body: error(401, "no") if number == 7 else said("1")
    asked = [Prompt(f"p{number}", "say") for number in range(200)]
    with pytest.raises(UsageError, match="401: no"):
        judge(server, at_once=3).prefer(asked, ["a"] * 200, ["b"] * 200, seed=0)
    assert 7 <= len(server.seen) < 50
