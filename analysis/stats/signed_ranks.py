"""Wilcoxon's signed ranks of differences on tasks, and their exact test."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from scipy.special import ndtr
from scipy.stats import rankdata

_STEPS = 10_000_000
"""The most additions for an exact p-value: about 200 tasks whose differences all differ, 3,000 that are all equal."""


def signed_ranks(differences: np.ndarray) -> np.ndarray:
    """Wilcoxon's signed ranks along the first axis (tasks), of the same shape.

    Zeros and NaN have 0 and don't count. Differences are rounded to 12 decimals, so that what is equal but for rounding
    ties.
    """
    rounded = np.round(np.nan_to_num(differences, posinf=np.inf, neginf=-np.inf), 12)
    zeros = (rounded == 0).sum(axis=0)
    signed: np.ndarray = np.sign(rounded) * (rankdata(np.abs(rounded), axis=0) - zeros)
    return signed


def signed_rank_p(signed: np.ndarray) -> np.ndarray:
    """Two-sided p-values of Wilcoxon's test, shape (pairs,), from signed ranks of shape (tasks, pairs).

    A pair whose ranks are all 0 has 1.

    It is exact given the ties, unlike that of `scipy.stats.wilcoxon`: every way to distribute the signs is equally
    likely if the two perform alike. Where all differences are equal, this is the sign test. Where the sum of the ranks
    is too large to count all ways, it is the normal approximation with the correction for continuity.
    """
    doubled = np.rint(2 * signed).astype(int)  # midranks are multiples of one half
    doubled //= np.maximum(np.gcd.reduce(doubled, axis=0), 1)
    ranks, positive = np.sort(np.abs(doubled), axis=0), np.maximum(doubled, 0).sum(axis=0)
    smaller = np.minimum(positive, ranks.sum(axis=0) - positive)
    zeros = (ranks == 0).sum(axis=0)
    pairs = zip(ranks.T.tolist(), zeros.tolist(), smaller.tolist(), strict=True)
    return np.array([_two_sided((*pair[first:],), least) for pair, first, least in pairs])


def _two_sided(ranks: tuple[int, ...], smaller: int) -> float:
    """From the ascending ranks of one pair, and the smaller sum of those of one sign."""
    exact = len(ranks) * sum(ranks) <= _STEPS
    return min(1.0, 2 * (_chances(ranks)[smaller] if exact else _normal_chance(np.array(ranks), smaller)))


@lru_cache(maxsize=256)
def _chances(ranks: tuple[int, ...]) -> list[float]:
    """That the positive ones of `ranks`, each positive with the chance one half, sum up to 0, 1, … half of all or less.

    Pairs of optimizers often share them: without ties, they are 1, 2, … for all.
    """
    most = sum(ranks) // 2
    chances = np.zeros(most + 1)
    chances[0] = 1.0
    for rank in ranks:
        chances[rank:] += chances[: max(0, most + 1 - rank)].copy()
        chances /= 2
    cumulative: list[float] = chances.cumsum().tolist()
    return cumulative


def _normal_chance(ranks: np.ndarray, most: int) -> float:
    """The same of `most` approximately; sums are whole numbers, so the distribution goes up to half of the next one."""
    deviation = math.sqrt((ranks.astype(float) ** 2).sum()) / 2
    return float(ndtr((most + 0.5 - ranks.sum() / 2) / deviation))
