"""Everyday questions in plain English, with verifiable answers: disjoint ones to train, validate and test on.

They are drawn from a few hundred thousand by a fixed seed. A model that answers at length, as chat models do, is rarely
right: tuning teaches it to end in "the answer is …".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from optathlon.lazy import lazy_module
from optathlon.llm.data import Example
from optathlon.llm.judging import Prompt
from optathlon.tasks.llm.parts import name_in_hashes

if TYPE_CHECKING:
    import numpy as np
else:
    np = lazy_module("numpy")

SIZES: Mapping[str, int] = MappingProxyType({"train": 18, "validation": 18, "test": 18})
"""Number of questions of each part."""

_SEED = 20261130
_NAMES = ("Anna", "Ben", "Clara", "David", "Emma", "Felix", "Grace", "Hugo", "Ida", "Jack")
_THINGS = ("apples", "books", "coins", "cards", "eggs", "pens", "shells", "stamps")
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November")
_ANIMALS = ("cat", "dog", "horse", "mouse", "lion", "goat", "bird", "fish", "bear", "duck", "frog", "wolf")
_COLOURS = ("red", "blue", "green", "white", "black", "brown", "pink", "grey")
_OPPOSITES = (
    *(("hot", "cold"), ("big", "small"), ("fast", "slow"), ("early", "late"), ("open", "closed"), ("full", "empty")),
    *(("hard", "soft"), ("high", "low"), ("light", "dark"), ("long", "short"), ("new", "old"), ("rich", "poor")),
    *(("strong", "weak"), ("thick", "thin"), ("wet", "dry"), ("young", "old"), ("happy", "sad"), ("loud", "quiet")),
)


def _sum(rng: np.random.Generator) -> tuple[str, str]:
    first, second = (int(number) for number in rng.integers(2, 13, size=2))
    name, things = _one(rng, _NAMES), _one(rng, _THINGS)
    return f"{name} has {first} {things} and gets {second} more. How many {things} are there now?", str(first + second)


def _difference(rng: np.random.Generator) -> tuple[str, str]:
    second, rest = (int(number) for number in rng.integers(2, 13, size=2))
    name, things = _one(rng, _NAMES), _one(rng, _THINGS)
    return f"{name} has {second + rest} {things} and loses {second}. How many {things} are left?", str(rest)


def _larger(rng: np.random.Generator) -> tuple[str, str]:
    first, second = (int(number) for number in rng.choice(np.arange(10, 100), size=2, replace=False))
    return f"Which number is larger, {first} or {second}?", str(max(first, second))


def _next_day(rng: np.random.Generator) -> tuple[str, str]:
    day = int(rng.integers(len(_DAYS)))
    return f"{_one(rng, _NAMES)} comes on {_DAYS[day]}. Which day comes after {_DAYS[day]}?", _DAYS[(day + 1) % 7]


def _next_month(rng: np.random.Generator) -> tuple[str, str]:
    month = int(rng.integers(len(_MONTHS) - 1))
    question = f"{_one(rng, _NAMES)} moves in {_MONTHS[month]}. Which month comes after {_MONTHS[month]}?"
    return question, _MONTHS[month + 1]


def _word_of_list(rng: np.random.Generator) -> tuple[str, str]:
    words = [str(word) for word in rng.choice(_ANIMALS, size=4, replace=False)]
    place = int(rng.integers(4))
    ordinal = ("first", "second", "third", "last")[place]
    return f"What is the {ordinal} word of this list: {', '.join(words)}?", words[place]


def _opposite(rng: np.random.Generator) -> tuple[str, str]:
    word, other = _OPPOSITES[int(rng.integers(len(_OPPOSITES)))]
    return f"The {_one(rng, _ANIMALS)}'s box is not {word}. What is the opposite of {word}?", other


def _whose(rng: np.random.Generator) -> tuple[str, str]:
    names = [str(name) for name in rng.choice(_NAMES, size=2, replace=False)]
    colours = [str(colour) for colour in rng.choice(_COLOURS, size=2, replace=False)]
    asked = int(rng.integers(2))
    told = f"{names[0]} has a {colours[0]} bag and {names[1]} has a {colours[1]} bag."
    return f"{told} What colour is {names[asked]}'s bag?", colours[asked]


Kind = Callable[["np.random.Generator"], tuple[str, str]]
"""Draws a question and its answer."""

TOPICS: Mapping[str, tuple[Kind, ...]] = MappingProxyType(
    {
        "numbers": (_sum, _difference, _larger),
        "time": (_next_day, _next_month),
        "words": (_word_of_list, _opposite, _whose),
    }
)
"""The kinds of questions, by the names of the experts that are tuned for them."""


def everyday(part: str) -> tuple[Example, ...]:
    """The questions of `"train"`, `"validation"` or `"test"`: no two of all of them are the same."""
    return tuple(example for _, example in _all_parts()[part])


def everyday_on(topic: str) -> tuple[Example, ...]:
    """The questions to train on of a topic; `KeyError` for an unknown one."""
    _ = TOPICS[topic]
    return tuple(example for name, example in _all_parts()["train"] if name == topic)


@cache
def _all_parts() -> Mapping[str, tuple[tuple[str, Example], ...]]:
    rng = np.random.default_rng(_SEED)
    asked: set[str] = set()
    return {part: tuple(_example(part, number, rng, asked) for number in range(size)) for part, size in SIZES.items()}


def _example(part: str, number: int, rng: np.random.Generator, asked: set[str]) -> tuple[str, Example]:
    """The next question, of the topics and kinds in turn, that was not asked before."""
    topic = list(TOPICS)[number % len(TOPICS)]
    kinds = TOPICS[topic]
    draw = kinds[number // len(TOPICS) % len(kinds)]
    question, answer = draw(rng)
    while question in asked:
        question, answer = draw(rng)
    asked.add(question)
    prompt = Prompt(f"{name_in_hashes(part)}-{number}", question, answer=answer)
    return topic, Example(prompt, f"The answer is {answer}.")


def _one(rng: np.random.Generator, words: tuple[str, ...]) -> str:
    return words[int(rng.integers(len(words)))]
