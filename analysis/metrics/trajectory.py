"""Incumbents after each trial."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from optathlon.analysis.metrics.countable import countable
from optathlon.analysis.metrics.hypervolume import reference_losses, running_hypervolume
from optathlon.analysis.metrics.objectives import (
    is_multi_objective,
    number,
    optimal_hypervolume,
    signs,
    value_columns,
)
from optathlon.analysis.metrics.progress import budget_fraction, in_order_of_results

if TYPE_CHECKING:
    from optathlon.results import Results


def trajectories(results: Results) -> pd.DataFrame:
    """The incumbent after each trial inside the budget.

    Returns
    -------
    One row per trial, run by run in the order of their results: `run`, `optimizer`, `task`, `collection`, `seed`,
    `trial`, `fraction` (of the budget spent, in [0, 1]), `value` (of the incumbent, in the user's units), `loss` (the
    same as a quantity to minimise).

    The incumbent is the best trial so far among those that count (see `countable`); NaN before the first. With
    several objectives `value` is the hypervolume of the non-dominated set so far, and `loss` is the optimal
    hypervolume minus it, or its negative where the optimal one is unknown.
    """
    trials = in_order_of_results(results.trials)
    tasks = results.tasks
    counts = countable(trials, tasks)
    task = trials["task"].astype(str)
    first_sign = tasks.apply(lambda row: signs(row)[0], axis=1) if len(tasks) else pd.Series(dtype=float)
    sign = task.map(first_sign).to_numpy(dtype=float)
    proposed = np.where(counts, sign * trials["value"].to_numpy(dtype=float), np.inf)
    loss = pd.Series(proposed).groupby(trials["run"].to_numpy()).cummin().replace(np.inf, np.nan).to_numpy(copy=True)
    value = sign * loss
    for name, row in tasks.iterrows():
        if is_multi_objective(row):
            chosen = np.flatnonzero((task == name).to_numpy())
            value[chosen] = _hypervolumes(trials.iloc[chosen], counts[chosen], row)
            optimal = optimal_hypervolume(row)
            loss[chosen] = (0.0 if math.isnan(optimal) else optimal) - value[chosen]
    labels = trials[["run", "optimizer", "task", "collection", "seed", "trial"]]
    return labels.assign(fraction=budget_fraction(trials, results.runs), value=value, loss=loss)


def references(results: Results) -> pd.DataFrame:
    """The hypervolume reference of each multi-objective task.

    Returns
    -------
    One row per task and objective: `task`, `objective`, `reference` (the user's units) and `derived`, whether it is
    the worst value of the loaded results because the task gives none.
    """
    trials = in_order_of_results(results.trials)
    counts = countable(trials, results.tasks)
    task = trials["task"].astype(str)
    rows = []
    for name, row in results.tasks.iterrows():
        if is_multi_objective(row):
            losses = _losses(trials[counts & (task == name).to_numpy()], row)
            stated = _stated_reference(row)
            point = signs(row) * reference_losses(signs(row), stated, losses)
            for objective, coordinate, given in zip(row["objectives"], point, stated, strict=True):
                rows.append((name, objective["name"], coordinate, math.isnan(given)))
    return pd.DataFrame(rows, columns=["task", "objective", "reference", "derived"])


def _hypervolumes(trials: pd.DataFrame, counts: np.ndarray, task: pd.Series) -> np.ndarray:
    """Shape (trials,): the hypervolume after each trial of a task's runs; NaN before a run's first that counts."""
    losses = _losses(trials, task)
    reference = reference_losses(signs(task), _stated_reference(task), losses[counts])
    volumes = np.full(len(trials), np.nan)
    for rows in trials.reset_index(drop=True).groupby("run").indices.values():
        chosen = rows[counts[rows]]
        volumes[chosen] = running_hypervolume(losses[chosen], reference)
    return pd.Series(volumes).groupby(trials["run"].to_numpy()).ffill().to_numpy()


def _losses(trials: pd.DataFrame, task: pd.Series) -> np.ndarray:
    values: np.ndarray = trials.reindex(columns=value_columns(len(task["objectives"]))).to_numpy(dtype=float)
    losses: np.ndarray = values * signs(task)
    return losses


def _stated_reference(task: pd.Series) -> np.ndarray:
    return np.array([number(objective.get("reference")) for objective in task["objectives"]])
