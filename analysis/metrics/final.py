"""Results at the end of the budget: in the user's units, and as regret that is comparable between tasks."""

from __future__ import annotations

import numpy as np
import pandas as pd

from optathlon.analysis.metrics.normalisation import optimal_losses
from optathlon.analysis.metrics.objectives import signs

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
    frame = pd.DataFrame({"loss": final_losses.fillna(np.inf), "value": final_values})
    frame = frame.reorder_levels(["task", "optimizer", "seed"])
    ordered = frame.sort_values("loss", kind="stable").sort_index(level=["task", "optimizer"], sort_remaining=False)
    groups = ordered["value"].groupby(level=["task", "optimizer"], sort=True)
    counts = groups.size()
    starts = np.concatenate(([0], np.cumsum(counts.to_numpy())[:-1])) if len(counts) else np.zeros(0, dtype=int)
    values = ordered["value"].to_numpy(dtype=float)
    quantiles = {
        name: _quantiles(values, starts, counts.to_numpy(), share)
        for name, share in (("median", 0.5), ("better", 0.25), ("worse", 0.75))
    }
    missing = ordered["value"].isna().groupby(level=["task", "optimizer"], sort=True).sum()
    return pd.DataFrame(quantiles | {"runs": counts, "without_result": missing}, index=counts.index)


def beyond_optimum(final_losses: pd.Series, tasks: pd.DataFrame) -> list[str]:
    """The tasks on which some run ends better than the optimum that the task states: noise, or a wrong optimum."""
    optimal = optimal_losses(final_losses.index, tasks)
    beyond = final_losses < optimal - _ROUNDING * np.maximum(1.0, optimal.abs())
    return sorted(final_losses.index[beyond].unique("task"))


def is_maximised(task: pd.Series) -> bool:
    """Whether a larger value of what is reported for the task is better."""
    return len(task["objectives"]) > 1 or signs(task)[0] < 0


def _quantiles(values: np.ndarray, starts: np.ndarray, counts: np.ndarray, share: float) -> np.ndarray:
    """Shape (groups,): the quantile of each group of values ordered from best to worst (NaN last), interpolated."""
    position = share * (counts - 1)
    below = np.floor(position).astype(int)
    weight = position - below
    low = values[starts + below]
    high = values[starts + np.minimum(below + 1, counts - 1)]
    quantiles: np.ndarray = np.where(weight == 0, low, low * (1 - weight) + high * weight)
    return quantiles
