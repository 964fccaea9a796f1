"""Examples that are too long: they are dropped, or cut so that prompt and response have room."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from optathlon.llm.chat import Encoded, Learnt, Template
from optathlon.llm.examples import Example, Turn

TooLong = Literal["drop", "truncate"]


class Count(NamedTuple):
    """How many examples were too long."""

    dropped: int
    truncated: int


def named_counts(counts: Mapping[str, Count]) -> dict[str, int]:
    """Counts by parts of data as `PART_dropped` and `PART_truncated`, but for those that are 0."""
    found = {f"{part}_{state}": number for part, count in counts.items() for state, number in count._asdict().items()}
    return {name: number for name, number in found.items() if number}


@dataclass(frozen=True, slots=True)
class Room:
    """What there is room for, and what becomes of the rest.

    Parameters
    ----------
    tokens:
        Of a prompt with its response.
    asked:
        Of a prompt; fewer than `tokens`.
    too_long:
        `"drop"`: examples that need more are left out. `"truncate"`: responses are cut at their end. A prompt of more
        than `asked` tokens is cut to half of `tokens`: first its earlier turns go, the oldest first, and then the end
        of what is asked last. What can't be cut so far is left out.
    """

    tokens: int
    asked: int
    too_long: TooLong

    def encoded(
        self, template: Template, examples: Iterable[Example], learnt: Learnt = "last"
    ) -> tuple[list[Encoded], Count]:
        """Examples to train on, encoded, and how many were too long. Raises as `Template.encode`, but for `TooLong`."""
        found, dropped, truncated = [], 0, 0
        for example in examples:
            encoded = template.encode(example, sys.maxsize, learnt)
            if len(encoded.tokens) <= self.tokens:
                found.append(encoded)
                continue
            fitting = self._cut(template, example, encoded.asked)
            if fitting is None:
                dropped += 1
                continue
            found.append(template.encode(fitting, sys.maxsize, learnt).within(self.tokens))
            truncated += 1
        return found, Count(dropped, truncated)

    def prompts(self, template: Template, examples: Iterable[Example]) -> tuple[list[Example], Count]:
        """Examples whose prompts have room, and how many had none."""
        found, dropped, truncated = [], 0, 0
        for example in examples:
            asked = len(template.prompt(example))
            fitting = example if asked <= self.asked else self._cut(template, example, asked)
            if fitting is None:
                dropped += 1
                continue
            truncated += fitting is not example
            found.append(fitting)
        return found, Count(dropped, truncated)

    def _cut(self, template: Template, example: Example, asked: int) -> Example | None:
        """The example with a prompt that has room; `None` where there is none."""
        if self.too_long == "drop":
            return None
        return example if asked <= self.asked else shortened(template, example, min(self.asked, self.tokens // 2))


def shortened(template: Template, example: Example, most: int) -> Example | None:
    """The example with a prompt of at most so many tokens; `None` where it can't be cut so far."""
    while len(template.prompt(example)) > most:
        fewer = _without_oldest(example.before)
        if len(fewer) == len(example.before):
            return _with_less_asked(template, example, most)
        example = replace(example, before=fewer)
    return example


def _without_oldest(turns: tuple[Turn, ...]) -> tuple[Turn, ...]:
    """Earlier turns without the first of the user and what follows it, up to the next one; systems stay."""
    system = tuple(turn for turn in turns[:1] if turn.role == "system")
    chat = turns[len(system) :]
    rest = next((chat[place:] for place, turn in enumerate(chat) if place and turn.role == "user"), ())
    return (*system, *rest)


def _with_less_asked(template: Template, example: Example, most: int) -> Example | None:
    """The longer of instruction and input cut at its end, as little as needed."""
    prompt = example.prompt
    part = "input" if len(prompt.input) > len(prompt.instruction) else "instruction"
    text = str(getattr(prompt, part))

    def cut(length: int) -> Example:
        return replace(example, prompt=replace(prompt, **{part: text[:length]}))

    fits, too_long = 1, len(text)
    if len(template.prompt(cut(fits))) > most:
        return None
    while too_long - fits > 1:
        middle = (fits + too_long) // 2
        if len(template.prompt(cut(middle))) <= most:
            fits = middle
        else:
            too_long = middle
    return cut(fits)
