"""The x-axis: how much of its budget a run has spent when a trial ends."""

from __future__ import annotations

import numpy as np
import pandas as pd


def in_order_of_results(trials: pd.DataFrame) -> pd.DataFrame:
    """Trials inside the budget, run by run in the order in which their results came."""
    kept = trials[~trials["over_budget"].to_numpy(dtype=bool)]
    kept = kept.assign(run=kept["run"].astype(str))
    return kept.sort_values(["run", "end", "trial"], kind="stable").reset_index(drop=True)


def budget_fraction(trials: pd.DataFrame, runs: pd.DataFrame) -> np.ndarray:
    """Shape (trials,), in [0, 1]: the share of the run's budget that is spent when each trial ends.

    The share is counted in the unit of the run's budget: the sum of full evaluations so far, the sum of reported
    costs so far, or the time on the run's clock. `trials` as `in_order_of_results` returns them.
    """
    by_run = runs.set_index("run")
    unit = trials["run"].map(by_run["budget_unit"].astype(str)).to_numpy()
    budget = trials["run"].map(by_run["budget"]).to_numpy(dtype=float)
    evaluations = trials["evaluations"].fillna(0.0).groupby(trials["run"]).cumsum().to_numpy(dtype=float)
    cost = trials["cost"].astype(float).fillna(0.0).groupby(trials["run"]).cumsum().to_numpy()
    clock = trials["end"].to_numpy(dtype=float)
    spent = np.select([unit == "evaluations", unit == "cost"], [evaluations, cost], clock)
    fraction: np.ndarray = np.clip(spent / budget, 0.0, 1.0)
    return fraction
