"""Incumbents at common points of an x-axis, and the area below them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from optathlon.analysis.metrics.axes import BUDGET, positions_of_runs
from optathlon.analysis.metrics.normalisation import BEST_TO_WORST, Normalisation

GRID = tuple(np.round(np.arange(1, 51) / 50, 10).tolist())
"""Fifty points: 2 %, 4 %, …, 100 % of the budget."""

_TOLERANCE = 1e-9
"""Slack on sums of fidelity levels such as 52/3, which must still reach 100 % of the budget."""

_LATEST_ORIGIN = 1 - 1e-9
"""The logarithm of the budget begins below its end, even where all first results come there."""

CELL = ["optimizer", "task", "seed"]
"""What identifies a run among comparable ones."""


def incumbents_at(
    trajectories: pd.DataFrame,
    runs: pd.DataFrame,
    points: Sequence[float] = GRID,
    *,
    column: str = "loss",
    axis: str = BUDGET.name,
    ends: pd.Series | None = None,
) -> pd.DataFrame:
    """Each run's incumbent at each of `points`.

    Parameters
    ----------
    trajectories:
        As `optathlon.analysis.trajectories` returns them.
    runs:
        The runs to give rows to; skipped ones get none. A run that ended early keeps its last incumbent to the end.
    points:
        Ascending, in (0, 1]: shares of the budget or, on another axis, of `ends`.
    column:
        Of `trajectories`: `"loss"`, `"value"`, or another one.
    axis:
        The column of `trajectories` that says when an incumbent came.
    ends:
        By task: what 100 % is on `axis`, such as the most that any run on the task has spent. By default 1.

    Returns
    -------
    Index (`optimizer`, `task`, `seed`), sorted; one column per point; NaN where a run has no incumbent yet.
    """
    grid = np.asarray(points, dtype=float)
    done = runs[runs["status"].astype(str) != "skipped"]
    row = positions_of_runs(trajectories, done)
    spent = trajectories[axis].to_numpy(dtype=float)
    if ends is not None:
        spent = spent / ends.reindex(trajectories["task"].astype(str)).to_numpy(dtype=float)
    point = np.searchsorted(grid, spent - _TOLERANCE, side="left")
    inside = (point < len(grid)) & (row >= 0)
    table = np.full((len(done), len(grid)), np.nan)
    # rows come in order, so the last assignment to a cell is the latest trial
    table[row[inside], point[inside]] = trajectories[column].to_numpy(dtype=float)[inside]
    index = pd.MultiIndex.from_frame(done[CELL].astype({"optimizer": str, "task": str}))
    name = "fraction" if axis == BUDGET.name else axis
    return pd.DataFrame(table, index=index, columns=pd.Index(grid, name=name)).ffill(axis=1).sort_index()


def anytime_auc(
    trajectories: pd.DataFrame,
    losses: pd.DataFrame,
    runs: pd.DataFrame,
    tasks: pd.DataFrame,
    normalisation: Normalisation = BEST_TO_WORST,
) -> pd.DataFrame:
    """The mean regret of each run over its whole budget: the area under its curve, exactly, not on a grid.

    Parameters
    ----------
    trajectories:
        As `optathlon.analysis.trajectories` returns them.
    losses:
        As `incumbents_at` returns them, of all runs: their last column fixes the scale.
    runs, tasks:
        The frames of the results.
    normalisation:
        Of the regret.

    Returns
    -------
    Index (`optimizer`, `task`, `seed`), sorted; `linear` and `log`, both in [0, `normalisation.upper`]: the mean over
    the budget, and over its logarithm from the first incumbent of any run on the task to the end. Before its first
    incumbent a run has the worst regret.
    """
    regret = _regret_of_incumbents(trajectories, losses, tasks, normalisation)
    start = trajectories["fraction"].to_numpy(dtype=float).clip(0.0, 1.0)
    run = positions_of_runs(trajectories, runs)
    until = np.append(start[1:], 1.0)
    until[np.append(run[1:] != run[:-1], True)] = 1.0
    first_of_run = np.concatenate(([True], run[1:] != run[:-1])) if len(run) else np.zeros(0, dtype=bool)
    origin = _origins(trajectories)
    linear = regret * (until - start)
    length = -np.log(origin)
    logarithmic = regret * (np.log(np.maximum(until, origin)) - np.log(np.maximum(start, origin))) / length
    waited = np.log(np.maximum(start, origin) / origin) / length
    linear += np.where(first_of_run, normalisation.upper * start, 0.0)
    logarithmic += np.where(first_of_run, normalisation.upper * waited, 0.0)
    cells = pd.MultiIndex.from_frame(trajectories[CELL].astype({"optimizer": str, "task": str}))
    areas = pd.DataFrame({"linear": linear, "log": logarithmic}, index=cells).groupby(level=CELL).sum()
    defined = normalisation(losses.iloc[:, -1:], tasks).iloc[:, 0].notna()
    return areas.reindex(losses.index, fill_value=normalisation.upper).where(defined, axis=0)


def _regret_of_incumbents(
    trajectories: pd.DataFrame, losses: pd.DataFrame, tasks: pd.DataFrame, normalisation: Normalisation
) -> np.ndarray:
    """Shape (incumbents,): their regret on the scale that the final losses fix."""
    numbered = trajectories.groupby("run", observed=True, sort=False).cumcount().to_numpy()
    cells = pd.MultiIndex.from_frame(trajectories[CELL].astype({"optimizer": str, "task": str}))
    rows = losses.index.get_indexer(cells)
    table = np.full((len(losses), int(numbered.max(initial=-1)) + 2), np.nan)
    table[rows, numbered] = trajectories["loss"].to_numpy(dtype=float)
    table[:, -1] = losses.iloc[:, -1]
    regret: np.ndarray = normalisation(pd.DataFrame(table, index=losses.index), tasks).to_numpy()[rows, numbered]
    return regret


def _origins(trajectories: pd.DataFrame) -> np.ndarray:
    """Shape (incumbents,), in (0, 1]: when the first incumbent of any run came on the task of each."""
    positive = trajectories["fraction"].where(trajectories["fraction"] > 0)
    first = positive.groupby(trajectories["task"].astype(str)).transform("min").fillna(1.0)
    origin: np.ndarray = np.minimum(first.to_numpy(dtype=float), _LATEST_ORIGIN)
    return origin
