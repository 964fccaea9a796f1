"""Levels of a fidelity, and the brackets that Hyperband makes of them."""

from __future__ import annotations

import math
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from smac.intensifier.hyperband_utils import determine_HB

from optathlon import Fidelity
from optathlon.fidelity import Outlook, Schedule, climb, degeneracy, first_bracket, outlook, steps

make_fidelity: Any = Fidelity
"""Takes values of any type, as users give them."""

LEVELS = st.lists(st.integers(1, 200), min_size=1, max_size=8, unique=True)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"lower": 1, "upper": 10.5, "kind": "int"}, "upper is 10.5"),
        ({"lower": 0.5, "upper": 9, "kind": "int"}, "lower is 0.5"),
        ({"lower": 1, "upper": math.inf, "kind": "int"}, "upper is inf"),
        ({"lower": 1, "upper": math.inf}, "upper < inf"),
        ({"lower": 0, "upper": 3}, "0 < lower"),
        ({"lower": 4, "upper": 3}, "lower <= upper"),
        ({"lower": "1", "upper": 3}, "lower is '1', not a number"),
        ({"lower": True, "upper": 3}, "lower is True, not a number"),
        ({"lower": 1, "upper": 3, "kind": "integer"}, "'int' or 'float', not 'integer'"),
        ({"upper": 3}, "give lower and upper, or levels"),
        ({}, "give lower and upper, or levels"),
        ({"levels": (1, 2.5), "kind": "int"}, "a level is 2.5"),
        ({"levels": (1, 1.0, 3)}, "stands twice"),
        ({"levels": (1, "2")}, "a level is '2', not a number"),
        ({"levels": (0, 1)}, "0 < lower"),
        ({"levels": (1, math.nan)}, "not a number"),
        ({"levels": (1, 5), "upper": 10}, "upper is 10, but its levels say 5"),
        ({"levels": (2, 5), "lower": 1}, "lower is 1, but its levels say 2"),
    ],
)
def test_bounds_and_levels_that_are_none_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=r"^fidelity 'epochs'") as refusal:
        make_fidelity("epochs", **settings)
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("kind", [int, float, np.int32, np.float32, np.float64])
def test_whole_bounds_of_an_integer_fidelity_become_integers(kind: Any) -> None:
    fidelity = Fidelity("epochs", kind(1), kind(10), "int")
    assert [(type(bound), bound) for bound in (fidelity.lower, fidelity.upper)] == [(int, 1), (int, 10)]


def test_levels_bring_bounds_and_kind() -> None:
    whole = make_fidelity("epochs", levels=[50, 1, np.int64(5)])
    assert whole == Fidelity("epochs", 1, 50, "int", levels=(1, 5, 50))
    assert {type(level) for level in whole.levels} == {int}
    parts = Fidelity("share", levels=(0.5, 0.1, 1.0))
    assert (parts.lower, parts.upper, parts.kind, parts.levels) == (0.1, 1.0, "float", (0.1, 0.5, 1.0))
    assert pickle.loads(pickle.dumps(whole)) == whole


@given(LEVELS, st.data())
def test_a_proposal_is_snapped_to_the_highest_level_not_above_it(levels: list[int], data: st.DataObject) -> None:
    fidelity = Fidelity("epochs", levels=tuple(levels))
    asked = data.draw(st.floats(fidelity.lower, fidelity.upper))
    snapped = fidelity.snapped(asked)
    assert snapped in levels
    assert snapped <= asked * (1 + 1e-9)
    assert not [level for level in levels if snapped < level <= asked]


@given(LEVELS, st.integers(2, 4))
def test_rounding_does_not_cost_a_level(levels: list[int], eta: int) -> None:
    fidelity = Fidelity("epochs", levels=tuple(levels))
    for level in levels:
        for number in range(1, 20):
            there_and_back = level * eta**-number * eta**number
            assert fidelity.snapped(min(max(there_and_back, fidelity.lower), fidelity.upper)) == level


@given(st.integers(1, 50), st.integers(0, 5000), st.integers(2, 4))
def test_the_first_bracket_is_smacs(lower: int, more: int, eta: int) -> None:
    fidelity = Fidelity("epochs", lower, lower + more, "int")
    theirs = determine_HB(fidelity.lower, fidelity.upper, eta)
    rungs = first_bracket(fidelity, eta)
    assert [rung.configurations for rung in rungs] == [int(count) for count in theirs["n_configs_in_stage"][0]]
    assert [rung.level for rung in rungs] == pytest.approx(theirs["budgets_in_stage"][0])


