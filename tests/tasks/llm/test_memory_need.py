"""The memory that a trial takes at least: against what peft, caches and the system say, and what is refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from optathlon.errors import UsageError
from optathlon.llm.models import described, load_model
from optathlon.tasks.llm.memory_need import Answering, Extent, ModelSize, Tuning, refuse_what_has_no_room

pytest.importorskip("torch", reason="the extra 'llm' is not installed")
pytest.importorskip("transformers", reason="the extra 'llm' is not installed")
pytest.importorskip("peft", reason="the extra 'llm' is not installed")
pytestmark = pytest.mark.torch

EXTENT = Extent(30, learnt=10)
FULL = Tuning(None, "all-linear", "adamw", "float32", EXTENT)
LORA = Tuning(4, "all-linear", "adamw", "float32", EXTENT)


@pytest.fixture(scope="module")
def size(llm_cache: Path) -> ModelSize:
    return ModelSize.of(*described("tiny"))


def test_sizes_are_those_of_the_model_its_adapters_and_its_cache(size: ModelSize) -> None:
    import torch

    from optathlon.tasks.llm.tunable_model import Adapter, _adapted

    model = load_model("tiny", "cpu", "float32")
    assert size.numbers == sum(weight.numel() for weight in model.parameters())
    cache = model(torch.arange(7)[None], use_cache=True).past_key_values
    cached = sum(layer.keys.numel() + layer.values.numel() for layer in cache.layers)
    assert 7 * size.layers * size.cached == cached
    for targets in ("all-linear", "q_proj, v_proj"):
        adapted = _adapted(model, Adapter(4, 2.0, 0.0, targets), 0)
        assert size.adapted(4, targets) == sum(one.numel() for one in adapted.parameters() if one.requires_grad)
        adapted.unload()


def test_parts_are_those_of_the_method(size: ModelSize) -> None:
    numbers, adapted = 4 * size.numbers, 4 * size.adapted(4, "all-linear")
    common = "activations and logits of an example"
    assert FULL.host(size) == {"the model as it was loaded": numbers}
    found = FULL.device(size)
    training = 2 * 4 * 10 * size.vocabulary + 4 * 30 * size.layers * size.width
    assert found.pop(common) == max(training, 4 * 30 * size.layers * size.cached)
    assert found == {"weights": numbers, "gradients": numbers, "states of adamw": 2 * numbers}
    found = LORA.device(size)
    del found[common]
    assert found == {"weights": numbers + adapted, "gradients": adapted, "states of adamw": 2 * adapted}
    of_others = {
        ("sgd", "bfloat16"): {"states of sgd": numbers, "weights to answer with": numbers // 2},
        ("adamw-8bit", "float32"): {"states of adamw-8bit": numbers // 2},
    }
    for (optimizer, dtype), parts in of_others.items():
        found = Tuning(None, "all-linear", optimizer, dtype, EXTENT).device(size)  # type: ignore[arg-type]
        assert found.items() >= parts.items()
    below = Tuning(4, "all-linear", "adamw", "nf4", EXTENT).device(size)["weights"] - adapted
    assert size.numbers / 2 < below < 2 * size.numbers


def test_answers_take_weights_their_copies_and_a_cache(size: ModelSize) -> None:
    numbers, linear = 4 * size.numbers, 4 * sum(rows * columns for rows, columns in size.linear.values())
    plain = Answering("float32", tokens=30)
    cache = {"cache of a prompt": 4 * 30 * size.layers * size.cached}
    assert plain.host(size) == {"the model as it was loaded": numbers}
    assert plain.device(size) == {"weights": numbers, **cache}
    more = replace(plain, from_reference=True, experts=3, copies=1)
    assert more.host(size) == {**plain.host(size), "the reference": linear, "experts": 3 * numbers}
    assert more.device(size) == {"weights": numbers, "a copy to serve with": numbers, **cache}
    assert replace(plain, dtype="bfloat16").device(size)["weights"] == numbers // 2
    least = min(sum(way.host(size).values()) + sum(way.device(size).values()) for way in (FULL, LORA))
    assert sum(plain.host(size).values()) + sum(plain.device(size).values()) < least


def test_what_has_no_room_is_refused_in_a_line_with_its_parts(size: ModelSize, monkeypatch: pytest.MonkeyPatch) -> None:
    def free(count: float) -> None:
        monkeypatch.setattr("optathlon.tasks.llm.memory_need.free_memory", lambda place: int(count))

    needed = sum(LORA.host(size).values()) + sum(LORA.device(size).values())
    free(needed)
    refuse_what_has_no_room("tiny", size, [FULL, LORA], "cpu")
    free(needed - 1)
    with pytest.raises(UsageError, match=r"and a trial takes .* of memory at least \(the model as it was") as caught:
        refuse_what_has_no_room("tiny", size, [FULL, LORA], "cpu")
    for part in ("weights", "gradients", "states of adamw", "activations and logits", "take a smaller model"):
        assert part in str(caught.value)
    assert "\n" not in str(caught.value)
    free(needed)
    with pytest.raises(UsageError):
        refuse_what_has_no_room("tiny", size, [FULL], "cpu")
    with pytest.raises(UsageError, match="the reference"):
        refuse_what_has_no_room("tiny", size, [replace(LORA, from_reference=True)], "cpu")


def test_a_task_without_room_says_so_before_its_model_is_loaded(
    own_task: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("optathlon.tasks.llm.memory_need.free_memory", lambda place: 10**6)
    monkeypatch.setattr("optathlon.tasks.llm.tunable_model.load_model", None)
    with pytest.raises(UsageError, match=r"'tiny' has [\d,]+ weights, and the reference tuning takes .* 1\.0 MB are"):
        own_task(max_new_tokens=13).prepare()  # of no other test, so that no answers are remembered


MEASURED = """
import json, sys, resource
from pathlib import Path
import torch
from transformers import LlamaConfig, LlamaForCausalLM
from optathlon.llm.chat import Encoded
from optathlon.tasks.llm.memory_need import Extent, ModelSize, Tuning
from optathlon.tasks.llm.recipe import Recipe
from optathlon.tasks.llm.training import ResponseLoss, Training
from optathlon.tasks.llm.tunable_model import Adapter, TunableModel
from optathlon.llm.models import described

