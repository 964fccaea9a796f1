from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optathlon.results.causes import same_cause


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("gave up after 8 trials", "gave up after 22 trials", True),
        ("took 1.5 s of 2e-3", "took .5 s of -1,000", True),
        ("<object at 0x7f3a>", "<object at 0x11>", True),
        ("of 12MiB", "of 9MiB", True),
        ("at 10.0.0.1:80", "at 10.0.0.27:8080", True),
        ("no value for x1", "no value for x2", False),
        ("ask raised KeyError", "tell raised KeyError", False),
        ("", "0", False),
    ],
)
def test_numbers_make_no_cause_of_their_own(one: str, other: str, alike: bool) -> None:
    assert same_cause(pd.Series([one, other])).nunique() == (1 if alike else 2)


def test_the_most_frequent_text_stands_for_all() -> None:
    texts = pd.Series(["after 8", "after 9", "after 9", "else 1"], index=[4, 3, 2, 1])
    shown = same_cause(texts)
    assert shown.tolist() == ["after 9 (numbers vary)"] * 3 + ["else 1"]
    assert shown.index.tolist() == [4, 3, 2, 1]
    assert same_cause(texts.iloc[:0]).empty


@given(st.lists(st.integers(0, 10**9) | st.floats(0, 1e9), min_size=2, max_size=6), st.randoms(use_true_random=False))
def test_one_cause_whatever_the_numbers_and_the_order(numbers: list[float], random: object) -> None:
    texts = [f"ask raised ValueError: {number} of {number} failed" for number in numbers]
    assert same_cause(pd.Series(texts)).nunique() == 1
    assert same_cause(pd.Series(texts)).iloc[0] == same_cause(pd.Series(texts[::-1])).iloc[0]
