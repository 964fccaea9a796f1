"""Everyday questions: no two alike, each answered right, and right answers verify."""

from __future__ import annotations

import calendar
import itertools
import re
from collections import Counter

import pytest

from optathlon.llm.matching import is_right
from optathlon.task import short_hash
from optathlon.tasks.llm.everyday import SIZES, TOPICS, everyday, everyday_on

HASH = "0560542a0a9ca7f3"
FIRST = [
    "Emma has 10 coins and gets 9 more. How many coins are there now?",
    "Felix has 7 coins and gets 12 more. How many coins are there now?",
    "Clara has 12 pens and gets 12 more. How many pens are there now?",
]
LAST = [
    "Hugo has a grey bag and David has a green bag. What colour is David's bag?",
    "Ben has a brown bag and Hugo has a black bag. What colour is Ben's bag?",
    "Emma has a black bag and David has a blue bag. What colour is David's bag?",
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
    if "comes after" in question:
        asked = question.rstrip("?").split()[-1]
        order = [*calendar.day_name, *calendar.day_name] if "Which day" in question else [*calendar.month_name]
        return order[order.index(asked) + 1]
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
