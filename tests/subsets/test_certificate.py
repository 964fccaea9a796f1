"""`certify`: its optimum is the one that enumeration finds, and its bounds hold whenever it stops."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pytest

from optathlon.errors import UsageError
from optathlon.subsets import certificate
from optathlon.subsets.certificate import TOLERANCE, Certificate, certify
from optathlon.subsets.discrepancy import Target, evaluate

TARGETS: list[Target] = ["empirical", "uniform"]

PROVEN_UNIFORM = [
    pytest.param(2, 60, 6, 0.19405881978072564),
    pytest.param(2, 60, 10, 0.1310760001156361),
    pytest.param(2, 60, 20, 0.08205111197773086),
    pytest.param(2, 100, 10, 0.12821867970939382, marks=pytest.mark.slow),
    pytest.param(2, 100, 20, 0.07965004636993192, marks=pytest.mark.slow),
    pytest.param(3, 60, 6, 0.257072694827209, marks=pytest.mark.slow),
    pytest.param(3, 60, 10, 0.19271641790829566, marks=pytest.mark.slow),
    pytest.param(3, 60, 20, 0.1304257063715636, marks=pytest.mark.slow),
]
"""Optima proven by another solver (CP-SAT), of `uniform_points(d, n)`."""


def uniform_points(d: int, n: int) -> np.ndarray:
    return np.random.default_rng([2024, d, n]).random((n, d))


def small_points(kind: str, n: int, d: int) -> np.ndarray:
    rng = np.random.default_rng([7, n, d])
    match kind:
        case "distinct":
            return rng.random((n, d))
        case "ties":
            return rng.integers(0, 4, (n, d)) / 3  # with 0 and 1 among the coordinates
        case _:
            return rng.random((n // 2 + 1, d))[rng.integers(0, n // 2 + 1, n)]


def least_discrepancy(points: np.ndarray, k: int, target: Target) -> float:
    """The optimum by enumeration, with a plain evaluation of all boxes that shares nothing with the package."""
    n = len(points)
    values = [np.unique(column) for column in points.T]
    boxes = []  # share or volume wanted, and which points the box has
    for corner in product(*(np.append(v, 1.0) for v in values)):
        closed, opened = (points <= corner).all(axis=1), (points < corner).all(axis=1)
        if target == "empirical":
            boxes += [(closed.mean(), closed), (opened.mean(), opened)]
        else:
            boxes += [(np.prod(corner), closed), (np.prod(corner), opened)]
    wanted = np.array([share for share, _ in boxes])
    members = np.array([inside for _, inside in boxes])
    return min(
        float(np.abs(members[:, list(subset)].mean(axis=1) - wanted).max()) for subset in combinations(range(n), k)
    )


def worst_subset(points: np.ndarray, k: int, target: Target) -> tuple[int, ...]:
    return max(combinations(range(len(points)), k), key=lambda subset: evaluate(points, subset, target)[0])


def check(result: Certificate, points: np.ndarray, k: int, target: Target) -> None:
    assert len(set(result.indices)) == k
    assert list(result.indices) == sorted(result.indices)
    assert result.upper == evaluate(points, result.indices, target)[0]
    assert 0 <= result.lower <= result.upper
    assert result.proven == (result.upper - result.lower <= TOLERANCE)
    assert 0 <= result.gap <= 1


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("kind", ["distinct", "ties", "duplicates"])
@pytest.mark.parametrize(("n", "k", "d"), [(14, 3, 1), (12, 5, 2), (9, 4, 3), (10, 1, 2)])
def test_enumeration_finds_nothing_better(target: Target, kind: str, n: int, k: int, d: int) -> None:
    points = small_points(kind, n, d)
    result = certify(points, k, target=target, incumbent=range(k))
    check(result, points, k, target)
    assert result.proven
    assert result.upper == pytest.approx(least_discrepancy(points, k, target), abs=1e-12)


@pytest.mark.parametrize("target", TARGETS)
def test_the_worst_incumbent_becomes_the_best(target: Target) -> None:
    points = small_points("distinct", 11, 2)
    worst = worst_subset(points, 4, target)
    result = certify(points, 4, target=target, incumbent=worst)
    assert result.upper < evaluate(points, worst, target)[0]
    assert result.upper == pytest.approx(least_discrepancy(points, 4, target), abs=1e-12)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("setting", ["_MAX_CELLS", "_DIRECT", "_BATCH"])
def test_rows_added_one_by_one_or_thinned_out_prove_the_same(
    target: Target, setting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    points = small_points("distinct", 12, 3)
    best = least_discrepancy(points, 4, target)
    monkeypatch.setattr(certificate, "_DIRECT", 0)
    monkeypatch.setattr(certificate, setting, {"_MAX_CELLS": 800, "_DIRECT": 0, "_BATCH": 1}[setting])
    result = certify(points, 4, target=target, incumbent=range(4))
    check(result, points, 4, target)
    assert result.lower <= best + 1e-12 <= result.upper + 2e-12
    if setting != "_MAX_CELLS":
        assert result.upper == pytest.approx(best, abs=1e-12)
        assert result.proven


@pytest.mark.parametrize("target", TARGETS)
def test_all_points_are_the_only_subset_of_their_size(target: Target) -> None:
    points = small_points("distinct", 8, 2)
    result = certify(points, 8, target=target)
    check(result, points, 8, target)
    assert result.indices == tuple(range(8))
    assert result.proven


def test_of_the_empirical_target_the_bounds_meet() -> None:
    result = certify(uniform_points(2, 40), 6, incumbent=range(6))
    assert result.proven
    assert result.lower == result.upper
    assert result.gap == 0


@pytest.mark.parametrize("seconds", [1e-9, 0.3])
@pytest.mark.parametrize("target", TARGETS)
def test_bounds_hold_when_the_time_is_up(target: Target, seconds: float) -> None:
    points = uniform_points(3, 120)
    result = certify(points, 20, target=target, incumbent=range(20), seconds=seconds)
    check(result, points, 20, target)
    assert not result.proven
    assert result.gap > 0


def test_a_solver_that_gives_up_proves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    class GaveUp:
        status = 4
        x = None

    monkeypatch.setattr(certificate, "milp", lambda *_, **__: GaveUp())
    result = certify(uniform_points(2, 20), 5, incumbent=range(5))
    assert result.lower == 0
    assert not result.proven


@pytest.mark.parametrize(("d", "n", "k", "optimum"), PROVEN_UNIFORM)
def test_known_optima_of_star_discrepancy(d: int, n: int, k: int, optimum: float) -> None:
    result = certify(uniform_points(d, n), k, target="uniform", incumbent=range(k), seconds=900)
    assert result.proven
    assert result.upper == pytest.approx(optimum, abs=1e-9)


def test_without_an_incumbent_a_selection_is_the_start_and_the_result_is_the_same_again() -> None:
    points = uniform_points(2, 40)
    first, second = (certify(points, 6, target="uniform") for _ in range(2))
    assert first.proven
    assert (first.indices, first.upper, first.lower) == (second.indices, second.upper, second.lower)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"k": 0}, "k must be 1 to 10"),
        ({"k": 11}, "k must be 1 to 10"),
        ({"seconds": 0}, "above 0 seconds"),
        ({"seconds": float("nan")}, "above 0 seconds"),
        ({"target": "unifrom"}, "uniform"),
        ({"incumbent": [1, 2]}, "the incumbent has 2 points, but k is 3"),
        ({"incumbent": [1, 2, 10]}, "10"),
        ({"incumbent": [1, 2, 2]}, "more than once"),
        ({"points": np.ones(3)}, "2 dimensions"),
        ({"points": [[2.0]]}, r"\[0, 1\]"),
    ],
)
def test_bad_input_is_told_in_one_line(arguments: dict[str, object], message: str) -> None:
    given: dict[str, object] = {"points": uniform_points(2, 10), "k": 3} | arguments
    with pytest.raises(UsageError, match=message) as error:
        certify(given.pop("points"), given.pop("k"), **given)  # type: ignore[arg-type]
    assert "\n" not in str(error.value)
