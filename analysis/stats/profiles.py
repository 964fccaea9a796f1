"""Profiles: the share of runs that are good enough, over what is good enough."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from optathlon.analysis.stats.block import block
from optathlon.analysis.stats.bootstrap import Resampling

THRESHOLDS = tuple(step / 50 for step in range(51))


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
