"""What a server was paid for is not asked again: it goes down in the middle of a trial, and the trial is repeated."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from chat_server import Reply, Server, said

from optathlon.errors import FailedCheck, Unavailable
from optathlon.trial import Status

pytest.importorskip("torch", reason="the extra 'llm' is not installed")
pytest.importorskip("transformers", reason="the extra 'llm' is not installed")
pytest.importorskip("peft", reason="the extra 'llm' is not installed")
pytestmark = pytest.mark.torch

CONFIG = {
    **{"method": "full", "learning_rate": 1e-3, "batch_size": 8, "optimizer": "adamw", "schedule": "constant"},
    **{"warmup": 0.0, "weight_decay": 0.01},
}
ASKED = {"validation": 4, "test": 2}
REQUESTS = 2 * (ASKED["validation"] + ASKED["test"])
"""Both orders of each pair."""
CHECKS = 2
"""One of each side's judge, before the trial."""


@pytest.fixture
def server(llm_cache: Path) -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


@pytest.fixture
def judged_task(own_task: Callable[..., Any], tmp_path: Path, server: Server) -> Callable[[], Any]:
    """Makes a task whose judge is the server, in a process that knows nothing."""
    from optathlon.tasks.llm import loaded_setup, setups

    rows = {side: [f"sum of {number} {len(side) % 10}" for number in range(count)] for side, count in ASKED.items()}
    answers = []
    for side, instructions in rows.items():
        lines = [{"id": f"{side} {number}", "instruction": text} for number, text in enumerate(instructions)]
        (tmp_path / "llm" / f"{side}s.jsonl").write_text("\n".join(map(json.dumps, lines)))
        answers += [{"id": line["id"], "answer": "a b c d e"} for line in lines]
    (tmp_path / "llm" / "answers.jsonl").write_text("\n".join(map(json.dumps, answers)))
    judge = f"endpoint('{server.url}', 'm', key=None, retries=0, at_once=1)"
    data = {side: f"{side}s.jsonl" for side in ASKED}

    def make() -> Any:
        loaded_setup.loaded_setup.cache_clear()
        setups._examples.cache_clear()
        setups._reference_rows.cache_clear()
        return own_task(judge=judge, reference="answers.jsonl", epochs=1, data=data)

    return make


def questions(server: Server) -> Counter[str]:
    """How often each pair was asked about."""
    texts = (seen.body["messages"][0]["content"] for seen in server.seen)
    return Counter(text for text in texts if "Say hello." not in text)


def answered(number: int, body: Any) -> Reply:
    """By the question alone: whichever number the request has."""
    return said("12"[len(body["messages"][0]["content"]) % 2])


def test_a_trial_that_an_outage_ended_asks_only_for_what_is_missing(
    judged_task: Callable[[], Any], server: Server
) -> None:
    before = 5
    server.answer = lambda number, body: answered(number, body) if number <= CHECKS + before else Reply(None, "")
    with pytest.raises(Unavailable):
        judged_task().evaluate(CONFIG, fidelity=None, seed=0)
    assert questions(server).total() == before + 1
    server.answer = answered
    server.seen.clear()
    result = judged_task().evaluate(CONFIG, fidelity=None, seed=0)
    assert result.status is Status.OK
    assert questions(server).total() == REQUESTS - before
    assert result.metrics["judge/judged"] == ASKED["validation"]
    assert result.metrics["judge/input_tokens"] == 100 * 2 * ASKED["validation"]


def test_kept_judgements_are_those_of_an_undisturbed_trial(
    judged_task: Callable[[], Any], server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, llm_cache: Path
) -> None:
    server.answer = lambda number, body: answered(number, body) if number <= CHECKS + 3 else Reply(500, "")
    with pytest.raises(Unavailable):
        judged_task().evaluate(CONFIG, fidelity=None, seed=1)
    server.answer = answered
    disturbed = judged_task().evaluate(CONFIG, fidelity=None, seed=1)
    for kind in ("results", "judgements"):
        (llm_cache / "llm" / kind).rename(tmp_path / kind)
    server.seen.clear()
    undisturbed = judged_task().evaluate(CONFIG, fidelity=None, seed=1)
    assert set(questions(server).values()) == {1} and questions(server).total() == REQUESTS
    assert disturbed.values == undisturbed.values
    by_judge = [
        {name: value for name, value in result.metrics.items() if "judge/" in name}
        for result in (disturbed, undisturbed)
    ]
    assert by_judge[0] == by_judge[1] and len(by_judge[0]) > 8
    assert np.isfinite(list(by_judge[0].values())).all()


def test_what_was_not_understood_is_asked_again_and_shown(judged_task: Callable[[], Any], server: Server) -> None:
    server.answer = lambda number, body: said("Both are fine.")
    result = judged_task().evaluate(CONFIG, fidelity=None, seed=2)
    assert result.status is Status.INVALID
    assert 'could be understood (it said "Both are fine."): is it a judge at all?' in str(result.error)
    server.answer = answered
    assert judged_task().evaluate(CONFIG, fidelity=None, seed=2).status is Status.OK


def test_a_judge_that_mumbles_of_the_references_variants_is_a_failed_check(
    own_task: Callable[..., Any], server: Server
) -> None:
    server.answer = lambda number, body: said("Hm.")
    task = own_task(test_judge=f"endpoint('{server.url}', 'm', key=None, retries=0)", epochs=1)
    with pytest.raises(FailedCheck, match=r'it said "Hm\."') as caught:
        task.fingerprint()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("reference", "code"), [("tuned, with variants", 2), ("answers.jsonl", 1)])
def test_a_run_whose_judge_mumbles_says_what_it_said(
    own_task: Callable[..., Any],
    judged_task: Callable[[], Any],
    server: Server,
    tmp_path: Path,
    in_process: Callable[..., SimpleNamespace],
    reference: str,
    code: int,
) -> None:
    """Of the reference's variants that is found out before trials, else in them."""
    server.answer = lambda number, body: said("Both are fine.")
    judged_task()
    if reference != "answers.jsonl":
        own_task(judge=f"endpoint('{server.url}', 'm', key=None, retries=0)", epochs=1)
    arguments = ("run", "-o", "random", "-t", "llm/sft/mine/win-rate", "--budget", 1, "--seeds", 1)
    done = in_process(*arguments, "--out", tmp_path / "out")
    assert done.returncode == code, done.stderr
    assert 'could be understood (it said "Both are fine.")' in done.stderr + done.stdout
