"""Selected subsets: optimal where that can be enumerated or is proven, and the same wherever they are computed."""

from __future__ import annotations

import subprocess
import sys
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optathlon.errors import UsageError
from optathlon.subsets import empirical_discrepancy, select_disjoint, select_subset, star_discrepancy
from optathlon.subsets.baselines import proportional

PROVEN = [
    (2, 60, 6, 0.1940588198),
    pytest.param(2, 60, 10, 0.1310760001, marks=pytest.mark.slow),
    pytest.param(2, 60, 20, 0.0820511120, marks=pytest.mark.slow),
    pytest.param(2, 100, 10, 0.1282186797, marks=pytest.mark.slow),
    (2, 100, 20, 0.0796500464),
    pytest.param(3, 60, 6, 0.2570726948, marks=pytest.mark.slow),
    (3, 60, 10, 0.1927164179),
    pytest.param(3, 60, 20, 0.1304257064, marks=pytest.mark.slow),
]
"""Dimension, points, size and the least star discrepancy, proven by an exact solver."""


def cloud(d: int, n: int) -> Any:
    return np.random.default_rng([2024, d, n]).random((n, d))


def value(points: Any, subset: Any, target: Any) -> Any:
    subset = list(subset)
    return star_discrepancy(points[subset]) if target == "uniform" else empirical_discrepancy(points, subset)


@pytest.mark.parametrize("target", ["empirical", "uniform"])
@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("tied", ["distinct", "tied"])
def test_small_cases_are_solved(target: Any, d: int, tied: Any) -> None:
    points = np.random.default_rng(d).random((12, d))
    points = np.round(points * 5) / 5 if tied == "tied" else points
    least = min(value(points, subset, target) for subset in combinations(range(12), 4))
    found = select_subset(points, 4, target=target, iterations=20_000)
    assert found.discrepancy == pytest.approx(least, abs=1e-12)
    assert value(points, found.indices, target) == pytest.approx(found.discrepancy, abs=1e-12)


@pytest.mark.parametrize("target", ["empirical", "uniform"])
def test_small_pairs_are_solved_jointly(target: Any) -> None:
    points = np.random.default_rng(7).random((10, 2))
    values = {frozenset(subset): value(points, subset, target) for subset in combinations(range(10), 3)}
    least = min(max(values[a], values[b]) for a in values for b in values if not a & b)
    dev, test = select_disjoint(points, 3, target=target, iterations=20_000)
    assert not set(dev.indices) & set(test.indices)
    assert max(dev.discrepancy, test.discrepancy) == pytest.approx(least, abs=1e-12)


@pytest.mark.parametrize("target", ["empirical", "uniform"])
@pytest.mark.parametrize(
    ("strata", "shares"),
    [("aaaaaabbbccc", (2, 1, 1)), ("abbbbbbbbbbb", (0, 4)), ("cbacbacbacba", (2, 1, 1))],  # the last of 4/3 each
)
def test_small_stratified_cases_are_solved(target: Any, strata: str, shares: Any) -> None:
    points = np.random.default_rng(11).random((12, 2))
    labels = np.array(list(strata))
    allowed = [subset for subset in combinations(range(12), 4) if counted(labels[list(subset)], labels) == shares]
    least = min(value(points, subset, target) for subset in allowed)
    found = select_subset(points, 4, target=target, strata=labels, iterations=20_000)
    assert found.indices in allowed
    assert found.discrepancy == pytest.approx(least, abs=1e-12)


def counted(labels: Any, all_labels: Any) -> tuple[int, ...]:
    return tuple(int((labels == label).sum()) for label in np.unique(all_labels))


@pytest.mark.parametrize("target", ["empirical", "uniform"])
def test_small_stratified_pairs_are_solved_jointly(target: Any) -> None:
    points = np.random.default_rng(8).random((10, 2))
    labels = np.array(list("aaabbbbbbb"))  # 1.8 and 4.2 of six points: two and four, so one and two of each three
    values = {
        frozenset(subset): value(points, subset, target)
        for subset in combinations(range(10), 3)
        if counted(labels[list(subset)], labels) == (1, 2)
    }
    least = min(max(values[a], values[b]) for a in values for b in values if not a & b)
    dev, test = select_disjoint(points, 3, target=target, strata=labels, iterations=20_000)
    assert not set(dev.indices) & set(test.indices)
    assert {frozenset(dev.indices), frozenset(test.indices)} <= values.keys()
    assert max(dev.discrepancy, test.discrepancy) == pytest.approx(least, abs=1e-12)


@given(st.lists(st.sampled_from("abcde"), min_size=2, max_size=40), st.floats(0, 1), st.integers(0, 50))
def test_parts_have_the_shares_of_all_points(strata: list[str], share: float, iterations: int) -> None:
    labels, n = np.array(strata), len(strata)
    k = max(1, round(share * n / 2))
    parts = select_disjoint(cloud(2, n), k, strata=labels, iterations=iterations, restarts=1)
    chosen = [np.array(counted(labels[list(part.indices)], labels)) for part in parts]
    everywhere = np.array(counted(labels, labels))
    assert len({*parts[0].indices, *parts[1].indices}) == 2 * k
    assert (np.abs(chosen[0] - chosen[1]) <= 1).all()
    assert (chosen[0] + chosen[1]).tolist() == proportional(everywhere, 2 * k).tolist()
    assert (np.abs(np.array(chosen) - k * everywhere / n) < 1).all()


