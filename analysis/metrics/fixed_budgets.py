"""What optimizers have reached after fixed shares of the budget, task by task."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from optathlon.analysis.metrics.final import final_values

BUDGETS = (0.1, 0.2, 0.5, 1.0)
"""Shares of the budget, among the points of `optathlon.analysis.metrics.anytime.GRID`."""


def fixed_budgets(
    losses: pd.DataFrame, values: pd.DataFrame, tasks: pd.DataFrame, budgets: Sequence[float] = BUDGETS
) -> pd.DataFrame:
    """Medians and quartiles at some shares of the budget, with the number of runs that have a result by then.

    Parameters
    ----------
    losses, values:
        As `optathlon.analysis.incumbents_at` returns them for `"loss"` and `"value"`, at points that include `budgets`.
    tasks:
        The `tasks` frame.
    budgets:
        Shares of the budget.

    Returns
    -------
    Index (`task`, `budget`, `optimizer`): `median`, `better` and `worse` quartile in the user's units, `successes`: how
    many of the `runs` have a result. One without counts as worse than any other.
    """
    parts = {budget: final_values(losses[budget], values[budget], tasks) for budget in budgets}
    table = pd.concat(parts, names=["budget"]).reorder_levels(["task", "budget", "optimizer"]).sort_index()
    return table.assign(successes=table["runs"] - table.pop("without_result"))[
        ["median", "better", "worse", "successes", "runs"]
    ]
