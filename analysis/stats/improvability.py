"""By how much the best optimizer of each task is better than another."""

from __future__ import annotations

import numpy as np
import pandas as pd

from optathlon.analysis.metrics.magnitude import room
from optathlon.analysis.stats.block import block
from optathlon.analysis.stats.bootstrap import Resampling


def improvability(
    losses: pd.Series, zeros: pd.Series, *, resamples: int = 1000, level: float = 0.95, seed: int = 0
) -> pd.DataFrame:
    """The share of an optimizer's error that the best one on the task doesn't have, averaged over tasks.

    On a task it is `1 - best error / error` of mean errors over seeds, as TabArena defines it (Erickson et al. 2025,
    arXiv:2506.16791): 0 for the best one, near 1 for one whose error is many times as large. A run without a result
    counts as 1.

    Parameters
    ----------
    losses:
        Final losses, index (`task`, `seed`, `optimizer`), every optimizer on every (task, seed); NaN is a run without a
        result.
    zeros:
        By task: the loss at which the error is 0 (better ones count as 0). Tasks that lack it are left out.
    resamples:
        How many resamples of tasks, with their seeds.
    level:
        The coverage aimed at, in (0, 1).
    seed:
        Seeds the resampling.

    Returns
    -------
    Index `optimizer`; `estimate`, `low`, `high` (percentile bootstrap), in [0, 1]. Empty where no task has a zero.
    """
    tasks = losses.index.get_level_values("task")
    known = losses[zeros.reindex(tasks).notna().to_numpy()]
    if known.empty:
        return pd.DataFrame(columns=["estimate", "low", "high"], index=pd.Index([], name="optimizer"), dtype=float)
    zero = zeros.reindex(known.index.get_level_values("task")).to_numpy(dtype=float)
    values = known.to_numpy(dtype=float)
    unit = room(values, zero)
    errors = (values * unit - zero * unit).clip(min=0.0)
    runs = block(pd.Series(np.where(np.isnan(errors), np.inf, errors), known.index))
    by_task = np.array([_on_task(cells) for cells in runs.by_task])
    resampling = Resampling(np.ones(len(by_task), dtype=int), resamples=resamples, seed=seed)
    estimate, low, high = resampling.bands(by_task, level=level)
    return pd.DataFrame({"estimate": estimate, "low": low, "high": high}, index=runs.optimizers)


def _on_task(errors: np.ndarray) -> np.ndarray:
    """Shape (optimizers,), from `errors` of shape (seeds, optimizers), infinite without a result."""
    succeeded = np.isfinite(errors)
    count = succeeded.sum(axis=0)
    scaled = np.where(succeeded, errors, 0.0) / len(errors)  # before the sum, which may else be too large
    mean = np.where(count > 0, scaled.sum(axis=0) * (len(errors) / np.maximum(count, 1)), np.inf)
    best = mean.min()
    with np.errstate(invalid="ignore", divide="ignore"):
        lacking = np.where(mean > best, 1 - best / mean, 0.0)
    failed = 1 - count / len(errors)
    shares: np.ndarray = failed + (1 - failed) * lacking
    return shares
