"""`length`: an annotator with a preference for length, which length control is to correct."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from optathlon.errors import UsageError
from optathlon.llm.judges.logistic import logistic
from optathlon.llm.judging import Judge, Prompt, Verdicts


class Length(Judge):
    """Prefers the longer answer, whatever it says: with probability 1 / (1 + exp(-weight · log(characters' ratio))).

    With the default weight of 2, an answer twice as long is preferred in four of five cases.

    Parameters
    ----------
    weight:
        0 for none, negative for one for short answers. Raises `UsageError` where it is not finite.
    """

    symmetric = True

    def __init__(self, weight: float = 2.0) -> None:
        if not math.isfinite(weight):
            raise UsageError(f"the weight of length is a finite number, not {weight!r}")
        self._weight = weight
        self.id = "length" if weight == 2.0 else f"length({float(weight)!r})"

    def prefer(
        self, prompts: Sequence[Prompt], candidate: Sequence[str], reference: Sequence[str], *, seed: int
    ) -> Verdicts:
        """By characters; empty answers count one."""
        ours, theirs = (
            np.log([max(1, len(answer)) for answer in answers] or np.ones(0)) for answers in (candidate, reference)
        )
        return Verdicts(logistic(self._weight * (ours - theirs)))
