"""Elo ratings: Bradley and Terry's model of who beats whom, on the scale of chess."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from optathlon.analysis.stats.block import block
from optathlon.analysis.stats.bootstrap import Resampling

MIDDLE = 1000.0
"""The rating of the anchor or, without one, the mean of all ratings."""

_PER_TENFOLD = 400.0
"""A rating higher by this much means odds of ten to one."""

_MOST_STEPS, _LONGEST_STEP, _LAST_STEP = 200, 2.0, 1e-6
"""Newton's method about squares the error with each step: after the last it is below 1e-9."""

_BATCH = 200_000
"""Numbers held at once: as many as a processor's cache holds."""


def elo(
    ranks: pd.Series, *, anchor: str | None = None, resamples: int = 200, level: float = 0.95, seed: int = 0
) -> pd.DataFrame:
    """Elo ratings by maximum likelihood, as TabArena defines them (Erickson et al. 2025, arXiv:2506.16791).

    Each (task, seed) is a battle of each pair of optimizers, a tie is half a win of both, and each task has the same
    weight. In Bradley and Terry's model (1952) the odds that one beats another are the ratio of their strengths; a
    rating is 400 times the decimal logarithm of the strength. As all meet on every task, ratings depend on mean ranks
    alone (Ford 1957), and are in their order.

    The likelihood has no maximum where an optimizer always wins. So all battles of one more task are taken to be ties:
    of two optimizers, that is Haldane and Anscombe's correction of the odds, `(wins + 1/2) / (losses + 1/2)`.

    Parameters
    ----------
    ranks:
        Index (`task`, `seed`, `optimizer`), every optimizer on every (task, seed): ranks from 1, the best.
    anchor:
        The optimizer whose rating is 1000, also in every resample; by default the mean of all is.
    resamples:
        How many resamples: tasks, then seeds (see `Resampling`). TabArena has 200.
    level:
        The coverage aimed at, in (0, 1).
    seed:
        Seeds the resampling.

    Returns
    -------
    Index `optimizer`; `estimate`, `low`, `high` (percentile bootstrap).
    """
    found = block(ranks)
    tasks, count = len(found.seeds_per_task), len(found.optimizers)
    resampling = Resampling(found.seeds_per_task, resamples=resamples, seed=seed)
    weights = np.vstack([resampling.observed_weights, resampling.weights])
    wins = tasks * (weights @ (count - found.cells)) + (count - 1) / 2
    wins /= tasks + 1
    wins += (count - 1) / 2 - wins.mean(axis=1, keepdims=True)  # which resampling changes where seeds are not shared
    strengths = bradley_terry(wins)
    ratings = _PER_TENFOLD / math.log(10) * strengths
    zero = ratings.mean(axis=1) if anchor is None else ratings[:, found.optimizers.get_loc(anchor)]
    ratings = MIDDLE + ratings - zero[:, None]
    low, high = np.quantile(ratings[1:], [(1 - level) / 2, (1 + level) / 2], axis=0)
    columns = {"estimate": ratings[0], "low": low, "high": high}
    return pd.DataFrame(columns, index=found.optimizers).round(6)


def bradley_terry(wins: np.ndarray) -> np.ndarray:
    """Log-strengths by maximum likelihood, their mean 0, where every pair has met once in sum.

    Parameters
    ----------
    wins:
        Shape (draws, optimizers): the sum of the shares that each has won against each other one, above 0 and below
        `optimizers - 1`; a row adds up to the number of pairs.

    Returns
    -------
    Shape (draws, optimizers), by Newton's method; each row to a precision of about 1e-9.
    """
    first = _newton(wins[:1], np.zeros((1, wins.shape[1])))
    size = max(1, _BATCH // wins.shape[1] ** 2)
    others = [wins[start : start + size] for start in range(1, len(wins), size)]
    return np.vstack([first, *(_newton(some, first) for some in others)])


def _newton(wins: np.ndarray, strengths: np.ndarray) -> np.ndarray:
    """As `bradley_terry`, from `strengths` of shape (draws, optimizers), or (1, optimizers) where all begin alike."""
    count = wins.shape[1]
    for _ in range(_MOST_STEPS):
        strength = np.exp(strengths)
        share = strength[:, :, None] / (strength[:, :, None] + strength[:, None, :])  # of battles that the row wins
        gradient = wins - (share.sum(axis=2) - 0.5)
        information = -share * (1 - share)
        diagonal = np.arange(count)
        information[:, diagonal, diagonal] = 0.0
        information[:, diagonal, diagonal] = -information.sum(axis=2)
        # the likelihood says nothing of the sum of all, which stays 0 this way
        step = np.linalg.solve(information + 1 / count, gradient[:, :, None])[:, :, 0]
        longest = np.abs(step).max(axis=1, keepdims=True)
        strengths = strengths + step * np.minimum(1.0, _LONGEST_STEP / np.maximum(longest, _LONGEST_STEP))
        if longest.max() < _LAST_STEP:
            break
    centred: np.ndarray = strengths - strengths.mean(axis=1, keepdims=True)
    return centred
