"""How answers are compared with the right ones, and checks of what answers are like."""

from __future__ import annotations

import pytest

from optathlon.errors import UsageError
from optathlon.llm.instruction_checks import follows
from optathlon.llm.matching import MATCHINGS, is_right


@pytest.mark.parametrize(
    ("matching", "answer", "truth", "right"),
    [
        ("contains", "It is Paris, of course.", "paris", True),
        ("contains", "It is Parisian.", "Paris", False),
        ("contains", "New\nYork it is", "new york", True),
        ("contains", "It costs 10.5", "0.5", False),
        ("boxed", r"so \boxed{42}", "42", True),
        ("boxed", r"\boxed{1} no, \boxed{\frac{1}{2}}", r"\frac{1}{2}", True),
        ("boxed", r"\boxed{$1,000$}", "1000", True),
        ("boxed", "42", "42", False),
        ("boxed", r"\boxed{42", "42", False),
        ("choice", "The answer is (B).", "B", True),
        ("choice", "B", "B", True),
        ("choice", "The answer is B) because A is wrong", "b", True),
        ("choice", "I think A. No, C.", "C", True),
        ("choice", "B, I think", "B", True),
        ("choice", "(I)", "I", True),
        ("choice", "Both are fine", "B", False),
        ("choice", "It's A's turn", "A", False),
        ("number", "3 + 4 = 7", "7", True),
        ("number", "So the answer is 7 apples, not 8.", "7", True),
        ("number", "It costs $1,234.50 in all.", "1234.5", True),
        ("number", "about -3", "-3", True),
        ("number", "version 1.2.3", "3", False),
        ("number", "seven", "7", False),
        ("number", "7th", "7", False),
        ("exact", "the answer is 7", "7", True),
        ("exact", "7 apples", "7", False),
    ],
)
def test_ways_to_compare(matching: str, answer: str, truth: str, right: bool) -> None:
    assert is_right(answer, truth, matching) is right


@pytest.mark.parametrize(
    ("checks", "passes", "fails"),
    [
        ("words <= 3", "one two three", "one two three four"),
        ("words >= 2; words<=3", "one two", "one"),
        ("sentences = 2", "It is. Is it?", "It is."),
        ("paragraphs = 2", "a\n\nb", "a\nb"),
        ("bullets >= 2", "- a\n* b", "- a b"),
        ("characters = 4", "four", "three"),
        ("contains Paris", "in paris", "in Rome"),
        ("lacks 'of course'", "yes", "Of course"),
        ("begins with Yes", "  yes, so", "No, yes"),
        ("ends with !", "so! ", "so"),
        ("lowercase; no commas", "all small", "all, small"),
        ("uppercase", "LOUD 1", "Loud"),
        ("json", '```json\n{"a": 1}\n```', "{'a': 1}"),
        ("json", "[1]", "[" * 100_000),
    ],
)
def test_checks(checks: str, passes: str, fails: str) -> None:
    assert follows(passes, checks)
    assert is_right(passes, checks, "checks")
    assert not follows(fails, checks)


@pytest.mark.parametrize("checks", ["", ";", "words < 3", "words <= many", "be nice", "contains"])
def test_checks_that_are_none_are_refused(checks: str) -> None:
    with pytest.raises(UsageError, match="is not a check of an answer: write checks such as"):
        follows("x", checks)


def test_an_unknown_way_is_refused() -> None:
    with pytest.raises(UsageError, match=r"unknown matching 'exakt'.*did you mean 'exact'"):
        is_right("1", "1", "exakt")
    assert "exact" in MATCHINGS
