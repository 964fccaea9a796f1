"""Watermarks of generated text, and how strongly a text shows one.

A detector knows the key and the answer, not the prompt: an answer's first tokens, whose context is in the prompt, tell
nothing. The same token after the same context is counted once (Fernandez et al. 2023, arXiv 2308.00113).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from optathlon.lazy import lazy_module
from optathlon.llm.generation import Scores
from optathlon.llm.sampling import gumbel
from optathlon.tasks.llm.kinds.watermark.keyed_numbers import keyed_uniforms

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray
else:
    np = lazy_module("numpy")


@dataclass(frozen=True, slots=True)
class Watermark(ABC):
    """A watermark with numbers drawn by a key and the last `width` (>= 1) tokens, over `vocabulary` tokens."""

    key: int
    width: int
    vocabulary: int

    @abstractmethod
    def marked(self, choice: Scores) -> Scores:
        """How tokens are chosen, by `choice` where the watermark leaves something to chance."""

    @abstractmethod
    def score(self, context: torch.Tensor, tokens: torch.Tensor) -> float:
        """How many standard deviations tokens (count,) after contexts (count, width) are from those of another key."""

    def detect(self, answer: Sequence[int]) -> float:
        """The score of an answer's tokens; 0 where it has no more than `width`."""
        import torch

        windows = {tuple(answer[start : start + self.width + 1]) for start in range(len(answer) - self.width)}
        if not windows:
            return 0.0
        counted = torch.tensor(sorted(windows))
        return self.score(counted[:, :-1], counted[:, -1])

    def uniforms(self, context: torch.Tensor) -> torch.Tensor:
        """One number in (0, 1) for every token that may follow; shape (rows, vocabulary)."""
        import torch

        return keyed_uniforms(self.key, context, torch.arange(self.vocabulary, device=context.device)[None])


@dataclass(frozen=True, slots=True)
class GreenList(Watermark):
    """A share of the vocabulary is favoured (Kirchenbauer et al. 2023, arXiv 2301.10226, algorithm 2).

    transformers' own (`WatermarkingConfig`) hashes one token in this scheme, whatever `context_width` says (release
    5.23), and draws lists that differ between devices.

    Parameters
    ----------
    share:
        γ in (0, 1), the green share of the vocabulary; `size` rounds it to whole tokens.
    bias:
        δ >= 0, what is added to the logits of green tokens.
    """

    share: float
    bias: float

    @property
    def size(self) -> int:
        """Number of green tokens: at least one, and not all."""
        return min(max(round(self.share * self.vocabulary), 1), self.vocabulary - 1)

    def green(self, context: torch.Tensor) -> torch.Tensor:
        """Which tokens are green after contexts (rows, width); shape (rows, vocabulary)."""
        import torch

        uniforms = self.uniforms(context)
        chosen = uniforms.topk(self.size, dim=-1).indices
        return torch.zeros_like(uniforms, dtype=torch.bool).scatter_(-1, chosen, value=True)

    def marked(self, choice: Scores) -> Scores:
        """The bias is added before `choice` draws."""

        def choose(tokens: torch.Tensor, logs: torch.Tensor) -> torch.Tensor:
            return choice(tokens, logs + self.bias * self.green(tokens[:, -self.width :]))

        return choose

    def score(self, context: torch.Tensor, tokens: torch.Tensor) -> float:
        """z = (green − γT) / √(Tγ(1 − γ)) (equation 3)."""
        green = self.green(context).gather(1, tokens[:, None]).sum().item()
        share, count = self.size / self.vocabulary, len(tokens)
        return float((green - share * count) / math.sqrt(count * share * (1.0 - share)))


@dataclass(frozen=True, slots=True)
class ExponentialMinimum(Watermark):
    """The token of largest u^(1/p) (Aaronson 2022, "My AI safety lecture for UT Effective Altruism").

    Over all keys the tokens are distributed as the model says, so no single token is distorted; the same context always
    gets the same token, though (Kuditipudi et al. 2024, arXiv 2307.15593, treat the family).
    """

    def marked(self, choice: Scores) -> Scores:
        """Nothing is left to chance: maximising u^(1/p) is maximising log p plus Gumbel noise made of u."""

        def choose(tokens: torch.Tensor, logs: torch.Tensor) -> torch.Tensor:
            return logs + gumbel(self.uniforms(tokens[:, -self.width :]))

        return choose

    def score(self, context: torch.Tensor, tokens: torch.Tensor) -> float:
        """(Σ −ln(1 − u) − T) / √T: under another key the sum has a gamma distribution of mean and variance T."""
        uniforms = keyed_uniforms(self.key, context, tokens[:, None])
        return float(((-(-uniforms).log1p()).sum().item() - len(tokens)) / math.sqrt(len(tokens)))


def area_under_curve(marked: NDArray[np.float64], unmarked: NDArray[np.float64]) -> float:
    """The probability that a marked text scores higher than an unmarked one; of ties, half (Mann and Whitney 1947)."""
    below = np.searchsorted(np.sort(unmarked), marked, side="left")
    up_to = np.searchsorted(np.sort(unmarked), marked, side="right")
    return float(np.mean(below + up_to) / (2 * len(unmarked)))


def true_positive_rate(
    marked: NDArray[np.float64], unmarked: NDArray[np.float64], *, false_positives: float = 0.01
) -> float:
    """The share of marked texts above the score that at most a share `false_positives` of unmarked ones exceeds."""
    allowed = int(false_positives * len(unmarked))
    threshold = np.sort(unmarked)[len(unmarked) - 1 - allowed]
    return float(np.mean(marked > threshold))
