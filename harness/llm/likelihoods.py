"""How likely a model finds responses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from optathlon.llm.batches import padded
from optathlon.llm.chat import Encoded
from optathlon.llm.head import token_losses
from optathlon.llm.memory import in_batches


def response_losses(model: Any, encoded: Sequence[Encoded], pad: int, batch_size: int, device: str) -> list[float]:
    """The mean cross-entropy of each response's tokens, in nats, in the order of `encoded`."""
    order = sorted(range(len(encoded)), key=lambda index: len(encoded[index].tokens))

    def mean_losses(batch: Sequence[Encoded]) -> list[float]:
        return _mean_losses(model, batch, pad, device)

    losses = dict(zip(order, in_batches(mean_losses, [encoded[index] for index in order], batch_size), strict=True))
    return [losses[index] for index in range(len(encoded))]


def _mean_losses(model: Any, batch: Sequence[Encoded], pad: int, device: str) -> list[float]:
    import torch

    losses = token_losses(model, padded(batch, pad, device)).split([len(example.response) for example in batch])
    means: list[float] = torch.stack([part.mean() for part in losses]).tolist()
    return means
