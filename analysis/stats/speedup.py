"""How much sooner an optimizer gets where another one ends."""

from __future__ import annotations

import numpy as np
import pandas as pd

from optathlon.analysis.stats.block import block
from optathlon.analysis.stats.bootstrap import Resampling

_CLOSE = 1e-9
"""Slack on sums of weights that are to reach a half."""


def targets_of(losses: pd.Series, reference: str) -> pd.Series:
    """Index (`task`, `seed`): the median final loss of an optimizer's runs with other seeds, the better of two.

    A target that depended on the run that is to reach it would be one that this run reaches, and others may not: the
    optimizer would seem faster than its own twin. The optimizer's best run on a task reaches its target.

    Parameters
    ----------
    losses:
        Final losses, index (`task`, `seed`, `optimizer`); NaN is worse than any.
    reference:
        The optimizer. Tasks with one seed, and those on which half of its runs or more have no result, are left out.
    """
    ends = losses.xs(reference, level="optimizer").fillna(np.inf)
    enough = ends.groupby(level="task").transform(lambda task: len(task) > 1 and np.isfinite(task).mean() > 0.5)
    targets: pd.Series = ends[enough.astype(bool)].groupby(level="task").transform(_medians_of_others)
    return targets


def speedup(
    reached: pd.Series, charged: pd.Series, reference: str, *, resamples: int = 1000, level: float = 0.95, seed: int = 0
) -> pd.DataFrame:
    """The median over tasks of the reference's expected runtime to a target over that of each optimizer.

    The expected runtime on a task is that of COCO: the evaluations of all seeds, until the target or the end, per seed
    that reaches it (Hansen et al. 2021, arXiv:1603.08785). Where no seed does, the speed-up is 0.

    Parameters
    ----------
    reached:
        Index (`task`, `seed`, `optimizer`), every optimizer on every (task, seed): evaluations until the target,
        above 0; NaN where it was missed. At least one seed of the reference reaches it on every task.
    charged:
        Same index: evaluations that count for a run that misses the target.
    reference:
        The optimizer whose speed-up is 1.
    resamples:
        How many resamples: tasks, then seeds (see `Resampling`). One in which the reference misses the target of a task
        has no such task.
    level:
        The coverage aimed at, in (0, 1).
    seed:
        Seeds the resampling.

    Returns
    -------
    Index `optimizer`; `estimate`, `low`, `high` (percentile bootstrap): 2 where half the evaluations are enough.
    """
    hits = block(reached.notna().astype(float))
    used = block(reached.fillna(charged))
    own = hits.optimizers.get_loc(reference)
    resampling = Resampling.like(reached, resamples=resamples, seed=seed)
    weights = np.vstack([resampling.observed_weights, resampling.weights])
    ends = np.cumsum(hits.seeds_per_task)[:-1]
    of_tasks = [part.sum(axis=1) for part in np.split(weights, ends, axis=1)]
    ratios = []
    for part, hit, spent in zip(np.split(weights, ends, axis=1), hits.by_task, used.by_task, strict=True):
        with np.errstate(invalid="ignore"):
            rate = (part @ hit) / (part @ spent)
        ratios.append(rate / np.where(rate[:, [own]] > 0, rate[:, [own]], np.nan))
    medians = _weighted_medians(np.stack(ratios, axis=1), np.stack(of_tasks, axis=1))
    # numpy goes through columns one by one where some number may be missing
    quantiles = np.nanquantile if np.isnan(medians).any() else np.quantile
    low, high = quantiles(medians[1:], [(1 - level) / 2, (1 + level) / 2], axis=0)
    return pd.DataFrame({"estimate": medians[0], "low": low, "high": high}, index=hits.optimizers)


def _medians_of_others(losses: pd.Series) -> np.ndarray:
    """For each of n >= 2 losses, the median of the n - 1 others, the lower one of two in the middle."""
    others = np.sort(np.array([np.delete(losses.to_numpy(dtype=float), run) for run in range(len(losses))]), axis=1)
    medians: np.ndarray = others[:, (len(losses) - 2) // 2]
    return medians


def _weighted_medians(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Shape (draws, optimizers): medians of `values` (draws, tasks, optimizers), without NaN.

    `weights` has shape (draws, tasks). Where the weights below a value are exactly a half, it is the mean of two.
    """
    known = np.isfinite(values)
    order = np.argsort(np.where(known, values, np.inf), axis=1)
    ordered = np.take_along_axis(values, order, axis=1)
    weight = np.take_along_axis(np.where(known, weights[:, :, None], 0.0), order, axis=1)
    with np.errstate(invalid="ignore"):
        share = weight.cumsum(axis=1) / weight.sum(axis=1, keepdims=True)
    lower, upper = (np.argmax(share >= 0.5 + slack, axis=1)[:, None] for slack in (-_CLOSE, _CLOSE))
    ends = (np.take_along_axis(ordered, place, axis=1)[:, 0] for place in (lower, upper))
    medians: np.ndarray = np.mean([*ends], axis=0)
    return medians
