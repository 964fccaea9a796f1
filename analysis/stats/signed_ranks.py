"""Wilcoxon's signed ranks of differences on tasks."""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata, wilcoxon

_EXACT = 50
"""Up to so many differences the p-value is exact; beyond, scipy's normal approximation is as good."""


def signed_ranks(differences: np.ndarray) -> np.ndarray:
    """Wilcoxon's signed ranks along the first axis (tasks), of the same shape; zeros have 0 and don't count.

    Differences are rounded to 12 decimals, so that what is equal but for rounding ties.
    """
    rounded = np.round(differences, 12)
    zeros = (rounded == 0).sum(axis=0)
    signed: np.ndarray = np.sign(rounded) * (rankdata(np.abs(rounded), axis=0) - zeros)
    return signed


def signed_rank_p(signed: np.ndarray) -> float:
    """The two-sided p-value of Wilcoxon's test from one pair's signed ranks, shape (tasks,); 1 where all are 0.

    Exact given the ties, unlike `scipy.stats.wilcoxon`, which is so without ties only (or slowly, for few tasks).
    """
    informative = signed[signed != 0]
    if len(informative) > _EXACT:
        return float(wilcoxon(informative).pvalue)
    doubled = np.rint(2 * np.abs(informative)).astype(int)  # midranks are multiples of one half
    chances = np.zeros(doubled.sum() + 1)  # of each sum of the doubled ranks that are positive
    chances[0] = 1.0
    for rank in doubled:
        chances[rank:] += chances[:-rank]
        chances /= 2
    positive = doubled[informative > 0].sum()
    return float(min(1.0, 2 * chances[: min(positive, doubled.sum() - positive) + 1].sum()))
