"""Trials of `llm/sft` against a plain script that is tuned as well as one writes it: trials an hour, tokens/s, memory.

    python benchmarks/llm_gpu.py --width 2048 --layers 16 --peak 989e12   # a GPU; its peak in bf16, here an H100's
    python benchmarks/llm_gpu.py --width 128 --layers 4 --examples 64 --answers 8 --new-tokens 32   # minutes on a CPU

A billion random weights with Llama-3's vocabulary, full and low-rank tuning. Instructions and responses are as long as
252 real ones (`user_oriented_instructions` of Self-Instruct, Wang et al. 2023, by SmolLM2's tokenizer), their words are
random. The script loads the model for each trial, batches examples of like length, computes in bfloat16 on a GPU, has
fused AdamW, merges the adapter and answers in sorted batches. Both sides see the same examples in batches of the same
size and write the same number of tokens; ratios are taken in one process, and the device is named.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

ASKED = (9, 15, 18, 22, 27, 33, 40, 52, 77, 126, 395)
ANSWERED = (2, 7, 12, 20, 34, 46, 58, 84, 118, 190, 805)
"""Deciles of the numbers of tokens of real instructions with their inputs, and of their answers."""
RANK = 16
WARM_UP_SEED = 10_000


@dataclass(frozen=True)
class Scale:
    """What is measured."""

    width: int
    layers: int
    vocabulary: int
    examples: int
    answers: int
    new_tokens: int
    batch: int
    trials: int


@dataclass(frozen=True)
class Measured:
    """Of one side: seconds of a trial, of its training and of its answers, in the mean; bytes at most on a GPU."""

    trial: float
    train: float
    answer: float
    memory: int


def main() -> None:
    """Measure full and low-rank tuning, and print a line of JSON for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    defaults = Scale(768, 12, 128_256, 512, 128, 256, 32, 3)
    for name, value in vars(defaults).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=value)
    parser.add_argument("--peak", type=float, help="The device's peak in FLOP/s, for the utilisation.")
    chosen = vars(parser.parse_args())
    peak = chosen.pop("peak")
    scale = Scale(**chosen)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["OPTATHLON_CACHE"] = str(Path(folder) / "cache")
        write_setup(Path(folder), scale)
        for method in ("full", "lora"):
            print(json.dumps(compared(Path(folder), scale, method, peak)), flush=True)


def write_setup(folder: Path, scale: Scale) -> None:
    """A model of random weights with its tokenizer, data, and a setup on them."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import WhitespaceSplit
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    names = ["<pad>", "<unk>", "<s>", "</s>", *(f"w{number}" for number in range(scale.vocabulary - 4))]
    core = Tokenizer(WordLevel({name: number for number, name in enumerate(names)}, unk_token="<unk>"))
    core.pre_tokenizer = WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core, pad_token="<pad>", unk_token="<unk>", bos_token="<s>", eos_token="</s>"
    )
    tokenizer.chat_template = (
        "{% for m in messages %}{{ m.content + ' ' }}{{ '</s> ' if m.role == 'assistant' }}{% endfor %}"
    )
    heads = max(1, scale.width // 64)
    config = LlamaConfig(
        vocab_size=scale.vocabulary,
        hidden_size=scale.width,
        intermediate_size=4 * scale.width,
        num_hidden_layers=scale.layers,
        num_attention_heads=heads,
        num_key_value_heads=heads,
        max_position_embeddings=4096,
        pad_token_id=0,
        bos_token_id=2,
        eos_token_id=3,
    )
    LlamaForCausalLM(config).save_pretrained(folder / "model")
    tokenizer.save_pretrained(folder / "model")
    rng = np.random.default_rng(0)
    for part, count in (("train", scale.examples), ("validation", scale.answers), ("test", scale.answers)):
        rows = [_row(rng, f"{part}-{number}", scale.vocabulary) for number in range(count)]
        (folder / f"{part}.jsonl").write_text("\n".join(map(json.dumps, rows)))


def _row(rng: np.random.Generator, id: str, vocabulary: int) -> dict[str, str]:
    asked, answered = (_words(rng, deciles, vocabulary) for deciles in (ASKED, ANSWERED))
    return {"id": id, "instruction": " ".join(asked), "output": " ".join(answered), "answer": answered[-1]}


def _words(rng: np.random.Generator, deciles: Sequence[int], vocabulary: int) -> list[str]:
    length = round(float(np.interp(rng.random(), np.linspace(0, 1, len(deciles)), deciles)))
    return [f"w{word}" for word in rng.integers(0, vocabulary - 4, length)]


def compared(folder: Path, scale: Scale, method: str, peak: float | None) -> dict[str, Any]:
    """Both sides' figures, and their ratios: above 1 where optathlon is the better."""
    import torch

    task = _task(folder, scale, method)
    ours, theirs = ours_measured(task, scale, method), script_measured(folder, task, scale, method)
    weights = sum(tensor.numel() for tensor in task.loaded.base.weights.values())
    trained = sum(len(item.tokens) for item in task.loaded.train)
    written = 2 * scale.answers * scale.new_tokens
    figures: dict[str, Any] = {
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "method": method,
        "weights": weights,
        "trained_tokens": trained,
        "written_tokens": written,
    }
    for name, side in (("optathlon", ours), ("script", theirs)):
        figures |= {
            f"{name}_trials_per_hour": 3600 / side.trial,
            f"{name}_trained_tokens_per_s": trained / side.train,
            f"{name}_written_tokens_per_s": written / side.answer,
        }
        if side.memory:
            figures[f"{name}_peak_bytes"] = side.memory
        if peak:
            figures[f"{name}_utilisation"] = (6 if method == "full" else 4) * weights * trained / side.train / peak
    ratios = {
        "trials_ratio": theirs.trial / ours.trial,
        "training_ratio": theirs.train / ours.train,
        "answering_ratio": theirs.answer / ours.answer,
    }
    return figures | ratios


