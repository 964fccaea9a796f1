"""`llm/merge`: what DARE drops and rescales, and what comes of merging experts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from optathlon.errors import UsageError
from optathlon.llm.tiny.operations import OPERATIONS, asked_for
from optathlon.tasks.llm.instructions import TOPICS, instructions, instructions_on
from optathlon.tasks.llm.setup_files import read_setup
from optathlon.tasks.llm.setups import TINY

torch = pytest.importorskip("torch", reason="the extra 'llm' is not installed")
pytest.importorskip("transformers", reason="the extra 'llm' is not installed")
pytest.importorskip("peft", reason="the extra 'llm' is not installed")
pytestmark = pytest.mark.torch

from optathlon.tasks.llm import LLM  # noqa: E402
from optathlon.tasks.llm.kinds import SECTIONS  # noqa: E402
from optathlon.tasks.llm.kinds.merge.task_vectors import Dropping, Merged, task_vector, uniform  # noqa: E402

BASE = {"a": torch.linspace(-1, 1, 600).reshape(20, 30), "b": torch.linspace(0, 2, 50)}
EXPERTS = {
    "x": {name: weight + 0.1 * torch.sin(7 * weight) for name, weight in BASE.items()},
    "y": {name: weight - 0.2 * torch.cos(3 * weight) for name, weight in BASE.items()},
}
VECTORS = {name: task_vector(weights, BASE) for name, weights in EXPERTS.items()}
NOTHING = {"x": Dropping(0.0, rescaled=True), "y": Dropping(0.0, rescaled=True)}


def merge(rate: float, *, rescaled: bool = True, scale: float = 1.0, seed: int = 0) -> Mapping[str, Any]:
    return Merged(BASE, VECTORS, dict.fromkeys(VECTORS, Dropping(rate, rescaled)), scale=scale, seed=seed)


def settings(rate: float = 0.0, scale: float = 0.5, rescaling: str = "on", **rates: float) -> dict[str, Any]:
    return {f"drop_rate_{name}": rates.get(name, rate) for name in TOPICS} | {"scale": scale, "rescaling": rescaling}


def make(objectives: str = "exact-match") -> Any:
    return LLM().make(f"llm/merge/tiny/{objectives}")


# Task vectors


def test_nothing_dropped_of_one_expert_is_the_expert() -> None:
    for name, weights in EXPERTS.items():
        only = Merged(BASE, VECTORS, {name: NOTHING[name]}, scale=1.0, seed=0)
        assert only.keys() == BASE.keys()
        for tensor in BASE:
            torch.testing.assert_close(only[tensor], weights[tensor], rtol=0, atol=3e-7)


def test_task_vectors_add_up_by_the_scale() -> None:
    ours = merge(0.0, scale=0.3)
    for name, weight in BASE.items():
        expected = weight + 0.3 * (0.1 * torch.sin(7 * weight) - 0.2 * torch.cos(3 * weight))
        torch.testing.assert_close(ours[name], expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("rate", [0.0, 0.9])
def test_the_scale_zero_leaves_the_base_exactly(rate: float) -> None:
    ours = merge(rate, scale=0.0)
    assert all(torch.equal(ours[name], weight) for name, weight in BASE.items())


@pytest.mark.parametrize("rescaled", [True, False])
def test_a_loop_over_all_entries_gives_the_same(rescaled: bool) -> None:
    rates = {"x": 0.3, "y": 0.8}
    droppings = {name: Dropping(rate, rescaled) for name, rate in rates.items()}
    ours = Merged(BASE, VECTORS, droppings, scale=0.7, seed=5)
    for name, weight in BASE.items():
        expected = weight.clone().flatten()
        for expert, rate in rates.items():
            drawn = uniform(weight.shape, f"5 {expert} {name}").flatten()
            vector = VECTORS[expert][name].flatten()
            for place in range(len(expected)):
                if drawn[place] >= rate:
                    expected[place] += 0.7 * vector[place] / (1 - rate if rescaled else 1)
        torch.testing.assert_close(ours[name].flatten(), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_as_many_entries_are_dropped_as_the_rate_says(rate: float) -> None:
    vector = {"x": {"a": torch.ones(100, 1000)}}
    kept = Merged({"a": torch.zeros(100, 1000)}, vector, {"x": Dropping(rate, False)}, scale=1.0, seed=1)["a"]
    assert set(kept.unique().tolist()) <= {0.0, 1.0}
    assert float(kept.mean()) == pytest.approx(1 - rate, abs=4 * np.sqrt(rate * (1 - rate) / 1e5))


@pytest.mark.parametrize(("rescaled", "factor"), [(True, 1.0), (False, 0.2)])
def test_the_expectation_is_the_vector_where_it_is_rescaled(rescaled: bool, factor: float) -> None:
    draws = torch.stack([merge(0.8, rescaled=rescaled, seed=seed)["a"] - BASE["a"] for seed in range(600)])
    whole = VECTORS["x"]["a"] + VECTORS["y"]["a"]
    errors = (draws.mean(0) - factor * whole) / (draws.std(0) / 600**0.5 + 1e-9)
    assert float(errors.abs().max()) < 5
    assert float(errors.std()) == pytest.approx(1.0, abs=0.15)


def test_what_a_rate_drops_a_higher_one_drops_too() -> None:
    kept = [merge(rate, seed=2)["a"] != BASE["a"] for rate in (0.2, 0.5, 0.95)]
    for more, less in pairwise(kept):
        assert bool((more | ~less).all()) and int(more.sum()) > int(less.sum())


def test_experts_tensors_and_seeds_drop_independently() -> None:
    streams = ("0 x a", "0 y a", "0 x b", "1 x a")
    drawn = np.array([uniform(torch.Size([20_000]), stream).numpy() for stream in streams])
    correlations = np.corrcoef(drawn) - np.eye(len(streams))
    assert np.abs(correlations).max() < 4 / np.sqrt(20_000)


def test_the_order_of_experts_does_not_matter() -> None:
    droppings = {name: Dropping(0.5, True) for name in VECTORS}
    ours = Merged(BASE, VECTORS, droppings, scale=1.0, seed=3)
    theirs = Merged(BASE, VECTORS, dict(reversed(droppings.items())), scale=1.0, seed=3)
    for name in BASE:
        torch.testing.assert_close(ours[name], theirs[name], rtol=0, atol=1e-6)


# Topics


def test_every_operation_has_one_topic_and_every_question_one_operation() -> None:
    assert sorted(name for names in TOPICS.values() for name in names) == sorted(one.name for one in OPERATIONS)
    for part in ("train", "validation", "test"):
        for example in instructions(part):
            words = example.prompt.instruction.removesuffix(" briefly").removesuffix(" in full").split()
            operation = asked_for(example.prompt.instruction)
            phrase = next(one for one in operation.phrases if example.prompt.instruction.startswith(f"{one} "))
            assert operation.answer(words[len(phrase.split()) :]) == example.prompt.answer
    assert sum(len(instructions_on(topic)) for topic in TOPICS) == len(instructions("train"))


# The task


@pytest.fixture(autouse=True)
def _cache(llm_cache: Path) -> None:
    """All tests share the tiny model and its experts."""


def exact_match(**changes: Any) -> float:
    return 1 - make().evaluate(settings(**changes), fidelity=None, seed=1).metrics["test/1-exact_match"]


def test_the_merged_model_beats_each_expert_and_the_scale_has_an_optimum() -> None:
    task = make()
    vectors, base = task.experts.vectors, task.loaded.base
    prompts = task.loaded.prompts("test")
    alone = []
    for name in TOPICS:
        with base.with_weights(
            {tensor: weight + vectors[name][tensor] for tensor, weight in base.weights.items()}
        ) as it:
            alone.append(_matches(task.loaded.answer(it, prompts).texts))
    merged = exact_match(scale=0.5)
    assert merged > max(alone) and merged > 0.5
    assert merged > exact_match(scale=0.15) + 0.1 and merged > exact_match(scale=1.5) + 0.1


def test_many_entries_can_be_dropped_if_the_rest_is_rescaled() -> None:
    whole = exact_match()
    assert exact_match(rate=0.5) > whole - 0.1
    assert exact_match(rate=0.8, rescaling="off") < whole - 0.2


def test_an_expert_that_is_dropped_is_missed_where_it_was_needed() -> None:
    examples = TINY.examples("test")
    on_items = [asked_for(example.prompt.instruction).name in TOPICS["items"] for example in examples]
    task = make()
    shares = []
    for rates in ({}, {"items": 0.99}):
        config = settings(rescaling="off", **rates)
        weights = Merged(
            task.loaded.base.weights,
            task.experts.vectors,
            {name: Dropping(config[f"drop_rate_{name}"], rescaled=False) for name in TOPICS},
            scale=config["scale"],
            seed=1,
        )
        with task.loaded.base.with_weights(weights) as model:
            texts = task.loaded.answer(model, task.loaded.prompts("test")).texts
        shares.append(_matches([text if asked else "" for text, asked in zip(texts, on_items, strict=True)]))
    assert shares[1] < shares[0] - 0.03


def test_the_same_seed_drops_the_same_and_leaves_the_base_alone() -> None:
    from optathlon.llm.models import checksum

    task = make("win-rate")
    config = settings(rate=0.8)
    results = [task.measure(config, None, seed) for seed in (1, 1, 2)]
    kept = [{key: value for key, value in one.items() if not key.endswith(("seconds", "memory"))} for one in results]
    assert kept[0] == kept[1] != kept[2]
    with task.loaded.base.untuned() as model:
        assert checksum(model) == task.loaded.base.checksum


def test_tied_weights_are_merged_once() -> None:
    task = make()
    base = task.loaded.base
    tensor = "model.embed_tokens.weight"
    weights = Merged(base.weights, task.experts.vectors, {"lists": Dropping(0.0, True)}, scale=0.5, seed=0)
    expected = base.weights[tensor] + 0.5 * task.experts.vectors["lists"][tensor]
    with base.with_weights(weights) as model:
        assert model.lm_head.weight is model.get_input_embeddings().weight
        torch.testing.assert_close(model.lm_head.weight.detach(), expected, rtol=0, atol=1e-6)
    assert not torch.equal(expected, base.weights[tensor])


def test_experts_are_loaded_where_they_have_been_tuned(llm_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from optathlon.tasks.llm import training
    from optathlon.tasks.llm.kinds.merge.experts import Experts

    tuned = make().experts.vectors
    monkeypatch.setattr(training.Training, "_run_epoch", None)
    again = Experts(TINY).vectors
    for name, vector in tuned.items():
        assert all(torch.equal(again[name][tensor], change) for tensor, change in vector.items())


# Setups of one's own


def own(folder: Path, **keys: Any) -> Any:
    rows = {
        "train": [("sum of 1 2", "3"), ("sum of 2 2", "4"), ("mirror a b", "b a")],
        "validation": [("sum of 3 4", "7")],
        "test": [("sum of 4 4", "8")],
        "letters": [("mirror c d", "d c"), ("mirror a d", "d a")],
    }
    for part, pairs in rows.items():
        lines = [json.dumps({"instruction": one, "output": other, "answer": other}) for one, other in pairs]
        (folder / f"{part}.jsonl").write_text("\n".join(lines))
    content = {
        **{"model": "tiny", "judge": "verifier", "device": "cpu", "dtype": "float32", "max_new_tokens": 4},
        **{"data": {part: f"{part}.jsonl" for part in ("train", "validation", "test")}, "batch_sizes": [1, 4]},
        **{"reference": TINY.reference, **keys},
    }
    (folder / "mine.yaml").write_text(json.dumps(content))
    return read_setup(folder / "mine.yaml", SECTIONS)


def of_own(folder: Path, **keys: Any) -> Any:
    from optathlon.tasks.llm.kinds.merge import Merge

    return Merge("llm/merge/mine/exact-match", own(folder, **keys), ("exact-match",))


def test_experts_are_models_or_data_beside_the_setup(tmp_path: Path) -> None:
    base = make().loaded.base
    with base.tunable(None, 0) as model:
        model.get_input_embeddings().weight.data.add_(0.125)
        model.save_pretrained(tmp_path / "shifted")
    task = of_own(tmp_path, merge={"experts": {"letters": "letters.jsonl", "shifted": "shifted"}})
    vectors = task.experts.vectors
    assert list(task.problem.space) == ["drop_rate_letters", "drop_rate_shifted", "rescaling", "scale"]
    changed = {name for name, tensor in vectors["shifted"].items() if bool((tensor != 0).any())}
    assert changed == {"model.embed_tokens.weight"}
    torch.testing.assert_close(vectors["shifted"]["model.embed_tokens.weight"].mean(), torch.tensor(0.125))
    assert any(bool((tensor != 0).any()) for tensor in vectors["letters"].values())
    config = {"drop_rate_letters": 0.5, "drop_rate_shifted": 0.0, "scale": 1.0, "rescaling": "on"}
    assert task.evaluate(config, fidelity=None, seed=0).ok


def test_one_expert_with_nothing_dropped_answers_as_it_does(tmp_path: Path) -> None:
    task = make()
    prompts = task.loaded.prompts("test")
    with task.loaded.reference_tuned() as model:
        model.save_pretrained(tmp_path / "tuned")
        theirs = task.loaded.answer(model, prompts).texts
    ours = of_own(tmp_path, merge={"experts": {"tuned": "tuned"}})
    base = task.loaded.base
    weights = Merged(base.weights, ours.experts.vectors, {"tuned": Dropping(0.0, True)}, scale=1.0, seed=0)
    with base.with_weights(weights) as model:
        assert task.loaded.answer(model, prompts).texts == theirs
    with base.untuned() as model:
        assert task.loaded.answer(model, prompts).texts != theirs


def test_an_expert_whose_checkpoint_is_gone_is_made_again(llm_cache: Path, tmp_path: Path) -> None:
    from optathlon.tasks.llm.kinds.merge.experts import Experts

    folder = llm_cache / "llm" / "checkpoints"
    before = set(folder.glob("*.pt"))
    setup = own(tmp_path, merge={"experts": {"letters": "letters.jsonl"}, "epochs": 2})
    first = Experts(setup).vectors["letters"]
    (kept,) = set(folder.glob("*.pt")) - before
    kept.unlink()
    again = Experts(setup).vectors["letters"]
    assert kept.exists() and all(torch.equal(again[tensor], change) for tensor, change in first.items())


def test_other_experts_are_other_results(tmp_path: Path) -> None:
    before = of_own(tmp_path, merge={"experts": {"letters": "letters.jsonl"}})
    longer = of_own(tmp_path, merge={"experts": {"letters": "letters.jsonl"}, "epochs": 1})
    same = of_own(tmp_path, merge={"experts": {"letters": "letters.jsonl"}})
    assert before.ingredients == same.ingredients != longer.ingredients
    assert before.fingerprint() == same.fingerprint() != longer.fingerprint()


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({}, "the setup 'mine' names no experts to merge: write `merge: {experts: {NAME: …, NAME: …}}`"),
        ({"merge": {"experts": {"none": "nothing.jsonl"}}}, "no data file 'nothing.jsonl'"),
        (
            {"merge": {"experts": {"scored": "validation.jsonl"}}},
            "1 prompts stand both in the expert scored and in validation",
        ),
        ({"merge": {"experts": {"far": "./nowhere"}}}, "no model folder './nowhere'"),
    ],
)
def test_wrong_experts_are_refused_in_words(tmp_path: Path, keys: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as error:
        assert of_own(tmp_path, **keys).experts.vectors
    assert message in str(error.value)


def test_a_model_of_another_shape_is_no_expert(tmp_path: Path) -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(vocab_size=50, hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1)
    LlamaForCausalLM(config).save_pretrained(tmp_path / "other")
    with pytest.raises(UsageError, match=r"'other' is not a tuned 'tiny': its .* is of shape \(50, 8\), the"):
        assert of_own(tmp_path, merge={"experts": {"other": "other"}}).experts.vectors


def test_a_model_that_lacks_a_layer_is_no_expert(tmp_path: Path) -> None:
    from transformers import LlamaForCausalLM

    with make().loaded.base.untuned() as model:
        config = type(model.config)(**{**model.config.to_dict(), "num_hidden_layers": 1})
    LlamaForCausalLM(config).save_pretrained(tmp_path / "shallow")
    with pytest.raises(UsageError, match=r"'shallow' .*: its model.layers.1.* is missing, the base's of shape"):
        assert of_own(tmp_path, merge={"experts": {"shallow": "shallow"}}).experts.vectors


def _matches(texts: Any) -> float:
    from optathlon.llm.matching import is_right

    examples = TINY.examples("test")
    return float(
        np.mean([is_right(text, example.prompt.answer or "") for text, example in zip(texts, examples, strict=True)])
    )


def test_only_kinds_that_a_setup_suits_are_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPTATHLON_DATA", str(tmp_path))
    (tmp_path / "llm").mkdir()
    own(tmp_path / "llm")
    kinds = {id.split("/")[1] for id in LLM().ids() if "/mine/" in id}
    assert {"sft", "exit", "decode", "watermark"} <= kinds and not {"merge", "preference"} & kinds
    own(
        tmp_path / "llm",
        merge={"experts": {"letters": "letters.jsonl"}},
        preference={"pairs": "letters.jsonl"},
        reference="validation.jsonl",
    )
    kinds = {id.split("/")[1] for id in LLM().ids() if "/mine/" in id}
    assert {"sft", "exit", "merge"} <= kinds and not {"decode", "watermark", "preference"} & kinds
    (tmp_path / "llm" / "mine.yaml").write_text("modell: tiny")
    assert "llm/merge/mine/win-rate" in set(LLM().ids())
    with pytest.raises(UsageError, match="model"):
        LLM().make("llm/merge/mine/win-rate")
