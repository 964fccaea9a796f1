"""Selection of representative subsets: simulated annealing from several starts."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree
from scipy.stats import rankdata

from optathlon.errors import UsageError
from optathlon.subsets.annealing import Outcome, anneal, best_of_restarts
from optathlon.subsets.boxes import Points, make_instance
from optathlon.subsets.discrepancy import Box, Target, evaluate, valid_points, valid_target

RESTARTS = 4
WORTHWHILE = 450_000
"""How much time a restart is worth: about as many microseconds, compiled, on one core of 2024."""
NEIGHBORS = 24
"""How many near points of an outgoing one may come in its place."""


@dataclass(frozen=True)
class Selection:
    """A subset and how well it represents the full set.

    Attributes
    ----------
    indices:
        The chosen points' numbers, ascending.
    discrepancy:
        The subset's exact discrepancy to the target.
    worst_box:
        A box where the discrepancy is attained.
    target:
        What the subset must resemble.
    seed:
        The seed of the selection.
    """

    indices: tuple[int, ...]
    discrepancy: float
    worst_box: Box
    target: Target
    seed: int


def select_subset(
    points: npt.ArrayLike,
    k: int,
    *,
    target: Target = "empirical",
    strata: npt.ArrayLike | None = None,
    seed: int = 0,
    restarts: int = RESTARTS,
    iterations: int | None = None,
    seconds: float | None = None,
    workers: int = 1,
) -> Selection:
    """Select `k` points of low discrepancy to the target.

    Parameters
    ----------
    points:
        The full set, (n, d) with n >= k and d <= 6, in [0, 1].
    k:
        How many points to select.
    target:
        `"empirical"`: the distribution of all points (`empirical_discrepancy`). `"uniform"`: the uniform distribution
        on [0, 1]^d (`star_discrepancy`).
    strata:
        A label for each point, (n,): the subset has each label's share of all points, as near as whole numbers come
        (less than one point away; the largest remainders are rounded up). By default any points may be selected.
    seed:
        The same seed gives the same selection, whatever `workers`.
    restarts:
        How many independent annealings to make; the best counts.
    iterations:
        How many exchanges each of them proposes; by default as many as are worth their time, depending on k and d.
    seconds:
        Stop after so much wall-clock time, with the best subset so far. How far the search then gets, and so the
        selection, depends on the machine.
    workers:
        How many threads share the restarts; without numba, threads don't help.

    Raises
    ------
    UsageError
        If there are fewer points than `k`, or an argument is out of range.
    """
    (selection,) = _select(points, 1, k, target, strata, seed, restarts, iterations, seconds, workers)
    return selection


def select_disjoint(
    points: npt.ArrayLike,
    k: int,
    *,
    target: Target = "empirical",
    strata: npt.ArrayLike | None = None,
    seed: int = 0,
    restarts: int = RESTARTS,
    iterations: int | None = None,
    seconds: float | None = None,
    workers: int = 1,
) -> tuple[Selection, Selection]:
    """Select two disjoint subsets, *dev* and *test*, of `k` points each, so that the worse of the two is good.

    They are optimized together: what is minimized is the greater discrepancy. Parameters and errors are those of
    `select_subset`; at least 2k points are needed. Of each stratum, both have equally many points, or one more.
    """
    dev, test = _select(points, 2, k, target, strata, seed, restarts, iterations, seconds, workers)
    return dev, test


def _select(
    points: npt.ArrayLike,
    subsets: int,
    k: int,
    target: Target,
    strata: npt.ArrayLike | None,
    seed: int,
    restarts: int,
    iterations: int | None,
    seconds: float | None,
    workers: int,
) -> list[Selection]:
    """The best disjoint subsets of all restarts."""
    array = valid_points(points)
    valid_target(target)
    _check_sizes(len(array), subsets, k)
    numbers = _stratum_numbers(strata, len(array))
    for name, value, least in (("restarts", restarts, 1), ("workers", workers, 1), ("iterations", iterations, 0)):
        if value is not None and value < least:
            raise UsageError(f"{name} must be at least {least}, not {value}")
    if seconds is not None and not seconds > 0:
        raise UsageError(f"seconds must be positive, not {seconds}")
    if seed < 0:
        raise UsageError(f"the seed must not be negative, not {seed}")
    if target == "uniform":
        _check_informative(array)
    proposals = default_iterations(len(array), array.shape[1], k, target) if iterations is None else iterations
    if subsets * k == len(array) == k:
        proposals = 0
    instance = make_instance(array, k, uniform=target == "uniform")
    neighbors = _near_points(array if target == "uniform" else rankdata(array, axis=0, method="dense"), numbers)

    def run(restart: int, stop: npt.NDArray[np.bool_]) -> Outcome:
        return anneal(instance, neighbors, numbers, subsets, proposals, seed, restart, stop)

    if seconds is not None:
        _compile_first()
    best = best_of_restarts(run, restarts, seconds, workers)
    selections = []
    for subset in best.subsets:
        indices = tuple(sorted(int(point) for point in subset))
        discrepancy, box = evaluate(array, indices, target)
        selections.append(Selection(indices, discrepancy, box, target, seed))
    return selections


def _compile_first() -> None:
    """Let the kernels be compiled, which takes no part of a time limit."""
    corners = np.array([[0.0], [1.0]])
    instance = make_instance(corners, 1, uniform=False)
    strata = np.zeros(len(corners), np.intp)
    anneal(instance, _near_points(corners, strata), strata, 1, 0, 0, 0, np.zeros(1, np.bool_))


def default_iterations(n: int, d: int, k: int, target: Target) -> int:
    """How many exchanges each restart proposes by default: as many as it has time for, and the points are worth."""
    boxes = math.comb(k + d, d)
    filtered = n * math.comb(k + d - 3, d - 3) if target == "empirical" and d >= 3 else 0
    microseconds = 0.1 * d**2 * (1 + n / 3000) + 8.5e-6 * d**2 * boxes + 0.002 * filtered
    worth_trying = 250_000 * max(1, math.sqrt(n / 200)) * max(1, math.sqrt(k / 10))
    return math.ceil(min(WORTHWHILE / microseconds, worth_trying))


def _check_sizes(n: int, subsets: int, k: int) -> None:
    if not isinstance(k, int | np.integer):
        raise UsageError(f"k must be a whole number, not {k!r}")
    if k < 1:
        raise UsageError(f"a subset needs at least 1 point, not {k}")
    if n < subsets * k:
        asked = f"{k} points" if subsets == 1 else f"{subsets} disjoint subsets of {k} points"
        raise UsageError(f"can't select {asked} from {n}: select fewer or give more points")


def _check_informative(points: npt.NDArray[np.float64]) -> None:
    """Refuse points that have the same discrepancy to the uniform distribution whatever is selected."""
    remedy = 'scale each column on its own, or use target="empirical"'
    if (points == 1).any(axis=1).all():
        raise UsageError(
            "every point has a coordinate equal to 1, so every subset has the discrepancy 1 to the uniform "
            f"distribution: {remedy}"
        )
    constant = np.flatnonzero((points == points[0]).all(axis=0))
    if len(points) > 1 and len(constant):
        raise UsageError(
            f"column {constant[0]} is the same in all points, so no subset resembles the uniform distribution: "
            'leave the column out, or use target="empirical"'
        )


def _stratum_numbers(strata: npt.ArrayLike | None, n: int) -> Points:
    """The strata's numbers, from 0 on, of n points; all in one where there are none."""
    if strata is None:
        return np.zeros(n, np.intp)
    labels = np.asarray(strata)
    if labels.shape != (n,):
        raise UsageError(f"strata must be one label for each of {n} points, not of shape {labels.shape}")
    return np.asarray(np.unique(labels, return_inverse=True)[1], np.intp)


def _near_points(coordinates: npt.NDArray[np.float64], strata: Points) -> Points:
    """The nearest other points of each in its stratum, in the maximum norm: (n, at most NEIGHBORS).

    Where a stratum has fewer, they are repeated.
    """
    most = max(1, min(NEIGHBORS, len(coordinates) - 1))
    near = np.zeros((len(coordinates), most), np.intp)
    for stratum in np.unique(strata):
        own = np.flatnonzero(strata == stratum)
        ranks = np.arange(1, min(most + 1, len(own)) + 1)
        nearest = cKDTree(coordinates[own]).query(coordinates[own], k=ranks, p=np.inf)[1]
        others = nearest[:, 1:] if len(own) > 1 else nearest
        near[own] = own[others.take(np.arange(most), axis=1, mode="wrap")]
    return near