def _task(folder: Path, scale: Scale, method: str) -> Any:
    from optathlon.tasks.llm.kinds.sft import SFT
    from optathlon.tasks.llm.parts import PARTS
    from optathlon.tasks.llm.setup_files import make_setup

    content = {
        **{"model": str(folder / "model"), "data": {part: f"{part}.jsonl" for part in PARTS}, "judge": "verifier"},
        **{"max_new_tokens": scale.new_tokens, "epochs": 1, "batch_sizes": [1, 1024], "methods": [method]},
        **{"reference": _config(scale, method), "dtype": _dtype(), "answer_batch": scale.batch},
    }
    return SFT(f"llm/sft/{method}/win-rate", make_setup(method, content, folder), ("win-rate",))


def _config(scale: Scale, method: str) -> dict[str, Any]:
    low_rank = {"rank": RANK, "alpha_over_rank": 2.0, "dropout": 0.0} if method == "lora" else {}
    return {"method": method, "learning_rate": 1e-5, "batch_size": scale.batch, "optimizer": "adamw", **low_rank}


def _dtype() -> str:
    import torch

    return "bfloat16" if torch.cuda.is_available() else "float32"


def ours_measured(task: Any, scale: Scale, method: str) -> Measured:
    """A warm worker's trials, after one more."""
    config = _config(scale, method)
    task.evaluate(config, fidelity=1, seed=WARM_UP_SEED)
    memory = _peak_memory()
    found = []
    for seed in range(scale.trials):
        began = time.perf_counter()
        result = task.evaluate(config, fidelity=1, seed=seed)
        passed = time.perf_counter() - began
        found.append((passed, result.metrics["train_seconds"], result.metrics["answer_seconds"]))
    trial, train, answer = np.mean(found, axis=0).tolist()
    return Measured(trial, train, answer, memory())


def script_measured(folder: Path, task: Any, scale: Scale, method: str) -> Measured:
    """The script's trials, after one more."""
    _script_trial(folder, task, scale, method)
    memory = _peak_memory()
    found = [_script_trial(folder, task, scale, method) for _ in range(scale.trials)]
    trial, train, answer = np.mean(found, axis=0).tolist()
    return Measured(trial, train, answer, memory())


def _script_trial(folder: Path, task: Any, scale: Scale, method: str) -> tuple[float, float, float]:
    """Seconds of all, of training, and of answering."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    from optathlon.llm.chat import Template

    device = "cuda" if torch.cuda.is_available() else "cpu"
    began = time.perf_counter()
    setup, tokenizer = task.setup, task.loaded.tokenizer
    template = Template(tokenizer)
    items = [template.encode(example, setup.max_tokens) for example in setup.examples("train")]
    prompts = [template.prompt(example) for part in ("validation", "test") for example in setup.examples(part)]
    frozen = method == "lora" and device == "cuda"
    kind = torch.bfloat16 if frozen else torch.float32
    model = AutoModelForCausalLM.from_pretrained(folder / "model", dtype=kind).to(device)
    if method == "lora":
        model = get_peft_model(
            model, LoraConfig(r=RANK, lora_alpha=2 * RANK, target_modules="all-linear", task_type="CAUSAL_LM")
        )
    with _clock(device) as train:
        _script_train(model, items, scale, device)
    model = model.merge_and_unload() if method == "lora" else model
    for weight in model.parameters():
        weight.data = weight.data.to(torch.bfloat16 if device == "cuda" else torch.float32)
    with _clock(device) as answer:
        _script_answer(model.eval(), prompts, scale, device)
    return time.perf_counter() - began, train[0], answer[0]


def _script_train(model: Any, items: Sequence[Any], scale: Scale, device: str) -> None:
    """One epoch: batches of like lengths in random order, as `group_by_length` makes them."""
    import torch

    from optathlon.llm.chat import right_padded

    weights = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=1e-5, fused=True)
    order = sorted(items, key=lambda item: len(item.tokens))
    batches = [order[start : start + scale.batch] for start in range(0, len(order), scale.batch)]
    model.train()
    for number in np.random.default_rng(0).permutation(len(batches)):
        batch: Mapping[str, Any] = right_padded(batches[number], 0, device)
        with torch.autocast(device, dtype=torch.bfloat16) if device == "cuda" else nullcontext():
            loss = model(**batch, use_cache=False).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)


def _script_answer(model: Any, prompts: Sequence[Sequence[int]], scale: Scale, device: str) -> None:
    import torch

    from optathlon.llm.chat import left_padded

    order = sorted(prompts, key=len)
    with torch.inference_mode():
        for start in range(0, len(order), scale.batch):
            batch = left_padded(order[start : start + scale.batch], 0, device)
            model.generate(**batch, max_new_tokens=scale.new_tokens, do_sample=False, pad_token_id=0, eos_token_id=3)


@contextmanager
def _clock(device: str) -> Iterator[list[float]]:
    """The seconds of the block, put into the list at its end."""
    import torch

    seconds: list[float] = []
    began = time.perf_counter()
    yield seconds
    if device == "cuda":
        torch.cuda.synchronize()
    seconds.append(time.perf_counter() - began)


def _peak_memory() -> Any:
    """What tells the bytes at most since this call, on a GPU; 0 elsewhere."""
    import torch

    if not torch.cuda.is_available():
        return lambda: 0
    torch.cuda.reset_peak_memory_stats()
    return torch.cuda.max_memory_allocated


if __name__ == "__main__":
    main()
