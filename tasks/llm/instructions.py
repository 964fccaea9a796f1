"""Instructions for the tiny model, with verifiable answers: disjoint prompts to train, validate and test on."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from optathlon.lazy import lazy_module
from optathlon.llm.examples import Example
from optathlon.llm.judging import Prompt
from optathlon.llm.tiny.corpus import STYLES
from optathlon.llm.tiny.operations import OPERATIONS, asked_for
from optathlon.tasks.llm.parts import name_in_hashes

if TYPE_CHECKING:
    import numpy as np
else:
    np = lazy_module("numpy")

SIZES: Mapping[str, int] = MappingProxyType({"train": 384, "validation": 192, "test": 256})
"""Number of examples of each part."""

TOPICS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "lists": ("rev", "tail", "sort", "dup"),
        "items": ("first", "last", "len", "max", "min"),
        "steps": ("next", "prev", "add"),
    }
)
"""The operations that an expert is tuned for, by the names of the experts."""

_BRIEFLY, _IN_FULL = STYLES
_STYLE_SHARES = {"": 0.6, _BRIEFLY: 0.2, _IN_FULL: 0.2}
_SEED = 20261126


@cache
def instructions(part: str) -> tuple[Example, ...]:
    """The examples of `"train"`, `"validation"` or `"test"`: no two of all of them ask for the same.

    Those to train on ask in one of three styles, the others in none, which is answered by "the answer is …".
    """
    return _all_parts()[part]


def instructions_on(topic: str) -> tuple[Example, ...]:
    """The examples to train on that ask for operations of a topic; `KeyError` for an unknown one."""
    operations = TOPICS[topic]
    return tuple(one for one in instructions("train") if asked_for(one.prompt.instruction).name in operations)


@cache
def _all_parts() -> Mapping[str, tuple[Example, ...]]:
    rng = np.random.default_rng(_SEED)
    asked: set[str] = set()
    return {part: tuple(_example(part, number, rng, asked) for number in range(size)) for part, size in SIZES.items()}


def _example(part: str, number: int, rng: np.random.Generator, asked: set[str]) -> Example:
    while True:
        operation = OPERATIONS[rng.integers(len(OPERATIONS))]
        phrase = operation.phrases[rng.integers(len(operation.phrases))]
        arguments = operation.draw(rng)
        question = f"{phrase} {' '.join(arguments)}"
        style = str(rng.choice(list(_STYLE_SHARES), p=list(_STYLE_SHARES.values()))) if part == "train" else ""
        if question not in asked:
            break
    asked.add(question)
    answer = operation.answer(arguments)
    response = {"": f"the answer is {answer}", _BRIEFLY: answer, _IN_FULL: f"{question} gives {answer}"}[style]
    return Example(Prompt(f"{name_in_hashes(part)}-{number}", f"{question} {style}".strip(), answer=answer), response)
