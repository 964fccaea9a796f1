"""What trials are scored by: what results depend on, what is kept, and what a judge that fails costs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_models import change_weights, copied_tiny

from optathlon.errors import Unavailable, UsageError
from optathlon.llm.judging import Judge, Prompt, Refusal, Verdicts, compare, make_judge
from optathlon.llm.thoughts import without_thoughts
from optathlon.tasks.llm import LLM
from optathlon.tasks.llm.scoring import NotUnderstood, Side
from optathlon.tasks.llm.setups import TINY
from optathlon.trial import Status

pytest.importorskip("torch", reason="the extra 'llm' is not installed")
pytest.importorskip("transformers", reason="the extra 'llm' is not installed")
pytest.importorskip("peft", reason="the extra 'llm' is not installed")
pytestmark = pytest.mark.torch

CONFIG = {
    **{"method": "full", "learning_rate": 1e-3, "batch_size": 8, "optimizer": "adamw", "schedule": "constant"},
    **{"warmup": 0.0, "weight_decay": 0.01},
}


class Deciding(Judge):
    """Prefers by a function of the prompts and the seed, and keeps the seeds."""

    id = "deciding"

    def __init__(self, decide: Callable[[Any, int], Any]) -> None:
        self.decide = decide
        self.seeds: list[int] = []

    def prefer(self, prompts: Any, candidate: Any, reference: Any, *, seed: int) -> Verdicts:
        self.seeds.append(seed)
        return Verdicts(np.asarray(self.decide(prompts, seed), dtype=float))


def forget() -> None:
    """As another process would find things."""
    from optathlon.tasks.llm import loaded_setup, setups

    loaded_setup.loaded_setup.cache_clear()
    setups._examples.cache_clear()
    setups._reference_rows.cache_clear()


def test_results_depend_on_the_answers_of_a_file_and_on_the_templates_of_judges(
    own_task: Callable[..., Any], tmp_path: Path
) -> None:
    answers, template = tmp_path / "llm" / "answers.jsonl", tmp_path / "judge.txt"

    def identity(plain: str, question: str) -> str:
        answers.write_text(json.dumps({"id": "0", "answer": plain}))
        template.write_text(f"{question} {{task}} {{first}} {{second}}")
        forget()
        judge = f"endpoint('http://h/v1', 'm', key=None, template='{template}')"
        found: str = own_task(reference="answers.jsonl", judge=judge).setup.identity
        return found

    first = identity("7", "Which?")
    assert first == identity("7", "Which?")
    assert len({first, identity("8", "Which?"), identity("7", "Which one?")}) == 3


def test_a_task_is_another_with_another_base_or_reference(
    own_task: Callable[..., Any], llm_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Machines that train the tiny model or the reference differently don't have the same task."""
    model = copied_tiny(llm_cache, tmp_path / "base")
    task = own_task(model=str(model))
    fingerprint = task.fingerprint()
    forget()
    assert own_task(model=str(model)).fingerprint() == fingerprint
    answers = {side: {**kinds, "plain": ["8"]} for side, kinds in task.loaded.reference_answers.items()}
    with monkeypatch.context() as patch:
        patch.setitem(vars(task.loaded), "reference_answers", answers)
        assert task.fingerprint() != fingerprint
    change_weights(model)
    forget()
    assert own_task(model=str(model)).fingerprint() != fingerprint


def test_results_depend_on_the_weights_of_a_judge(
    own_task: Callable[..., Any], llm_cache: Path, tmp_path: Path
) -> None:
    from optathlon.llm.judges.loading import _loaded

    model = copied_tiny(llm_cache, tmp_path / "judge")
    change_weights(model)
    call = f"noisy(pool(verifier, likelihood({str(model)!r})), p_flip=0.1)"
    before = own_task(judge=call).loaded.key
    change_weights(model)
    _loaded.cache_clear()
    forget()
    assert own_task(judge=call).loaded.key != before
    assert make_judge("verifier").weights() == ""


@pytest.mark.parametrize("call", ["likelihood({!r})", "noisy(pool(verifier, likelihood({!r})), p_flip=0.1)"])
def test_the_model_that_is_tuned_is_no_judge_of_its_tunings(
    own_task: Callable[..., Any], llm_cache: Path, tmp_path: Path, call: str
) -> None:
    """It likes best what it says untuned. A copy in another folder is the same model."""
    for judge in ("tiny", str(copied_tiny(llm_cache, tmp_path / "copy"))):
        with pytest.raises(UsageError, match="is the model that is tuned: it likes best"):
            own_task(judge=call.format(judge)).prepare()
    change_weights(tmp_path / "copy")
    from optathlon.llm.judges.loading import _loaded

    _loaded.cache_clear()
    forget()
    assert own_task(judge=call.format(str(tmp_path / "copy"))).loaded.judges


