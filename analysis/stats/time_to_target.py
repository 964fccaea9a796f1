"""How often an optimizer is nearly the first to reach a task's target (Dolan and Moré 2002)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from optathlon.analysis.stats.block import block
from optathlon.analysis.stats.bootstrap import Resampling

MOST_TIMES = 4.0
"""Up to how many times the quickest one's time counts in the score, as in AlgoPerf."""


def targets_of_tasks(losses: pd.Series) -> pd.Series:
    """A target for each task: the median of the final losses of all runs, the better of two, which half of them reach.

    Parameters
    ----------
    losses:
        Final losses, index (`task`, `seed`, `optimizer`), every optimizer on every (task, seed); NaN is a run without a
        result. Tasks on which most runs have none are left out.

    Returns
    -------
    Index `task`.
    """
    ordered = losses.fillna(np.inf).groupby(level="task")
    targets: pd.Series = ordered.apply(lambda task: np.sort(task.to_numpy(dtype=float))[(len(task) - 1) // 2])
    found: pd.Series = targets[np.isfinite(targets)]
    return found


def time_ratios(times: pd.Series) -> pd.DataFrame:
    """By how many times an optimizer takes longer to a task's target than the quickest one.

    Its time on a task is that by which half of its seeds have reached the target: the median, the quicker of two.

    Parameters
    ----------
    times:
        Index (`task`, `seed`, `optimizer`), every optimizer on every (task, seed): what was spent until the target, 0
        or more; infinite where it was missed.

    Returns
    -------
    Tasks x optimizers, 1 or more; infinite where most seeds miss the target.
    """
    runs = block(times)
    medians = np.array([np.sort(cells, axis=0)[(len(cells) - 1) // 2] for cells in runs.by_task])
    best = medians.min(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratios = np.where((medians == best) & np.isfinite(medians), 1.0, medians / best)
    names = times.index.unique("task").sort_values()
    return pd.DataFrame(np.where(np.isnan(ratios), np.inf, ratios), index=names, columns=runs.optimizers)


def time_to_target_profiles(
    ratios: pd.DataFrame, factors: Sequence[float], *, resamples: int = 1000, level: float = 0.95, seed: int = 0
) -> pd.DataFrame:
    """The share of tasks on which an optimizer takes at most so many times as long as the quickest one.

    These are the performance profiles of Dolan and Moré (2002), as AlgoPerf has them (Dahl et al. 2023,
    arXiv:2306.07179): at 1, the share of tasks on which it is the quickest; far right, that of tasks it solves at all.

    Parameters
    ----------
    ratios:
        As `time_ratios` returns them.
    factors:
        How many times as long, ascending, 1 or more.
    resamples:
        How many resamples of tasks, each with its ratios as they are.
    level:
        The coverage aimed at by each point of the band, in (0, 1).
    seed:
        Seeds the resampling.

    Returns
    -------
    Index (`optimizer`, `factor`); `share`, `low`, `high`, in [0, 1].
    """
    within = ratios.to_numpy()[:, :, None] <= np.asarray(factors) * (1 + 1e-12)
    resampling = Resampling(np.ones(len(ratios), dtype=int), resamples=resamples, seed=seed)
    share, low, high = resampling.bands(within.reshape(len(ratios), -1).astype(float), level=level)
    index = pd.MultiIndex.from_product([ratios.columns, factors], names=["optimizer", "factor"])
    return pd.DataFrame({"share": share, "low": low, "high": high}, index=index)


def time_to_target_scores(
    ratios: pd.DataFrame, *, most: float = MOST_TIMES, resamples: int = 1000, level: float = 0.95, seed: int = 0
) -> pd.DataFrame:
    """The mean height of each profile from 1 to `most`: AlgoPerf's score (Dahl et al. 2023, arXiv:2306.07179).

    Parameters
    ----------
    ratios:
        As `time_ratios` returns them.
    most:
        Where the area below the profile ends; above 1.
    resamples, level, seed:
        As of `time_to_target_profiles`.

    Returns
    -------
    Index `optimizer`; `estimate`, `low`, `high`, in [0, 1]: 1 for the quickest on every task.
    """
    areas = ((most - ratios.to_numpy()) / (most - 1)).clip(min=0.0)
    resampling = Resampling(np.ones(len(ratios), dtype=int), resamples=resamples, seed=seed)
    estimate, low, high = resampling.bands(areas, level=level)
    return pd.DataFrame({"estimate": estimate, "low": low, "high": high}, index=ratios.columns)
