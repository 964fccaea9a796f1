"""Wilcoxon's signed ranks of differences on tasks, and their exact test."""

from __future__ import annotations

import math

import numpy as np
from scipy.stats import norm, rankdata

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


def signed_rank_p(signed: np.ndarray) -> float:
    """The two-sided p-value of Wilcoxon's test from one pair's signed ranks, shape (tasks,); 1 where all are 0.

    It is exact given the ties, unlike that of `scipy.stats.wilcoxon`: every way to distribute the signs is equally
    likely if the two perform alike. Where all differences are equal, this is the sign test. Where the sum of the ranks
    is too large to count all ways, it is the normal approximation with the correction for continuity.
    """
    informative = signed[signed != 0]
    if not len(informative):
        return 1.0
    ranks = np.rint(2 * np.abs(informative)).astype(int)  # midranks are multiples of one half
    ranks //= math.gcd(*ranks.tolist())
    positive = int(ranks[informative > 0].sum())
    smaller = min(positive, int(ranks.sum()) - positive)
    exact = len(ranks) * int(ranks.sum()) <= _STEPS
    return min(1.0, 2 * (_chance(ranks, smaller) if exact else _normal_chance(ranks, smaller)))


def _chance(ranks: np.ndarray, most: int) -> float:
    """That the positive ones of `ranks`, each positive with the chance one half, sum up to `most` or less."""
    chances = np.zeros(most + 1)
    chances[0] = 1.0
    for rank in ranks:
        chances[rank:] += chances[: max(0, most + 1 - rank)].copy()
        chances /= 2
    return float(chances.sum())


def _normal_chance(ranks: np.ndarray, most: int) -> float:
    """The same approximately; sums are whole numbers, so the distribution is continued to half of the next one."""
    deviation = math.sqrt((ranks.astype(float) ** 2).sum()) / 2
    return float(norm.cdf((most + 0.5 - ranks.sum() / 2) / deviation))