torch.manual_seed(0)

def written(folder, width, layers, vocabulary):
    sizes = {"hidden_size": width, "num_hidden_layers": layers, "intermediate_size": 3 * width}
    config = LlamaConfig(**sizes, vocab_size=vocabulary, num_attention_heads=8, tie_word_embeddings=True)
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder

def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return {name: 1024 * int(line.split()[1]) for line in lines for name in ("VmHWM", "VmRSS") if line.startswith(name)}

def trained(folder, adapter, optimizer):
    Path("/proc/self/clear_refs").write_text("5")
    before = peak()["VmRSS"]
    items = [Encoded(tuple(range(64)), 32)] * 4
    base = TunableModel(folder, "cpu", "float32")
    with base.tunable(adapter, 0) as model:
        recipe = Recipe(1e-4, 2, optimizer)
        training = Training(model, items, ResponseLoss(0, "cpu"), recipe, epochs=2, seed=0, autocast=base.autocast)
        training.run(2, 64)
    rank = adapter.rank if adapter else None
    trial = Tuning(rank, "all-linear", optimizer, "float32", Extent(64, 32))
    size = ModelSize.of(*described(folder))
    return sum(trial.host(size).values()) + sum(trial.device(size).values()), peak()["VmHWM"] - before

small, large = written(sys.argv[1] + "/s", 64, 1, 100), written(sys.argv[1] + "/l", 512, 8, 4000)
ways = [(None, "adamw"), (None, "sgd"), (Adapter(8, 2.0, 0.0), "adamw")]
for way in ways:
    trained(small, *way)
print(json.dumps([trained(large, *way) for way in ways]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="peaks are read from /proc")
def test_the_estimate_is_about_what_the_system_measures(llm_cache: Path, tmp_path: Path) -> None:
    """It is a bound from below, of 29 million weights tuned in full by two optimizers, and below an adapter."""
    freed_at_once = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, tmp_path],
        check=False,
        capture_output=True,
        text=True,
        env=os.environ | freed_at_once,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    for estimated, measured in found:
        assert 0.6 * measured < estimated < 1.15 * measured, found
