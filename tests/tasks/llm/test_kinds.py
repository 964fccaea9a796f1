"""All kinds of LLM tasks: each asks for room, memory and judges for what its trials do, and for nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from optathlon.errors import Unavailable, UsageError
from optathlon.llm.data import read_examples
from optathlon.tasks.llm.kinds import KINDS
from optathlon.tasks.llm.loaded_model import LoadedModel
from optathlon.tasks.llm.memory_need import Answering, Extent, Tuning, Work
from optathlon.tasks.llm.task import LLMTask

pytest.importorskip("torch", reason="the extra 'llm' is not installed")
pytest.importorskip("transformers", reason="the extra 'llm' is not installed")
pytest.importorskip("peft", reason="the extra 'llm' is not installed")
pytestmark = pytest.mark.torch

HERE = sorted({*KINDS} - {"serve-vllm"})
"""The kinds that run without a GPU."""
TRAINING = {"sft", "sft-data", "sft-prompts", "pandalm-grid", "exit", "preference", "judge"}
FROM_REFERENCE = {"preference", "decode", "sampling", "serve", "watermark"}
NOT_JUDGED = {"decode", "serve", "judge"}
NOBODY = "endpoint('http://127.0.0.1:9/v1', 'nobody', key=None, retries=0, timeout=1)"
"""A judge whose server isn't there."""
SECTIONS: dict[str, Any] = {
    "preference": {"pairs": "given.jsonl"},
    "labelled": {"pairs": "items.jsonl", "folds": 2, "max_tokens": 60, "request": "{task} ( {first} ) ( {second} )"}
    | {"verdicts": ["0", "1", "2"]},
    "merge": {"experts": {"lists": "lists.jsonl"}, "epochs": 1},
}


@pytest.fixture
def of_kind(own_task: Callable[..., Any], tmp_path: Path) -> Callable[..., LLMTask]:
    """Makes a task of a kind, on a setup that has what all kinds need."""
    folder = tmp_path / "llm"
    chats: list[dict[str, Any]] = [{"instruction": "mirror a b", "chosen": "b a", "rejected": "a b a b a"}]
    examples: list[dict[str, Any]] = [
        {"instruction": "mirror a", "output": "a"},
        {"instruction": "mirror c d e", "output": "e d c"},
    ]
    items: list[dict[str, Any]] = [
        {"idx": number, "instruction": f"sum of {number} 1", "response1": str(number + 1), "response2": "9 9"}
        | {"annotator1": 1 + number % 2}
        for number in range(6)
    ]
    files: dict[str, list[dict[str, Any]]] = {"given": chats, "lists": examples, "items": items}
    for name, rows in files.items():
        (folder / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)))

    def make(kind: str, **changes: Any) -> LLMTask:
        listed = KINDS[kind].listed[0]
        task = own_task(kind, listed, **{**SECTIONS, "epochs": 1, "ranks": [2, 4], **changes})
        assert isinstance(task, LLMTask)
        return task

    return make


def least_config(task: LLMTask) -> dict[str, Any]:
    return dict(task.problem.space.get_default_configuration())


def last_ways(task: LLMTask) -> Sequence[Work]:
    *_, ways = task.work()
    return ways


