"""Scores from arrays."""

from __future__ import annotations

import numpy as np
import pandas as pd


def scores_of(values: np.ndarray) -> pd.Series:
    """Index (`task`, `seed`, `optimizer`), from shape (tasks, seeds, optimizers)."""
    tasks, seeds, optimizers = values.shape
    levels = [[f"t{task:03}" for task in range(tasks)], range(seeds), [f"o{number}" for number in range(optimizers)]]
    return pd.Series(values.ravel(), index=pd.MultiIndex.from_product(levels, names=["task", "seed", "optimizer"]))


def with_seeds(values: np.ndarray, counts: list[int]) -> pd.Series:
    """As `scores_of`, but only the first so many seeds of each task."""
    scores = scores_of(values)
    kept = np.repeat(counts, values.shape[1] * values.shape[2])
    return scores[scores.index.get_level_values("seed") < kept]