def test_sides_share_no_chance() -> None:
    judge = make_judge("noisy(pool(verifier, length), p_flip=0.5)")
    prompts = TINY.examples("validation")
    asked = tuple(example.prompt for example in prompts)
    reference = tuple(f"{example.prompt.answer} not" for example in prompts)
    answers = tuple(str(example.prompt.answer) for example in prompts)
    validation, test = (
        Side(asked, reference, (), dict.fromkeys((one.id for one in asked), 0.0), judge, n) for n in (0, 1)
    )
    found = [side.measure(answers, seed=5)["1-win_rate"] for side in (validation, test)]
    assert found[0] == 1 - compare(judge, asked, answers, reference, seed=5).win_rate, "stream 0"
    assert found[0] != found[1]
    seeds = []
    for side in (validation, test):
        seen = Deciding(lambda prompts, seed: np.full(len(prompts), 0.5))
        for seed in (0, 1, 2**32 - 1):
            Side(asked, reference, (), side.difficulty, seen, side.stream).measure(answers, seed=seed)
        seeds += seen.seeds
    assert len(set(seeds)) == len(seeds) == 12


def test_a_judges_agreement_with_known_answers_is_measured() -> None:
    prompts = (*(Prompt(str(number), "sum of 1 1", answer="2") for number in range(5)), Prompt("5", "say hi"))
    ours, theirs = ("2", "3", "2", "2", "2", "hi"), ("3", "2", "3", "2", "3", "ho")
    preferences = {"0": 0.9, "1": 0.8, "2": 0.5, "3": 0.9, "4": np.nan, "5": 0.9}
    judge = Deciding(lambda prompts, seed: [preferences[prompt.id] for prompt in prompts])
    judge.symmetric = True
    measured = Side(prompts, theirs, (), {prompt.id: 0.0 for prompt in prompts}, judge).measure(ours, seed=0)
    assert measured["judge/known"] == 3, "the first three: others are both right, not understood, or not known"
    assert measured["judge/accuracy"] == (1 + 0 + 0.5) / 3
    verifier = Side(prompts[:5], theirs[:5], (), dict.fromkeys("01234", 0.0), make_judge("verifier"))
    assert verifier.measure(ours[:5], seed=0)["judge/accuracy"] == 1


def test_thoughts_are_not_judged_but_counted() -> None:
    seen: list[Any] = []

    class Reading(Deciding):
        def prefer(self, prompts: Any, candidate: Any, reference: Any, *, seed: int) -> Verdicts:
            seen.append(candidate)
            return super().prefer(prompts, candidate, reference, seed=seed)

    prompts = (Prompt("0", "sum of 1 1", answer="2"), Prompt("1", "sum of 1 2", answer="3"))
    side = Side(prompts, ("5", "5"), (), {"0": 0.0, "1": 0.0}, Reading(lambda prompts, seed: np.ones(len(prompts))))
    measured = side.measure(["<think>1 + 1 is 2, not 3</think>\n2", "3"], seed=0)
    assert seen[0] == ["2", "3"]
    assert (measured["1-exact_match"], measured["length"], measured["thoughts"]) == (0.0, 1.0, 16.5)
    assert "thoughts" not in side.measure(["2", "3"], seed=0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<think>so</think> 7", "7"),
        ("so</think>\n\n7", "7"),
        ("<think>a</think> no <think>b</think> 7", "7"),
        ("7 <think>or is it", "7"),
        ("<think>never ends", ""),
        ("7 < 8", "7 < 8"),
    ],
)
def test_what_is_said_follows_the_last_thought(text: str, said: str) -> None:
    assert without_thoughts(text) == said


def test_a_judge_is_understood_if_one_order_is() -> None:
    prompts = tuple(example.prompt for example in TINY.examples("validation")[:6])
    ours, theirs = ("a",) * 6, ("b",) * 6

    def side(decide: Callable[[Any, int], Any]) -> Side:
        return Side(prompts, theirs, (), dict.fromkeys((one.id for one in prompts), 0.0), Deciding(decide))

    half = side(lambda prompts, seed: np.full(len(prompts), 1.0 if seed % 2 == 0 else np.nan)).measure(ours, seed=0)
    assert (half["1-win_rate"], half["judge/failures"]) == (0.0, 6.0)
    with pytest.raises(NotUnderstood, match="none of 6 judgements of deciding could be understood"):
        side(lambda prompts, seed: np.full(len(prompts), np.nan)).measure(ours, seed=0)


