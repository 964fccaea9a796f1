"""`llm/sft`: the same trial is the same result, a continued one too; failures are told; the landscape is a real one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import optathlon
from optathlon.errors import UsageError
from optathlon.llm.judging import compare, make_judge
from optathlon.llm.win_rate import Judged, length_controlled
from optathlon.problem import TaskType
from optathlon.running.evaluation import Job, evaluate_timed
from optathlon.space import decode
from optathlon.tasks.llm import LLM
from optathlon.tasks.llm.kinds.pandalm_grid import PandaLMGrid
from optathlon.tasks.llm.kinds.sft import SFT, SFTByData, SFTByPrompts
from optathlon.tasks.llm.setups import TINY
from optathlon.trial import Status, Trial

pytest.importorskip("torch", reason="the extra 'llm' is not installed")
pytest.importorskip("transformers", reason="the extra 'llm' is not installed")
pytest.importorskip("peft", reason="the extra 'llm' is not installed")
pytestmark = pytest.mark.torch

GOOD = {
    **{"method": "full", "learning_rate": 5e-4, "batch_size": 16, "optimizer": "adamw", "schedule": "cosine"},
    **{"warmup": 0.1, "weight_decay": 0.01},
}
LORA = {**GOOD, "method": "lora", "learning_rate": 4e-3, "rank": 8, "alpha_over_rank": 2.0, "dropout": 0.1}
TIMES = ("seconds", "peak_memory")


@pytest.fixture(autouse=True)
def _cache(llm_cache: Path) -> None:
    """All tests share the tiny model."""


def make(objectives: str = "lc-win-rate", kind: str = "sft") -> Any:
    return LLM().make(f"llm/{kind}/tiny/{objectives}")


def without_times(result: Any) -> dict[str, float]:
    kept = {name: value for name, value in result.metrics.items() if not name.endswith(TIMES)}
    kept.pop("tokens_per_second", None)
    return {**kept, **dict(enumerate(result.values))}


def forget(cache: Path) -> None:
    for kind in ("results", "checkpoints"):
        shutil.rmtree(cache / "llm" / kind, ignore_errors=True)


def test_a_continued_trial_is_what_an_uninterrupted_one_is(llm_cache: Path) -> None:
    task = make()
    forget(llm_cache)
    whole = task.evaluate(LORA, fidelity=3, seed=4)
    forget(llm_cache)
    parts = [task.evaluate(LORA, fidelity=level, seed=4) for level in (1, 2, 3)]
    assert without_times(parts[-1]) == without_times(whole)
    costs = [part.cost for part in parts]
    assert costs == sorted(costs)
    tokens = [part.metrics["tokens"] for part in parts]
    assert tokens[2] - tokens[1] == pytest.approx(tokens[1] - tokens[0], rel=0.2)


def test_a_known_trial_is_remembered_and_another_is_not(llm_cache: Path) -> None:
    task = make()
    first = task.evaluate(GOOD, fidelity=1, seed=0)
    assert task.evaluate(GOOD, fidelity=1, seed=0) == first
    again = evaluate_timed(task, Job(Trial(GOOD, 1, id=0), 0))
    assert again.seconds + again.saved >= (first.cost or 0.0) > again.seconds, "its time passes on the run's clock"
    assert make("win-rate").evaluate(GOOD, fidelity=1, seed=0).cost == first.cost
    assert task.evaluate(GOOD, fidelity=1, seed=1).cost != first.cost
    assert task.evaluate(GOOD | {"warmup": 0.2}, fidelity=1, seed=0).cost != first.cost


def test_another_process_finds_the_same(llm_cache: Path, tmp_path: Path) -> None:
    here = make().evaluate(LORA, fidelity=1, seed=7)
    code = (
        "import json\nfrom optathlon.tasks.llm import LLM\n"
        f"r = LLM().make('llm/sft/tiny/lc-win-rate').evaluate({LORA!r}, fidelity=1, seed=7)\n"
        "print(json.dumps([r.values[0], r.metrics['loss'], r.metrics['test/1-exact_match']]))"
    )
    shutil.copytree(
        next((llm_cache / "llm").glob("tiny-*")), tmp_path / "llm" / next((llm_cache / "llm").glob("tiny-*")).name
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"OPTATHLON_CACHE": str(tmp_path), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    there = json.loads(done.stdout.splitlines()[-1])
    assert there == pytest.approx([here.values[0], here.metrics["loss"], here.metrics["test/1-exact_match"]], rel=1e-6)


def test_scores_are_what_judge_and_length_control_say(llm_cache: Path) -> None:
    task = make("lc-win-rate+length")
    loaded = task.loaded
    result = task.evaluate(GOOD, fidelity=2, seed=3)
    with loaded.tuned(loaded.train, loaded.loss, GOOD, until=2, epochs=3, seed=3) as (model, _):
        answers = {side: loaded.answer(model, loaded.prompts(side)).texts for side in ("validation", "test")}
    for side, call in (("validation", TINY.judge), ("test", "verifier")):
        known = loaded.side(side)
        judge = make_judge(call)
        judged = []
        variants = [loaded.reference_answers[side][kind] for kind in ("concise", "verbose")]
        for texts, seed in ((answers[side], 3 + (2**32 if side == "test" else 0)), *((one, 0) for one in variants)):
            comparison = compare(judge, known.prompts, texts, known.reference, seed=seed)
            lengths = np.array([len(text) for text in texts])
            reference = np.array([len(text) for text in known.reference])
            ids = [prompt.id for prompt in known.prompts]
            judged.append(Judged(ids, comparison.preferences, lengths, reference))
        expected = 1 - length_controlled(judged[0], judged[1:], known.difficulty).win_rate
        found = result.values[0] if side == "validation" else result.metrics["test/1-lc_win_rate"]
        assert found == pytest.approx(expected)
    assert result.values[1] == np.mean([len(text) for text in answers["validation"]])
    right = [
        text.rpartition("answer is ")[2] == example.prompt.answer
        for text, example in zip(answers["test"], TINY.examples("test"), strict=True)
    ]
    assert result.metrics["test/1-exact_match"] == pytest.approx(1 - np.mean(right))


def test_the_reference_against_itself_is_a_tie(llm_cache: Path) -> None:
    for side in ("validation", "test"):
        known = make().loaded.side(side)
        measured = known.measure(known.reference, seed=0)
        assert measured["1-win_rate"] == 0.5
        assert measured["judge/judged"] == 0
        concise = known.variants[0]
        assert concise.lengths.mean() < concise.reference_lengths.mean()
        assert set(known.difficulty) == {prompt.id for prompt in known.prompts}


def test_fidelities_trade_what_they_say(llm_cache: Path) -> None:
    data, prompts = make(kind="sft-data"), make(kind="sft-prompts")
    assert isinstance(data, SFTByData) and isinstance(prompts, SFTByPrompts)
    few, all_data = (data.evaluate(GOOD, fidelity=level, seed=0) for level in (0.25, 1.0))
    assert few.metrics["tokens"] < 0.5 * all_data.metrics["tokens"]
    part, whole = (prompts.evaluate(GOOD, fidelity=level, seed=0) for level in (0.25, 1.0))
    assert part.metrics["judge/judged"] < 0.4 * whole.metrics["judge/judged"]
    assert part.metrics["train_loss"] == whole.metrics["train_loss"] == all_data.metrics["train_loss"]
    assert whole.values == all_data.values == make().evaluate(GOOD, fidelity=None, seed=0).values


def test_a_diverged_training_and_a_judge_that_never_parses_are_told(
    llm_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from optathlon.llm.judging import Judge, Verdicts
    from optathlon.tasks.llm import scoring
    from optathlon.tasks.llm.training import Training

    class Mumbling(Judge):
        id = "mumbling"

        def prefer(self, prompts: Any, candidate: Any, reference: Any, *, seed: int) -> Verdicts:
            return Verdicts(np.full(len(prompts), np.nan))

    task = make()
    side = task.loaded.side("validation")
    monkeypatch.setitem(task.loaded._sides, "validation", replace(side, judge=Mumbling()))
    result = task.evaluate(GOOD, fidelity=1, seed=11)
    assert result.status is Status.INVALID
    assert "judgements of mumbling could be understood" in result.error
    with pytest.raises(scoring.NotUnderstood):
        task.loaded.side("validation").measure(["x"] * 192, seed=0)

    rate = Training._step

    def spoiled(self: Any, *given: Any) -> None:
        with __import__("torch").no_grad():
            self._weights[0].fill_(float("inf"))
        rate(self, *given)

    monkeypatch.setattr(Training, "_step", spoiled)
    result = task.evaluate(GOOD, fidelity=1, seed=12)
    assert result.status is Status.DIVERGED and "at step 1 of" in result.error
    assert result.values == ()


def test_a_trial_without_memory_is_told(llm_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    from optathlon.tasks.llm.training import ResponseLoss

    def full(self: Any, model: Any, items: Any) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(ResponseLoss, "total", full)
    task = make()
    result = task.evaluate(GOOD, fidelity=1, seed=13)
    assert result.status is Status.MEMORY and "one at a time is too much" in result.error


def test_ids_and_their_tasks() -> None:
    collection = LLM()
    ids = list(collection.ids())
    assert {"llm/sft/tiny/lc-win-rate", "llm/pandalm-grid/tiny/win-rate"} <= set(ids)
    for id in ids:
        assert collection.make(id).id == id
    both = collection.make("llm/sft/tiny/win-rate+seconds+tokens-per-second")
    assert both.problem.type is TaskType.MULTI_FIDELITY_OBJECTIVE
    assert [one.name for one in both.problem.objectives] == ["1-win_rate", "seconds", "tokens_per_second"]
    for absent in ("llm/sft/tiny", "llm/sft/tiny/win-rat", "llm/sft/none/win-rate", "llm/none/tiny/win-rate", "llm"):
        with pytest.raises(KeyError):
            collection.make(absent)
    with pytest.raises(UsageError, match="names an objective twice"):
        collection.make("llm/sft/tiny/loss+loss")


def test_the_spaces_are_what_they_are_called() -> None:
    space = SFT("llm/sft/tiny/loss", TINY, ("loss",)).problem.space
    space.seed(0)
    for config in decode(space, np.stack([one.get_array() for one in space.sample_configuration(50)])):
        assert ("rank" in config) == (config["method"] == "lora")
    grid = PandaLMGrid("llm/pandalm-grid/tiny/win-rate", TINY, ("win-rate",)).problem
    assert grid.fidelity is not None
    rates: Any = grid.space["learning_rate"]
    combinations = len(rates.sequence) * 2 * 2  # optimizers, schedules
    assert combinations * grid.fidelity.upper == 80


def test_the_judge_and_its_prompt_are_stored_with_the_trial(llm_cache: Path) -> None:
    result = make().evaluate(GOOD, fidelity=1, seed=0)
    assert {"judge/agreement", "judge/failures", "judge/accuracy", "judge/known"} <= result.metrics.keys()
    assert not {"judge/id", "judge/template"} & result.metrics.keys(), "hashes are no measures"
    assert 0 <= result.metrics["judge/agreement"] <= 1
    assert make().metadata["judge"] == TINY.judge
    assert make().metadata["judge_template"] == make_judge(TINY.judge).template_hash


def test_the_command_line_runs_it_and_scores_the_test_side(
    llm_cache: Path, tmp_path: Path, in_process: Callable[..., SimpleNamespace]
) -> None:
    out = tmp_path / "llm"
    arguments = ("run", "-o", "random", "-t", "llm/sft/tiny/lc-win-rate", "--seeds", 1, "--budget", 2, "--out", out)
    done = in_process(*arguments)
    assert done.returncode == 0, done.stderr
    trials = optathlon.load(out).trials
    assert len(trials) == 2 and (trials["status"] == "ok").all()
    assert (trials["evaluations"] == 1).all()
    assert trials["test/1-lc_win_rate"].between(0, 1).all()
