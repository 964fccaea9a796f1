"""The judge behind a server: what it asks, what it understands, and what it counts."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from chat_server import KEY, NAME, OURS, PROMPTS, THEIRS, Reply, Server, error, judge, said

from optathlon.errors import UsageError
from optathlon.llm.judges.endpoint import TEMPLATE, Endpoint
from optathlon.llm.judges.verdicts import parsed, weighed
from optathlon.llm.judging import Prompt, compare, make_judge

pytestmark = pytest.mark.usefixtures("endpoint_key")


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
    assert len(server.seen) == 2, "the second one's requests are those of the first, whose verdicts are kept"