def test_a_test_judge_that_mumbles_leaves_the_validation_side_as_it_is(
    own_task: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    task = own_task()
    mumbling = Deciding(lambda prompts, seed: np.full(len(prompts), np.nan))
    known = task.loaded.side("test")
    side = replace(known, judge=mumbling, reference=("something else",))
    monkeypatch.setitem(task.loaded._sides, "test", side)
    result = task.evaluate(CONFIG, fidelity=1, seed=0)
    assert result.status is Status.OK and mumbling.seeds
    assert "1-win_rate" not in result.metrics and result.values
    assert not {"test/1-win_rate", "test/1-lc_win_rate"} & result.metrics.keys()
    assert {"test/1-exact_match", "test/length", "test/loss"} <= result.metrics.keys()
    assert result.metrics["test/judge/failures"] == result.metrics["test/judge/judged"] == 1.0


def test_an_outage_is_no_trial(own_task: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    def down(prompts: Any, seed: int) -> Any:
        raise Unavailable("http://h/v1 fails, tried 6 times: no route: see whether it runs, and try again")

    task = own_task()
    known = task.loaded.side("validation")
    monkeypatch.setitem(
        task.loaded._sides, "validation", replace(known, judge=Deciding(down), reference=("something else",))
    )
    with pytest.raises(Unavailable, match="tried 6 times: no route"):
        task.evaluate(CONFIG, fidelity=1, seed=1)
    monkeypatch.undo()
    assert task.evaluate(CONFIG, fidelity=1, seed=1).status is Status.OK, "nothing of it is remembered"


def test_a_refusal_costs_its_trial_only(own_task: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """As where a server filters contents: it would refuse this pair as often as the command is repeated."""
    from dataclasses import replace

    def refuse(prompts: Any, seed: int) -> Any:
        raise Refusal("http://h/v1 refuses the request (400: content filter): change what it complains of")

    task = own_task()
    for name, status in (("validation", Status.INVALID), ("test", Status.OK)):
        side = replace(task.loaded.side(name), judge=Deciding(refuse), reference=("something else",))
        with monkeypatch.context() as patched:
            patched.setitem(task.loaded._sides, name, side)
            result = task.evaluate(CONFIG, fidelity=1, seed=2)
        assert result.status is status
        assert ("content filter" in result.error) == (status is Status.INVALID)


def test_variants_are_judged_once(own_task: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    from optathlon.llm.judges.verifier import Verifier

    asked = []
    prefer = Verifier.prefer

    def counted(self: Any, prompts: Any, *rest: Any, seed: int) -> Verdicts:
        asked.append(len(prompts))
        return prefer(self, prompts, *rest, seed=seed)

    monkeypatch.setattr(Verifier, "prefer", counted)
    first = own_task(concise="and then some").loaded
    variants = [first.side(name).variants for name in ("validation", "test")]
    count = len(asked)
    forget()
    again = own_task(concise="and then some").loaded
    assert again is not first
    for name, known in zip(("validation", "test"), variants, strict=True):
        for one, other in zip(again.side(name).variants, known, strict=True):
            assert np.array_equal(one.preferences, other.preferences, equal_nan=True)
            assert np.array_equal(one.lengths, other.lengths)
    assert len(asked) == count


def test_what_the_clock_says_is_not_remembered(own_task: Callable[..., Any]) -> None:
    own_task()

    def taken(objectives: str) -> list[float | None]:
        task = LLM().make(f"llm/sft/mine/{objectives}")
        return [task.evaluate(CONFIG, fidelity=1, seed=21).cost for _ in range(2)]

    first, second = taken("win-rate+loss")
    assert first == second
    for objectives in ("win-rate+seconds", "tokens-per-second", "loss+peak-memory"):
        first, second = taken(objectives)
        assert first != second
    offered = {name for kind in ("sft", "exit", "decode", "serve", "preference") for name in _clocked(kind)}
    assert {"seconds", "seconds-per-token", "throughput", "latency", "latency-95"} <= offered


def _clocked(kind: str) -> frozenset[str]:
    from optathlon.tasks.llm.kinds import KINDS

    assert KINDS[kind].clocked <= set(KINDS[kind].offered(TINY))
    return KINDS[kind].clocked
