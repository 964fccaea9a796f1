"""Task vectors: what tunings have changed in the same base, dropped in part, rescaled and added up."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from optathlon.tasks.llm.tunable_model import Weights


@dataclass(frozen=True, slots=True)
class Dropping:
    """DARE: drop and rescale (Yu et al. 2024, arXiv 2311.03099).

    Parameters
    ----------
    rate:
        The probability, in [0, 1), that an entry is dropped.
    rescaled:
        Whether those that are kept are divided by 1 - rate, so that the expectation is what it was.
    """

    rate: float
    rescaled: bool

    @property
    def factor(self) -> float:
        """What kept entries are multiplied by."""
        return 1.0 / (1.0 - self.rate) if self.rescaled else 1.0


def task_vector(tuned: Weights, base: Weights) -> Weights:
    """Tuned weights minus those of the base, in its names and order."""
    return {name: tuned[name] - weight for name, weight in base.items()}


def merged(
    base: Weights, vectors: Mapping[str, Weights], droppings: Mapping[str, Dropping], *, scale: float, seed: int
) -> Weights:
    """The base plus the scaled sum of task vectors (Ilharco et al. 2023, arXiv 2212.04089), each dropped in part.

    Parameters
    ----------
    base, vectors:
        Weights by their names; vectors by the names of their experts.
    droppings:
        What is dropped, by the names of the experts.
    scale:
        λ in the paper.
    seed:
        Of what is dropped. Each tensor of each expert has uniform numbers of its own, and those below the rate drop
        their entries: what a rate drops, a higher one drops as well.
    """

    def change(name: str) -> torch.Tensor | int:
        return sum(
            _kept(vectors[expert][name], dropping, f"{seed} {expert} {name}") for expert, dropping in droppings.items()
        )

    return {name: weight + scale * change(name) for name, weight in base.items()}


def _kept(vector: torch.Tensor, dropping: Dropping, stream: str) -> torch.Tensor:
    if dropping.rate == 0.0:
        return vector
    return vector * (uniform(vector.shape, stream) >= dropping.rate) * dropping.factor


def uniform(shape: torch.Size, stream: str) -> torch.Tensor:
    """Numbers in [0, 1) that depend on the name of their stream only."""
    import torch

    number = int.from_bytes(hashlib.sha256(stream.encode()).digest()[:7])
    return torch.rand(shape, generator=torch.Generator().manual_seed(number))
