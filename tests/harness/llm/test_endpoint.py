"""The judge behind a server: what it asks, what it understands, what it bears, and that its key never gets about."""

from __future__ import annotations

import json
import logging
import math
import pickle
import socket
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from optathlon.errors import OptathlonError, Unavailable, UsageError
from optathlon.llm import chat_client
from optathlon.llm.judges.endpoint import TEMPLATE, Endpoint
from optathlon.llm.judges.verdicts import parsed, weighed
from optathlon.llm.judging import Prompt, compare, make_judge

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


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, KEY)
    for proxy in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(proxy, raising=False)


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the client would have waited, in seconds."""
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr(chat_client, "sleep", sleep)
    return waited


def judge(server: Server, **options: Any) -> Endpoint:
    settings: dict[str, Any] = {"key": NAME, "at_once": 1, "retries": 3}
    return Endpoint(server.url, "some-model", **(settings | options))


def failure(asked: Endpoint) -> BaseException:
    with pytest.raises(OptathlonError) as caught:
        asked.prefer(PROMPTS, OURS, THEIRS, seed=0)
    assert "\n" not in str(caught.value)
    return caught.value


# Asking


def test_what_is_sent(server: Server) -> None:
    judge(server).prefer(PROMPTS, OURS, THEIRS, seed=0)
    first, second = server.seen
    assert first.path == "/v1/chat/completions"
    assert first.headers["Authorization"] == f"Bearer {KEY}"
    assert first.headers["Content-Type"] == "application/json"
    assert {name: value for name, value in first.body.items() if name != "messages"} == {
        "model": "some-model",
        "temperature": 0,
        "max_tokens": 16,
    }
    assert [message["role"] for message in second.body["messages"]] == ["user"]
    text = second.body["messages"][0]["content"]
    assert "<task>\nAdd.\n\n1 and 1\n</task>" in text
    assert "<answer 1>\n2\n</answer 1>" in text
    assert "<answer 2>\n3\n</answer 2>" in text
    assert "<task>\nName a fruit.\n</task>" in first.body["messages"][0]["content"]


def test_no_key_is_sent_where_there_is_none(server: Server) -> None:
    judge(server, key=None).prefer(PROMPTS, OURS, THEIRS, seed=0)
    assert all("Authorization" not in seen.headers for seen in server.seen)


def test_braces_in_answers_are_no_fields(server: Server) -> None:
    judge(server).prefer(PROMPTS[:1], ["{second} {0} {{x}}"], ["}{"], seed=0)
    text = server.seen[0].body["messages"][0]["content"]
    assert "<answer 1>\n{second} {0} {{x}}\n</answer 1>" in text


def test_a_template_of_ones_own(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "mine.txt"
    path.write_text("{task}|{first}|{second}|{{}} ü", encoding="utf-8")
    asked = judge(server, template=str(path))
    asked.prefer(PROMPTS, OURS, THEIRS, seed=0)
    assert server.seen[1].body["messages"][0]["content"] == "Add.\n\n1 and 1|2|3|{} ü"
    assert asked.template == path.read_text(encoding="utf-8")
    assert asked.template_hash != judge(server).template_hash
    assert judge(server).template == TEMPLATE


def test_nothing_is_asked_where_there_is_nothing_to_ask(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(NAME)
    assert judge(server).prefer([], [], [], seed=0).preferences.shape == (0,)
    assert compare(judge(server), PROMPTS, OURS, OURS).win_rate == 0.5
    assert server.seen == []


@pytest.mark.parametrize("at_once", [1, 5])
def test_replies_belong_to_their_pairs_however_many_are_asked_at_once(server: Server, at_once: int) -> None:
    def by_content(number: int, body: Any) -> Reply:
        time.sleep(0.02 if number % 2 else 0.0)
        text = body["messages"][0]["content"]
        return said("1" if "<answer 1>\ngood" in text else "2" if "<answer 2>\ngood" in text else "Tie")

    server.answer = by_content
    asked = [Prompt(f"p{number}", f"say {number}") for number in range(30)]
    ours = ["good" if number % 3 == 0 else "bad" for number in range(30)]
    theirs = ["good" if number % 3 == 1 else "worse" for number in range(30)]
    found = judge(server, at_once=at_once).prefer(asked, ours, theirs, seed=0)
    assert found.preferences.tolist() == [(1.0, 0.0, 0.5)[number % 3] for number in range(30)]
    assert (server.most_at_once > 1) == (at_once > 1)
    assert server.most_at_once <= at_once


def test_both_orders_are_asked(server: Server) -> None:
    found = compare(judge(server), PROMPTS, OURS, THEIRS)
    assert found.preferences.tolist() == [0.5, 0.5]
    assert (found.agreement, len(server.seen)) == (0.0, 4)
    assert found.metrics == {"judge/input_tokens": 400.0, "judge/output_tokens": 8.0}


# Understanding


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", 1.0),
        ("2", 0.0),
        ("Tie", 0.5),
        ("tie.", 0.5),
        (" **1** ", 1.0),
        ("2\nbecause it is", 0.0),
        ("\n\n1", 1.0),
        ("Answer 1", math.nan),
        ("12", math.nan),
        ("1 or 2", math.nan),
        ("", math.nan),
        ("because\n1", math.nan),
    ],
)
def test_the_first_line_is_the_verdict(server: Server, text: str, expected: float) -> None:
    assert parsed(text) == pytest.approx(expected, nan_ok=True)
    server.answer = lambda number, body: said(text)
    found = judge(server).prefer(PROMPTS[:1], OURS[:1], THEIRS[:1], seed=0)
    assert found.preferences == pytest.approx([expected], nan_ok=True)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"choices": []},
        {"choices": None},
        {"choices": [{}]},
        {"choices": [{"message": None}]},
        {"choices": [{"message": {"content": None}}]},
        {"choices": [{"message": {"content": 1}}]},
        {"choices": [{"message": {"content": "no"}}], "usage": None},
    ],
)
def test_replies_without_a_verdict_are_not_understood(server: Server, body: object) -> None:
    server.answer = lambda number, _: Reply(200, json.dumps(body))
    verdicts = judge(server).prefer(PROMPTS, OURS, THEIRS, seed=0)
    assert np.isnan(verdicts.preferences).all()
    assert verdicts.metrics == {}


def test_a_pair_that_is_too_long_is_not_understood(server: Server) -> None:
    server.answer = lambda number, body: (
        error(400, "This model's maximum context length is 10 tokens.") if number == 1 else said("1")
    )
    found = judge(server).prefer(PROMPTS, OURS, THEIRS, seed=0).preferences
    assert found == pytest.approx([math.nan, 1.0], nan_ok=True)


def logprobs(*positions: Mapping[str, float]) -> dict[str, Any]:
    return {
        "content": [
            {
                "token": max(position, key=position.__getitem__),
                "logprob": math.log(max(position.values())),
                "top_logprobs": [{"token": token, "logprob": math.log(p)} for token, p in position.items()],
            }
            for position in positions
        ]
    }


@pytest.mark.parametrize(
    ("text", "positions", "expected"),
    [
        ("1", [{"1": 0.6, "2": 0.3, "Tie": 0.1}], 0.65),
        ("1", [{"1": 0.5, "2": 0.2, "A": 0.3}], 5 / 7),
        ("2", [{" 2": 0.7, "2": 0.1, "1": 0.2}], 0.2),
        ("Tie", [{"T": 0.5, "1": 0.25, "2": 0.25}], 0.5),
        ("\n1", [{"\n": 1.0}, {"1": 0.9, "2": 0.1}], 0.9),
        ("2", [{"1": 1.0}], 1.0),
        ("1", [{"**": 1.0}], 1.0),
        ("1", [], 1.0),
        ("10 points", [{"1": 0.9, "2": 0.1}], math.nan),
    ],
)
def test_probabilities_of_verdicts_are_weighed(
    server: Server, text: str, positions: list[dict[str, float]], expected: float
) -> None:
    server.answer = lambda number, body: said(text, logprobs=logprobs(*positions))
    found = judge(server, logprobs=True).prefer(PROMPTS[:1], OURS[:1], THEIRS[:1], seed=0).preferences
    assert found == pytest.approx([expected], nan_ok=True)
    assert (server.seen[0].body["logprobs"], server.seen[0].body["top_logprobs"]) == (True, 5)


def test_a_server_without_probabilities_is_understood_by_its_text(server: Server) -> None:
    server.answer = lambda number, body: said("2", logprobs=None)
    assert judge(server, logprobs=True).prefer(PROMPTS, OURS, THEIRS, seed=0).preferences.tolist() == [0.0, 0.0]
    assert math.isnan(weighed([("maybe", -0.1)]))


# Costs


def test_tokens_and_dollars_are_counted(server: Server) -> None:
    server.answer = lambda number, body: said("1", usage={"prompt_tokens": 1000 * number, "completion_tokens": 7})
    priced = judge(server, dollars_per_million_input=2.5, dollars_per_million_output=10.0)
    metrics = priced.prefer(PROMPTS, OURS, THEIRS, seed=0).metrics
    assert metrics["judge/input_tokens"] == 3000.0
    assert metrics["judge/output_tokens"] == 14.0
    assert metrics["judge/dollars"] == pytest.approx(3000 * 2.5e-6 + 14 * 10e-6)


def test_no_dollars_are_told_without_prices(server: Server) -> None:
    metrics = judge(server, dollars_per_million_input=2.5).prefer(PROMPTS, OURS, THEIRS, seed=0).metrics
    assert metrics == {"judge/input_tokens": 200.0, "judge/output_tokens": 4.0}


# Failures that pass


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
    asked = [Prompt(f"p{number}", "say") for number in range(6)]
    steady = judge(server, per_minute=1200.0, at_once=3)
    for _ in range(2):
        steady.prefer(asked, ["a"] * 6, ["b"] * 6, seed=0)
    times = sorted(seen.at for seen in server.seen)
    assert len(times) == 12
    assert times[-1] - times[0] >= 11 * 0.05 - 0.03


# Failures that don't


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


# The key


@pytest.mark.parametrize("value", [None, "", "  "])
def test_a_missing_key_is_told_before_anything_is_asked(
    server: Server, monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    monkeypatch.delenv(NAME) if value is None else monkeypatch.setenv(NAME, value)
    assert str(failure(judge(server))) == (
        f"the key for {server.url} is missing: set the environment variable {NAME}, or key=None for none"
    )
    assert server.seen == []


@pytest.mark.parametrize("value", [f"{KEY}\nX-Other: 1", f"{KEY} {KEY}", f"{KEY}ü"])
def test_a_key_that_can_not_be_sent_is_told_without_it(
    server: Server, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv(NAME, value)
    told = failure(judge(server))
    assert KEY not in "".join(traceback.format_exception(told))
    assert server.seen == []


def test_the_key_is_read_at_each_use(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = judge(server)
    monkeypatch.setenv(NAME, f"  {KEY}-new\n")
    asked.prefer(PROMPTS[:1], OURS[:1], THEIRS[:1], seed=0)
    assert server.seen[0].headers["Authorization"] == f"Bearer {KEY}-new"


def test_the_key_is_in_no_part_of_the_judge(server: Server) -> None:
    asked = judge(server)
    asked.prefer(PROMPTS, OURS, THEIRS, seed=0)
    assert KEY not in repr(asked) + asked.id + asked.template + repr(vars(asked)) + repr(asked._client)
    pickled = pickle.dumps(asked)
    assert KEY.encode() not in pickled
    again = pickle.loads(pickled)
    assert again.id == asked.id
    assert again.prefer(PROMPTS, OURS, THEIRS, seed=0).preferences.tolist() == [1.0, 1.0]


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500])
@pytest.mark.parametrize("form", ['{{"error": {{"message": "bad key {}"}}}}', "bad key {}", '{{"a": ["{}"]}}'])
def test_a_key_that_the_server_echoes_is_struck_out(
    server: Server, waits: list[float], caplog: pytest.LogCaptureFixture, capfd: Any, status: int, form: str
) -> None:
    caplog.set_level(logging.DEBUG)
    server.answer = lambda number, body: Reply(status, form.format(KEY))
    told = failure(judge(server))
    assert "***" in str(told)
    shown = "".join(traceback.format_exception(told)) + caplog.text + "".join(capfd.readouterr()) + repr(told.args)
    assert KEY not in shown
    assert told.__context__ is None, "which some libraries pickle along with an exception"
    assert KEY.encode() not in pickle.dumps(told)


def test_a_long_echo_does_not_leave_half_a_key(server: Server) -> None:
    server.answer = lambda number, body: error(400, "x" * 195 + KEY)
    assert KEY[:5] not in str(failure(judge(server)))


def test_a_key_goes_to_no_other_address(server: Server) -> None:
    other = Server()
    server.answer = lambda number, body: Reply(302, "", {"Location": f"{other.url}/chat/completions"})
    told = failure(judge(server))
    other.close()
    assert str(told) == f"{server.url} redirects (302), and a key goes to no other address: give the final one"
    assert other.seen == []


@pytest.mark.parametrize("key", [KEY, "sk_lower", "", "A B"])
def test_a_key_in_the_place_of_its_name_is_refused_and_not_shown(key: str) -> None:
    with pytest.raises(UsageError, match="key of endpoint is the name of an environment variable") as caught:
        Endpoint("http://h/v1", "m", key=key)
    assert not key or key not in "".join(traceback.format_exception(caught.value)).replace("A B", "")


# Arguments


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("api.openai.com/v1", "'api.openai.com/v1' is not an address of an endpoint: write e.g. https://"),
        ("ftp://h/v1", "'ftp://h/v1' is not an address"),
        ("http:///v1", "'http:///v1' is not an address"),
        ("http://h /v1", "'http://h /v1' is not an address"),
        ("http://[h/v1", "the address of endpoint can't be read"),
        ("http://h:99999/v1", "the address of endpoint can't be read"),
        (f"http://me:{KEY}@h/v1", "the address of endpoint has a password or a query, which would be stored"),
        (f"http://h/v1?key={KEY}", "the address of endpoint has a password or a query, which would be stored"),
        ("http://h/v1/chat/completions", "give endpoint the address up to /chat/completions"),
    ],
)
def test_addresses_that_are_none_are_refused(url: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        Endpoint(url, "m")
    assert str(caught.value).startswith(message)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    "options",
    [
        {"retries": -1},
        {"per_minute": 0.0},
        {"per_minute": math.nan},
        {"timeout": 0.0},
        {"deadline": 0.0},
        {"at_once": 0},
        {"dollars_per_million_input": -1.0},
        {"dollars_per_million_output": math.nan},
    ],
)
def test_numbers_out_of_range_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=r"^endpoint: (retries|per_minute|timeout|deadline|at_once|prices) (is|are) "):
        Endpoint("http://h/v1", "m", **options)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{task} {first}", "needs {task}, {first} and {second}, and no other fields"),
        ("{task} {first} {second} {third}", "needs {task}, {first} and {second}, and no other fields"),
        ("{task.id} {first} {second}", "needs {task}, {first} and {second}, and no other fields"),
        ("{task} {first} {second} {", "can't be filled in"),
        (None, "can't read the template"),
    ],
)
def test_templates_that_can_not_be_filled_in_are_refused(tmp_path: Path, text: str | None, message: str) -> None:
    path = tmp_path / "mine.txt"
    if text is not None:
        path.write_text(text)
    with pytest.raises(UsageError) as caught:
        Endpoint("http://h/v1", "m", template=str(path))
    assert message in str(caught.value)


def test_the_id_makes_the_judge_again(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "it's mine.txt"
    path.write_text("{task}{first}{second}")
    asked = judge(server, template=str(path), logprobs=True, per_minute=6e4, dollars_per_million_input=0.15)
    again = make_judge(asked.id)
    assert again.id == asked.id
    server.answer = lambda number, body: said("2")
    for one in (asked, again):
        assert one.prefer(PROMPTS, OURS, THEIRS, seed=0).preferences.tolist() == [0.0, 0.0]
    assert [seen.body for seen in server.seen[:2]] == sorted(
        (seen.body for seen in server.seen[2:]), key=lambda body: "Add." in body["messages"][0]["content"]
    )
