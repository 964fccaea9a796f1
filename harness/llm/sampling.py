"""Drawing answers at random, and the keyed numbers that watermarks put in the place of random ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from optathlon.llm.generation import Scores

if TYPE_CHECKING:
    import torch

_BITS = 53
_FACTORS = (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
_INCREMENT = 0x9E3779B97F4A7C15


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


def keyed_uniforms(key: int, context: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
    """Numbers that look uniform in (0, 1), and are the same for the same key, context and token on every device.

    The finaliser of SplitMix64 (Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators", section
    4) is chained over the context and the token.

    Parameters
    ----------
    key:
        0 <= key < 2**63.
    context:
        Token numbers of shape (rows, width).
    tokens:
        Token numbers of shape (rows or 1, columns).

    Returns
    -------
    Shape (rows, columns).
    """
    import torch

    state = torch.full_like(context[:, :1], key)
    for place in range(context.shape[1]):
        state = _mixed(state ^ _mixed(context[:, place : place + 1]))
    bits = _shifted(_mixed(state ^ _mixed(tokens)), 64 - _BITS)
    return (bits.double() + 0.5) * 2.0**-_BITS


def drawn_by(sampling: Sampling, choice: Scores) -> Scores:
    """Tokens drawn from what `sampling` leaves, by a choice on its logarithms of probabilities."""

    def scores(tokens: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
        return choice(tokens, sampling.logs(logits))

    return scores


def _mixed(numbers: torch.Tensor) -> torch.Tensor:
    numbers = numbers + _signed(_INCREMENT)
    for shift, factor in zip((30, 27), _FACTORS, strict=True):
        numbers = (numbers ^ _shifted(numbers, shift)) * _signed(factor)
    return numbers ^ _shifted(numbers, 31)


def _shifted(numbers: torch.Tensor, places: int) -> torch.Tensor:
    """To the right, with zeros from the left: torch's shift of signed integers repeats the sign."""
    return (numbers >> places) & ((1 << (64 - places)) - 1)


def _signed(number: int) -> int:
    """The signed integer with the same 64 bits."""
    return number - (1 << 64) if number >> 63 else number
