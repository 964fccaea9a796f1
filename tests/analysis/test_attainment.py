from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from simulation import MULTI_OBJECTIVE, SimulatedOptimizer, SimulatedTask, shuffled, simulate

from optathlon.analysis.metrics.attainment import median_attainment, objective_points
from optathlon.errors import UsageError
from optathlon.results.frames import Results

SIDE = 6

NOTHING: list[tuple[float, float]] = [(np.nan, np.nan)]


def brute_median(runs: dict[int, list[tuple[int, int]]]) -> list[tuple[int, int]]:
    """The non-dominated points of the grid that at least half of the runs attain."""

    def attained(x: int, y: int) -> bool:
        count = sum(any(a <= x and b <= y for a, b in points) for points in runs.values())
        return 2 * count >= len(runs)

    grid = [(x, y) for x in range(SIDE) for y in range(SIDE) if attained(x, y)]
    return [(x, y) for x, y in grid if not any(a <= x and b <= y and (a, b) != (x, y) for a, b in grid)]


def points_of(runs: Mapping[int, Sequence[tuple[float, float]]], optimizer: str = "a") -> pd.DataFrame:
    rows = [(optimizer, seed, *point) for seed, points in runs.items() for point in points or NOTHING]
    return pd.DataFrame(rows, columns=["optimizer", "seed", "f", "g"])


RUNS = st.dictionaries(
    st.integers(0, 20),
    st.lists(st.tuples(st.integers(0, SIDE - 1), st.integers(0, SIDE - 1)), max_size=6),
    min_size=1,
    max_size=6,
)


@given(RUNS, RUNS)
def test_the_surface_is_that_of_a_loop(
    first: dict[int, list[tuple[int, int]]], second: dict[int, list[tuple[int, int]]]
) -> None:
    points = pd.concat([points_of(first, "a"), points_of(second, "b")])
    found = median_attainment(points.sample(frac=1, random_state=0))
    for name, runs in (("a", first), ("b", second)):
        corners = found.loc[found["optimizer"] == name, ["f", "g"]]
        assert list(corners.itertuples(index=False, name=None)) == brute_median(runs)


def test_points_are_the_losses_of_the_trials_that_count(messy: Results) -> None:
    points = objective_points(messy, "fronts/b")  # maximises its first objective
    trials = messy.trials[messy.trials["task"] == "fronts/b"]
    counted = trials[(trials["status"] == "ok") & ~trials["over_budget"]]
    assert list(points.columns) == ["optimizer", "seed", "accuracy", "latency"]
    assert sorted(points["accuracy"].dropna()) == sorted(-counted["value"])
    assert sorted(points["latency"].dropna()) == sorted(counted["value_2"])
    assert "smac-bb" not in set(points["optimizer"])


def test_runs_without_results_count() -> None:
    task = SimulatedTask("fronts/a", MULTI_OBJECTIVE)
    results = simulate([SimulatedOptimizer("good"), SimulatedOptimizer("bad", failures=1.0)], [task], seeds=3)
    points = objective_points(results, "fronts/a")
    assert points[points["optimizer"] == "bad"].isna().sum().tolist() == [0, 0, 3, 3]
    assert set(median_attainment(points)["optimizer"]) == {"good"}


def test_reordering_changes_nothing(messy: Results) -> None:
    surfaces = [median_attainment(objective_points(r, "fronts/a")) for r in (messy, shuffled(messy))]
    pd.testing.assert_frame_equal(*surfaces)


def test_other_numbers_of_objectives_are_refused(messy: Results) -> None:
    with pytest.raises(UsageError, match="1 objective"):
        median_attainment(objective_points(messy, "toy/f0"))
