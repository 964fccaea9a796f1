"""Optimizers two by two: who wins on how many tasks, and how large the difference is."""

from __future__ import annotations

import numpy as np
import pandas as pd

from optathlon.analysis.stats.block import block, by_pair
from optathlon.analysis.stats.improvement import superiority
from optathlon.analysis.stats.signed_ranks import signed_ranks

_ROUNDING = 1e-12
"""Scores that differ by less, relative to the larger one, are equal."""

_MAGNITUDES = {0.147: "negligible", 0.33: "small", 0.474: "medium", np.inf: "large"}
"""Upper ends of Cliff's delta (Romano et al. 2006)."""


def win_tie_loss(task_scores: pd.DataFrame) -> pd.DataFrame:
    """On how many tasks the first optimizer of each pair wins, ties and loses.

    Parameters
    ----------
    task_scores:
        Tasks x optimizers: means over seeds, lower is better, no NaN. Scores equal up to rounding tie.

    Returns
    -------
    Index (`first`, `second`), all ordered pairs of different optimizers; `wins`, `ties`, `losses`.
    """
    table = task_scores.sort_index(axis=1)
    scores = table.to_numpy(dtype=float)
    first, second = scores[:, :, None], scores[:, None, :]
    ties = np.isclose(first, second, rtol=_ROUNDING, atol=0)
    wins = ((first < second) & ~ties).sum(axis=0)
    return by_pair(table.columns, {"wins": wins, "ties": ties.sum(axis=0), "losses": wins.T})


def effect_sizes(scores: pd.Series) -> pd.DataFrame:
    """How large the difference between the optimizers of each pair is; unlike a p-value, whatever the number of runs.

    Parameters
    ----------
    scores:
        Index (`task`, `seed`, `optimizer`), every optimizer on every (task, seed); lower is better, no NaN.

    Returns
    -------
    Index (`first`, `second`), all ordered pairs of different optimizers:

    - `a12`, in [0, 1]: the probability that a run of the first is better than one of the second on the same task, ties
      counting half, averaged over tasks (Vargha and Delaney 2000);
    - `cliffs_delta`, in [-1, 1]: `2 * a12 - 1` (Cliff 1993), positive where the first is better;
    - `rank_biserial`, in [-1, 1]: of matched pairs, i.e. the tasks' mean scores: the signed ranks of tasks won less
      those of tasks lost, over their sum (Kerby 2014). Tied tasks are left out; 0 where all tie;
    - `magnitude` of Cliff's delta: `"negligible"` below 0.147, `"small"` below 0.33, `"medium"` below 0.474, else
      `"large"` (Romano et al. 2006).
    """
    runs = block(scores)
    a12 = superiority(runs).mean(axis=0)
    delta = 2 * a12 - 1
    sizes = by_pair(
        runs.optimizers, {"a12": a12, "cliffs_delta": delta, "rank_biserial": _rank_biserial(runs.task_means)}
    ).round(12)
    bounds, names = np.array(list(_MAGNITUDES)), np.array(list(_MAGNITUDES.values()))
    return sizes.assign(magnitude=names[np.searchsorted(bounds, sizes["cliffs_delta"].abs(), side="right")])


def _rank_biserial(means: np.ndarray) -> np.ndarray:
    """Shape (optimizers, optimizers), from `means` of shape (tasks, optimizers)."""
    won = signed_ranks(means[:, None, :] - means[:, :, None])
    total = np.abs(won).sum(axis=0)
    biserial: np.ndarray = won.sum(axis=0) / np.where(total > 0, total, 1.0)
    return biserial
