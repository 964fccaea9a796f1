"""Examples as tensors to compute losses of: one in each row, or several that don't see each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from optathlon.llm.chat import Encoded

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class Batch:
    """What a model reads, and where it is to predict what.

    Parameters
    ----------
    inputs:
        Arguments of the model: `input_ids` of shape (rows, tokens), and `position_ids` of the same shape where rows
        hold several examples. There is no mask: what stands behind a token is never seen, padding is on the right, and
        from positions that begin again transformers tells examples apart.
    places:
        Shape (n,): from where each of the responses' n tokens is predicted, in the flattened rows.
    targets:
        Shape (n,): these tokens, row by row.
    """

    inputs: dict[str, torch.Tensor]
    places: torch.Tensor
    targets: torch.Tensor


def padded(examples: Sequence[Encoded], pad: int, device: str) -> Batch:
    """A row for each example, filled up with `pad` on the right."""
    return _batch(examples, [[number] for number in range(len(examples))], pad, device)


def packed(examples: Sequence[Encoded], rows: Sequence[Sequence[int]], pad: int, device: str) -> Batch:
    """Rows of several examples, by their numbers."""
    return _batch(examples, rows, pad, device)


def _batch(examples: Sequence[Encoded], rows: Sequence[Sequence[int]], pad: int, device: str) -> Batch:
    import torch

    width = max(sum(len(examples[number].tokens) for number in row) for row in rows)
    tokens, positions = torch.full((len(rows), width), pad), torch.zeros((len(rows), width), dtype=torch.long)
    places: list[torch.Tensor] = []
    targets: list[int] = []
    for row, numbers in enumerate(rows):
        start = 0
        for number in numbers:
            example, end = examples[number], start + len(examples[number].tokens)
            tokens[row, start:end] = torch.tensor(example.tokens)
            positions[row, start:end] = torch.arange(end - start)
            for first, stop in (*example.earlier, (example.asked, len(example.tokens))):
                places.append(torch.arange(start + first - 1, start + stop - 1) + row * width)
                targets += example.tokens[first:stop]
            start = end
    inputs = {"input_ids": tokens}
    if any(len(numbers) > 1 for numbers in rows):
        inputs["position_ids"] = positions
    return Batch(
        {name: moved(tensor, device) for name, tensor in inputs.items()},
        moved(torch.cat(places), device),
        moved(torch.tensor(targets), device),
    )


def moved(tensor: torch.Tensor, device: str) -> torch.Tensor:
    """A tensor of the host on a device; a GPU fetches it while the host goes on."""
    return tensor if device == "cpu" else tensor.pin_memory().to(device, non_blocking=True)
