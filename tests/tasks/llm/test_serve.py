"""`llm/serve`: batches on a clock of the tests, engines against plain answers, and larger batches on the real clock."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from optathlon.errors import MissingDependency
from optathlon.tasks.llm import LLM
from optathlon.tasks.llm.kinds import serve as serving
from optathlon.tasks.llm.kinds.serve import Serve, ServeByVLLM, serve, serving_space, vllm_space
from optathlon.tasks.llm.kinds.serve.engines import Transformers, standalone, widened
from optathlon.tasks.llm.setups import TINY
from optathlon.tasks.llm.tunable_model import Adapter

torch = pytest.importorskip("torch", reason="the extra 'llm' is not installed")
transformers = pytest.importorskip("transformers", reason="the extra 'llm' is not installed")
pytest.importorskip("peft", reason="the extra 'llm' is not installed")
pytestmark = pytest.mark.torch

CONFIG = {"batch_size": 8, "order": "given", "pad_to": 1, "cache": "dynamic", "dtype": "float32"}


@pytest.fixture(scope="module")
def loaded(llm_cache: Path) -> Any:
    from optathlon.tasks.llm.loaded_setup import LoadedSetup

    return LoadedSetup(TINY)


class Clocked:
    """Takes 1 s, 1 s for each token of the longest prompt, and 5 s more for a batch that it sees for the first time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        self.seen: list[list[int]] = []
        monkeypatch.setattr(serving, "time", SimpleNamespace(perf_counter=lambda: self.now))

    def answer(self, prompts: Sequence[Sequence[int]]) -> list[list[int]]:
        lengths = [len(prompt) for prompt in prompts]
        self.now += 1.0 + max(lengths) + 5.0 * (lengths not in self.seen)
        self.seen.append(lengths)
        return [[*prompt, 0] for prompt in prompts]


def test_latency_is_that_of_the_batch_and_warming_up_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    prompts = [[1] * length for length in (3, 9, 1, 4, 2)]
    served = serve(Clocked(monkeypatch), prompts, batch_size=2, by_length=False)
    assert served.answers == [[*prompt, 0] for prompt in prompts]
    assert served.batches == [[0, 1], [2, 3], [4]]
    assert served.seconds == [10.0, 5.0, 3.0]
    assert served.latencies == [10.0, 10.0, 5.0, 5.0, 3.0]


def test_batches_by_length_take_less_time_and_answers_keep_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    prompts = [[1] * length for length in (3, 9, 1, 4, 2)]
    served = serve(Clocked(monkeypatch), prompts, batch_size=2, by_length=True)
    assert served.answers == [[*prompt, 0] for prompt in prompts]
    assert served.batches == [[2, 4], [0, 3], [1]]
    assert served.seconds == [3.0, 5.0, 10.0]


def test_measures_are_sums_over_requests(monkeypatch: pytest.MonkeyPatch, loaded: Any) -> None:
    task = Serve("llm/serve/tiny/throughput", TINY, ("throughput",))
    texts = loaded.side("validation").reference
    tokens = [loaded.tokenizer(text)["input_ids"] for text in texts[:3]]
    measured = task._measured(serving.Served(tokens, [[0, 1], [2]], [2.0, 0.5]), "validation")
    assert measured["tokens_per_second"] == sum(map(len, tokens)) / 2.5
    assert measured["latency"] == pytest.approx(1.5)
    assert measured["latency_95"] == pytest.approx(np.percentile([2.0, 2.0, 0.5], 95))
    assert measured["equal"] == 1.0


def test_batches_are_widened_on_the_left_to_a_multiple() -> None:
    batch = {"input_ids": torch.tensor([[7, 5, 6], [4, 5, 6]]), "attention_mask": torch.tensor([[0, 1, 1], [1, 1, 1]])}
    wide = widened(batch, 7, 4)
    assert wide["input_ids"].tolist() == [[7, 7, 5, 6], [7, 4, 5, 6]]
    assert wide["attention_mask"].tolist() == [[0, 0, 1, 1], [0, 1, 1, 1]]
    assert widened(batch, 7, 3)["input_ids"].shape == (2, 3)


