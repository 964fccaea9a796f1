"""What optimizers cost themselves: seconds of `ask` and `tell` per trial."""

from __future__ import annotations

import numpy as np
import pandas as pd

from optathlon.analysis.metrics.axes import positions_of_runs

_SHARES = {"low": 0.05, "lower": 0.25, "median": 0.5, "upper": 0.75, "high": 0.95}


def overhead(trials: pd.DataFrame) -> pd.DataFrame:
    """Seconds that each optimizer's `ask` and `tell` took per trial; NaN where that is not known.

    Returns
    -------
    Index `optimizer`; quantiles over trials at 5, 25, 50, 75 and 95 % (`low`, `lower`, `median`, `upper`, `high`), the
    `mean`, the mean seconds of the evaluation itself (`evaluate`), and the number of `trials`.
    """
    thinking = trials[["ask_s", "tell_s"]].astype(float).sum(axis=1, min_count=1)
    by_optimizer = thinking.groupby(trials["optimizer"], observed=True)
    columns = {name: by_optimizer.quantile(share) for name, share in _SHARES.items()}
    columns["mean"] = by_optimizer.mean()
    columns["evaluate"] = trials["evaluate_s"].astype(float).groupby(trials["optimizer"], observed=True).mean()
    table = pd.DataFrame(columns | {"trials": by_optimizer.size()})
    return table.set_axis(table.index.astype(str)).rename_axis("optimizer").sort_index()


def overhead_of_runs(trials: pd.DataFrame, runs: pd.DataFrame) -> pd.Series:
    """Seconds that `ask` and `tell` took in each run in all: index (`optimizer`, `task`, `seed`).

    A trial that doesn't tell is taken to have spent the mean of its run; NaN where none does.
    """
    of_run = positions_of_runs(trials, runs)
    thinking = trials[["ask_s", "tell_s"]].astype(float).sum(axis=1, min_count=1).to_numpy()
    known = (of_run >= 0) & ~np.isnan(thinking)
    total = np.bincount(of_run[known], weights=thinking[known], minlength=len(runs))
    told = np.bincount(of_run[known], minlength=len(runs))
    count = np.bincount(of_run[of_run >= 0], minlength=len(runs))
    index = pd.MultiIndex.from_frame(runs[["optimizer", "task", "seed"]].astype({"optimizer": str, "task": str}))
    return pd.Series(np.where(told > 0, total * count / np.maximum(told, 1), np.nan), index=index)
