"""Answers of a model to prompts, many at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from optathlon.llm.chat import left_padded
from optathlon.llm.memory import in_batches
from optathlon.llm.refilling import can_be_refilled, write_refilled

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class Answers:
    """Texts in the order of the prompts, and the number of tokens of all of them (ends included)."""

    texts: tuple[str, ...]
    tokens: int


Scores = Callable[["torch.Tensor", "torch.Tensor"], "torch.Tensor"]
"""Of tokens so far (answers, tokens) and logits (answers, vocabulary): the scores of which the highest is chosen."""


def answer(
    model: Any,
    tokenizer: Any,
    prompts: Sequence[Sequence[int]],
    *,
    ends: Sequence[int],
    max_new_tokens: int,
    batch_size: int,
    device: str,
) -> Answers:
    """Answer prompts by the likeliest token at each step; parameters as in `write`."""
    written = write(
        model,
        tokenizer,
        prompts,
        ends=ends,
        max_new_tokens=max_new_tokens,
        batch_size=batch_size,
        device=device,
        scores=None,
    )
    return as_text(written, tokenizer)


def as_text(written: Sequence[Sequence[int]], tokenizer: Any) -> Answers:
    """The answers that tokens spell."""
    texts = tuple(tokenizer.decode(tokens, skip_special_tokens=True).strip() for tokens in written)
    return Answers(texts, sum(map(len, written)))


def write(
    model: Any,
    tokenizer: Any,
    prompts: Sequence[Sequence[int]],
    *,
    ends: Sequence[int],
    max_new_tokens: int,
    batch_size: int,
    device: str,
    scores: Scores | None,
) -> list[list[int]]:
    """The tokens of an answer to each prompt, its end included.

    Parameters
    ----------
    model, tokenizer:
        Of transformers.
    prompts:
        Token numbers up to where the answers begin.
    ends:
        Tokens that end an answer.
    max_new_tokens:
        Where answers are cut.
    batch_size:
        Prompts at once; halved, down to one, while they don't fit into the memory.
    device:
        Where the model is.
    scores:
        What is maximised at each step; `None` for the logits.

    Prompts of like length are answered together; the order is restored. Where nothing is drawn, the next prompt takes
    the place of an answer that has ended.
    """
    if scores is None and can_be_refilled(model):
        return write_refilled(
            model,
            prompts,
            pad=tokenizer.pad_token_id,
            ends=ends,
            max_new_tokens=max_new_tokens,
            batch_size=batch_size,
            device=device,
        )
    order = sorted(range(len(prompts)), key=lambda index: len(prompts[index]))

    def generate(batch: Sequence[Sequence[int]]) -> list[list[int]]:
        return _generated(model, tokenizer.pad_token_id, batch, ends, max_new_tokens, device, scores)

    written = dict(zip(order, in_batches(generate, [prompts[index] for index in order], batch_size), strict=True))
    return [written[index] for index in range(len(prompts))]


def _generated(
    model: Any,
    pad: int,
    prompts: Sequence[Sequence[int]],
    ends: Sequence[int],
    max_new_tokens: int,
    device: str,
    scores: Scores | None,
) -> list[list[int]]:
    import torch

    batch = left_padded(prompts, pad, device)
    with torch.inference_mode():
        written = model.generate(
            **batch,
            **greedily(pad, ends, max_new_tokens),
            logits_processor=[] if scores is None else [scores],
        )
    new = written[:, batch["input_ids"].shape[1] :].tolist()
    return [up_to_end(tokens, ends) for tokens in new]


def greedily(pad: int, ends: Sequence[int], max_new_tokens: int) -> dict[str, Any]:
    """Arguments of `generate` of transformers by which it takes the likeliest token, whatever the model's settings."""
    return {
        "max_new_tokens": max_new_tokens,
        "do_sample": False,
        "temperature": None,
        "top_p": None,
        "top_k": None,
        "pad_token_id": pad,
        "eos_token_id": list(ends),
    }


def up_to_end(tokens: list[int], ends: Sequence[int]) -> list[int]:
    """Tokens up to the first of `ends`, which is included; all where there is none."""
    return next((tokens[: place + 1] for place, token in enumerate(tokens) if token in ends), tokens)