@pytest.mark.parametrize(("pad_to", "cache"), [(1, "static"), (16, "dynamic"), (32, "static")])
def test_padding_and_caches_change_no_answer(loaded: Any, pad_to: int, cache: Any) -> None:
    prompts = loaded.prompts("validation")[:24]
    with loaded.reference_tuned() as model:
        found = Transformers(
            standalone(model, "float32"), loaded.tokenizer.pad_token_id, loaded.template.ends, 16, pad_to, cache
        ).answer(prompts)
    texts = tuple(loaded.tokenizer.decode(answer, skip_special_tokens=True).strip() for answer in found)
    assert texts == loaded.side("validation").reference[:24]


def test_a_standalone_model_has_its_adapter_merged_and_leaves_the_other_as_it_was(loaded: Any) -> None:
    tokens = torch.tensor([loaded.prompts("validation")[0]])
    with loaded.base.tunable(Adapter(4, 2.0, 0.0), 1) as model, torch.inference_mode():
        model.eval()
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                weight.normal_(std=0.1)
        expected = model(input_ids=tokens).logits
        alone = standalone(model, "float32")
        assert not any("lora" in name for name, _ in alone.named_parameters())
        assert torch.allclose(alone(input_ids=tokens).logits, expected, atol=1e-4)
        half = standalone(model, "bfloat16")
        assert {weight.dtype for weight in half.parameters()} == {torch.bfloat16}
        assert torch.equal(model(input_ids=tokens).logits, expected)


def test_larger_batches_give_the_same_answers(llm_cache: Path) -> None:
    task = LLM().make("llm/serve/tiny/throughput+latency")
    one, many = (task.evaluate({**CONFIG, "batch_size": size}, fidelity=None, seed=0) for size in (1, 64))
    assert min(*one.values, *many.values) > 0.0
    assert one.metrics["equal"] == many.metrics["equal"] == 1.0
    assert one.metrics["tokens"] < many.metrics["tokens"]


def test_vllm_is_asked_for_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "vllm" else found(name))
    with pytest.raises(MissingDependency, match="serving by vLLM needs the package 'vllm': pip install vllm"):
        LLM().make("llm/serve-vllm/tiny/throughput")
    assert not any("vllm" in id for id in LLM().ids())


def test_vllm_is_given_a_model_and_token_numbers(monkeypatch: pytest.MonkeyPatch, llm_cache: Path) -> None:
    """A stand-in with vLLM's interface that loads the folder with transformers."""

    class StandIn:
        made: dict[str, Any]

        def __init__(self, model: str, **options: Any) -> None:
            StandIn.made = options
            self.model = transformers.AutoModelForCausalLM.from_pretrained(model).eval()
            self.tokenizer = transformers.AutoTokenizer.from_pretrained(model)

        def generate(self, prompts: list[dict[str, list[int]]], settings: Any, *, use_tqdm: bool) -> list[Any]:
            engine = Transformers(
                self.model, self.tokenizer.pad_token_id, settings.stop_token_ids, settings.max_tokens, 1, "dynamic"
            )
            answers = engine.answer([prompt["prompt_token_ids"] for prompt in prompts])
            return [SimpleNamespace(outputs=[SimpleNamespace(token_ids=answer)]) for answer in answers]

    module = ModuleType("vllm")
    module.__spec__ = importlib.util.spec_from_loader("vllm", None)
    vars(module).update(LLM=StandIn, SamplingParams=SimpleNamespace)
    monkeypatch.setitem(sys.modules, "vllm", module)
    config = {
        **{"batch_size": 64, "order": "by-length", "chunked_prefill": True, "prefix_caching": False},
        "dtype": "float32",
    }
    task = ServeByVLLM("llm/serve-vllm/tiny/throughput", TINY, ("throughput",))
    assert task.measure(config, None, 0)["equal"] == 1.0
    assert StandIn.made == {
        **{"dtype": "float32", "gpu_memory_utilization": 0.5, "seed": 0, "max_num_seqs": 64},
        **{"enable_chunked_prefill": True, "enable_prefix_caching": False},
    }


def test_the_spaces_hold_what_the_engines_take() -> None:
    assert set(serving_space()) == set(CONFIG)
    assert set(vllm_space()) == {"batch_size", "order", "chunked_prefill", "prefix_caching", "dtype"}
