"""A judge of one's own: the shorter answer is the better one."""

from collections.abc import Sequence

import numpy as np

from optathlon.llm.judging import Judge, Prompt, Verdicts


class Shorter(Judge):
    """Prefers the shorter answer by at least `margin` characters, and ties otherwise."""

    symmetric = True

    def __init__(self, margin: int = 1) -> None:
        self.margin = margin
        self.id = f"shorter(margin={margin})"

    def prefer(
        self, prompts: Sequence[Prompt], candidate: Sequence[str], reference: Sequence[str], *, seed: int
    ) -> Verdicts:
        longer = np.array([len(theirs) - len(ours) for ours, theirs in zip(candidate, reference, strict=True)])
        return Verdicts(np.where(abs(longer) < self.margin, 0.5, longer > 0))
