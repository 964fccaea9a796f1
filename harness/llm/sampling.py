"""Drawing answers at random."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from optathlon.llm.generation import Scores

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class Sampling:
    """What is drawn from: logits divided by `temperature` (> 0), the likeliest tokens that sum to `top_p` in (0, 1]."""

    temperature: float
    top_p: float

    def logs(self, logits: torch.Tensor) -> torch.Tensor:
        """The logarithms of the probabilities, in double precision; -inf for tokens that are left out."""
        import torch
        from transformers import TopPLogitsWarper

        scaled = logits.double() / self.temperature
        kept = TopPLogitsWarper(self.top_p)(None, scaled) if self.top_p < 1.0 else scaled
        return torch.log_softmax(kept, dim=-1)


class Randomly:
    """`Scores` that draw by probability: the highest after adding Gumbel noise, seeded by `seed` (Gumbel 1954)."""

    def __init__(self, seed: int, device: str) -> None:
        import torch

        self._generator = torch.Generator(device).manual_seed(seed)

    def __call__(self, tokens: torch.Tensor, logs: torch.Tensor) -> torch.Tensor:
        """Of the logarithms of probabilities, or of anything that differs from them by a constant."""
        import torch

        uniform = torch.rand(logs.shape, generator=self._generator, dtype=torch.float64, device=logs.device)
        return logs + gumbel(uniform)


def gumbel(uniform: torch.Tensor) -> torch.Tensor:
    """Standard Gumbel numbers of uniform ones in (0, 1)."""
    import torch

    tiny = torch.finfo(torch.float64).tiny
    return -torch.log(-torch.log(uniform.clamp_min(tiny)))


def drawn_by(sampling: Sampling, choice: Scores) -> Scores:
    """Tokens drawn from what `sampling` leaves, by a choice on its logarithms of probabilities."""

    def scores(tokens: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
        return choice(tokens, sampling.logs(logits))

    return scores
