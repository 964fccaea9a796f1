"""How likely a model finds responses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from optathlon.llm.batches import padded
from optathlon.llm.chat import Encoded
from optathlon.llm.head import token_losses
from optathlon.llm.memory import in_batches, total_memory

_MOST = 64
"""Responses at once, however large the memory."""
_SHARE_OF_MEMORY = 8
"""A batch takes this part of the device's memory at most."""
_COPIES = 3
"""Of the logits in float32: they themselves, their logarithms of probabilities, and what is converted."""


def fitting_batch(model: Any, encoded: Sequence[Encoded]) -> int:
    """How many responses to read at once: as many of the longest as a part of the device's memory has room for.

    It depends on the size of that memory and not on what is free, so that a machine always comes to the same numbers.
    """
    longest = max((len(one.tokens) for one in encoded), default=1)
    bytes_each: int = longest * model.config.get_text_config().vocab_size * 4 * _COPIES
    return max(1, min(_MOST, total_memory(model.device) // _SHARE_OF_MEMORY // bytes_each))


def response_losses(model: Any, encoded: Sequence[Encoded], pad: int, batch_size: int, device: str) -> list[float]:
    """The mean cross-entropy of each response's tokens, in nats, in the order of `encoded`."""
    order = sorted(range(len(encoded)), key=lambda index: len(encoded[index].tokens))

    def mean_losses(batch: Sequence[Encoded]) -> list[float]:
        return _mean_losses(model, batch, pad, device)

    losses = dict(zip(order, in_batches(mean_losses, [encoded[index] for index in order], batch_size), strict=True))
    return [losses[index] for index in range(len(encoded))]


def _mean_losses(model: Any, batch: Sequence[Encoded], pad: int, device: str) -> list[float]:
    import torch

    losses = token_losses(model, padded(batch, pad, device)).split([example.learnt for example in batch])
    means: list[float] = torch.stack([part.mean() for part in losses]).tolist()
    return means
