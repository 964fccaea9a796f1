"""Confidence bands by the hierarchical bootstrap."""

from __future__ import annotations

from functools import cached_property
from typing import cast

import numpy as np
import pandas as pd

from optathlon.analysis.stats.block import rows_per_task

_BATCH = 2_000_000
"""Resampled means held at once: bounds the memory."""


class Resampling:
    """Resamples of (task, seed) pairs, drawn once and used for whatever is averaged over them.

    Tasks are drawn with replacement, then the seeds of each drawn task, as the data are nested that way (Davison and
    Hinkley 1997, section 3.8). What belongs to a (task, seed) stays together, so optimizers remain paired. Where seeds
    vary more than tasks the intervals are wider than need be; over few tasks they are too narrow.

    Parameters
    ----------
    seeds_per_task:
        How many seeds each task has, in the order of the tasks.
    resamples:
        How many resamples.
    seed:
        Seeds the resampling.
    """

    def __init__(self, seeds_per_task: np.ndarray, *, resamples: int = 1000, seed: int = 0) -> None:
        self.seeds_per_task = seeds_per_task
        self.resamples = resamples
        self._seed = seed

    @classmethod
    def like(cls, frame: pd.DataFrame | pd.Series, *, resamples: int = 1000, seed: int = 0) -> Resampling:
        """Resamples of the (task, seed) pairs of a complete block: index (`task`, `seed`, `optimizer`)."""
        index = cast("pd.MultiIndex", frame.index)
        seeds = rows_per_task(index) // len(index.unique("optimizer"))
        return cls(seeds, resamples=resamples, seed=seed)

    @cached_property
    def weights(self) -> np.ndarray:
        """Shape (resamples, pairs): the weight of each (task, seed) in the mean over resampled tasks and their seeds.

        A task drawn c times has c independent draws of its s seeds, which together are multinomial with c * s draws.
        """
        rng = np.random.default_rng(self._seed)
        tasks = len(self.seeds_per_task)
        draws = rng.multinomial(tasks, np.full(tasks, 1 / tasks), size=self.resamples)
        columns = [
            rng.multinomial(draws[:, task] * seeds, np.full(seeds, 1 / seeds)) / (seeds * tasks)
            for task, seeds in enumerate(self.seeds_per_task)
        ]
        return np.concatenate(columns, axis=1)

    @property
    def observed_weights(self) -> np.ndarray:
        """Shape (pairs,): the weight of each (task, seed) in the mean over seeds, then tasks."""
        return np.repeat(1 / (self.seeds_per_task * len(self.seeds_per_task)), self.seeds_per_task)

    def bands(self, cells: np.ndarray, *, level: float = 0.95) -> np.ndarray:
        """Shape (3, k): means over seeds, then tasks, and the ends of their percentile intervals.

        Parameters
        ----------
        cells:
            Shape (pairs, k), in order of tasks and seeds.
        level:
            The coverage aimed at, in (0, 1).
        """
        mean = self.observed_weights @ cells
        is_new = np.ones(cells.shape[1], dtype=bool)  # others equal the one before: no run improved in between
        is_new[1:] = (cells[:, 1:] != cells[:, :-1]).any(axis=0)
        new = cells[:, is_new]
        batch = max(1, _BATCH // self.resamples)
        ends = [
            _interval(new[:, start : start + batch].T @ self.weights.T, level)
            for start in range(0, new.shape[1], batch)
        ]
        # equal means tie, whatever the rounding of sums
        return np.vstack([mean, np.concatenate(ends, axis=1)[:, np.cumsum(is_new) - 1]]).round(12)


def bootstrap_ranks(ranks: pd.DataFrame, *, resamples: int = 1000, level: float = 0.95, seed: int = 0) -> pd.DataFrame:
    """Percentile confidence intervals of mean ranks (see `Resampling`).

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
    return bootstrap_means(ranks, Resampling.like(ranks, resamples=resamples, seed=seed), level=level)


def bootstrap_means(frame: pd.DataFrame, resampling: Resampling, *, level: float = 0.95) -> pd.DataFrame:
    """Means over seeds, then tasks, of anything that each optimizer has on each (task, seed), with their intervals.

    Parameters
    ----------
    frame:
        Index (`task`, `seed`, `optimizer`), a complete block; any columns.
    resampling:
        Of the same (task, seed) pairs.
    level:
        The coverage aimed at, in (0, 1).

    Returns
    -------
    Index (`optimizer`, the name of the columns); `mean`, `low`, `high`.
    """
    optimizers = frame.index.unique("optimizer").sort_values()
    ordered = frame if frame.index.is_monotonic_increasing else frame.sort_index()
    cells = ordered.to_numpy(dtype=float).reshape(int(resampling.seeds_per_task.sum()), -1)
    mean, low, high = resampling.bands(cells, level=level)
    index = pd.MultiIndex.from_product([optimizers, frame.columns], names=["optimizer", frame.columns.name])
    return pd.DataFrame({"mean": mean, "low": low, "high": high}, index=index)


def _interval(drawn: np.ndarray, level: float) -> np.ndarray:
    """Shape (2, k): the quantiles (1 - level) / 2 and (1 + level) / 2 of each row, as numpy interpolates them."""
    last = drawn.shape[1] - 1
    positions = np.array([(1 - level) / 2, (1 + level) / 2]) * last
    below = np.floor(positions).astype(int)
    above = np.minimum(below + 1, last)
    drawn.sort(axis=1)  # of so short rows sooner than a partition
    weight = (positions - below)[:, None]
    interval: np.ndarray = drawn[:, below].T * (1 - weight) + drawn[:, above].T * weight
    return interval
