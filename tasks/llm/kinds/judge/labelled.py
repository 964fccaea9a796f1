"""Pairs of answers with people's labels to tune a judge on, and their split into folds and a part for tests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import AfterValidator, Field

from optathlon.errors import MissingData, UsageError
from optathlon.lazy import lazy_module
from optathlon.llm.judges.endpoint import TEMPLATE
from optathlon.llm.judges.tuned import Request
from optathlon.llm.judges.wording import Wording
from optathlon.llm.judging import Prompt
from optathlon.llm.labelled_pairs import LabelledPairs, read_labelled_pairs
from optathlon.llm.pandalm_items import ITEMS, NAME, REMEDY, published
from optathlon.paths import expanded
from optathlon.plain_numbers import Real, Whole
from optathlon.tasks.llm.instructions import instructions
from optathlon.tasks.llm.setups import Section, Setup

if TYPE_CHECKING:
    import numpy as np
else:
    np = lazy_module("numpy")

TEST, LEFT_OUT = -1, -2
"""In place of the number of a fold."""

_BUILT_IN = "tiny"
_TINY_INSTRUCTIONS, _TINY_SEED = 96, 20261130
_SEPARATED = "{task} ( {first} ) ( {second} )"


def _distinct(verdicts: tuple[str, str, str]) -> tuple[str, str, str]:
    if len({*verdicts}) < len(verdicts):
        raise ValueError("the three verdicts are different words")
    return verdicts


class LabelledSection(Section):
    """The key `labelled` of a setup: what a judge is tuned on.

    Attributes
    ----------
    pairs:
        A file in the format of PandaLM's test set, relative to the setup's; by default, or as `pandalm`, that test set
        itself, in the data folder.
    folds:
        Of the cross-validation, at least 2.
    test_share:
        The part of the pairs that no fold has: they are for `test/…`.
    most_pairs:
        If there are more, some are drawn; all by default.
    max_tokens:
        Pairs whose question is longer are left out, as are those that are too long for the model.
    seed:
        Of the split.
    request, verdicts:
        What the model is asked, with the fields `{task}`, `{first}` and `{second}`, by default as the judge `endpoint`
        asks; and what it is to say: for a tie, if the first answer is better, and if the second one is.
    """

    pairs: str = ""
    folds: Annotated[Whole, Field(ge=2)] = 5
    test_share: Annotated[Real, Field(gt=0.0, lt=1.0)] = 0.2
    most_pairs: Annotated[Whole, Field(ge=1)] | None = None
    max_tokens: Annotated[Whole, Field(ge=1)] = 512
    seed: Annotated[Whole, Field(ge=0)] = 0
    request: Request = ""
    verdicts: Annotated[tuple[str, str, str], AfterValidator(_distinct)] = ("Tie", "1", "2")

    @classmethod
    def of_built_in(cls, questions: str) -> Self:
        """Generated pairs for the tiny model; some short ones of PandaLM's for the other."""
        if questions == _BUILT_IN:
            return cls(pairs=_BUILT_IN, folds=3, max_tokens=64, request=_SEPARATED, verdicts=("0", "1", "2"))
        return cls(folds=3, most_pairs=60, max_tokens=256)

    @property
    def wording(self) -> Wording:
        """The words of question and verdict."""
        return Wording(self.request or TEMPLATE, self.verdicts)

    def load(self, setup: Setup) -> LabelledPairs:
        """The labelled pairs. Raises `UsageError` where they can't be read."""
        return tiny_pairs() if self._is_built_in(setup) else read_labelled_pairs(self._file(setup))

    def require(self, setup: Setup) -> None:
        """Raise `UsageError` where there is no such file."""
        try:
            is_there = self._is_built_in(setup) or self._file(setup).is_file()
        except MissingData:
            is_there = False
        if not is_there:
            raise UsageError(
                f"the setup {setup.name!r} has no labelled pairs: write `labelled: {{pairs: FILE}}`, or take PandaLM's "
                f"test set: {REMEDY}"
            )

    def _is_built_in(self, setup: Setup) -> bool:
        return self.pairs == _BUILT_IN and not setup.folder

    def _file(self, setup: Setup) -> Path:
        """Raises `MissingData` where it is to be the published one, which isn't there."""
        return published(ITEMS) if self.pairs in ("", NAME) else Path(setup.folder) / expanded(self.pairs)


def split(
    instructions: Sequence[str], *, folds: int, test_share: float, most: int | None = None, seed: int = 0
) -> np.ndarray:
    """Shape (n,): the fold of each pair, from 0, or `TEST`, or `LEFT_OUT`.

    Pairs with the same instruction, but for spaces and capitals, are of the same part: what a judge is scored on it
    hasn't seen with other answers. Folds are about as large as each other.

    Parameters
    ----------
    instructions:
        Of the n pairs.
    folds:
        How many.
    test_share:
        The test's part of the pairs, at least.
    most:
        About so many pairs are drawn, if there are more.
    seed:
        Of the order in which instructions are dealt out.

    Raises `UsageError` where there are too few instructions.
    """
    groups: dict[str, list[int]] = {}
    for number, instruction in enumerate(instructions):
        groups.setdefault(" ".join(instruction.lower().split()), []).append(number)
    if len(groups) < folds + 1:
        raise UsageError(f"{len(groups)} instructions are too few for {folds} folds and a test: give more pairs")
    order = np.random.default_rng(seed).permutation(len(groups)).tolist()
    named = list(groups.values())
    drawn = list(_up_to(most or len(instructions), [named[index] for index in order], at_least=folds + 1))
    wanted = test_share * sum(map(len, drawn))
    parts = np.full(len(instructions), LEFT_OUT)
    sizes = [0] * folds
    tested = 0
    for place, group in enumerate(drawn):
        if tested < wanted and len(drawn) - place > folds:
            tested += len(group)
            parts[group] = TEST
        else:
            fold = sizes.index(min(sizes))
            sizes[fold] += len(group)
            parts[group] = fold
    return parts


def _up_to(most: int, groups: Sequence[list[int]], at_least: int) -> Iterator[list[int]]:
    """The first groups, until they have so many members; not fewer groups than `at_least`."""
    members = 0
    for number, group in enumerate(groups):
        if members >= most and number >= at_least:
            return
        members += len(group)
        yield group


def tiny_pairs() -> LabelledPairs:
    """Labelled pairs in the tiny model's words, by an easy criterion: a whole sentence is better than a bare answer.

    Two whole sentences, and two bare answers, are a tie. Each instruction stands in two pairs.
    """
    rng = np.random.default_rng(_TINY_SEED)
    asked = [example.prompt for example in instructions("validation")[:_TINY_INSTRUCTIONS] for _ in range(2)]
    drawn = [[int(form) for form in rng.integers(2, size=2)] for _ in asked]
    first, second = (
        [_said(prompt, forms[side]) for prompt, forms in zip(asked, drawn, strict=True)] for side in range(2)
    )
    labels = np.array([0 if one == other else 1 if one > other else 2 for one, other in drawn])
    prompts = [Prompt(f"pair {number}", prompt.instruction) for number, prompt in enumerate(asked)]
    return LabelledPairs(prompts, first, second, {"annotator1": labels})


def _said(prompt: Prompt, whole: int) -> str:
    return f"the answer is {prompt.answer}" if whole else str(prompt.answer)
