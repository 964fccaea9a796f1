"""Exact star discrepancies against brute force, closed forms and published values."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ks_2samp
from scipy.stats.qmc import Halton, Sobol

from optathlon.errors import UsageError
from optathlon.subsets import empirical_discrepancy, star_discrepancy
from optathlon.subsets.discrepancy import worst_box

GOLDEN = (np.sqrt(5) - 1) / 2


def corners(points: Any, extra: Any) -> Any:
    return product(*(sorted({*column, extra}) for column in points.T))


def brute_star(points: Any) -> Any:
    worst = 0.0
    for corner in corners(points, 1.0):
        volume = np.prod(corner)
        closed = (points <= corner).all(axis=1).mean()
        opened = (points < corner).all(axis=1).mean()
        worst = max(worst, closed - volume, volume - opened)
    return worst


def brute_empirical(points: Any, subset: Any) -> Any:
    chosen = points[subset]
    worst = 0.0
    for corner in corners(points, np.inf):
        for inside in (np.less, np.less_equal):
            shares = (inside(part, corner).all(axis=1).mean() for part in (points, chosen))
            worst = max(worst, abs(np.subtract(*shares)))
    return worst


@st.composite
def point_sets(draw: Any, least: Any = 1) -> Any:
    """Random points, or points on a coarse grid with ties and coordinates of 0 and 1."""
    d = draw(st.integers(1, 4))
    n = draw(st.integers(least, (14, 12, 8, 6)[d - 1] + least))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    points = rng.random((n, d))
    return np.round(points * 4) / 4 if draw(st.booleans()) else points


@given(point_sets())
def test_star_discrepancy_is_that_of_all_boxes(points: Any) -> None:
    assert star_discrepancy(points) == pytest.approx(brute_star(points), abs=1e-12)


@given(point_sets(least=2), st.data())
def test_empirical_discrepancy_is_that_of_all_boxes(points: Any, data: st.DataObject) -> None:
    k = data.draw(st.integers(1, len(points)))
    subset = data.draw(st.permutations(range(len(points))))[:k]
    assert empirical_discrepancy(points, subset) == pytest.approx(brute_empirical(points, subset), abs=1e-12)


@pytest.mark.parametrize("d", [5, 6])
def test_many_dimensions(d: int) -> None:
    points = np.random.default_rng(d).random((5, d))
    assert star_discrepancy(points) == pytest.approx(brute_star(points), abs=1e-12)
    tied = np.round(np.random.default_rng(d).random((5, d)) * 2) / 2
    assert empirical_discrepancy(tied, [0, 3]) == pytest.approx(brute_empirical(tied, [0, 3]), abs=1e-12)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_closed_form_in_one_dimension(numbers: Any) -> None:
    """Niederreiter 1992, theorem 2.6."""
    x = np.sort(numbers)
    n = len(x)
    expected = 1 / (2 * n) + np.max(np.abs(x - (2 * np.arange(1, n + 1) - 1) / (2 * n)))
    assert star_discrepancy(x[:, None]) == pytest.approx(expected, abs=1e-12)


@given(st.integers(1, 30), st.integers(0, 30), st.integers(0, 2**32))
def test_in_one_dimension_it_is_the_kolmogorov_smirnov_distance(k: int, more: Any, seed: int) -> None:
    points = np.random.default_rng(seed).random((k + more, 1))
    expected = ks_2samp(points[:k, 0], points[:, 0]).statistic
    assert empirical_discrepancy(points, range(k)) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("points", "value"),
    [
        ([[0.0]], 1),
        ([[1.0, 1.0]], 1),
        ([[0.5, 0.5]], 0.75),
        ([[GOLDEN, GOLDEN]], GOLDEN),
        ([[(2 * i - 1) / 20] for i in range(1, 11)], 1 / 20),
    ],
)
def test_known_values(points: Any, value: Any) -> None:
    assert star_discrepancy(points) == pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize(("n", "value"), [(5, 0.3528), (8, 0.2553), (16, 0.1486), (20, 0.1188)])
def test_fibonacci_sets(n: int, value: Any) -> None:
    i = np.arange(n)
    points = np.column_stack([i / n, i * GOLDEN % 1])
    assert star_discrepancy(points) == pytest.approx(value, abs=5e-5)


@pytest.mark.parametrize(("d", "value"), [(2, 0.171875), (3, 0.2177734375), (4, 0.2501220703)])
def test_sobol_points(d: int, value: Any) -> None:
    assert star_discrepancy(Sobol(d, scramble=False).random(16)) == pytest.approx(value, abs=1e-9)


@pytest.mark.parametrize(("d", "value"), [(2, 0.1041666667), (3, 0.1695833333)])
def test_halton_points(d: int, value: Any) -> None:
    assert star_discrepancy(Halton(d, scramble=False).random(32)) == pytest.approx(value, abs=1e-9)


def test_the_full_set_represents_itself() -> None:
    points = np.round(np.random.default_rng(0).random((30, 3)), 1)
    assert empirical_discrepancy(points, range(30)) == 0


def test_the_empirical_one_knows_only_the_order_on_each_axis() -> None:
    rng = np.random.default_rng(1)
    points = np.round(rng.random((40, 3)), 1)
    bent = np.column_stack([points[:, 0] ** 3, np.sqrt(points[:, 1]), np.expm1(points[:, 2]) / np.expm1(1)])
    subset = rng.permutation(40)[:9]
    assert empirical_discrepancy(points, subset) == empirical_discrepancy(bent, subset)


def test_the_worst_box_is_one_where_the_discrepancy_is_attained() -> None:
    points = np.random.default_rng(2).random((25, 3))
    box = worst_box(points, target="uniform")
    inside = (points <= box.corner) if box.closed else (points < box.corner)
    share, volume = inside.all(axis=1).mean(), np.prod(box.corner)
    assert (share - volume if box.closed else volume - share) == pytest.approx(star_discrepancy(points), abs=1e-12)


def test_as_many_points_and_axes_as_promised() -> None:
    points = np.random.default_rng(3).random((100, 4))
    rng = np.random.default_rng(4)
    corners = np.where(rng.random((20_000, 4)) < 0.2, 1.0, points[rng.integers(100, size=(20_000, 4)), np.arange(4)])
    volumes = corners.prod(axis=1)
    opened = np.array([(points < corner).all(axis=1).mean() for corner in corners])
    closed = np.array([(points <= corner).all(axis=1).mean() for corner in corners])
    assert star_discrepancy(points) >= max((volumes - opened).max(), (closed - volumes).max()) - 1e-12


@pytest.mark.parametrize(
    ("points", "said"),
    [
        ([[0.5, 1.5], [0.2, -1.0]], "2 "),
        ([[0.5, np.nan], [0.5, 0.5]], "missing"),
        ([0.5, 0.2], "dimensions"),
        (np.empty((0, 2)), "point"),
        (np.full((3, 7), 0.5), "6"),
    ],
)
def test_bad_points_are_refused_in_one_line(points: Any, said: str) -> None:
    with pytest.raises(UsageError, match=said) as error:
        star_discrepancy(points)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("subset", [[], [0, 0], [7], [-1], [0.5]])
def test_bad_subsets_are_refused_in_one_line(subset: Any) -> None:
    with pytest.raises(UsageError) as error:
        empirical_discrepancy(np.full((3, 2), 0.5), subset)
    assert "\n" not in str(error.value)
