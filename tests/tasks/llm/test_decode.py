"""`llm/decode`: the answers are those of plain greedy decoding, and the cost is what the passes add up to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from optathlon.errors import UsageError
from optathlon.tasks.llm import LLM
from optathlon.tasks.llm.kinds import SECTIONS
from optathlon.tasks.llm.kinds.decode import Decode, DecodeSection, decode_space, speculate
from optathlon.tasks.llm.layers import LayerCalls, depth, leaving_after, share_of_layers
from optathlon.tasks.llm.setup_files import make_setup, read_setup
from optathlon.tasks.llm.setups import SMOL, TINY
from optathlon.tasks.llm.tunable_model import Adapter

torch = pytest.importorskip("torch", reason="the extra 'llm' is not installed")
transformers = pytest.importorskip("transformers", reason="the extra 'llm' is not installed")
pytestmark = pytest.mark.torch

EXIT = {"draft": "early-exit", "candidates": 3, "exit_share": 0.5, "schedule": "constant", "confidence": 0.0}
LOOKUP = {"draft": "prompt-lookup", "candidates": 4, "ngram": 2}


@pytest.fixture(scope="module")
def loaded(llm_cache: Path) -> Any:
    from optathlon.tasks.llm.loaded_setup import LoadedSetup

    return LoadedSetup(TINY)


@pytest.fixture(scope="module")
def model(loaded: Any) -> Iterator[Any]:
    with loaded.reference_tuned() as tuned:
        yield tuned


def ending(loaded: Any) -> dict[str, Any]:
    tokenizer = loaded.tokenizer
    return {"pad": tokenizer.pad_token_id, "ends": [tokenizer.eos_token_id], "max_new_tokens": 16}


def greedily(loaded: Any, model: Any, prompts: list[Any]) -> list[list[int]]:
    """Token by token, each with a pass over all before it and no cache."""
    answers, end = [], loaded.tokenizer.eos_token_id
    for prompt in prompts:
        tokens = list(prompt)
        while len(tokens) < len(prompt) + 16 and (len(tokens) == len(prompt) or tokens[-1] != end):
            with torch.inference_mode():
                tokens.append(model(input_ids=torch.tensor([tokens])).logits[0, -1].argmax().item())
        answers.append(tokens[len(prompt) :])
    return answers


@pytest.mark.parametrize(
    "config",
    [
        EXIT,
        {**EXIT, "exit_share": 0.1, "candidates": 10, "confidence": 0.6},
        {**EXIT, "exit_share": 0.9, "schedule": "heuristic"},
        {**EXIT, "candidates": 1, "schedule": "heuristic_transient"},
        LOOKUP,
        {**LOOKUP, "candidates": 10, "ngram": 1},
    ],
)
def test_answers_are_those_of_plain_decoding(loaded: Any, model: Any, config: dict[str, Any]) -> None:
    prompts = loaded.prompts("validation")[:12]
    before = model.generation_config.to_dict()
    assert speculate(model, prompts, config, **ending(loaded)) == greedily(loaded, model, prompts)
    assert model.generation_config.to_dict() == before
    assert model.config.num_hidden_layers == depth(model)


def test_plain_decoding_calls_each_layer_once_a_token(loaded: Any, model: Any) -> None:
    prompts = loaded.prompts("validation")[:5]
    calls = LayerCalls()
    with calls.of(model):
        tokens = sum(loaded.answer(model, [prompt]).tokens for prompt in prompts)
    assert calls.count == depth(model) * tokens
    loaded.answer(model, prompts)
    assert calls.count == depth(model) * tokens


def test_calls_are_those_of_the_passes_of_draft_and_target(loaded: Any, model: Any) -> None:
    """A draft that is verified: one pass of the target for every `candidates` of the draft, at most."""
    prompts = loaded.prompts("validation")[:8]
    passes: dict[int, int] = {}

    def count(module: Any, *_: object) -> None:
        passes[module.config.num_hidden_layers] = passes.get(module.config.num_hidden_layers, 0) + 1

    calls = LayerCalls()
    hook = model.get_decoder().register_forward_hook(count)
    with calls.of(model):
        written = speculate(model, prompts, {**EXIT, "exit_share": 0.67}, **ending(loaded))
    hook.remove()
    assert set(passes) == {2, 3}
    assert calls.count == 2 * passes[2] + 3 * passes[3]
    assert calls.passes == passes[2] + passes[3]
    assert passes[3] < sum(map(len, written))
    assert passes[2] <= 3 * passes[3]


def test_a_model_left_early_is_one_with_fewer_layers(loaded: Any, model: Any, tmp_path: Path) -> None:
    tokens = torch.tensor([loaded.prompts("validation")[0]])
    model.save_pretrained(tmp_path)
    short = transformers.AutoModelForCausalLM.from_pretrained(tmp_path, num_hidden_layers=2).eval()
    with torch.inference_mode():
        expected = short(input_ids=tokens).logits
        with leaving_after(model, 2):
            found = model(input_ids=tokens).logits
        assert torch.equal(found, expected)
        assert not torch.equal(model(input_ids=tokens).logits, expected)


def test_adapters_are_drafted_with_too(loaded: Any, llm_cache: Path) -> None:
    from optathlon.tasks.llm.loaded_setup import LoadedSetup

    own = LoadedSetup(TINY)
    prompts = own.prompts("validation")[:4]
    with own.base.tunable(Adapter(4, 2.0, 0.0), 1) as tuned:
        tuned.eval()
        assert depth(tuned) == 3
        assert speculate(tuned, prompts, EXIT, **ending(own)) == greedily(own, tuned, prompts)


def test_other_architectures_are_refused() -> None:
    config = transformers.GPT2Config(n_embd=8, n_layer=2, n_head=2, vocab_size=11)
    with pytest.raises(UsageError, match="GPT2Model can't be left after some of its layers"):
        depth(transformers.GPT2LMHeadModel(config))


def test_shares_of_layers() -> None:
    assert [share_of_layers(share, 3) for share in (0.01, 0.33, 0.5, 0.67, 0.9, 1.0)] == [1, 1, 2, 2, 3, 3]


def test_the_task_counts_and_fewer_prompts_are_cheaper(llm_cache: Path) -> None:
    task = LLM().make("llm/decode/tiny/cost")
    full, less = (task.evaluate(LOOKUP, fidelity=level, seed=0) for level in (None, 1 / 8))
    assert full.metrics["equal"] == full.metrics["test/equal"] == 1.0
    assert full.values[0] <= 1.0 < task.evaluate({**EXIT, "candidates": 10}, fidelity=1 / 8, seed=0).values[0]
    assert less.metrics["tokens"] < full.metrics["tokens"] / 4


def test_a_setup_says_how_many_prompts_are_decoded(llm_cache: Path, tmp_path: Path) -> None:
    """Results of other numbers are not taken for remembered ones."""
    keys = {"model": "tiny", "judge": TINY.judge, "reference": TINY.reference, "max_new_tokens": 16, "device": "cpu"}
    tokens = []
    for prompts in (2, 5, 2):
        path = tmp_path / "mine.yaml"
        path.write_text(json.dumps({**keys, "decode": {"prompts": prompts}}))
        task = Decode("llm/decode/mine/cost", read_setup(path, SECTIONS), ("cost",))
        tokens.append(task.evaluate(LOOKUP, fidelity=None, seed=0).metrics["tokens"])
    assert tokens[0] == tokens[2] < tokens[1]
    with pytest.raises(UsageError, match="decode: prompts: "):
        make_setup("mine", {**keys, "decode": {"prompts": 0}}, tmp_path, SECTIONS)
    assert [setup.section(DecodeSection).prompts for setup in (TINY, SMOL)] == [64, 4]


def test_drafts_have_their_own_hyperparameters() -> None:
    for config in decode_space().sample_configuration(20):
        exits = {"exit_share", "schedule", "confidence"} <= set(config)
        assert exits == (config["draft"] == "early-exit") == ("ngram" not in config)
