"""Results at the end of the budget: in the user's units, and as regret that is comparable between tasks."""

from __future__ import annotations

from typing import cast

import numpy as np
import pandas as pd

from optathlon.analysis.metrics.objectives import optimal_loss, signs

_ROUNDING = 1e-9
"""How much better than the optimum, relative to it, is a matter of rounding."""


def final_values(final_losses: pd.Series, final_values: pd.Series, tasks: pd.DataFrame) -> pd.DataFrame:
    """Median and quartiles over seeds, per task and optimizer, in the user's units.

    Parameters
    ----------
    final_losses, final_values:
        The last columns of `incumbents_at` for `"loss"` and `"value"`.
    tasks:
        The `tasks` frame.

    Returns
    -------
    Index (`task`, `optimizer`); `median`, `better` and `worse` quartile, `runs`, `without_result`. A run without a
    result counts as worse than any other, so a quartile that falls on one is NaN.
    """
    rows = []
    for key, values in final_values.groupby(level=["task", "optimizer"], sort=True):
        task, optimizer = cast("tuple[str, str]", key)
        losses = final_losses.loc[values.index].fillna(np.inf).to_numpy()
        ordered = values.to_numpy()[np.argsort(losses, kind="stable")]
        better, median, worse = (_quantile(ordered, share) for share in (0.25, 0.5, 0.75))
        rows.append((task, optimizer, median, better, worse, len(values), int(values.isna().sum())))
    columns = ["task", "optimizer", "median", "better", "worse", "runs", "without_result"]
    return pd.DataFrame(rows, columns=columns).set_index(["task", "optimizer"])


def normalised_regret(final_losses: pd.Series, tasks: pd.DataFrame) -> pd.Series:
    """Each run's final loss on a scale from 0 (best) to 1 (worst) per task.

    0 is the known optimum (or better, see `beyond_optimum`), or else the best final loss of any run on the task; 1 is
    the worst final loss of any run. A run without a result has regret 1; where all runs end equal (and no optimum is
    known), the regret is 0.

    Parameters
    ----------
    final_losses:
        The last column of `incumbents_at`, of all runs.
    tasks:
        The `tasks` frame.
    """
    by_task = final_losses.groupby(level="task")
    best = _optimal_losses(final_losses, tasks).fillna(by_task.transform("min"))
    span = by_task.transform("max") - best
    regret = ((final_losses - best) / span.where(span > 0)).clip(0.0, 1.0)
    return regret.where(span > 0, 0.0).where(final_losses.notna(), 1.0)


def beyond_optimum(final_losses: pd.Series, tasks: pd.DataFrame) -> list[str]:
    """The tasks on which some run ends better than the optimum that the task states: noise, or a wrong optimum."""
    optimal = _optimal_losses(final_losses, tasks)
    beyond = final_losses < optimal - _ROUNDING * np.maximum(1.0, optimal.abs())
    return sorted(final_losses.index[beyond].unique("task"))


def is_maximised(task: pd.Series) -> bool:
    """Whether a larger value of what is reported for the task is better."""
    return len(task["objectives"]) > 1 or signs(task)[0] < 0


def _optimal_losses(final_losses: pd.Series, tasks: pd.DataFrame) -> pd.Series:
    """The best attainable loss on the task of each run; NaN where it is unknown."""
    known = {name: optimal_loss(task) for name, task in tasks.iterrows()}
    return pd.Series([known[task] for task in final_losses.index.get_level_values("task")], final_losses.index, float)


def _quantile(ordered: np.ndarray, share: float) -> float:
    """The quantile of values ordered from best to worst (NaN last), interpolated linearly."""
    position = share * (len(ordered) - 1)
    below = int(np.floor(position))
    weight = position - below
    return float(ordered[below] if weight == 0 else ordered[below] * (1 - weight) + ordered[below + 1] * weight)
