"""What optimizers cost themselves: seconds of `ask` and `tell` per trial."""

from __future__ import annotations

import pandas as pd

_SHARES = {"low": 0.05, "lower": 0.25, "median": 0.5, "upper": 0.75, "high": 0.95}


def overhead(trials: pd.DataFrame) -> pd.DataFrame:
    """Seconds that each optimizer's `ask` and `tell` took per trial; NaN where that is not known.

    Returns
    -------
    Index `optimizer`; quantiles over trials at 5, 25, 50, 75 and 95 % (`low`, `lower`, `median`, `upper`, `high`), the
    `mean`, the mean seconds of the evaluation itself (`evaluate`), and the number of `trials`.
    """
    thinking = trials[["ask_s", "tell_s"]].astype(float).sum(axis=1, min_count=1)
    optimizer = trials["optimizer"].astype(str)
    by_optimizer = thinking.groupby(optimizer)
    columns = {name: by_optimizer.quantile(share) for name, share in _SHARES.items()}
    columns["mean"] = by_optimizer.mean()
    columns["evaluate"] = trials["evaluate_s"].astype(float).groupby(optimizer).mean()
    return pd.DataFrame(columns | {"trials": by_optimizer.size()}).rename_axis("optimizer").sort_index()
