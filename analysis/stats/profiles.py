"""Profiles: the share of runs, or tasks, that are good enough, over what is good enough."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from optathlon.analysis.stats.block import block
from optathlon.analysis.stats.bootstrap import Resampling
from optathlon.errors import UsageError

THRESHOLDS = tuple(step / 50 for step in range(51))
RATIOS = tuple(2 ** (step / 4) for step in range(29))


def performance_profiles(
    regret: pd.Series,
    thresholds: Sequence[float] = THRESHOLDS,
    *,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> pd.DataFrame:
    """The share of runs whose regret is at most a threshold (score distributions, Agarwal et al. 2021, section 4.2).

    Every task weighs the same. A profile that lies above another throughout is stochastically better.

    Parameters
    ----------
    regret:
        Index (`task`, `seed`, `optimizer`), every optimizer on every (task, seed); 0 is best, no NaN.
    thresholds:
        Of regret, ascending.
    resamples:
        How many resamples: tasks, then seeds (see `Resampling`).
    level:
        The coverage aimed at by each point of the band, in (0, 1); as a whole, a profile leaves the band more often.
    seed:
        Seeds the resampling.

    Returns
    -------
    Index (`optimizer`, `threshold`); `share`, `low`, `high`, in [0, 1].
    """
    runs = block(regret)
    solved = (runs.cells[:, :, None] <= np.asarray(thresholds)).reshape(len(runs.cells), -1).astype(float)
    resampling = Resampling(runs.seeds_per_task, resamples=resamples, seed=seed)
    share, low, high = resampling.bands(solved, level=level)
    index = pd.MultiIndex.from_product([runs.optimizers, thresholds], names=["optimizer", "threshold"])
    return pd.DataFrame({"share": share, "low": low, "high": high}, index=index)


def ratio_profiles(task_costs: pd.DataFrame, ratios: Sequence[float] = RATIOS) -> pd.DataFrame:
    """The share of tasks that an optimizer solves within a multiple of the best one's cost (Dolan and Moré 2002).

    Leaving out an optimizer may change who is ahead of whom among the others, as the best is one of those compared
    (Gould and Scott 2016): only the share at ratio 1 (how often it is the best) and the limit (how much it solves at
    all) can be read off for more than the best one.

    Parameters
    ----------
    task_costs:
        Tasks x optimizers: what it costs to solve the task, above 0; infinite where it is never solved.
    ratios:
        Multiples of the best cost, from 1, ascending.

    Returns
    -------
    Index (`optimizer`, `ratio`); `share`, in [0, 1], of all tasks: those that nobody solves are in it.

    Raises
    ------
    UsageError
        Where a cost is NaN, zero or negative.
    """
    costs = task_costs.sort_index(axis=1)
    wrong = costs.index[~(costs > 0).all(axis=1)]
    if len(wrong):
        raise UsageError(f"the costs on task {wrong[0]!r} must be positive: give inf where a task is never solved")
    best = costs.to_numpy(dtype=float).min(axis=1, keepdims=True)
    solvable = np.where(np.isfinite(best), best, 1.0)
    within = (costs.to_numpy(dtype=float) / solvable)[:, :, None] <= np.asarray(ratios)
    index = pd.MultiIndex.from_product([costs.columns, ratios], names=["optimizer", "ratio"])
    return pd.DataFrame({"share": within.mean(axis=0).ravel()}, index=index)