@pytest.mark.parametrize("kind", HERE)
def test_a_kind_trains_on_what_it_says(
    kind: str, of_kind: Callable[..., LLMTask], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a trial's tunings were really given, in tokens, is what the kind has told before."""
    task = of_kind(kind)
    told = task.trained_on()
    assert bool(told) == (kind in TRAINING)
    task.prepare()
    if kind in FROM_REFERENCE:
        _ = task.loaded.reference_weights
    given: set[Extent] = set()
    tuned = LoadedModel.tuned

    def noted(self: Any, items: Sequence[Any], *rest: Any, **options: Any) -> Any:
        pairs = [(one.chosen, one.rejected) if hasattr(one, "chosen") else (one,) for one in items]
        given.update(Extent.of(*pair) for pair in pairs)
        return tuned(self, items, *rest, **options)

    monkeypatch.setattr(LoadedModel, "tuned", noted)
    task.measure(least_config(task), None, 4321)
    if kind == "merge" or kind in FROM_REFERENCE - {"preference"}:
        assert not given, "nothing is tuned in a trial"
    elif kind == "judge":
        assert given == {*told}, "in one order, as the default configuration says"
    else:
        assert given >= {*told}


@pytest.mark.parametrize("kind", HERE)
def test_the_memory_asked_for_is_that_of_what_a_kind_does(kind: str, of_kind: Callable[..., LLMTask]) -> None:
    """The reference tuning and experts until they are done; then tunings for kinds that train, and answers for others.

    Methods, ranks and optimizers are those of the kind's own space.
    """
    task = of_kind(kind, methods=["full", "lora"], max_new_tokens=5 + HERE.index(kind))  # so that nothing is done yet
    named = [way.named for ways in task.work() for way in ways]
    ways = last_ways(task)
    if kind in TRAINING:
        assert all(isinstance(way, Tuning) and way.from_reference == (kind == "preference") for way in ways)
        ranks = [way.rank for way in ways if isinstance(way, Tuning)]
        assert ranks == ([None] if kind == "pandalm-grid" else [None, 2])
        optimizers = {way.optimizer for way in ways if isinstance(way, Tuning)}
        assert optimizers == ({"sgd"} if kind == "pandalm-grid" else {"adamw"}), "the grid has both"
    else:
        (way,) = ways
        assert isinstance(way, Answering)
        found = way.from_reference, way.experts, way.copies
        assert found == (kind in FROM_REFERENCE, kind == "merge", kind == "serve")
    before = ["the reference tuning"] * (kind != "judge") + ["tuning the expert 'lists'"] * (kind == "merge")
    assert named == before + ["a trial"] * len(ways)
    task.prepare()
    task.load()
    if kind in FROM_REFERENCE:
        _ = task.loaded.reference_weights
    assert [way.named for ways in task.work() for way in ways] == ["a trial"] * len(ways), "it has been done"


@pytest.mark.parametrize("kind", HERE)
def test_only_kinds_that_answer_need_room_for_answers(kind: str, of_kind: Callable[..., LLMTask]) -> None:
    task = of_kind(kind, max_new_tokens=256)
    if kind == "judge":
        task.prepare()
        assert not task.too_long()
        return
    with pytest.raises(UsageError, match="reads 64 tokens, and answers may have 256: lower max_new_tokens"):
        task.prepare()


@pytest.mark.parametrize("kind", HERE)
def test_only_kinds_that_are_judged_ask_a_judge(kind: str, of_kind: Callable[..., LLMTask]) -> None:
    task = of_kind(kind, judge=NOBODY)
    if kind in NOT_JUDGED:
        task.prepare()
        assert task.evaluate(least_config(task), fidelity=None, seed=0).values
        return
    with pytest.raises(UsageError, match=r"127\.0\.0\.1:9"):
        task.prepare()


@pytest.mark.parametrize("kind", [kind for kind in HERE if kind != "serve"])
def test_what_is_remembered_takes_no_model(
    kind: str, of_kind: Callable[..., LLMTask], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor room for one. What `serve` measures is never remembered."""
    task = of_kind(kind)
    config = least_config(task)
    first, fingerprint = task.evaluate(config, fidelity=None, seed=3), task.fingerprint()
    kept = {"loaded_setup": "loaded_setup", "kinds.merge.experts": "experts", "kinds.preference.pairs": "pairs"}
    for module, function in kept.items():
        getattr(import_module(f"optathlon.tasks.llm.{module}"), function).cache_clear()
    monkeypatch.setattr("optathlon.tasks.llm.tunable_model.load_model", None)
    monkeypatch.setattr("optathlon.tasks.llm.memory_need.free_memory", lambda place: 0)
    again = of_kind(kind)
    assert again.evaluate(config, fidelity=None, seed=3).values == first.values
    assert again.fingerprint() == fingerprint
    with pytest.raises(Unavailable, match=r"and a trial takes .* 0\.0 MB are free"):
        again.evaluate(config, fidelity=None, seed=4)


@pytest.mark.parametrize("kind", HERE)
def test_what_no_trial_could_do_is_refused_before_any(kind: str, of_kind: Callable[..., LLMTask]) -> None:
    """An optimizer that needs a GPU, and layers that the model lacks; kinds that tune nothing don't ask."""
    wrong: dict[str, dict[str, Any]] = {
        "adamw-8bit needs a GPU, and computes on 'cpu' here": {"optimizers": ["adamw", "adamw-8bit"]},
        "the LoRA targets 'zzz'": {"fixed": {"targets": "zzz"}},
    }
    refused = []
    for complaint, changes in wrong.items():
        try:
            of_kind(kind, **changes).prepare()
        except UsageError as error:
            assert str(error).startswith(complaint)
            refused.append(complaint)
    fixed_by_the_paper = {"pandalm-grid"}
    assert refused == ([*wrong] if kind in TRAINING - fixed_by_the_paper else [])


@pytest.mark.parametrize(("most", "pairs"), [(8, "items.jsonl"), (30, "wide.jsonl")])
def test_a_judge_of_pairs_without_room_is_refused(
    most: int, pairs: str, of_kind: Callable[..., LLMTask], tmp_path: Path
) -> None:
    row = {"idx": 1, "instruction": "mirror", "response1": " ".join("b" * 30), "response2": "", "annotator1": 1}
    (tmp_path / "llm" / "wide.jsonl").write_text(json.dumps(row))
    labelled = {**SECTIONS["labelled"], "max_tokens": most, "pairs": pairs}
    with pytest.raises(UsageError, match=f"no question about a pair has room within {most} tokens: raise max_tokens"):
        of_kind("judge", labelled=labelled).prepare()


def test_what_is_too_long_is_counted_of_what_a_kind_works_with(of_kind: Callable[..., LLMTask], tmp_path: Path) -> None:
    folder, long = tmp_path / "llm", " ".join("b" * 70)
    for name, row in {
        "given": {"instruction": "mirror a", "chosen": long, "rejected": "a"},
        "lists": {"instruction": "mirror b c", "output": long},
        "train": {"instruction": "mirror c b", "output": long},
        "items": {"idx": 77, "instruction": "mirror d", "response1": long, "response2": "", "annotator1": 1},
    }.items():
        path = folder / f"{name}.jsonl"
        path.write_text(f"{path.read_text()}\n{json.dumps(row)}")
    assert len(read_examples("lists.jsonl", folder)) == 3
    of_train = {"train_truncated": 1}
    expected = {
        **dict.fromkeys(HERE, of_train),
        "preference": {**of_train, "pairs_truncated": 1},
        "merge": {**of_train, "expert lists_truncated": 1},
        "judge": {"pairs_dropped": 1},
    }
    for kind in HERE:
        task = of_kind(kind)
        assert task.too_long() == expected[kind], kind
    assert of_kind("preference", too_long="drop").too_long() == {"train_dropped": 1, "pairs_dropped": 1}
    judge = of_kind("judge")
    judge.prepare()
    assert judge.notes()[0].startswith("too long, so 1 of pairs dropped")
    roomy = of_kind("judge", labelled={**SECTIONS["labelled"], "max_tokens": 512})
    assert roomy.too_long() == {"pairs_dropped": 1}, "the model reads 64 tokens"
    assert not of_kind("decode").notes(), "another kind's, on the same setup"
