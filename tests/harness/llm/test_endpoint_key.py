"""The key of an endpoint never gets about."""

from __future__ import annotations

import logging
import pickle
import traceback
from typing import Any

import pytest
from chat_server import KEY, NAME, OURS, PROMPTS, THEIRS, Reply, Server, error, failure, judge

from optathlon.errors import UsageError
from optathlon.llm.judges.endpoint import Endpoint

pytestmark = pytest.mark.usefixtures("endpoint_key")


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
