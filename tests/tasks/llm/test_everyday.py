"""Everyday questions: no two alike, each answered right, and right answers verify."""

from __future__ import annotations

import itertools
import re
from collections import Counter

import pytest

from optathlon.llm.matching import is_right
from optathlon.task import short_hash
from optathlon.tasks.llm.everyday import SIZES, TOPICS, everyday, everyday_on

HASH = "ac3b5dd1944260b2"
FIRST = [
    "Emma has 24 coins and gets 20 more. How many coins are there now?",
    "Jack has 8 eggs and gets 29 more. How many eggs are there now?",
    "Hugo has 10 coins and gets 27 more. How many coins are there now?",
]
LAST = [
    "What is the third word of this list: wolf, cat, duck, bird?",
    "The frog's box is not hot, but the opposite. What is it?",
    "Ben comes on Wednesday and leaves a day later. On which day?",
]
ALL = [example for part in SIZES for example in everyday(part)]


def test_no_two_questions_are_the_same() -> None:
    assert [len(everyday(part)) for part in SIZES] == list(SIZES.values())
    assert len({example.prompt.instruction.lower() for example in ALL}) == len(ALL) == sum(SIZES.values())
    assert len({example.prompt.id for example in ALL}) == len(ALL)


def test_given_responses_verify_and_those_to_other_questions_mostly_do_not() -> None:
    for example in ALL:
        assert is_right(example.response, example.prompt.answer or "")
    wrong = [is_right(other.response, one.prompt.answer or "") for one, other in itertools.pairwise(ALL)]
    assert sum(wrong) < 0.1 * len(wrong)


def test_each_part_asks_of_all_topics_alike() -> None:
    for topic in TOPICS:
        assert len(everyday_on(topic)) == SIZES["train"] // len(TOPICS)
    assert {one for topic in TOPICS for one in everyday_on(topic)} == set(everyday("train"))
    with pytest.raises(KeyError):
        everyday_on("cooking")


def solved(question: str) -> str | None:
    """The answer to what a pattern understands, by other means than the questions are made with."""
    numbers = [int(number) for number in re.findall(r"\d+", question)]
    if "gets" in question:
        return str(sum(numbers))
    if "loses" in question:
        return str(numbers[0] - numbers[1])
    if "larger" in question:
        return str(sorted(numbers)[-1])
    if "word of this list" in question:
        words = question.partition(": ")[2].rstrip("?").split(", ")
        return words[{"first": 0, "second": 1, "third": 2, "last": -1}[question.split()[3]]]
    if "bag?" in question:
        (name,) = re.findall(r"What colour is (\w+)'s", question)
        (colour,) = re.findall(rf"{name} has a (\w+) bag", question)
        return colour
    if "a day later" in question:
        days = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday", "Monday"]
        return days[days.index(question.split()[3]) + 1]
    return None


def test_answers_are_right() -> None:
    known = Counter[bool]()
    for example in ALL:
        answer = solved(example.prompt.instruction)
        known[answer is not None] += 1
        assert answer is None or answer == example.prompt.answer, example
    assert known[True] > 2 * known[False]


def test_the_questions_stay_what_they_are() -> None:
    """Stored results depend on them."""
    first = [everyday(part)[0].prompt.instruction for part in SIZES]
    last = [everyday(part)[-1].prompt.instruction for part in SIZES]
    assert short_hash("\n".join(example.prompt.instruction for example in ALL)) == HASH
    assert (first, last) == (FIRST, LAST)
