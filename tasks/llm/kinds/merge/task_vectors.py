"""Task vectors: what tunings have changed in the same base, dropped in part, rescaled and added up."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from optathlon.tasks.llm.placed import Weights


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


class Merged(Mapping[str, "torch.Tensor"]):
    """The base plus the scaled sum of task vectors (Ilharco et al. 2023, arXiv 2212.04089), each dropped in part.

    A tensor is computed where the model lies, when it is read: there is no second model in the memory.

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
    device:
        Where it is computed; another one draws other numbers.
    """

    def __init__(
        self,
        base: Weights,
        vectors: Mapping[str, Weights],
        droppings: Mapping[str, Dropping],
        *,
        scale: float,
        seed: int,
        device: str = "cpu",
    ) -> None:
        self._base = base
        self._vectors = vectors
        self._droppings = droppings
        self._scale = scale
        self._seed = seed
        self._device = device

    def __getitem__(self, name: str) -> torch.Tensor:
        change: torch.Tensor | int = sum(
            _kept(self._vectors[expert][name].to(self._device), dropping, f"{self._seed} {expert} {name}")
            for expert, dropping in self._droppings.items()
        )
        return self._base[name].to(self._device) + self._scale * change

    def __iter__(self) -> Iterator[str]:
        return iter(self._base)

    def __len__(self) -> int:
        return len(self._base)


def _kept(vector: torch.Tensor, dropping: Dropping, stream: str) -> torch.Tensor:
    if dropping.rate == 0.0:
        return vector
    return vector * (uniform(vector.shape, stream, vector.device) >= dropping.rate) * dropping.factor


def uniform(shape: torch.Size, stream: str, device: torch.device | str = "cpu") -> torch.Tensor:
    """Numbers in [0, 1) that depend on the name of their stream, and on the kind of the device."""
    import torch

    number = int.from_bytes(hashlib.sha256(stream.encode()).digest()[:7])
    return torch.rand(shape, generator=torch.Generator(device).manual_seed(number), device=device)
