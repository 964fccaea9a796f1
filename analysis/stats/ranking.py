"""Ranks over the budget."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from optathlon.analysis.stats.comparison import Comparison


def ranks(comparison: Comparison) -> pd.DataFrame:
    """Ranks of the optimizers on each (task, seed), at each budget fraction.

    1 is best. Equal losses share the mean of their ranks; runs without an incumbent share the last ones.

    Returns
    -------
    Index (`task`, `seed`, `optimizer`), one column per budget fraction.
    """
    losses = comparison.losses
    block = losses.to_numpy().reshape(-1, len(comparison.optimizers), losses.shape[1])
    ranked = rankdata(np.where(np.isnan(block), np.inf, block), axis=1)
    return pd.DataFrame(ranked.reshape(losses.shape), index=losses.index, columns=losses.columns)


def task_ranks(ranks: pd.DataFrame) -> pd.DataFrame:
    """Mean ranks over the seeds of each task: index (`task`, `optimizer`), one column per budget fraction."""
    return ranks.groupby(level=["task", "optimizer"]).mean()


def mean_ranks(ranks: pd.DataFrame) -> pd.DataFrame:
    """Mean ranks over seeds, then over tasks (so each task weighs the same): index `optimizer`."""
    return task_ranks(ranks).groupby(level="optimizer").mean()
