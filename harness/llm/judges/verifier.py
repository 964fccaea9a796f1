"""`verifier`: answers whose right ones are known."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal

import numpy as np

from optathlon.errors import UsageError
from optathlon.llm.judging import Judge, Prompt, Verdicts

_MARKER = re.compile(r".*(?:\banswer is\b|####)[:\s]*", re.DOTALL | re.IGNORECASE)
"""All up to where the answer proper begins: after the last `answer is`, or the last `####` as in GSM8K (Cobbe et al.
2021, arXiv 2110.14168)."""
_BEFORE = " \t\n,;:!?\"'`*"
_AFTER = f"{_BEFORE}."
_NUMBER = re.compile(r"(?P<sign>[-+]?)\$?(?P<digits>(\d{1,3}(,\d{3})+|\d+)(\.\d*)?|\.\d+)")


class Verifier(Judge):
    """The right answer is better than a wrong one; two right ones, and two wrong ones, are ties."""

    symmetric = True

    def __init__(self) -> None:
        self.id = "verifier"

    def prefer(
        self, prompts: Sequence[Prompt], candidate: Sequence[str], reference: Sequence[str], *, seed: int
    ) -> Verdicts:
        """1, 0.5 or 0. Raises `UsageError` for a prompt without a right answer."""
        truths = [_truth(prompt) for prompt in prompts]
        ours, theirs = (
            np.array([is_right(answer, truth) for answer, truth in zip(answers, truths, strict=True)], dtype=float)
            for answers in (candidate, reference)
        )
        return Verdicts(0.5 + (ours - theirs) / 2)


def is_right(answer: str, truth: str) -> bool:
    """Whether an answer is the right one.

    What counts is what follows the last `answer is` or `####`, to the end or to the end of the line; or all of the
    answer, where there is no such mark. Capitals, spaces, and punctuation around it don't matter, and numbers are
    compared as numbers ("1,000.0" is "1000").
    """
    marked = _MARKER.match(answer)
    if marked is None:
        return _same(answer, truth)
    given = answer[marked.end() :]
    return _same(given, truth) or _same(given.partition("\n")[0], truth)


def _truth(prompt: Prompt) -> str:
    if prompt.answer is None:
        raise UsageError(
            f"the verifier knows no right answer to the prompt {prompt.id!r}: add `answer`, or use a judge"
        )
    return prompt.answer


def _same(given: str, wanted: str) -> bool:
    given, wanted = _normalised(given), _normalised(wanted)
    if given == wanted:
        return True
    numbers = _number(given), _number(wanted)
    return None not in numbers and numbers[0] == numbers[1]


def _normalised(text: str) -> str:
    """In lower case, with single spaces, without punctuation around it unless it is nothing else."""
    spaced = " ".join(text.lower().split())
    return spaced.lstrip(_BEFORE).rstrip(_AFTER) or spaced


def _number(text: str) -> Decimal | None:
    match = _NUMBER.fullmatch(text)
    return Decimal(match["sign"] + match["digits"].replace(",", "")) if match else None
