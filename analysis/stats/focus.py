"""One optimizer against each other one."""

from __future__ import annotations

import numpy as np
import pandas as pd

from optathlon.analysis.stats.bootstrap import Resampling
from optathlon.analysis.stats.rank_differences import rank_differences

_ROUNDING = 1e-12
"""Differences of mean ranks that are smaller are ties."""


def rank_leads(losses: pd.Series, focus: str) -> pd.DataFrame:
    """By how much the mean rank of one optimizer is better than that of each other one, when the two are ranked alone.

    Parameters
    ----------
    losses:
        As `rank_differences` takes them.
    focus:
        The optimizer.

    Returns
    -------
    Tasks x other optimizers, in [-1, 1]: 1 where each of its runs is better; NaN where not both have a run.
    """
    differences = rank_differences(losses)
    first, second = (differences.columns.get_level_values(level) for level in ("first", "second"))
    ahead = -differences.loc[:, first == focus].droplevel("first", axis="columns")
    behind = differences.loc[:, second == focus].droplevel("second", axis="columns")
    leads = pd.concat([ahead, behind], axis="columns").sort_index(axis="columns")
    return leads.rename_axis(columns="optimizer")


def tasks_won(leads: pd.DataFrame) -> pd.DataFrame:
    """On how many tasks the optimizer in focus is ahead of each other one.

    Parameters
    ----------
    leads:
        As `rank_leads` returns them.

    Returns
    -------
    Index `optimizer`; `wins`, `ties`, `losses`.
    """
    counts = {"wins": leads > _ROUNDING, "ties": leads.abs() <= _ROUNDING, "losses": leads < -_ROUNDING}
    return pd.DataFrame({name: found.sum(axis="index") for name, found in counts.items()})


def mean_effects(effects: pd.DataFrame, *, resamples: int = 1000, level: float = 0.95, seed: int = 0) -> pd.DataFrame:
    """Means over the tasks that each column has, with intervals.

    Parameters
    ----------
    effects:
        Tasks x optimizers; NaN where a task is lacking.
    resamples:
        How many resamples of tasks, each with its seeds as they are.
    level:
        The coverage aimed at, in (0, 1).
    seed:
        Seeds the resampling.

    Returns
    -------
    By column; `estimate`, `low`, `high` (percentile bootstrap); NaN where it has no task.
    """
    resampling = Resampling(np.ones(len(effects), dtype=int), resamples=resamples, seed=seed)
    weights = np.vstack([resampling.observed_weights, resampling.weights])
    known = effects.notna().to_numpy()
    with np.errstate(invalid="ignore"):
        means = (weights @ effects.fillna(0.0).to_numpy()) / (weights @ known)
    means = means.round(12)
    ends = [np.full(means.shape[1], np.nan) for _ in range(2)]
    has = known.any(axis=0)
    ends[0][has], ends[1][has] = np.nanquantile(means[1:, has], [(1 - level) / 2, (1 + level) / 2], axis=0)
    return pd.DataFrame({"estimate": means[0], "low": ends[0], "high": ends[1]}, index=effects.columns)
