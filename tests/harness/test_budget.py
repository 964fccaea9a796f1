from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optathlon import Budget, BudgetUnit
from optathlon.budget import LONGEST_S, parse_duration
from optathlon.errors import UsageError


@pytest.mark.parametrize(
    ("text", "amount", "unit"),
    [
        (50, 50, "evaluations"),
        (0.5, 0.5, "evaluations"),
        ("50", 50, "evaluations"),
        (" 50 ", 50, "evaluations"),
        ("1e3", 1000, "evaluations"),
        (".5", 0.5, "evaluations"),
        ("50evaluations", 50, "evaluations"),
        ("600s", 600, "seconds"),
        ("600 seconds", 600, "seconds"),
        ("1.5min", 90, "seconds"),
        ("2h", 7200, "seconds"),
        ("2H", 7200, "seconds"),
        ("3600cost", 3600, "cost"),
    ],
)
def test_what_can_be_read(text: str | float, amount: float, unit: str) -> None:
    assert Budget.parse(text) == Budget(amount, BudgetUnit(unit))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        0,
        "0s",
        "-5",
        -5,
        "abc",
        "50x",
        "1.2.3",
        ".",
        "e5",
        "5,5",
        "nan",
        "inf",
        "1e999",
        True,
        None,
        "10 minuets",
    ],
)
def test_what_is_refused_in_one_line(text: str | float) -> None:
    with pytest.raises(UsageError) as caught:
        Budget.parse(text)
    assert "\n" not in str(caught.value)
    assert "give" in str(caught.value)


@pytest.mark.parametrize("amount", [0, -1, math.inf, math.nan])
def test_amounts_are_positive_and_finite(amount: float) -> None:
    with pytest.raises(UsageError):
        Budget(amount)


@given(st.floats(1e-6, 1e12), st.sampled_from(BudgetUnit))
def test_text_reads_back_as_the_same_budget(amount: float, unit: BudgetUnit) -> None:
    assert Budget.parse(str(Budget(amount, unit))) == Budget(amount, unit)


@given(st.integers(1, 10**9))
def test_integers_and_floats_are_the_same_budget(amount: int) -> None:
    """A run's id holds the text: a task's own budget of 1234567 and `--budget 1234567` must be one."""
    assert str(Budget(amount)) == str(Budget(float(amount))) == str(Budget.parse(str(amount)))


def test_rounding_neither_ends_a_run_late_nor_marks_it_over_budget() -> None:
    spent = 0.0
    for _ in range(10):
        spent += 0.1
    assert spent < 1
    assert Budget(1).is_spent_by(spent)
    assert not Budget(1).is_spent_by(1 - 1e-6)
    assert not Budget(0.3).is_exceeded_by(0.1 + 0.2)
    assert Budget(1).is_exceeded_by(1 + 1e-6)


def test_only_evaluations_are_evaluations() -> None:
    assert Budget(7).evaluations == 7
    assert Budget(7, BudgetUnit.SECONDS).evaluations is None
    assert Budget(7, BudgetUnit.COST).evaluations is None


def test_durations_end_at_ten_years() -> None:
    assert parse_duration("87000h") < LONGEST_S
    for text in ("1e18s", "1e300h", "88000h", f"{10**30}min"):
        with pytest.raises(UsageError, match="is longer than ten years"):
            parse_duration(text)
