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
    keys = ["task", "optimizer"]
    frame = pd.DataFrame({"loss": final_losses.fillna(np.inf), "value": final_values})
    ordered = frame.reorder_levels([*keys, "seed"]).sort_values("loss", kind="stable")
    ordered = ordered.sort_index(level=keys, sort_remaining=False)
    groups = ordered["value"].groupby(level=keys, sort=True)
    counts = groups.size()
    quantiles = _of_sorted(ordered["value"].to_numpy(dtype=float), counts.to_numpy(), (0.5, 0.25, 0.75))
    table = pd.DataFrame(dict(zip(("median", "better", "worse"), quantiles, strict=True)), index=counts.index)
    return table.assign(runs=counts, without_result=counts - groups.count())


def grouped_quantiles(values: np.ndarray, groups: np.ndarray, shares: tuple[float, ...]) -> np.ndarray:
    """Quantiles of each column within each group, interpolated linearly.

    Parameters
    ----------
    values:
        Shape (n, k), lower is better; NaN counts as worse than any number.
    groups:
        Shape (n,): the number of each row's group; 0, 1, … all of them occur.
    shares:
        The quantiles, in [0, 1].

    Returns
    -------
    Shape (shares, groups, k); NaN where a quantile falls on a missing value.
    """
    counts = np.bincount(groups)
    columns = [_of_sorted(column[np.lexsort((column, groups))], counts, shares) for column in values.T]
    return np.stack(columns, axis=-1)


def beyond_optimum(final_losses: pd.Series, tasks: pd.DataFrame) -> list[str]:
    """The tasks on which some run ends better than the optimum that the task states: noise, or a wrong optimum."""
    optimal = optimal_losses(final_losses.index, tasks)
    beyond = final_losses < optimal - _ROUNDING * np.maximum(1.0, optimal.abs())
    return sorted(final_losses.index[beyond].unique("task"))


def is_maximised(task: pd.Series) -> bool:
    """Whether a larger value of what is reported for the task is better."""
    return len(task["objectives"]) > 1 or signs(task)[0] < 0


def _of_sorted(values: np.ndarray, counts: np.ndarray, shares: tuple[float, ...]) -> np.ndarray:
    """Shape (shares, groups): quantiles of groups that follow each other in `values`, each best first and NaN last."""
    starts = np.cumsum(counts) - counts
    position = np.array(shares)[:, None] * (counts - 1)
    below = np.floor(position).astype(int)
    weight = position - below
    low = values[starts + below]
    high = values[starts + np.minimum(below + 1, counts - 1)]
    quantiles: np.ndarray = np.where(weight == 0, low, low * (1 - weight) + high * weight)
    return quantiles
