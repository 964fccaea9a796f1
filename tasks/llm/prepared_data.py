"""A setup's data as its model reads them: encoded, and without what is too long."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

from optathlon.errors import UsageError
from optathlon.llm.chat import Encoded, Template
from optathlon.llm.examples import Example
from optathlon.llm.fitting import Count, Room, named_counts
from optathlon.llm.models import Reading
from optathlon.tasks.llm.parts import SCORED
from optathlon.tasks.llm.setups import Setup


class PreparedData:
    """The examples of a setup, prepared when they are first used.

    Parameters
    ----------
    setup:
        Whose data.
    template:
        How chats are written.
    reads:
        What the model can read.

    Raises `UsageError` where it can't read an answer.
    """

    def __init__(self, setup: Setup, template: Template, reads: Reading) -> None:
        context = reads.tokens
        if context is not None and context <= setup.max_new_tokens:
            raise UsageError(
                f"the model of the setup {setup.name!r} reads {context:,} tokens, and answers may have "
                f"{setup.max_new_tokens:,}: lower max_new_tokens"
            )
        self._setup = setup
        self._template = template
        self._vocabulary = reads.vocabulary
        self.longest = min(setup.max_tokens, context or setup.max_tokens)
        """Tokens of a prompt with its response."""
        self._longest_prompt = min(self.longest - 1, context - setup.max_new_tokens if context else self.longest - 1)
        self._prompts: dict[tuple[str, str], list[tuple[int, ...]]] = {}
        self._encoded: dict[Example, Encoded] = {}

    @property
    def train(self) -> tuple[Encoded, ...]:
        """What is trained on."""
        return self._train[0]

    def examples(self, side: str) -> tuple[Example, ...]:
        """The examples of `validation` or `test`, whose prompts have room."""
        return self._scored[side][0]

    def prompts(self, side: str, addition: str = "") -> list[tuple[int, ...]]:
        """The prompts of a side as token numbers, with something added to their instructions."""
        if (side, addition) not in self._prompts:
            added = [_with(example, addition) for example in self.examples(side)]
            prompts = [self._template.prompt(example) for example in added]
            self._refuse_unknown(prompts)
            self._prompts[side, addition] = prompts
        return self._prompts[side, addition]

    def encoded(self, examples: Sequence[Example]) -> list[Encoded]:
        """Examples with their responses, whose prompts have room, cut after `longest` tokens; for their losses."""
        for example in examples:
            if example not in self._encoded:
                self._encoded[example] = self._template.encode(example, self.longest)
        return [self._encoded[example] for example in examples]

    def trained_on(self, examples: Sequence[Example]) -> tuple[list[Encoded], Count]:
        """Other examples to train on, by the setup's rules, and how many were too long."""
        room = Room(self.longest, self.longest - 1, self._setup.too_long)
        return room.encoded(self._template, examples, self._setup.train_on)

    @property
    def counts(self) -> dict[str, int]:
        """How many examples of each part were too long: `train_dropped`, `train_truncated` and so on, if any were."""
        return named_counts({"train": self._train[1], **{side: self._scored[side][1] for side in SCORED}})

    @cached_property
    def _train(self) -> tuple[tuple[Encoded, ...], Count]:
        found, count = self.trained_on(self._setup.examples("train"))
        self._refuse_none(found, "train")
        self._refuse_unknown([one.tokens for one in found])
        return tuple(found), count

    @cached_property
    def _scored(self) -> dict[str, tuple[tuple[Example, ...], Count]]:
        room = Room(self.longest, self._longest_prompt, self._setup.too_long)
        scored = {}
        for side in SCORED:
            found, count = room.prompts(self._template, self._setup.examples(side))
            self._refuse_none(found, side)
            scored[side] = tuple(found), count
        return scored

    def _refuse_unknown(self, tokens: Sequence[Sequence[int]]) -> None:
        """Raise `UsageError` for a token that the model has no weights for: its tokenizer is another one's."""
        highest = max(map(max, tokens))
        if self._vocabulary is not None and highest >= self._vocabulary:
            raise UsageError(
                f"the tokenizer of the setup {self._setup.name!r} writes the token {highest:,}, and its model knows "
                f"{self._vocabulary:,}: they are not of one model"
            )

    def _refuse_none(self, found: Sequence[object], part: str) -> None:
        if not found:
            raise UsageError(
                f"no example of {part} of the setup {self._setup.name!r} leaves room for a response within "
                f"{self.longest} tokens: raise max_tokens, or shorten them"
            )


def _with(example: Example, addition: str) -> Example:
    if not addition:
        return example
    prompt = example.prompt
    part = "input" if prompt.input else "instruction"
    return replace(example, prompt=replace(prompt, **{part: f"{getattr(prompt, part)} {addition}"}))
