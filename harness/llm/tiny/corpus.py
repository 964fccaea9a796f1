"""What the tiny model reads before it is tuned: programs, their traces, calls in a chat, a glossary, plain phrases.

Instructions in a chat, and answers in whole sentences, are left for the tuning to teach; all that they take is here in
other forms, so that little has to change (without, low-rank adaptation has nothing to adapt).
"""

from __future__ import annotations

import numpy as np

from optathlon.llm.tiny.operations import DIGITS, LETTERS, OPERATIONS, Operation

SPECIAL = ("<pad>", "<unk>", "<s>", "</s>", "<user>", "<assistant>")
STYLES = ("briefly", "in full")
"""What asks for a bare answer, and for one in a whole sentence."""

_SIGNS = ("(", ")", "->", ";", ".", "means", "the", "answer", "is", "gives")
_OF_LISTS = tuple(operation for operation in OPERATIONS if operation.name in ("rev", "tail", "sort"))
_THEN = tuple(operation for operation in OPERATIONS if operation.name in ("rev", "first", "last", "len", "sort"))
_KINDS = (
    ("program",) * 4
    + ("answered",) * 2
    + ("trace",) * 2
    + ("call",) * 5
    + ("glossary",) * 2
    + ("phrase",) * 4
    + ("said",)
)


def vocabulary() -> list[str]:
    """Every word, in the order of the token numbers."""
    phrases = sorted({word for operation in OPERATIONS for phrase in operation.phrases for word in phrase.split()})
    names = [operation.name for operation in OPERATIONS]
    styles = [word for style in STYLES for word in style.split()]
    return list(dict.fromkeys([*SPECIAL, *LETTERS, *DIGITS, *names, *_SIGNS, *styles, *phrases]))


def text(rng: np.random.Generator, words: int) -> str:
    """At least so many words of the corpus."""
    lines: list[str] = []
    count = 0
    while count < words:
        lines.append(_line(rng))
        count += lines[-1].count(" ") + 1
    return " ".join(lines)


def _line(rng: np.random.Generator) -> str:  # noqa: PLR0911 (one for each kind)
    operation = OPERATIONS[rng.integers(len(OPERATIONS))]
    arguments = operation.draw(rng)
    given, answer = " ".join(arguments), operation.answer(arguments)
    phrase = operation.phrases[rng.integers(len(operation.phrases))]
    match _KINDS[rng.integers(len(_KINDS))]:
        case "program":
            return f"{_call(operation, arguments)} -> {answer} ."
        case "answered":
            return f"{_call(operation, arguments)} -> {answer} ; the answer is {answer} ."
        case "trace":
            return _trace(rng)
        case "call":
            return f"<s> <user> {_answered_call(rng, _call(operation, arguments), answer)} </s>"
        case "glossary":
            return f"{phrase} means {operation.name} ."
        case "said":
            return f"{phrase} {given} ; the answer is {answer} ."
        case _:
            return f"{phrase} {given} gives {answer} ."


def _call(operation: Operation, arguments: list[str]) -> str:
    return f"{operation.name} ( {' '.join(arguments)} )"


def _answered_call(rng: np.random.Generator, call: str, answer: str) -> str:
    """A call in a chat, in either style or in none."""
    briefly, in_full = STYLES
    match rng.integers(4):
        case 0:
            return f"{call} {in_full} <assistant> {call} gives {answer}"
        case 1:
            return f"{call} {briefly} <assistant> {answer}"
        case _:
            return f"{call} <assistant> -> {answer}"


def _trace(rng: np.random.Generator) -> str:
    """Two steps of a program, the second on what the first gave."""
    first, second = _OF_LISTS[rng.integers(len(_OF_LISTS))], _THEN[rng.integers(len(_THEN))]
    arguments = first.draw(rng)
    between = first.compute(arguments)
    steps = (
        f"{_call(first, arguments)} -> {' '.join(between)}",
        f"{_call(second, between)} -> {second.answer(between)}",
    )
    return f"{steps[0]} ; {steps[1]} ."
