"""How likely a model finds responses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from optathlon.llm.chat import IGNORED, Encoded, right_padded
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

    tensors = right_padded(batch, pad, device)
    labels = tensors.pop("labels")[:, 1:]
    logits = model(**tensors, use_cache=False).logits[:, :-1].float()
    losses = torch.nn.functional.cross_entropy(logits.transpose(1, 2), labels, ignore_index=IGNORED, reduction="none")
    means: list[float] = (losses.sum(dim=1) / (labels != IGNORED).sum(dim=1)).tolist()
    return means
