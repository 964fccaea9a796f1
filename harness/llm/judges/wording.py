"""How a model is asked to judge, and how its verdict is read: as the likeliest first token of what it would say."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from optathlon.errors import UsageError
from optathlon.llm.chat import Encoded, Template, left_padded
from optathlon.llm.examples import Example
from optathlon.llm.judging import Prompt
from optathlon.llm.memory import in_batches

BATCH = 32
"""Questions at once; fewer where the memory is too small."""


class Pair(NamedTuple):
    """A prompt and two answers to it."""

    prompt: Prompt
    first: str
    second: str

    @property
    def swapped(self) -> Pair:
        """The same with the second answer first."""
        return Pair(self.prompt, self.second, self.first)


@dataclass(frozen=True, slots=True)
class Wording:
    """The words of question and verdict.

    Parameters
    ----------
    request:
        With the fields `{task}` (the instruction, then the input where there is one), `{first}` and `{second}`.
    verdicts:
        What is said for a tie, if the first answer is better, and if the second one is: by their labels 0, 1 and 2.
    """

    request: str
    verdicts: tuple[str, str, str]

    def example(self, pair: Pair, label: int = 0) -> Example:
        """The question about a pair as a chat, with the verdict that a label stands for as its response."""
        task = "\n\n".join(filter(None, (pair.prompt.instruction, pair.prompt.input)))
        question = self.request.format(task=task, first=pair.first, second=pair.second)
        return Example(Prompt(pair.prompt.id, question), self.verdicts[label])


@dataclass(frozen=True)
class Reader:
    """Asks by a chat template, and reads verdicts.

    Parameters
    ----------
    template:
        Of the model.
    wording:
        The words.
    most_tokens:
        Of question and verdict together.

    Raises `UsageError` where two verdicts begin with the same token.
    """

    template: Template
    wording: Wording
    most_tokens: int
    tokens: tuple[int, ...] = field(init=False)
    """The first token of each verdict."""

    def __post_init__(self) -> None:
        probe = Pair(Prompt("probe", "a"), "a", "a")
        encoded = [self.template.encode(self.wording.example(probe, label), self.most_tokens) for label in range(3)]
        tokens = tuple(one.response[0] for one in encoded)
        if len({*tokens}) < 3 or self.template.unreadable(tokens):
            raise UsageError(
                f"the verdicts {', '.join(map(repr, self.wording.verdicts))} don't begin with three tokens that the "
                "model knows: choose others"
            )
        object.__setattr__(self, "tokens", tokens)

    def question(self, pair: Pair) -> tuple[int, ...] | None:
        """The tokens of the question; `None` where they leave no room for a verdict, or the model can't read them."""
        tokens = self.template.prompt(self.wording.example(pair))
        return None if len(tokens) >= self.most_tokens or self.template.unreadable(tokens) else tokens

    def encode(self, pair: Pair, label: int) -> Encoded:
        """Question and verdict, to train on."""
        return self.template.encode(self.wording.example(pair, label), self.most_tokens)

    def preferences(self, model: Any, pad: int, device: str, questions: Sequence[Sequence[int] | None]) -> np.ndarray:
        """Shape (n,): the preference for the first answer in each question; NaN for `None`.

        It is the probability of the first verdict plus half that of a tie, among the three; 0.5 where a tie is the
        likeliest of them.
        """
        asked = {number: tokens for number, tokens in enumerate(questions) if tokens is not None}
        order = sorted(asked, key=lambda number: len(asked[number]))

        def read(batch: Sequence[Sequence[int]]) -> list[float]:
            return self._read(model, pad, device, batch)

        preferences = np.full(len(questions), math.nan)
        preferences[order] = in_batches(read, [asked[number] for number in order], BATCH)
        return preferences

    def _read(self, model: Any, pad: int, device: str, questions: Sequence[Sequence[int]]) -> list[float]:
        import torch

        batch = left_padded(questions, pad, device)
        positions = (batch["attention_mask"].cumsum(dim=1) - 1).clamp(min=0)
        with torch.inference_mode():
            logits = model(**batch, position_ids=positions, use_cache=False, logits_to_keep=1).logits[:, -1]
        shares = logits[:, list(self.tokens)].float().softmax(dim=1)
        tie, first, _ = shares.T
        weighed = torch.where(shares.argmax(dim=1) == 0, 0.5, first + tie / 2)
        preferences: list[float] = weighed.tolist()
        return preferences
