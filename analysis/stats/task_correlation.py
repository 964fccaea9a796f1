"""How alike tasks are, judged by the order in which they put the optimizers."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform

_MOST_OPTIMAL = 500
"""Tasks of which the optimal leaf order is found within a few seconds."""


def task_correlation(task_ranks: pd.DataFrame) -> pd.DataFrame:
    """Kendall's tau-b between the optimizers' ranks on each two tasks.

    Parameters
    ----------
    task_ranks:
        Tasks x optimizers: mean ranks over seeds, lower is better.

    Returns
    -------
    Tasks x tasks, in [-1, 1]: 1 where two tasks order the optimizers alike, -1 where they order them the other way
    round, NaN where a task doesn't tell any apart. Similar tasks are next to each other: they are in the leaf order of
    scipy's average-linkage clustering by 1 - tau (NaN counts as 0 there), which is the optimal one (Bar-Joseph et al.
    2001) of up to 500 tasks; its time grows with their cube.
    """
    ranks = task_ranks.sort_index()
    tau = _kendall(np.round(ranks.to_numpy(dtype=float), 12))  # equal means tie, whatever the rounding of sums
    order = _leaf_order(tau)
    names = ranks.index[order]
    return pd.DataFrame(tau[np.ix_(order, order)], index=names, columns=names)


def _kendall(ranks: np.ndarray) -> np.ndarray:
    """Shape (tasks, tasks): tau-b, i.e. the uncentred correlation of the signs of all differences (Kendall 1945)."""
    first, second = np.triu_indices(ranks.shape[1], k=1)
    signs = np.sign(ranks[:, first] - ranks[:, second])
    untied = np.abs(signs).sum(axis=1)
    with np.errstate(invalid="ignore"):
        tau: np.ndarray = (signs @ signs.T) / np.sqrt(np.outer(untied, untied))
    return tau


def _leaf_order(tau: np.ndarray) -> np.ndarray:
    if len(tau) < 2:
        return np.arange(len(tau))
    distance = 1 - np.nan_to_num(tau)
    np.fill_diagonal(distance, 0)
    optimal = len(tau) <= _MOST_OPTIMAL
    leaves: np.ndarray = leaves_list(linkage(squareform(distance), "average", optimal_ordering=optimal))
    return leaves
