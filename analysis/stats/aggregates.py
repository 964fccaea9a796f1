"""One number per optimizer over all its runs: interquartile mean, median, mean and optimality gap, with intervals."""

from __future__ import annotations

import numpy as np
import pandas as pd

from optathlon.analysis.stats.block import Block, block
from optathlon.analysis.stats.bootstrap import Resampling

_ROUNDING = 1e-9
"""How far a sum of weights may be from one half and still be it."""


def aggregates(
    regret: pd.Series, *, target: float = 0.05, resamples: int = 1000, level: float = 0.95, seed: int = 0
) -> pd.DataFrame:
    """Aggregate regret of each optimizer.

    The statistics are those of Agarwal et al. (2021, NeurIPS: "Deep RL at the edge of the statistical precipice").
    Every task weighs the same, and so does every seed within a task.

    - `"IQM"`: the interquartile mean, i.e. of the runs without the best and the worst quarter of the weight (a run on
      the border counts in part). It is robust to outliers as the median is, and almost as efficient as the mean.
    - `"median"`: over tasks, of a task's mean.
    - `"mean"`: over tasks, of a task's mean.
    - `"optimality gap"`: by how much runs miss the target on average, `mean(max(regret - target, 0))`. It is the
      paper's for scores `1 - regret` and `gamma = 1 - target`; runs better than the target don't make up for others.

    Intervals are percentiles of the bootstrap over tasks, then seeds (see `Resampling`); the paper's keep the
    tasks and are narrower. For the median, a task drawn several times counts as often with the mean of all its draws.

    Parameters
    ----------
    regret:
        Index (`task`, `seed`, `optimizer`), every optimizer on every (task, seed); 0 is best, no NaN.
    target:
        The regret at which a run counts as solved.
    resamples:
        How many resamples.
    level:
        The coverage aimed at, in (0, 1).
    seed:
        Seeds the resampling.

    Returns
    -------
    Index (`optimizer`, `statistic`), statistics in the order above; `estimate`, `low`, `high`.
    """
    runs = block(regret)
    resampling = Resampling(runs.seeds_per_task, resamples=resamples, seed=seed)
    weights = np.vstack([resampling.observed_weights, resampling.weights])
    statistics = {
        "IQM": _interquartile_means(runs, weights),
        "median": _medians(runs, weights),
        "mean": weights @ runs.cells,
        "optimality gap": weights @ np.maximum(runs.cells - target, 0),
    }
    values = np.stack(list(statistics.values()), axis=-1).reshape(len(weights), -1)
    low, high = np.quantile(values[1:], [(1 - level) / 2, (1 + level) / 2], axis=0)
    index = pd.MultiIndex.from_product([runs.optimizers, list(statistics)], names=["optimizer", "statistic"])
    return pd.DataFrame({"estimate": values[0], "low": low, "high": high}, index=index).round(12)


def _interquartile_means(runs: Block, weights: np.ndarray) -> np.ndarray:
    """Shape (resamples, optimizers), for weights of shape (resamples, pairs)."""
    by_pair = weights.T.copy()
    return np.column_stack([_interquartile_mean(values, by_pair) for values in runs.cells.T])


def _interquartile_mean(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Shape (resamples,), for weights of shape (pairs, resamples)."""
    order = np.argsort(values, kind="stable")
    within = np.diff(np.cumsum(weights[order], axis=0).clip(0.25, 0.75), axis=0, prepend=0.25)
    mean: np.ndarray = 2 * values[order] @ within
    return mean


def _medians(runs: Block, weights: np.ndarray) -> np.ndarray:
    """Shape (resamples, optimizers): the medians over tasks of the weighted means of each task."""
    of_tasks = np.split(weights, np.cumsum(runs.seeds_per_task)[:-1], axis=1)
    shares = np.column_stack([part.sum(axis=1) for part in of_tasks])
    sums = np.stack([part @ cells for part, cells in zip(of_tasks, runs.by_task, strict=True)], axis=-1)
    means = sums / np.where(shares > 0, shares, 1.0)[:, None]
    return np.column_stack([_median(means[:, optimizer], shares) for optimizer in range(means.shape[1])])


def _median(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Of each row of `values`; the mean of both middle ones where weights are split in half between them."""
    order = np.argsort(values, axis=1, kind="stable")
    reached = np.cumsum(np.take_along_axis(weights, order, axis=1), axis=1)
    middles = np.stack([(reached < half).sum(axis=1) for half in (0.5 - _ROUNDING, 0.5 + _ROUNDING)], axis=1)
    median: np.ndarray = np.take_along_axis(np.take_along_axis(values, order, axis=1), middles, axis=1).mean(axis=1)
    return median
