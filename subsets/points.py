"""From how optimizers perform to points: one per task, one coordinate per optimizer, in the unit cube."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pandas as pd
from scipy.stats import kstest

from optathlon.errors import UsageError

Scale = Literal["linear", "log"]
Missing = Literal["error", "drop", "worst"]

_WORST = 1.0
"""The regret of a run without a result."""

_PRECISION = 1e-8
"""Lesser regrets are the same on a log scale: the target precision of COCO (Hansen et al. 2021)."""

_ROUNDING = 1e-12
"""Regrets that differ by no more than this, relative to the greatest, are the same."""


@dataclass(frozen=True)
class TaskPoints:
    """Tasks as points.

    Attributes
    ----------
    points:
        Tasks x optimizers, in [0, 1]: 0 on the task where the optimizer does best, 1 where it does worst.
    scale:
        Whether regrets were taken as they are or by their logarithm.
    ranges:
        By optimizer, the mean regrets that became 0 and 1.
    seeds:
        How many seeds the means are over: the fewest and the most of any task.
    dropped:
        Tasks left out because some optimizer lacks them.
    imputed:
        How many runs some optimizer lacks and count as the worst.
    failed:
        How many runs ended without a result and count as the worst.
    """

    points: pd.DataFrame
    scale: Scale
    ranges: dict[str, tuple[float, float]]
    seeds: tuple[int, int]
    dropped: tuple[str, ...]
    imputed: int
    failed: int

    @property
    def distinct(self) -> int:
        """How many different points there are."""
        return len(self.points.drop_duplicates())


def task_points(regret: pd.Series, *, scale: Scale | None = None, missing: Missing = "error") -> TaskPoints:
    """Tasks as points in [0, 1]^d, where d is the number of optimizers.

    A coordinate is the optimizer's mean regret on the task over seeds, or the logarithm of it, scaled over all tasks
    such that the least becomes 0 and the greatest 1. It is never scaled within a task: then every point would touch
    1, the open unit box would be empty, and the discrepancy to the uniform distribution would be 1 for any subset.

    Parameters
    ----------
    regret:
        Index (`optimizer`, `task`, `seed`): each run's final regret in [0, 1], as
        `optathlon.analysis.normalised_regret` gives it for these optimizers alone; NaN for a run without a result,
        which counts as 1.
    scale:
        `"linear"` or `"log"`; by default the one whose values lie nearer to a uniform distribution, by the mean over
        optimizers of the Kolmogorov distance (`scipy.stats.kstest`). Clumped regrets get the logarithm. Below
        1e-8 or, if that is greater, the smallest positive one, regrets count as so much.
    missing:
        What to do about runs that some optimizer has and another lacks: `"error"`, `"drop"` them for all (and tasks
        without a common seed altogether), or count them as the `"worst"`.

    Raises `UsageError` where runs are missing, no task is left, or an optimizer does equally well on all tasks.
    """
    _refuse_other_values(regret)
    runs = regret.unstack("optimizer").sort_index()
    absent = pd.Series(False, regret.index).unstack("optimizer", fill_value=True).reindex_like(runs)
    if missing == "error":
        _refuse_missing(absent)
    _refuse_without_result(runs, absent)
    all_tasks = runs.index.unique("task")
    if missing == "drop":
        runs = runs[~absent.any(axis=1)]
    if runs.empty:
        raise UsageError(f"no task has runs of all of {', '.join(runs.columns)} with a seed in common")
    imputed = int(absent.to_numpy().sum()) if missing == "worst" else 0
    filled = runs.fillna(_WORST)
    means = filled.groupby(level="task").mean()
    _refuse_constant(means, "regret")
    chosen = scale or _nearer_to_uniform(means)
    values = _on_scale(means, chosen)
    _refuse_constant(values, "regret on the scale")
    seeds = filled.groupby(level="task").size()
    return TaskPoints(
        points=_to_unit_interval(values),
        scale=chosen,
        ranges={str(name): (float(means[name].min()), float(means[name].max())) for name in means},
        seeds=(int(seeds.min()), int(seeds.max())),
        dropped=tuple(map(str, all_tasks.difference(means.index))),
        imputed=imputed,
        failed=int(runs.isna().to_numpy().sum()) - imputed,
    )


def _on_scale(means: pd.DataFrame, scale: Scale) -> pd.DataFrame:
    if scale == "linear":
        return means
    smallest = float(np.min(means.to_numpy(), where=means.to_numpy() > 0, initial=_WORST))
    return means.clip(lower=max(smallest, _PRECISION)).apply(np.log10)


def _to_unit_interval(values: pd.DataFrame) -> pd.DataFrame:
    scaled: pd.DataFrame = (values - values.min()) / (values.max() - values.min())
    return scaled


def _nearer_to_uniform(means: pd.DataFrame) -> Scale:
    distances: dict[Scale, float] = {}
    for scale in get_args(Scale):
        values = _on_scale(means, scale)
        if not _constant(values):
            points = _to_unit_interval(values)
            distances[scale] = float(np.mean([kstest(points[name], "uniform").statistic for name in points]))
    return min(distances, key=lambda scale: distances[scale])


def _constant(values: pd.DataFrame) -> list[str]:
    """The optimizers whose values differ by rounding alone."""
    span = values.max() - values.min()
    return [str(name) for name in values.columns[span <= _ROUNDING * values.abs().max()]]


def _refuse_other_values(regret: pd.Series) -> None:
    outside = regret[(regret < 0) | (regret > 1)]
    if len(outside):
        raise UsageError(
            f"{len(outside)} of {len(regret)} regrets lie outside [0, 1], first {outside.iloc[0]:g} of "
            f"{_first_run(outside)}: use optathlon.analysis.normalised_regret"
        )


def _refuse_missing(absent: pd.DataFrame) -> None:
    counts = absent.sum()
    if not counts.any():
        return
    by_task = absent.groupby(level="task").any()
    lacks = [
        f"{name} lacks {count} of {len(absent)} runs (on {by_task[name].sum()} of {len(by_task)} tasks, "
        f"first {by_task.index[by_task[name]][0]})"
        for name, count in counts.items()
        if count
    ]
    raise UsageError(
        f"{'; '.join(lacks)}: run what is missing, or choose --missing drop (leave those runs out for all) or "
        "--missing worst (count them as the worst), which is recorded"
    )


def _refuse_without_result(runs: pd.DataFrame, absent: pd.DataFrame) -> None:
    for name in runs:
        if runs[name].isna().all():
            count = int((~absent[name]).sum())
            raise UsageError(f"none of the {count} runs of {name} has a result: leave it out, or fix it and retry")


def _refuse_constant(values: pd.DataFrame, what: str) -> None:
    for name in _constant(values):
        raise UsageError(
            f"{name} has the same {what} ({values[name].iloc[0]:g}) on all {len(values)} tasks, so it can't tell "
            "them apart: leave it out, or add tasks"
        )


def _first_run(runs: pd.Series) -> str:
    names = dict(zip(runs.index.names, runs.index[0], strict=True))
    return f"{names['optimizer']} on {names['task']} with seed {names['seed']}"
