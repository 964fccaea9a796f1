"""A trial of `llm/sft` against a plain transformers `Trainer` that does the same: trials/hour, tokens/s, utilisation.

    python benchmarks/llm_gpu.py --width 2048 --layers 16 --peak 989e12   # 1 billion weights; an H100's bf16 peak
    python benchmarks/llm_gpu.py --width 64 --layers 2 --examples 64      # seconds on a CPU, to see that it works

No weights can be fetched: the model is initialised at random, its data are random words. Both sides see the same
examples in batches of the same size, with the same dtype, and AdamW; the ratio is taken in one process, and the device
named.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

WORDS = 4096
"""Size of the vocabulary."""


@dataclass(frozen=True)
class Scale:
    """What is measured."""

    width: int
    layers: int
    examples: int
    tokens: int
    batch: int
    trials: int


def write_setup(folder: Path, scale: Scale) -> None:
    """A model of random weights with its tokenizer, data, and a setup on them."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import WhitespaceSplit
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    names = ["<pad>", "<unk>", "<s>", "</s>", *(f"w{number}" for number in range(WORDS - 4))]
    core = Tokenizer(WordLevel({name: number for number, name in enumerate(names)}, unk_token="<unk>"))
    core.pre_tokenizer = WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core, pad_token="<pad>", unk_token="<unk>", bos_token="<s>", eos_token="</s>"
    )
    tokenizer.chat_template = (
        "{% for m in messages %}{{ m.content + ' ' }}{{ '</s> ' if m.role == 'assistant' }}{% endfor %}"
    )
    config = LlamaConfig(
        vocab_size=WORDS,
        hidden_size=scale.width,
        intermediate_size=4 * scale.width,
        num_hidden_layers=scale.layers,
        num_attention_heads=max(1, scale.width // 64),
        num_key_value_heads=max(1, scale.width // 64),
        max_position_embeddings=2 * scale.tokens,
        pad_token_id=0,
        bos_token_id=2,
        eos_token_id=3,
    )
    LlamaForCausalLM(config).save_pretrained(folder / "model")
    tokenizer.save_pretrained(folder / "model")
    rng = np.random.default_rng(0)
    for part, count in (("train", scale.examples), ("validation", 16), ("test", 16)):
        rows = [_row(rng, part, number, scale.tokens) for number in range(count)]
        (folder / f"{part}.jsonl").write_text("\n".join(map(json.dumps, rows)))


def _row(rng: np.random.Generator, part: str, number: int, tokens: int) -> dict[str, str]:
    words = [f"w{word}" for word in rng.integers(0, WORDS - 4, tokens - 2)]
    return {
        "id": f"{part}-{number}",
        "instruction": " ".join(words[: tokens // 4]),
        "output": " ".join(words[tokens // 4 :]),
        "answer": words[-1],
    }


def main() -> None:
    """Measure, and print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--width", type=int, default=768)
    parser.add_argument("--layers", type=int, default=12)
    parser.add_argument("--examples", type=int, default=512)
    parser.add_argument("--tokens", type=int, default=512)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--trials", type=int, default=2)
    parser.add_argument("--peak", type=float, help="The device's peak in FLOP/s, for the utilisation.")
    chosen = vars(parser.parse_args())
    peak = chosen.pop("peak")
    scale = Scale(**chosen)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["OPTATHLON_CACHE"] = str(Path(folder) / "cache")
        write_setup(Path(folder), scale)
        print(json.dumps(measured(Path(folder), scale, peak)))


def measured(folder: Path, scale: Scale, peak: float | None) -> dict[str, Any]:
    """Both sides' figures and their ratio."""
    import torch

    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"
    ours, weights = ours_per_trial(folder, scale)
    theirs = trainer_per_trial(folder, scale)
    tokens = scale.examples * scale.tokens
    figures = {"device": device, "weights": weights, "tokens_per_trial": tokens}
    for name, seconds in (("optathlon", ours["train"]), ("trainer", theirs)):
        figures[f"{name}_tokens_per_s"] = tokens / seconds
        if peak:
            figures[f"{name}_utilisation"] = 6 * weights * tokens / seconds / peak
    figures["trials_per_hour"] = 3600 / ours["trial"]
    figures["trainer_over_optathlon"] = theirs / ours["train"]
    return figures


def ours_per_trial(folder: Path, scale: Scale) -> tuple[dict[str, float], int]:
    """Seconds of a trial's training, and of all of it, in the mean over a warm worker's trials; the model's weights."""
    from optathlon.tasks.llm.kinds.sft import SFT
    from optathlon.tasks.llm.parts import PARTS
    from optathlon.tasks.llm.setups import make_setup

    content = {
        **{"model": str(folder / "model"), "data": {part: f"{part}.jsonl" for part in PARTS}},
        **{"judge": "verifier", "max_tokens": scale.tokens, "max_new_tokens": 16, "epochs": 1},
        **{"batch_sizes": [1, 1024], "reference": _config(scale), "dtype": _dtype()},
    }
    task = SFT("llm/sft/random/win-rate", make_setup("random", content, folder), ("win-rate",))
    task.evaluate(_config(scale), fidelity=1, seed=10_000)
    seconds: dict[str, list[float]] = {"train": [], "trial": []}
    for seed in range(scale.trials):
        began = time.perf_counter()
        result = task.evaluate(_config(scale), fidelity=1, seed=seed)
        seconds["trial"].append(time.perf_counter() - began)
        seconds["train"].append(result.metrics["train_seconds"])
    with task.loaded.base.untuned() as model:
        weights = sum(weight.numel() for weight in model.parameters())
    return {name: float(np.mean(values)) for name, values in seconds.items()}, weights


def _config(scale: Scale) -> dict[str, Any]:
    return {"method": "full", "learning_rate": 1e-5, "batch_size": scale.batch, "optimizer": "adamw"}


def _dtype() -> str:
    import torch

    return "bfloat16" if torch.cuda.is_available() else "float32"


def trainer_per_trial(folder: Path, scale: Scale) -> float:
    """Seconds of `Trainer.train` on the same examples, in the mean over trials after one to warm up."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, Trainer, TrainingArguments

    from optathlon.llm.chat import Template, right_padded
    from optathlon.llm.data import read_examples

    template = Template(AutoTokenizer.from_pretrained(folder / "model"))
    items = [template.encode(example, scale.tokens) for example in read_examples("train.jsonl", folder)]
    arguments = TrainingArguments(
        output_dir=str(folder / "trainer"),
        per_device_train_batch_size=scale.batch,
        num_train_epochs=1,
        learning_rate=1e-5,
        lr_scheduler_type="cosine",
        bf16=torch.cuda.is_available(),
        use_cpu=not torch.cuda.is_available(),
        report_to="none",
        save_strategy="no",
        logging_strategy="no",
        remove_unused_columns=False,
        disable_tqdm=True,
    )
    seconds = []
    for _ in range(scale.trials + 1):
        model = AutoModelForCausalLM.from_pretrained(folder / "model")
        trainer = Trainer(
            model=model, args=arguments, train_dataset=items, data_collator=lambda batch: right_padded(batch, 0, "cpu")
        )
        began = time.perf_counter()
        trainer.train()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - began)
    return float(np.mean(seconds[1:]))


if __name__ == "__main__":
    main()
