"""How good answers are: win rates against the reference's, exact matches, lengths."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from optathlon.lazy import lazy_module
from optathlon.llm.judging import Comparison, Judge, Prompt, Refusal, compare, nothing_understood
from optathlon.llm.matching import is_right
from optathlon.llm.thoughts import without_thoughts
from optathlon.llm.win_rate import Judged, length_controlled, win_rate

if TYPE_CHECKING:
    import numpy as np
else:
    np = lazy_module("numpy")


class NotUnderstood(Exception):
    """A judge was asked about so many `pairs`, and said nothing that could be understood."""

    def __init__(self, text: str, pairs: int) -> None:
        super().__init__(text)
        self.pairs = pairs


@dataclass(frozen=True)
class Side:
    """Prompts with the reference's answers, and who compares: the validation side or the test side.

    Parameters
    ----------
    prompts:
        In the order of all answers.
    reference:
        The reference's answers.
    variants:
        Its concise and its verbose answers, where there are such, as they were judged.
    difficulty:
        Of each prompt, by id; mean 0 and standard deviation 1.
    judge:
        Who compares.
    stream:
        Of the judge's chance: sides with different ones share none.
    """

    prompts: tuple[Prompt, ...]
    reference: tuple[str, ...]
    variants: tuple[Judged, ...]
    difficulty: Mapping[str, float]
    judge: Judge
    stream: int = 0

    def measure(self, answers: Sequence[str], *, seed: int) -> dict[str, float]:
        """What answers to the first prompts are worth.

        `1-win_rate`, `1-lc_win_rate` (length-controlled) with their standard errors; of the judge the number of
        failures, of pairs it was asked about, the agreement of both orders, what `agreement_with_answers` tells, and
        what it cost; and what `describe` tells.

        Thoughts are left out of what is judged and compared. `seed` is that of the trial, in [0, 2**32). Raises as
        `understood`.
        """
        described, count = self.describe(answers), len(answers)
        prompts, reference = self.prompts[:count], self.reference[:count]
        answers = [without_thoughts(answer) for answer in answers]
        comparison = understood(self.judge, prompts, answers, reference, seed=seed + (self.stream << 32))
        rate, error = win_rate(comparison.preferences)
        controlled = length_controlled(
            judged(prompts, comparison.preferences, answers, reference), self.variants, self.difficulty
        )
        measured = {
            "1-win_rate": 1.0 - rate,
            "win_rate_standard_error": error,
            "1-lc_win_rate": 1.0 - controlled.win_rate,
            "lc_win_rate_standard_error": controlled.standard_error,
            "lc_identified": float(controlled.identified),
            "judge/failures": float(comparison.failures),
            "judge/judged": float(comparison.judged),
            "judge/agreement": comparison.agreement,
            **agreement_with_answers(prompts, comparison.preferences, answers, reference),
            **comparison.metrics,
        }
        return described | {name: value for name, value in measured.items() if not math.isnan(value)}

    def describe(self, answers: Sequence[str]) -> dict[str, float]:
        """What needs no judge: mean `length` in characters, and `1-exact_match` where right answers are known.

        Where there are thoughts, `thoughts` is their mean length.
        """
        prompts, written = self.prompts[: len(answers)], np.mean([len(answer) for answer in answers])
        answers = [without_thoughts(answer) for answer in answers]
        described = {"length": float(np.mean([len(answer) for answer in answers]))}
        if written > described["length"]:
            described["thoughts"] = float(written - described["length"])
        if all(prompt.answer is not None for prompt in prompts):
            pairs = zip(answers, prompts, strict=True)
            right = [is_right(answer, prompt.answer or "", prompt.matching) for answer, prompt in pairs]
            described["1-exact_match"] = 1.0 - float(np.mean(right))
        return described


def understood(
    judge: Judge, prompts: Sequence[Prompt], candidate: Sequence[str], reference: Sequence[str], *, seed: int = 0
) -> Comparison:
    """As `compare`. Raises `NotUnderstood` where no pair was understood in either order, or the judge refuses some."""
    try:
        comparison = compare(judge, prompts, candidate, reference, seed=seed)
    except Refusal as refusal:
        raise NotUnderstood(str(refusal), len(prompts)) from None
    if comparison.judged and np.isnan(comparison.preferences).sum() == comparison.judged:
        raise NotUnderstood(nothing_understood(comparison.judged, judge.id, comparison.unclear), comparison.judged)
    return comparison


def agreement_with_answers(
    prompts: Sequence[Prompt], preferences: np.ndarray, candidate: Sequence[str], reference: Sequence[str]
) -> dict[str, float]:
    """How often a judge prefers the right answer to a wrong one, where the right answers are known.

    Returns
    -------
    `judge/known`, the number of pairs of which one answer is right, the other wrong, and the judgement understood; and
    `judge/accuracy`, the share of them in which the right one is preferred, where a tie counts half; nan without any.
    """
    pairs = zip(prompts, preferences.tolist(), candidate, reference, strict=True)
    found = [
        (preference, *(is_right(said, prompt.answer, prompt.matching) for said in (ours, theirs)))
        for prompt, preference, ours, theirs in pairs
        if prompt.answer is not None and not math.isnan(preference)
    ]
    given = [preference if ours else 1.0 - preference for preference, ours, theirs in found if ours != theirs]
    alike = [0.5 if preference == 0.5 else float(preference > 0.5) for preference in given]
    return {"judge/known": float(len(alike)), "judge/accuracy": float(np.mean(alike)) if alike else math.nan}


def judged(
    prompts: Sequence[Prompt], preferences: np.ndarray, answers: Sequence[str], reference: Sequence[str]
) -> Judged:
    """What length control needs of a comparison."""
    return Judged(
        [prompt.id for prompt in prompts],
        preferences,
        np.array([len(answer) for answer in answers]),
        np.array([len(answer) for answer in reference]),
    )
