"""Ranks over the budget."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from optathlon.analysis.stats.comparison import Comparison


def ranks(comparison: Comparison) -> pd.DataFrame:
    """Ranks of the optimizers on each (task, seed), at each budget fraction.

    1 is best. Equal losses share the mean of their ranks; runs without an incumbent share the last ones. On unpaired
    tasks a run has the mean of the ranks that it would have among any runs of the others.

    Returns
    -------
    Index (`task`, `seed`, `optimizer`), one column per budget fraction.
    """
    losses = comparison.losses
    block = losses.to_numpy().reshape(-1, len(comparison.optimizers), losses.shape[1])
    filled = np.where(np.isnan(block), np.inf, block)
    ranked = rankdata(filled, axis=1)
    if comparison.unpaired_tasks:
        task = losses.index.get_level_values("task")[:: len(comparison.optimizers)]
        for name in comparison.unpaired_tasks:
            ranked[task == name] = _unpaired(filled[task == name])
    return pd.DataFrame(ranked.reshape(losses.shape), index=losses.index, columns=losses.columns)


def _unpaired(losses: np.ndarray) -> np.ndarray:
    """Of shape (runs, optimizers, points): the mean of the ranks that a run has among any runs of the others."""
    runs, optimizers, points = losses.shape
    # the rank among all runs, less that among those of the same optimizer, counts the better runs of all others
    among_all = rankdata(losses.reshape(-1, points), axis=0).reshape(runs, optimizers, points)
    ranked: np.ndarray = 1 + (among_all - rankdata(losses, axis=0)) / runs
    return ranked


def task_ranks(ranks: pd.DataFrame) -> pd.DataFrame:
    """Mean ranks over the seeds of each task: index (`task`, `optimizer`), one column per budget fraction."""
    return ranks.groupby(level=["task", "optimizer"]).mean()


def mean_ranks(ranks: pd.DataFrame) -> pd.DataFrame:
    """Mean ranks over seeds, then over tasks (so each task weighs the same): index `optimizer`."""
    return task_ranks(ranks).groupby(level="optimizer").mean()
