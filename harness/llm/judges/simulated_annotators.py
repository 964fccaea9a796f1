"""Simulated annotators that disagree and err: AlpacaFarm (Dubois et al. 2023, arXiv 2305.14387, section 3.2)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from optathlon.errors import UsageError
from optathlon.llm.judging import Judge, Prompt, Verdicts, ask


class Pool(Judge):
    """Each pair of answers is given to one of several judges, drawn at random.

    Over seeds, each judge gets each prompt with the same probability. A judge that is named twice is drawn twice as
    often. The two orders of a pair are drawn for apart, as their seeds differ.

    Parameters
    ----------
    judges:
        At least one. Raises `UsageError` for none.
    """

    def __init__(self, *judges: Judge) -> None:
        if not judges:
            raise UsageError("a pool needs judges: write e.g. pool(verifier, length)")
        self._judges = judges
        self._purpose = _purpose("pool", judges)
        self.id = f"pool({', '.join(judge.id for judge in judges)})"
        self.template = "\n\n".join(judge.template for judge in judges if judge.template)

    def check(self) -> None:
        """Check all of them."""
        for judge in self._judges:
            judge.check()

    def load(self) -> None:
        """Load all of them."""
        for judge in self._judges:
            judge.load()

    def weights(self) -> str:
        """Those of all of them."""
        return " ".join(filter(None, (judge.weights() for judge in self._judges)))

    def needs_answers(self) -> bool:
        """Whether any of them does."""
        return any(judge.needs_answers() for judge in self._judges)

    def likelihoods_of(self) -> tuple[str, ...]:
        """Those of all of them."""
        return tuple(model for judge in self._judges for model in judge.likelihoods_of())

    def prefer(
        self, prompts: Sequence[Prompt], candidate: Sequence[str], reference: Sequence[str], *, seed: int
    ) -> Verdicts:
        """Who judges depends on the seed and the prompt's id alone."""
        drawn = np.floor(_uniform(prompts, seed, self._purpose) * len(self._judges)).astype(int)
        preferences = np.full(len(prompts), np.nan)
        metrics: dict[str, float] = {}
        unclear = ""
        for number, judge in enumerate(self._judges):
            mine = np.flatnonzero(drawn == number).tolist()
            if not mine:
                continue
            given = [prompts[index] for index in mine]
            ours, theirs = [candidate[index] for index in mine], [reference[index] for index in mine]
            verdicts = ask(judge, given, ours, theirs, seed=seed)
            preferences[mine] = verdicts.preferences
            unclear = unclear or verdicts.unclear
            for name, value in verdicts.metrics.items():
                metrics[name] = metrics.get(name, 0.0) + value
        return Verdicts(preferences, metrics, unclear)


class Noisy(Judge):
    """Another judge, whose preferences are turned around at random: p becomes 1 - p.

    In the mean over seeds a preference p becomes p + p_flip (1 - 2 p), in each order and so in both, whose flips are
    independent, as their seeds differ. Ties, and what was not understood, stay what they are.

    Parameters
    ----------
    judge:
        Whose preferences are turned around.
    p_flip:
        How probable that is, in [0, 1]; AlpacaFarm has 0.25. Raises `UsageError` for others.
    """

    def __init__(self, judge: Judge, p_flip: float = 0.25) -> None:
        if not 0 <= p_flip <= 1:
            raise UsageError(f"p_flip of noisy is a probability, not {p_flip!r}")
        self._judge = judge
        self._p_flip = p_flip
        self._purpose = _purpose("noisy", [judge])
        self.id = f"noisy({judge.id}, p_flip={p_flip!r})"
        self.template = judge.template

    def check(self) -> None:
        """Check the other judge."""
        self._judge.check()

    def load(self) -> None:
        """Load the other judge."""
        self._judge.load()

    def weights(self) -> str:
        """Those of the other judge."""
        return self._judge.weights()

    def needs_answers(self) -> bool:
        """Whether the other judge does."""
        return self._judge.needs_answers()

    def likelihoods_of(self) -> tuple[str, ...]:
        """Those of the other judge."""
        return self._judge.likelihoods_of()

    def prefer(
        self, prompts: Sequence[Prompt], candidate: Sequence[str], reference: Sequence[str], *, seed: int
    ) -> Verdicts:
        """Which preferences are turned around depends on the seed and the prompt's id alone."""
        verdicts = ask(self._judge, prompts, candidate, reference, seed=seed)
        flipped = _uniform(prompts, seed, self._purpose) < self._p_flip
        turned = np.where(flipped, 1.0 - verdicts.preferences, verdicts.preferences)
        return Verdicts(turned, verdicts.metrics, verdicts.unclear)


def _purpose(kind: str, inner: Sequence[Judge]) -> str:
    """What is drawn for, so that a judge draws independently of those of its kind inside it."""
    within = ", ".join(judge.id for judge in inner)
    return f"{kind} of {within}" if f"{kind}(" in within else kind


def _uniform(prompts: Sequence[Prompt], seed: int, purpose: str) -> np.ndarray:
    """A number in [0, 1) for each prompt, by hashing: whatever stands beside it."""
    hashes = (hashlib.sha256(f"{purpose} {seed} {prompt.id}".encode()).digest() for prompt in prompts)
    return np.array([int.from_bytes(digest[:6]) / 2**48 for digest in hashes])
