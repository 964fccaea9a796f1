"""Which trials may become an incumbent."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from optathlon.analysis.metrics.objectives import value_columns


def countable(trials: pd.DataFrame, tasks: pd.DataFrame) -> np.ndarray:
    """Shape (trials,), boolean: the trials that count as results.

    A trial counts if its status is `ok`, it lies inside the budget, every objective is finite, every constraint is
    reported and <= 0, and, where the task has a fidelity, it was evaluated at the full one.
    """
    counts = (trials["status"] == "ok").to_numpy() & ~trials["over_budget"].to_numpy(dtype=bool)
    objectives = of_task(trials, tasks["objectives"].map(len))
    for index, column in enumerate(value_columns(int(objectives.max(initial=0)))):
        counts &= (objectives <= index) | np.isfinite(_column(trials, column))
    constraints = of_task(trials, tasks["constraints"].map(_length))
    for index in range(int(constraints.max(initial=0))):
        counts &= (constraints <= index) | (_column(trials, f"constraint_{index + 1}") <= 0)
    countable: np.ndarray = counts & at_full_fidelity(trials, tasks)
    return countable


def at_full_fidelity(trials: pd.DataFrame, tasks: pd.DataFrame) -> np.ndarray:
    """Shape (trials,), boolean: the trials at the full fidelity of their task, or on a task without any."""
    full = of_task(trials, tasks["fidelity"].map(_upper))
    level = trials["fidelity"].to_numpy(dtype=float, na_value=np.nan)
    at_full: np.ndarray = np.isnan(full) | np.isnan(level) | np.isclose(level, full, rtol=1e-9, atol=0)
    return at_full


def of_task(trials: pd.DataFrame, values: pd.Series) -> np.ndarray:
    """Shape (trials,), float: for each trial the value of its task; `values` are indexed by task."""
    task = trials["task"].astype("category").cat
    by_category = values.reindex(task.categories.astype(str)).to_numpy(dtype=float)
    of_trials: np.ndarray = by_category[task.codes.to_numpy()]
    return of_trials


def _column(trials: pd.DataFrame, name: str) -> np.ndarray:
    return trials[name].to_numpy(dtype=float, na_value=np.nan) if name in trials else np.full(len(trials), np.nan)


def _length(names: object) -> int:
    return len(names) if isinstance(names, list | tuple | np.ndarray) else 0


def _upper(fidelity: object) -> float:
    return float(fidelity["upper"]) if isinstance(fidelity, Mapping) else np.nan
