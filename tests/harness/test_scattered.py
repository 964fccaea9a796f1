"""The nearest of scattered trials, against a search through all of them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from optathlon.scattered import Range, Scattered, space_of
from optathlon.space import decode

RANGES = (Range("rate", 1e-4, 1.0, log=True), Range("units", 16, 512, log=True, integer=True), Range("drop", 0.0, 2.0))


def sample(count: int, seed: int) -> list[dict[str, float]]:
    space = space_of(RANGES)
    space.seed(seed)
    return decode(space, np.stack([one.get_array() for one in space.sample_configuration(count)]))  # type: ignore[return-value]


def points(configs: list[dict[str, float]]) -> np.ndarray:
    return np.array([[config[one.name] for one in RANGES] for config in configs])


def by_hand(config: dict[str, float]) -> np.ndarray:
    """Unit cube by the definition of the scales."""
    rate = (math.log10(config["rate"]) + 4) / 4
    units = math.log(config["units"] / 16) / math.log(32)
    return np.array([rate, units, config["drop"] / 2])


@pytest.fixture(params=["few", "many"], autouse=True)
def both_ways(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small tables, and such as are searched by a tree."""
    monkeypatch.setattr("optathlon.scattered._FEW", 10_000 if request.param == "few" else 0)


def test_the_nearest_is_that_of_a_search_through_all() -> None:
    trials, asked = sample(300, 1), sample(200, 2)
    table = Scattered(RANGES, points(trials))
    cube = np.array(list(map(by_hand, trials)))
    for config in asked:
        expected = int(np.argmin(np.linalg.norm(cube - by_hand(config), axis=1)))
        assert table.nearest(config) == expected


def test_a_trial_is_nearest_to_itself_and_the_first_of_equal_ones_wins() -> None:
    trials = sample(50, 3)
    table = Scattered(RANGES, points(trials + trials[::-1]))
    assert [table.nearest(config) for config in trials] == list(range(50))


def test_of_trials_equally_far_away_the_first_wins() -> None:
    ranges = (Range("x", 0.0, 1.0),)
    assert Scattered(ranges, np.array([[0.75], [0.25], [1.0]])).nearest({"x": 0.5}) == 0
    assert Scattered(ranges, np.array([[0.25], [0.75], [1.0]])).nearest({"x": 0.5}) == 0


def test_the_space_has_the_ranges() -> None:
    space = space_of(RANGES)
    units: Any = space["units"]
    rate: Any = space["rate"]
    assert (units.lower, units.upper, units.log) == (16, 512, True)
    assert isinstance(units.default_value, int)
    assert (rate.lower, rate.upper) == pytest.approx((1e-4, 1.0))