@pytest.mark.parametrize(
    ("fidelity", "evaluations", "words"),
    [
        (Fidelity("epochs", 1, 2, "int"), 50, "no lower rung: all trials are full ones, as in random search"),
        (Fidelity("epochs", 4, 4, "int"), 50, "no lower rung"),
        (Fidelity("steps", 1, 10**6, "int"), 50, "531,441 configurations before the first full trial"),
        (
            Fidelity("epochs", 1, 81, "int"),
            3,
            "spends 4.0 evaluations before the first full trial, but the budget is",
        ),
        (Fidelity("epochs", levels=(1, 50)), 50, "its 4 rungs come to 2 declared levels"),
    ],
)
def test_degenerate_brackets_are_named(fidelity: Fidelity, evaluations: float, words: str) -> None:
    assert words in degeneracy(fidelity, evaluations)


@pytest.mark.parametrize(
    ("fidelity", "evaluations"),
    [
        (Fidelity("epochs", 1, 81, "int"), 50),
        (Fidelity("epochs", 1, 81, "int"), None),
        (Fidelity("epochs", 1, 81, "int", resumable=True), 3),
        (Fidelity("epochs", levels=(1, 3, 9, 27)), 50),
        (Fidelity("share", 0.1, 1.0), 50),
    ],
)
def test_brackets_that_are_none_the_worse_are_not(fidelity: Fidelity, evaluations: float | None) -> None:
    assert degeneracy(fidelity, evaluations) == ""


def test_another_eta_makes_other_brackets() -> None:
    assert degeneracy(Fidelity("epochs", 1, 3, "int"), 50, eta=4)
    assert not degeneracy(Fidelity("epochs", 1, 3, "int"), 50, eta=3)


@pytest.mark.parametrize(
    ("fidelity", "eta", "levels"),
    [
        (Fidelity("epochs", 1, 81, "int"), 3, (1, 3, 9, 27, 81)),
        (Fidelity("epochs", 1, 50, "int"), 3, (1, 3, 9, 27, 50)),
        (Fidelity("epochs", 2, 10, "int"), 1.5, (2, 3, 5, 7, 10)),
        (Fidelity("epochs", levels=(1, 2, 5, 10, 50)), 3, (1, 5, 10, 50)),
        (Fidelity("epochs", 4, 4, "int"), 3, (4,)),
        (Fidelity("share", 0.25, 1.0), 2, (0.25, 0.5, 1.0)),
        (Fidelity("share", 0.5, 1.0), 3, (0.5, 1.0)),
    ],
)
def test_a_climb_is_looked_at_where_a_level_is_reached(fidelity: Fidelity, eta: float, levels: Any) -> None:
    assert climb(fidelity, eta) == levels


@given(LEVELS, st.floats(1.5, 5))
def test_a_climb_asks_for_declared_levels_only(levels: list[int], eta: float) -> None:
    fidelity = Fidelity("epochs", levels=tuple(levels))
    found = climb(fidelity, eta)
    assert set(found) <= set(levels)
    assert (found[0], found[-1]) == (fidelity.lower, fidelity.upper)


@pytest.mark.parametrize(
    ("fidelity", "number", "levels"),
    [
        (Fidelity("epochs", 1, 9, "int"), 5, (1, 3, 5, 7, 9)),
        (Fidelity("epochs", 1, 3, "int"), 10, (1, 2, 3)),
        (Fidelity("epochs", levels=(1, 2, 5, 10, 50)), 3, (1, 5, 50)),
        (Fidelity("epochs", levels=(1, 50)), 10, (1, 50)),
        (Fidelity("epochs", levels=(7,)), 10, (7,)),
        (Fidelity("share", 0.5, 1.0), 3, (0.5, 0.75, 1.0)),
    ],
)
def test_steps_are_evenly_spaced(fidelity: Fidelity, number: int, levels: Any) -> None:
    assert steps(fidelity, number) == levels


def test_the_outlook_of_each_schedule() -> None:
    fidelity = Fidelity("epochs", 1, 9, "int")
    assert outlook(fidelity, Schedule.BRACKETS) == Outlook((1, 3, 9), 9 + 3)
    assert outlook(fidelity, Schedule.HALVING, eta=2) == Outlook((1, 2, 4, 8, 9), 4)
    assert outlook(fidelity, Schedule.STEPS, number=5) == Outlook((1, 3, 5, 7, 9), 4)
    assert outlook(Fidelity("epochs", levels=(1, 9)), Schedule.BRACKETS) == Outlook((1, 9), 9 + 3)
