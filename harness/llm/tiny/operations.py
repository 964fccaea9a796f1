"""What the tiny model can be asked to do: operations on short lists of letters and on digits.

Everything is written as words of a small closed vocabulary, separated by spaces; numbers are written digit by digit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

LETTERS = tuple("abcdefgh")
DIGITS = tuple("0123456789")
MOST_ITEMS = 4
"""Items of a list; the least are two."""


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation with its names.

    Parameters
    ----------
    name:
        How programs call it: `rev ( a b c )`.
    phrases:
        How people ask for it; each phrase stands before the arguments.
    draw:
        Draws arguments.
    compute:
        From arguments to the answer, both as words.
    """

    name: str
    phrases: tuple[str, ...]
    draw: Callable[[np.random.Generator], list[str]]
    compute: Callable[[list[str]], list[str]]

    def answer(self, arguments: list[str]) -> str:
        """The right answer."""
        return " ".join(self.compute(arguments))


def _different(rng: np.random.Generator, words: tuple[str, ...]) -> list[str]:
    """Two to `MOST_ITEMS` words, no two the same."""
    return [words[index] for index in rng.permutation(len(words))[: rng.integers(2, MOST_ITEMS + 1)]]


def _letters(rng: np.random.Generator) -> list[str]:
    return _different(rng, LETTERS)


def _letter(rng: np.random.Generator) -> list[str]:
    return [LETTERS[rng.integers(len(LETTERS))]]


def _pair(rng: np.random.Generator) -> list[str]:
    return [DIGITS[index] for index in rng.integers(len(DIGITS), size=2)]


def _digits(rng: np.random.Generator) -> list[str]:
    return _different(rng, DIGITS)


def _spelled(number: int) -> list[str]:
    return list(str(number))


def _neighbour(arguments: Iterable[str], step: int) -> list[str]:
    return [LETTERS[(LETTERS.index(letter) + step) % len(LETTERS)] for letter in arguments]


OPERATIONS: tuple[Operation, ...] = (
    Operation("rev", ("turn around", "write backwards", "mirror"), _letters, lambda items: items[::-1]),
    Operation("first", ("give the head of", "what opens", "take the front of"), _letters, lambda items: items[:1]),
    Operation("last", ("give the end of", "what closes", "take the rear of"), _letters, lambda items: items[-1:]),
    Operation("tail", ("leave out the head of", "cut the front of", "skip one of"), _letters, lambda items: items[1:]),
    Operation("len", ("how many are in", "size of", "number of items of"), _letters, lambda items: [str(len(items))]),
    Operation("sort", ("put in order", "arrange", "rank"), _letters, sorted),
    Operation("next", ("what follows", "step up from", "who comes after"), _letter, lambda it: _neighbour(it, 1)),
    Operation("prev", ("what precedes", "step down from", "who comes before"), _letter, lambda it: _neighbour(it, -1)),
    Operation("max", ("largest of", "pick the most of", "top of"), _digits, lambda items: [max(items)]),
    Operation("min", ("smallest of", "pick the least of", "bottom of"), _digits, lambda items: [min(items)]),
    Operation("add", ("sum of", "put together", "total of"), _pair, lambda items: _spelled(sum(map(int, items)))),
    Operation("dup", ("say twice", "double", "repeat"), _letters, lambda items: items + items),
)


def asked_for(question: str) -> Operation:
    """The operation that a question asks for by one of its phrases; `KeyError` where it is none."""
    for operation in OPERATIONS:
        if any(question.startswith(f"{phrase} ") for phrase in operation.phrases):
            return operation
    raise KeyError(question)
