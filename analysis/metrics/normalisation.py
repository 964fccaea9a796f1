"""Losses on scales that are comparable between tasks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from optathlon.analysis.metrics.magnitude import room
from optathlon.analysis.metrics.objectives import optimal_loss

BASELINE = "random"
"""The optimizer that `RANDOM` measures against."""

NO_RESULT = 2.0
"""The regret of a run without a result where that of others is at most 1.

It must be worse than the worst, as a failed run doesn't spread the scale as a bad result does: else who fails instead
of ending badly would gain by that. At 2, half of the runs failing and the others best is as bad as all being worst.
"""

_ROUNDING = 1e-12
"""Losses that differ by less, relative to the larger one, are equal."""

_WORST_AGAINST_BASELINE = 2.0

LOG_FLOOR = 1e-4
"""The regret below which logarithms make no difference."""


@dataclass(frozen=True)
class Normalisation:
    """A scale on which 0 is best; tasks on which it isn't defined have NaN throughout.

    Attributes
    ----------
    name, title:
        For code, and for readers.
    explanation:
        What 0 and 1 mean, in a sentence or two.
    worst:
        The worst value of a run with a result.
    upper:
        The value of a run without a result.
    scaled:
        From losses (index (`optimizer`, `task`, `seed`), one column per point, the last at the end of the budget) and
        the `tasks` frame to the same on this scale.
    """

    name: str
    title: str
    explanation: str
    worst: float
    upper: float
    scaled: Callable[[pd.DataFrame, pd.DataFrame], pd.DataFrame]

    def __call__(self, losses: pd.DataFrame, tasks: pd.DataFrame) -> pd.DataFrame:
        """Regret in [0, `worst`], or `upper`; same index and columns as `losses`.

        Missing incumbents have `upper`, also on a task on which no run has a result, if the scale is defined elsewhere.
        """
        scaled, known = self.scaled(losses, tasks), losses.notna()
        has_result = known.any(axis=1).groupby(level="task").any()
        undefined = (scaled.isna() & known).any(axis=1).groupby(level="task").any()
        if not (has_result & ~undefined).any():
            undefined[:] = True
        filled = scaled.clip(0.0, self.worst).where(known, self.upper)
        return filled.mask(undefined.reindex(losses.index.get_level_values("task")).set_axis(losses.index), axis=0)


def between(losses: pd.DataFrame, zero: pd.Series, one: pd.Series) -> pd.DataFrame:
    """`(loss - zero) / (one - zero)` by task.

    Parameters
    ----------
    losses:
        Any frame with an index level `task`.
    zero, one:
        By task: the losses that become 0 and 1. Where they are equal up to rounding, losses up to `zero` become 0,
        others 1; a missing anchor makes the task missing.
    """
    task = losses.index.get_level_values("task")
    low, high = (anchor.reindex(task).to_numpy(dtype=float)[:, None] for anchor in (zero, one))
    values = losses.to_numpy(dtype=float)
    unit = room(values, low, high)
    values, low, high = values * unit, low * unit, high * unit
    slack = _ROUNDING * np.maximum(np.abs(low), np.abs(high))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        scaled = (values - low) / (high - low)
    equal = (np.abs(high - low) <= slack) & losses.notna().to_numpy()
    filled = np.where(equal, (values > low + slack).astype(float), scaled)
    return pd.DataFrame(filled, index=losses.index, columns=losses.columns)


def log_regret(regret: pd.DataFrame) -> pd.DataFrame:
    """The decimal logarithm of regret; what lies below `LOG_FLOOR` counts as `LOG_FLOOR`."""
    floored = regret.clip(lower=LOG_FLOOR)
    return pd.DataFrame(np.log10(floored.to_numpy(dtype=float)), index=regret.index, columns=regret.columns)


def normalised_regret(final_losses: pd.Series, tasks: pd.DataFrame) -> pd.Series:
    """Each run's final loss on a scale from 0 (best) to 1 (worst) per task.

    0 is the known optimum (or better, see `beyond_optimum`), or else the best final loss of any run on the task; 1 is
    the worst final loss of any run. A run without a result has `NO_RESULT`; where all runs end equal (and no optimum is
    known), the regret is 0.

    Parameters
    ----------
    final_losses:
        The last column of `incumbents_at`, of all runs.
    tasks:
        The `tasks` frame.
    """
    by_task = final_losses.groupby(level="task")
    best = optimal_losses(final_losses.index, tasks).groupby(level="task").first().fillna(by_task.min())
    regret = between(final_losses.to_frame(), best, _later(by_task.max(), best)).iloc[:, 0].clip(0.0, 1.0)
    return regret.where(final_losses.notna(), NO_RESULT)


def optimal_losses(index: pd.Index, tasks: pd.DataFrame) -> pd.Series:
    """The best attainable loss on the task of each run; NaN where it is unknown."""
    known = {name: optimal_loss(task) for name, task in tasks.iterrows()}
    return pd.Series([known[task] for task in index.get_level_values("task")], index, float)


def _later(worst: pd.Series, best: pd.Series) -> pd.Series:
    """By task: the worst loss or, where that is beyond the best that is possible, this."""
    possible = best.reindex(worst.index)
    later: pd.Series = worst.where(~(worst < possible), possible)
    return later


def _best_to_worst(losses: pd.DataFrame, tasks: pd.DataFrame) -> pd.DataFrame:
    final = losses.iloc[:, -1].groupby(level="task")
    return between(losses, final.min(), final.max())


def _optimum_to_worst(losses: pd.DataFrame, tasks: pd.DataFrame) -> pd.DataFrame:
    final = losses.iloc[:, -1].groupby(level="task")
    known = pd.Series({name: optimal_loss(task) for name, task in tasks.iterrows()}, dtype=float)
    return between(losses, known, _later(final.max(), known))


def _best_to_baseline(losses: pd.DataFrame, tasks: pd.DataFrame) -> pd.DataFrame:
    final = losses.iloc[:, -1]
    baseline = final[final.index.get_level_values("optimizer") == BASELINE]
    return between(losses, final.groupby(level="task").min(), baseline.groupby(level="task").mean())


def _quantiles(losses: pd.DataFrame, tasks: pd.DataFrame) -> pd.DataFrame:
    scaled = losses.copy()
    for rows in losses.reset_index(drop=True).groupby(losses.index.get_level_values("task")).indices.values():
        values = losses.iloc[rows].to_numpy(dtype=float)
        final = np.sort(np.where(np.isnan(values[:, -1]), np.inf, values[:, -1]))
        # equal losses count half, so that equal optimizers are in the middle
        better = (np.searchsorted(final, values, "left") + np.searchsorted(final, values, "right")) / 2
        scaled.iloc[rows] = better / len(final)
    return scaled


BEST_TO_WORST = Normalisation(
    "best-worst",
    "regret, best to worst",
    "0 is the best loss with which any run on the task ended, 1 the worst one, 2 no result: where runs fail, the scale "
    "is that of the others.",
    1.0,
    NO_RESULT,
    _best_to_worst,
)
OPTIMUM = Normalisation(
    "optimum",
    "regret to the optimum",
    "0 is the known optimum of the task, 1 the worst loss with which any run ended, 2 no result. Tasks whose optimum "
    "is unknown are left out.",
    1.0,
    NO_RESULT,
    _optimum_to_worst,
)
RANDOM = Normalisation(
    "random",
    "regret relative to random search",
    "0 is the best loss with which any run on the task ended, 1 what random search ends with on average, 2 as far "
    "again behind it, or worse, 3 no result.",
    _WORST_AGAINST_BASELINE,
    _WORST_AGAINST_BASELINE + 1,
    _best_to_baseline,
)
QUANTILE = Normalisation(
    "quantile",
    "quantile among final results",
    "The share of all runs on the task that ended better; 0 is best, 1 no result, and equal results count half.",
    1.0,
    1.0,
    _quantiles,
)
NORMALISATIONS = (BEST_TO_WORST, OPTIMUM, RANDOM, QUANTILE)