def test_one_stratum_is_none() -> None:
    points = cloud(3, 60)
    assert select_subset(points, 8, strata=["a"] * 60, iterations=2000) == select_subset(points, 8, iterations=2000)


@pytest.mark.parametrize(("d", "n", "k", "least"), PROVEN)
def test_close_to_proven_optima(d: int, n: int, k: int, least: Any) -> None:
    found = select_subset(cloud(d, n), k, target="uniform")
    # the optimum of the one exception is hidden: most restarts end 1.16 % above it, and `certify` finds it
    allowed = 1.012 if (d, n, k) == (3, 60, 20) else 1.01
    assert least - 1e-9 <= found.discrepancy <= allowed * least


def test_the_worst_box_attains_the_discrepancy() -> None:
    points = cloud(3, 60)
    found = select_subset(points, 8, target="uniform", iterations=2000)
    chosen, corner = points[list(found.indices)], found.worst_box.corner
    inside = (chosen <= corner) if found.worst_box.closed else (chosen < corner)
    share, volume = inside.all(axis=1).mean(), np.prod(corner)
    assert abs(share - volume) == pytest.approx(found.discrepancy, abs=1e-12)


@pytest.mark.parametrize("select", [select_subset, select_disjoint])
def test_the_same_on_any_number_of_workers(select: Any) -> None:
    points = cloud(3, 100)
    alone = select(points, 9, seed=3, iterations=5000)
    assert select(points, 9, seed=3, iterations=5000, workers=8) == alone
    assert select(points, 9, seed=4, iterations=5000) != alone


def test_more_restarts_never_do_worse() -> None:
    points = cloud(2, 100)
    found = [select_subset(points, 12, restarts=n, iterations=3000).discrepancy for n in (1, 2, 6)]
    assert found == sorted(found, reverse=True)


def test_a_time_limit_gives_the_best_so_far() -> None:
    points = cloud(3, 200)
    found = select_subset(points, 20, seconds=0.2, iterations=10**9)
    assert len(set(found.indices)) == 20
    assert found.discrepancy == pytest.approx(value(points, found.indices, "empirical"), abs=1e-12)


def test_everything_can_be_selected() -> None:
    points = cloud(2, 60)[:6]
    assert select_subset(points, 6).indices == tuple(range(6))
    assert select_subset(points, 6).discrepancy == 0


_SMALL = """
import sys
if {blocked}:
    sys.modules["numba"] = None
import numpy as np
from optathlon.subsets import select_disjoint, select_subset
points = np.random.default_rng([2024, 3, 60]).random((60, 3))
for target in ("empirical", "uniform"):
    print(select_subset(points, 5, target=target, restarts=2, iterations=150))
print(select_disjoint(points, 4, restarts=1, iterations=100))
print(select_disjoint(points, 4, strata=np.arange(60) % 7, restarts=1, iterations=100))
"""


def test_interpreted_and_compiled_and_from_the_cache_alike() -> None:
    said = []
    for blocked in (True, False, False):
        code = _SMALL.format(blocked=blocked)
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        said.append(done.stdout)
    assert said[0] == said[1] == said[2]


@pytest.mark.parametrize(
    ("points", "options", "said"),
    [
        (np.full((3, 2), 0.5), {"k": 4}, "4 points from 3"),
        (np.full((3, 2), 0.5), {"k": 0}, "at least 1"),
        (np.full((3, 2), 0.5), {"k": 2.5}, "whole number"),
        (np.full((3, 2), 1.5), {"k": 2}, "3 of 3"),
        (np.array([[0.5, np.nan], [0.1, 0.2]]), {"k": 1}, "1 of 2"),
        (np.array([[1.0, 0.2], [0.1, 1.0], [1.0, 0.3]]), {"k": 2, "target": "uniform"}, "every point"),
        (np.array([[0.5, 0.2], [0.5, 0.4], [0.5, 0.3]]), {"k": 2, "target": "uniform"}, "same"),
        (np.full((3, 2), 0.5), {"k": 2, "target": "empiricle"}, "empirical"),
        (np.full((3, 2), 0.5), {"k": 2, "restarts": 0}, "restarts"),
        (np.full((3, 2), 0.5), {"k": 2, "strata": ["a", "b"]}, "one label for each of 3 points"),
        (np.full((3, 2), 0.5), {"k": 2, "seconds": 0}, "seconds"),
    ],
)
def test_bad_input_is_refused_in_one_line(points: Any, options: Any, said: str) -> None:
    with pytest.raises(UsageError, match=said) as error:
        select_subset(points, **options)
    assert "\n" not in str(error.value)


def test_too_few_points_for_two_subsets() -> None:
    with pytest.raises(UsageError, match="2 disjoint subsets of 3 points"):
        select_disjoint(np.random.default_rng(0).random((5, 2)), 3)
