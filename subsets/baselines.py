"""Other ways to choose tasks, against which a subset is held: random, stratified, and k-medoids."""

from __future__ import annotations

import numpy as np
from scipy.spatial.distance import cdist

from optathlon.errors import MissingDependency, UsageError

_RESTARTS = 3
"""Random starts of the search for medoids."""


def random_subsets(tasks: int, k: int, *, draws: int, seed: int = 0) -> np.ndarray:
    """Subsets drawn uniformly without replacement: positions in [0, tasks), shape (draws, k)."""
    refuse_size(k, tasks)
    return _drawn(np.random.default_rng(seed), tasks, k, draws)


def stratified_subsets(strata: np.ndarray, k: int, *, draws: int, seed: int = 0) -> np.ndarray:
    """Subsets with each stratum's share as in the full set, drawn at random within strata.

    Parameters
    ----------
    strata:
        The label of each task, shape (tasks,).
    k:
        The size, at most the number of tasks.
    draws:
        How many subsets.

    Returns
    -------
    Positions in [0, tasks), shape (draws, k).
    """
    refuse_size(k, len(strata))
    labels, sizes = np.unique(strata, return_counts=True)
    rng = np.random.default_rng(seed)
    parts = [
        np.flatnonzero(strata == label)[_drawn(rng, size, count, draws)]
        for label, size, count in zip(labels, sizes, proportional(sizes, k), strict=True)
    ]
    return np.concatenate(parts, axis=1)


def proportional(sizes: np.ndarray, k: int) -> np.ndarray:
    """How many of `k` go to each stratum: proportional to `sizes`, by the method of the largest remainder.

    Each is less than 1 away from its exact share, and at most its size; they sum to `k`, which is at most the sum of
    `sizes`. Equal remainders go to the first strata.
    """
    shares, remainders = np.divmod(np.asarray(sizes) * k, np.sum(sizes))
    rest = k - int(shares.sum())
    shares[np.argsort(-remainders, kind="stable")[:rest]] += 1
    return shares


def k_medoids(points: np.ndarray, k: int, *, seed: int = 0) -> np.ndarray:
    """The `k` points with the least sum of Euclidean distances from every point to the nearest of them.

    Medoids as of Kaufman and Rousseeuw (1990), searched for by FasterPAM (Schubert and Rousseeuw 2021) from several
    random starts: no exchange of one medoid for another point betters the sum.

    Parameters
    ----------
    points:
        Shape (tasks, coordinates).

    Returns
    -------
    Positions in ascending order, shape (k,). Raises `MissingDependency` without the package `kmedoids`.
    """
    refuse_size(k, len(points))
    try:
        import kmedoids
    except ImportError:
        raise MissingDependency("k-medoids", "kmedoids", "pip install 'optathlon[subsets]'") from None
    distances = cdist(points, points)
    starts = np.random.default_rng(seed).integers(2**31, size=_RESTARTS).tolist()
    found = [kmedoids.fasterpam(distances, k, random_state=start, n_cpu=1) for start in starts]
    return np.sort(np.asarray(min(found, key=lambda result: result.loss).medoids, dtype=int))


def refuse_size(k: int, tasks: int) -> None:
    """Raise `UsageError` unless 1 <= `k` <= `tasks`."""
    if not 1 <= k <= tasks:
        raise UsageError(f"a subset of {k} tasks can't be chosen among {tasks}: give a size from 1 to {tasks}")


def _drawn(rng: np.random.Generator, size: int, count: int, draws: int) -> np.ndarray:
    """Positions in [0, size) without replacement, shape (draws, count)."""
    return np.argsort(rng.random((draws, size)), axis=1)[:, :count]
