"""`verifier`: answers whose right ones are known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from optathlon.errors import UsageError
from optathlon.llm.judging import Judge, Prompt, Verdicts
from optathlon.llm.matching import is_right


class Verifier(Judge):
    """The right answer is better than a wrong one; two right ones, and two wrong ones, are ties."""

    symmetric = True

    def __init__(self) -> None:
        self.id = "verifier"

    def needs_answers(self) -> bool:
        """It does."""
        return True

    def prefer(
        self, prompts: Sequence[Prompt], candidate: Sequence[str], reference: Sequence[str], *, seed: int
    ) -> Verdicts:
        """1, 0.5 or 0. Raises `UsageError` for a prompt without a right answer."""
        truths = [(_truth(prompt), prompt.matching) for prompt in prompts]
        ours, theirs = (
            np.array([is_right(answer, *truth) for answer, truth in zip(answers, truths, strict=True)], dtype=float)
            for answers in (candidate, reference)
        )
        return Verdicts(0.5 + (ours - theirs) / 2)


def _truth(prompt: Prompt) -> str:
    if prompt.answer is None:
        raise UsageError(
            f"the verifier knows no right answer to the prompt {prompt.id!r}: add `answer`, or use a judge"
        )
    return prompt.answer
