"""The tiny model: Llama's architecture with 0.13 million weights, trained from scratch by a seed in about a minute."""

from __future__ import annotations

import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from optathlon.data import cache_root
from optathlon.llm.tiny.corpus import text, vocabulary
from optathlon.task import short_hash

if TYPE_CHECKING:
    import torch

WIDTH, LAYERS, HEADS, CONTEXT = 64, 3, 4, 64
STEPS, BATCH, LENGTH, LEARNING_RATE, WARMUP = 2000, 48, 32, 4e-3, 100
SEED = 0

TEMPLATE = (
    "{% for message in messages %}{{ '<s> ' if loop.first }}<{{ message.role }}> {{ message.content }} "
    "{{ '</s> ' if message.role == 'assistant' }}{% endfor %}{{ '<assistant> ' if add_generation_prompt }}"
)


def tiny_model() -> Path:
    """The folder of the tiny model, in the layout of transformers; it is trained if it isn't cached.

    Every number is drawn by a fixed seed on one thread: the same machine and library versions give the same weights.
    """
    from filelock import FileLock

    folder = cache_root() / "llm" / f"tiny-{identity()}"
    if folder.exists():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            unfinished = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".tiny-"))
            try:
                _write(unfinished)
                unfinished.replace(folder)
            finally:
                shutil.rmtree(unfinished, ignore_errors=True)
    return folder


@cache
def identity() -> str:
    """What the weights come from, as a hash: sizes, training and the beginning of the corpus."""
    numbers = (WIDTH, LAYERS, HEADS, CONTEXT, STEPS, BATCH, LENGTH, LEARNING_RATE, WARMUP, SEED)
    return short_hash(f"{numbers} {TEMPLATE} {vocabulary()} {text(np.random.default_rng(SEED), 1000)}")


def tiny_tokenizer() -> Any:
    """One token a word."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import WhitespaceSplit
    from transformers import PreTrainedTokenizerFast

    numbers = {word: number for number, word in enumerate(vocabulary())}
    core = Tokenizer(WordLevel(numbers, unk_token="<unk>"))
    core.pre_tokenizer = WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core, pad_token="<pad>", unk_token="<unk>", bos_token="<s>", eos_token="</s>"
    )
    tokenizer.chat_template = TEMPLATE
    return tokenizer


def _write(folder: Path) -> None:
    import torch
    from transformers.utils import logging

    logging.disable_progress_bar()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=()):
            torch.manual_seed(SEED)
            tokenizer = tiny_tokenizer()
            model = _pretrained(tokenizer)
    finally:
        torch.set_num_threads(threads)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _pretrained(tokenizer: Any) -> Any:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=WIDTH,
        intermediate_size=2 * WIDTH,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        num_key_value_heads=HEADS,
        max_position_embeddings=CONTEXT,
        tie_word_embeddings=True,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    model = LlamaForCausalLM(config)
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=0.01)
    rng = np.random.default_rng(SEED)
    for step in range(STEPS):
        for group in optimizer.param_groups:
            group["lr"] = LEARNING_RATE * min(1.0, (step + 1) / WARMUP) * (1.0 - step / STEPS)
        batch = _batch(rng, tokenizer)
        optimizer.zero_grad()
        model(input_ids=batch, labels=batch).loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    return model.eval()


def _batch(rng: np.random.Generator, tokenizer: Any) -> torch.Tensor:
    """Shape (BATCH, LENGTH): token numbers, each row from the beginning of a line on."""
    import torch

    rows = [tokenizer.convert_tokens_to_ids(text(rng, LENGTH).split()[:LENGTH]) for _ in range(BATCH)]
    return torch.tensor(rows)
