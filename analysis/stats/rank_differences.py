"""Ranks of two optimizers among each other, whoever else is compared."""

from __future__ import annotations

import numpy as np
import pandas as pd


def rank_differences(losses: pd.Series) -> pd.DataFrame:
    """The mean rank of one optimizer on each task less that of another, when only the two are ranked.

    Where both have the same seeds on a task, runs of the same seed are ranked against each other, and ranks averaged
    over seeds. Else every run of one is ranked against every run of the other.

    Parameters
    ----------
    losses:
        Index (`task`, `seed`, `optimizer`), in any order; optimizers may lack tasks and seeds. NaN is a run without a
        result: it is worse than any other, and ties with its like.

    Returns
    -------
    Index `task`, sorted; columns (`first`, `second`), each two optimizers once, in the order of names; in [-1, 1],
    below 0 where the first is better, and NaN where not both have a run.
    """
    table = losses.fillna(np.inf).unstack("optimizer").sort_index(axis=1)
    tasks = table.index.get_level_values("task")
    order = np.argsort(tasks, kind="stable")
    names, starts = np.unique(np.asarray(tasks[order]), return_index=True)
    first, second = np.triu_indices(table.shape[1], k=1)
    by_task = np.split(table.to_numpy(dtype=float)[order], starts[1:])
    differences = np.array([_on_task(runs)[first, second] for runs in by_task])
    columns = pd.MultiIndex.from_arrays([table.columns[first], table.columns[second]], names=["first", "second"])
    return pd.DataFrame(differences, index=pd.Index(names, name="task"), columns=columns)


def _on_task(runs: np.ndarray) -> np.ndarray:
    """Shape (optimizers, optimizers): the row's mean rank less the column's, from `runs` of shape (seeds, optimizers).

    Where an optimizer has fewer runs, `runs` are NaN.
    """
    present = ~np.isnan(runs)
    both = present.astype(int).T @ present
    own = present.sum(axis=0)
    alike = (both == own[:, None]) & (both == own)
    differences = _seed_by_seed(runs, both)
    if not alike.all():
        differences = np.where(alike, differences, _each_with_each(runs, present))
    return differences


def _seed_by_seed(runs: np.ndarray, both: np.ndarray) -> np.ndarray:
    worse = np.zeros(both.shape)
    for run in runs:
        worse += run[:, None] > run
    with np.errstate(invalid="ignore"):
        differences: np.ndarray = (worse - worse.T) / both
    return differences


def _each_with_each(runs: np.ndarray, present: np.ndarray) -> np.ndarray:
    owner = np.nonzero(present.T)[0]
    losses = runs.T[present.T]
    differences = np.full((runs.shape[1],) * 2, np.nan)
    for column, (values, ran) in enumerate(zip(runs.T, present.T, strict=True)):
        other = np.sort(values[ran])
        if len(other):
            ahead = np.searchsorted(other, losses, "left") + np.searchsorted(other, losses, "right") - len(other)
            sums = np.bincount(owner, weights=ahead, minlength=runs.shape[1])
            with np.errstate(invalid="ignore"):
                differences[:, column] = sums / (present.sum(axis=0) * len(other))
    return differences
