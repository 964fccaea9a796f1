"""Scores of all optimizers on the same (task, seed) pairs, as arrays; and tables of pairs of optimizers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import numpy as np
import pandas as pd

from optathlon.errors import UsageError


@dataclass(frozen=True)
class Block:
    """Optimizers by (task, seed) pairs, in sorted order whatever the order of rows was.

    Attributes
    ----------
    optimizers:
        Their names.
    seeds_per_task:
        Shape (tasks,): how many seeds each task has.
    cells:
        Shape (pairs, optimizers): the scores; a task's pairs are next to each other.
    """

    optimizers: pd.Index
    seeds_per_task: np.ndarray
    cells: np.ndarray

    @property
    def by_task(self) -> list[np.ndarray]:
        """For each task, its cells: shape (seeds, optimizers)."""
        return np.split(self.cells, np.cumsum(self.seeds_per_task)[:-1])

    @property
    def task_means(self) -> np.ndarray:
        """Shape (tasks, optimizers): means over the seeds of each task."""
        return np.array([cells.mean(axis=0) for cells in self.by_task])


def block(scores: pd.Series) -> Block:
    """The arrays of `scores`: index (`task`, `seed`, `optimizer`).

    Raises
    ------
    UsageError
        Where an optimizer lacks a (task, seed) pair that another has, or a score is NaN.
    """
    table = scores.unstack("optimizer").reorder_levels(["task", "seed"]).sort_index(axis=0).sort_index(axis=1)
    if table.isna().any(axis=None):
        name = table.columns[table.isna().any(axis=0)][0]
        raise UsageError(
            f"the scores lack {name!r} on some (task, seed) pair or are NaN there: keep the pairs that all optimizers "
            "have, as optathlon.analysis.comparisons does, and give runs without a result the worst score"
        )
    seeds = rows_per_task(cast("pd.MultiIndex", table.index))
    return Block(table.columns.rename("optimizer"), seeds, table.to_numpy(dtype=float))


def rows_per_task(index: pd.MultiIndex) -> np.ndarray:
    """Shape (tasks,): how often each task is in its level `task`, in the order of their names."""
    level = index.names.index("task")
    names = index.levels[level]
    counts = np.bincount(index.codes[level], minlength=len(names))[names.argsort()]
    present: np.ndarray = counts[counts > 0]
    return present


def by_pair(optimizers: pd.Index, columns: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """Index (`first`, `second`): all ordered pairs of different optimizers.

    Parameters
    ----------
    optimizers:
        Their names, in order.
    columns:
        By name, a matrix of shape (optimizers, optimizers): the first of a pair by row, the second by column.
    """
    different = ~np.eye(len(optimizers), dtype=bool)
    pairs = pd.MultiIndex.from_product([optimizers, optimizers], names=["first", "second"])[different.ravel()]
    return pd.DataFrame({name: matrix[different] for name, matrix in columns.items()}, index=pairs)
