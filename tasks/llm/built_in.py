"""Data that come with Optathlon: prompts with verifiable answers, by the name that a setup gives as `questions`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from optathlon.llm.examples import Example
from optathlon.tasks.llm import everyday, instructions

Questions = Literal["tiny", "everyday"]


@dataclass(frozen=True, slots=True)
class BuiltIn:
    """The examples of a part (see `optathlon.tasks.llm.parts`), those to train on of a topic, and the topics."""

    examples: Callable[[str], tuple[Example, ...]]
    examples_on: Callable[[str], tuple[Example, ...]]
    topics: tuple[str, ...]


BUILT_IN: Mapping[str, BuiltIn] = MappingProxyType(
    {
        "tiny": BuiltIn(instructions.instructions, instructions.instructions_on, tuple(instructions.TOPICS)),
        "everyday": BuiltIn(everyday.everyday, everyday.everyday_on, tuple(everyday.TOPICS)),
    }
)
