"""Confidence bands of mean ranks by the hierarchical bootstrap."""

from __future__ import annotations

import numpy as np
import pandas as pd

_BATCH = 100
"""Resamples weighed at once: bounds the memory at `_BATCH` x (task, seed) pairs."""


def bootstrap_ranks(ranks: pd.DataFrame, *, resamples: int = 1000, level: float = 0.95, seed: int = 0) -> pd.DataFrame:
    """Percentile confidence intervals of mean ranks.

    Tasks are drawn with replacement, then the seeds of each drawn task, as the data are nested that way (Davison and
    Hinkley 1997, section 3.8). The ranks of a (task, seed) stay together, so optimizers remain paired. Where seeds vary
    more than tasks the intervals are wider than need be; over few tasks they are too narrow.

    Parameters
    ----------
    ranks:
        Index (`task`, `seed`, `optimizer`), one column per budget fraction, as `optathlon.analysis.ranks` returns it.
    resamples:
        How many resamples.
    level:
        The coverage aimed at, in (0, 1).
    seed:
        Seeds the resampling.

    Returns
    -------
    Index (`optimizer`, `fraction`); `mean`, `low`, `high`.
    """
    optimizers = ranks.index.unique("optimizer").sort_values()
    seeds_per_task = ranks.droplevel(["optimizer"]).index.unique().to_frame().groupby(level="task").size().to_numpy()
    cells = ranks.sort_index().to_numpy().reshape(int(seeds_per_task.sum()), -1)
    rng = np.random.default_rng(seed)
    batches = [min(_BATCH, resamples - start) for start in range(0, resamples, _BATCH)]
    drawn = np.concatenate([_weights(seeds_per_task, size, rng) @ cells for size in batches])
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2], axis=0)
    mean = _observed_weights(seeds_per_task) @ cells
    index = pd.MultiIndex.from_product([optimizers, ranks.columns], names=["optimizer", "fraction"])
    # equal means tie, whatever the rounding of sums
    return pd.DataFrame({"mean": mean, "low": low, "high": high}, index=index).round(12)


def _weights(seeds_per_task: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """Shape (size, pairs): the weight of each (task, seed) in the mean over resampled tasks and their seeds.

    A task drawn c times has c independent draws of its s seeds, which together are multinomial with c * s draws.
    """
    tasks = len(seeds_per_task)
    draws = rng.multinomial(tasks, np.full(tasks, 1 / tasks), size=size)
    columns = [
        rng.multinomial(draws[:, task] * seeds, np.full(seeds, 1 / seeds)) / (seeds * tasks)
        for task, seeds in enumerate(seeds_per_task)
    ]
    return np.concatenate(columns, axis=1)


def _observed_weights(seeds_per_task: np.ndarray) -> np.ndarray:
    return np.repeat(1 / (seeds_per_task * len(seeds_per_task)), seeds_per_task)
