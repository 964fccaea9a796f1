"""Incumbents: the best results so far, and when they came."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from optathlon.analysis.metrics.axes import AXES, OrderedTrials
from optathlon.analysis.metrics.countable import countable, of_task
from optathlon.analysis.metrics.hypervolume import running_hypervolume
from optathlon.analysis.metrics.objectives import (
    is_multi_objective,
    objective_losses,
    optimal_hypervolume,
    signs,
)
from optathlon.analysis.metrics.references import reference_losses, stated_reference

if TYPE_CHECKING:
    from optathlon.results.frames import Results

LABELS = ["run", "optimizer", "task", "collection", "seed", "trial"]


def trajectories(results: Results) -> pd.DataFrame:
    """The incumbents of each run, one row where a trial is better than all before it.

    Returns
    -------
    Run by run in the order of their results: `run`, `optimizer`, `task`, `collection`, `seed`, `trial` (its number),
    one column per axis with what the run had spent when the trial ended (`fraction` of the budget in [0, 1],
    `evaluations`, `full_fidelity_trials`, `wall_clock`, `simulated`, `compute`, `cost`, `gpu_seconds`, `tokens`; NaN
    where that is not known), `value` (of the incumbent, in the user's units) and `loss` (the same as a quantity to
    minimise).

    The incumbent is the best trial so far among those that count (see `countable`). With several objectives `value` is
    the hypervolume of the non-dominated set so far, and `loss` is the optimal hypervolume minus it, or its negative
    where the optimal one is unknown.
    """
    return incumbents(results, OrderedTrials(results))


def incumbents(results: Results, ordered: OrderedTrials) -> pd.DataFrame:
    """As `trajectories`, of trials that are ordered already."""
    trials, tasks = results.trials, results.tasks
    counts = countable(trials, tasks)[ordered.rows]
    several = tasks.apply(is_multi_objective, axis=1) if len(tasks) else pd.Series(dtype=bool)
    first_sign = tasks.apply(lambda row: signs(row)[0], axis=1) if len(tasks) else pd.Series(dtype=float)
    loss = of_task(trials, first_sign)[ordered.rows] * ordered.column("value")
    loss[~counts] = np.inf
    value = ordered.column("value")
    for name in several.index[several.to_numpy(dtype=bool)]:
        chosen = np.flatnonzero((trials["task"] == name).to_numpy()[ordered.rows])
        volumes = _hypervolumes(trials.iloc[ordered.rows[chosen]], ordered.run[chosen], counts[chosen], tasks.loc[name])
        optimal = optimal_hypervolume(tasks.loc[name])
        value[chosen] = volumes
        loss[chosen] = np.where(counts[chosen], (0.0 if math.isnan(optimal) else optimal) - volumes, np.inf)
    improves = np.flatnonzero(_is_best_so_far(loss, ordered.run))
    labels = trials.iloc[ordered.rows[improves]][LABELS].reset_index(drop=True)
    spent = {axis.name: ordered.spent(axis.name)[improves] for axis in AXES}
    return labels.assign(**spent, value=value[improves], loss=loss[improves])


def _is_best_so_far(loss: np.ndarray, run: np.ndarray) -> np.ndarray:
    """Shape (trials,), boolean: better than every earlier trial of the run."""
    best = pd.Series(loss).groupby(run).cummin().to_numpy()
    before = np.full(len(loss), np.inf)
    same_run = run[1:] == run[:-1]
    before[1:][same_run] = best[:-1][same_run]
    improves: np.ndarray = loss < before
    return improves


def _hypervolumes(trials: pd.DataFrame, run: np.ndarray, counts: np.ndarray, task: pd.Series) -> np.ndarray:
    """Shape (trials,): the hypervolume after each trial of a task's runs that counts; NaN at the others."""
    losses = objective_losses(trials, task)
    reference = reference_losses(signs(task), stated_reference(task), losses[counts])
    volumes = np.full(len(trials), np.nan)
    for rows in pd.Series(run).groupby(run).indices.values():
        chosen = rows[counts[rows]]
        volumes[chosen] = running_hypervolume(losses[chosen], reference)
    return volumes
