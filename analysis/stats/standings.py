"""The final table: one row per optimizer."""

from __future__ import annotations

import pandas as pd

from optathlon.analysis.stats.comparison import Comparison


def standings(task_ranks: pd.DataFrame, bands: pd.DataFrame, regret: pd.Series, comparison: Comparison) -> pd.DataFrame:
    """How the compared optimizers stand at the end of the budget, best first.

    Parameters
    ----------
    task_ranks:
        Tasks x optimizers: mean ranks over seeds at the end of the budget.
    bands:
        As `bootstrap_ranks` returns them.
    regret:
        As `normalised_regret` returns it, of all runs.
    comparison:
        What is compared.

    Returns
    -------
    Index `optimizer`; `mean_rank`, `low`, `high` (its confidence interval), `tasks_best` (on how many tasks its mean
    rank is the lowest, ties included), `wins`, `ties`, `losses` (over all tasks and opponents), `regret` (normalised,
    mean over the seeds compared, then over tasks).
    """
    fraction = bands.index.get_level_values("fraction")
    at_end: pd.DataFrame = bands[fraction == fraction.max()].droplevel(["fraction"])
    table = at_end.rename(columns={"mean": "mean_rank"})
    scores = task_ranks[table.index].to_numpy()
    difference = scores[:, :, None] - scores[:, None, :]
    table["tasks_best"] = (scores == scores.min(axis=1, keepdims=True)).sum(axis=0)
    table["wins"] = (difference < 0).sum(axis=(0, 2))
    table["ties"] = (difference == 0).sum(axis=(0, 2)) - len(scores)
    table["losses"] = (difference > 0).sum(axis=(0, 2))
    by_task = regret.loc[comparison.runs].groupby(level=["task", "optimizer"]).mean()
    table["regret"] = by_task.groupby(level="optimizer").mean()
    ordered: pd.DataFrame = table.sort_index().sort_values("mean_rank", kind="stable")
    return ordered
