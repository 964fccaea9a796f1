"""Ranks at the end of the budget, of all runs, where some optimizers have fewer seeds than others."""

from __future__ import annotations

import numpy as np
import pandas as pd

from optathlon.analysis.stats.comparison import Comparison
from optathlon.analysis.stats.ranking import ranks


def final_ranks(comparison: Comparison) -> pd.DataFrame:
    """Ranks on each (task, seed) at the end of the budget, without leaving out any run on the compared tasks.

    The mean rank of an optimizer on a task is 1 and the chances that a run of each other one is better, ties counting
    half. Two optimizers with the same seeds are ranked seed by seed. Else each run of one is ranked against every run
    of the other, as `optathlon.analysis.stats.rank_differences.rank_differences` does; on a seed that an optimizer
    lacks it has its mean rank.

    Returns
    -------
    Index (`task`, `seed`, `optimizer`), sorted, a complete block; the last column of `optathlon.analysis.ranks`, which
    it equals on tasks where all have the same seeds, or each has seeds of its own.
    """
    at_end = ranks(comparison).iloc[:, -1:]
    table = comparison.final_table
    tasks = table.index.get_level_values("task")
    lacking = {*tasks[table.isna().any(axis=1)]} - {*comparison.unpaired_tasks}
    if not lacking:
        return at_end
    ragged = [_on_task(own) for task, own in table.groupby(level="task") if task in lacking]
    found = pd.DataFrame(pd.concat(ragged).stack(), columns=at_end.columns)
    whole = at_end[~at_end.index.get_level_values("task").isin(lacking)]
    return pd.concat([whole, found]).sort_index()


def _on_task(table: pd.DataFrame) -> pd.DataFrame:
    """Seeds x optimizers: ranks on one task."""
    runs = table.to_numpy()
    present = ~np.isnan(runs)
    found = np.where(present, 1.0, np.nan)
    for other in range(runs.shape[1]):
        others = runs[present[:, other], other]
        chances = _better(others, runs[:, :, None]).mean(axis=2)
        is_paired = (present == present[:, [other]]).all(axis=0)
        chances[:, is_paired] = _better(runs[:, [other]], runs[:, is_paired])
        chances[:, other] = 0.0
        found += chances
    return pd.DataFrame(np.where(present, found, np.nanmean(found, axis=0)), table.index, table.columns)


def _better(losses: np.ndarray, than: np.ndarray) -> np.ndarray:
    """1 where a loss is lower, a half where it is the same."""
    chances: np.ndarray = (losses < than) + (losses == than) / 2
    return chances
