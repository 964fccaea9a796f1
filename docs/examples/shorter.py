"""A judge of one's own: the shorter answer is the better one."""

import numpy as np

from optathlon.llm.judging import Judge, Verdicts


class Shorter(Judge):
    """Prefers the shorter answer by at least `margin` characters, and ties otherwise."""

    symmetric = True

    def __init__(self, margin: int = 1) -> None:
        self.margin = margin
        self.id = f"shorter(margin={margin})"

    def prefer(self, prompts, candidate, reference, *, seed):
        longer = np.array([len(theirs) - len(ours) for ours, theirs in zip(candidate, reference, strict=True)])
        return Verdicts(np.where(abs(longer) < self.margin, 0.5, longer > 0))
