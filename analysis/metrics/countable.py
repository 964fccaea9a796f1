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
    counts = (trials["status"].astype(str) == "ok").to_numpy() & ~trials["over_budget"].to_numpy(dtype=bool)
    task = trials["task"].astype(str)
    objectives = task.map(tasks["objectives"].map(len)).to_numpy()
    for index, column in enumerate(value_columns(int(objectives.max(initial=0)))):
        counts &= (objectives <= index) | np.isfinite(_column(trials, column))
    constraints = task.map(tasks["constraints"].map(_length)).to_numpy()
    for index in range(int(constraints.max(initial=0))):
        counts &= (constraints <= index) | (_column(trials, f"constraint_{index + 1}") <= 0)
    full = task.map(tasks["fidelity"].map(_upper)).to_numpy(dtype=float)
    level = trials["fidelity"].to_numpy(dtype=float)
    at_full: np.ndarray = np.isnan(full) | np.isnan(level) | np.isclose(level, full, rtol=1e-9, atol=0)
    countable: np.ndarray = counts & at_full
    return countable


def _column(trials: pd.DataFrame, name: str) -> np.ndarray:
    return trials[name].to_numpy(dtype=float) if name in trials else np.full(len(trials), np.nan)


def _length(names: object) -> int:
    return len(names) if isinstance(names, list | tuple | np.ndarray) else 0


def _upper(fidelity: object) -> float:
    return float(fidelity["upper"]) if isinstance(fidelity, Mapping) else np.nan
