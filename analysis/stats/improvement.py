"""How likely one optimizer is to be better than another."""

from __future__ import annotations

import numpy as np
import pandas as pd

from optathlon.analysis.stats.block import Block, block, by_pair
from optathlon.analysis.stats.bootstrap import Resampling


def probability_of_improvement(
    scores: pd.Series, *, resamples: int = 1000, level: float = 0.95, seed: int = 0
) -> pd.DataFrame:
    """The probability that a run of one optimizer is better than a run of another on the same task.

    On each task it is the share of pairs of runs (any seed against any seed) in which the first is better, ties
    counting half, i.e. Mann and Whitney's U over the number of pairs; then tasks are averaged (Agarwal et al. 2021,
    NeurIPS, section 4.3). It says how often, not by how much.

    Parameters
    ----------
    scores:
        Index (`task`, `seed`, `optimizer`), every optimizer on every (task, seed); lower is better, no NaN.
    resamples:
        How many resamples. Tasks are resampled with their seeds, which vary between them already.
    level:
        The coverage aimed at, in (0, 1).
    seed:
        Seeds the resampling.

    Returns
    -------
    Index (`first`, `second`), all ordered pairs of different optimizers; `estimate`, `low`, `high` (percentile
    bootstrap).
    """
    runs = block(scores)
    by_task = superiority(runs)
    flat = by_task.reshape(len(by_task), -1)
    tasks = Resampling(np.ones(len(flat), dtype=int), resamples=resamples, seed=seed)
    estimate, low, high = tasks.bands(flat, level=level).reshape(3, *by_task.shape[1:])
    return by_pair(runs.optimizers, {"estimate": estimate, "low": low, "high": high})


def superiority(runs: Block) -> np.ndarray:
    """Shape (tasks, optimizers, optimizers): the share of pairs of runs in which the row is better than the column."""
    return np.array([_superiority(cells) for cells in runs.by_task])


def _superiority(cells: np.ndarray) -> np.ndarray:
    """Shape (optimizers, optimizers), from one task's `cells` of shape (seeds, optimizers)."""
    better = np.zeros((cells.shape[1], cells.shape[1]))
    for run in cells:
        better += np.heaviside(cells[:, None, :] - run[None, :, None], 0.5).mean(axis=0)
    return better / len(cells)
