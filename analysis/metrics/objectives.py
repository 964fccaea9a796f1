"""What a task asks for, read from the `tasks` frame."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import pandas as pd


def row_of(tasks: pd.DataFrame, name: str) -> pd.Series:
    """The row of one task in the `tasks` frame."""
    return cast("pd.Series", tasks.loc[name])


def signs(task: pd.Series) -> np.ndarray:
    """Shape (objectives,): 1 where an objective is minimised, -1 where it is maximised."""
    return np.array([-1.0 if objective["direction"] == "maximize" else 1.0 for objective in task["objectives"]])


def value_columns(count: int) -> list[str]:
    """The columns of the `trials` frame that hold `count` objectives."""
    return ["value", *(f"value_{index}" for index in range(2, count + 1))][:count]


def objective_losses(trials: pd.DataFrame, task: pd.Series) -> np.ndarray:
    """Shape (trials, objectives): the values of trials on one task, as quantities to minimise."""
    values: np.ndarray = trials.reindex(columns=value_columns(len(task["objectives"]))).to_numpy(dtype=float)
    losses: np.ndarray = values * signs(task)
    return losses


def is_multi_objective(task: pd.Series) -> bool:
    """Whether the task has several objectives, so that runs are judged by hypervolume."""
    return len(task["objectives"]) > 1


def optimal_hypervolume(task: pd.Series) -> float:
    """The hypervolume of the known Pareto front; NaN where it, or the reference it is measured from, is unknown."""
    metadata = task["metadata"]
    referenced = all(math.isfinite(number(objective.get("reference"))) for objective in task["objectives"])
    return number(metadata.get("optimal_hypervolume")) if referenced and isinstance(metadata, Mapping) else math.nan


def optimal_loss(task: pd.Series) -> float:
    """The best attainable `loss` (see `optathlon.analysis.metrics.trajectory`); NaN where it is unknown."""
    if is_multi_objective(task):
        return 0.0 if math.isfinite(optimal_hypervolume(task)) else math.nan
    return float(signs(task)[0] * number(task["objectives"][0].get("optimum")))


def objective_label(task: pd.Series) -> str:
    """What is reported per run and which way is better, e.g. `"val_accuracy ↑"` or `"hypervolume ↑"`."""
    if is_multi_objective(task):
        return "hypervolume ↑"
    objective = task["objectives"][0]
    return f"{objective['name']} {'↑' if objective['direction'] == 'maximize' else '↓'}"


def value_of(loss: float, task: pd.Series) -> float:
    """What is reported for the task, in the user's units, where its `loss` is this."""
    if is_multi_objective(task):
        optimal = optimal_hypervolume(task)
        return (0.0 if math.isnan(optimal) else optimal) - loss
    return float(signs(task)[0] * loss)


def ideal_loss(task: pd.Series) -> float:
    """The loss of no error at all: the objective's bound on its better side, else the known optimum; NaN without any.

    The bound comes first, as the optimum of a table of results is its best entry, and not free of error.
    """
    if is_multi_objective(task):
        return optimal_loss(task)
    objective = task["objectives"][0]
    bound = number(objective.get("upper" if objective["direction"] == "maximize" else "lower"))
    return optimal_loss(task) if math.isnan(bound) else float(signs(task)[0] * bound)


def number(value: Any) -> float:
    """`value` as a finite float, or NaN."""
    converted = math.nan if value is None else float(value)
    return converted if math.isfinite(converted) else math.nan
