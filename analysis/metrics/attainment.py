"""What a typical run attains on a task with two objectives."""

from __future__ import annotations

from typing import TYPE_CHECKING

import moocore
import numpy as np
import pandas as pd

from optathlon.analysis.metrics.countable import countable
from optathlon.analysis.metrics.objectives import signs, value_columns
from optathlon.errors import UsageError

if TYPE_CHECKING:
    from optathlon.results.frames import Results

_RUN = ["optimizer", "seed"]


def objective_points(results: Results, task: str) -> pd.DataFrame:
    """The objectives of all trials on `task` that count (see `countable`), as losses.

    Returns
    -------
    `optimizer`, `seed`, and one column per objective, by its name (its negative where it is maximised). A run without
    any such trial that was not skipped has one row, of NaN, as it counts among the runs.
    """
    row = results.tasks.loc[[task]].iloc[0]
    names = [objective["name"] for objective in row["objectives"]]
    trials = results.trials[(results.trials["task"] == task).to_numpy()]
    counted = trials[countable(trials, results.tasks)]
    losses = counted.reindex(columns=value_columns(len(names))).to_numpy(dtype=float) * signs(row)
    points = pd.concat([_labels(counted), pd.DataFrame(losses, columns=names)], axis=1)
    runs = results.runs
    done = runs[((runs["task"] == task) & (runs["status"] != "skipped")).to_numpy()]
    return _labels(done).merge(points, how="left", on=_RUN).sort_values([*_RUN, *names], ignore_index=True)


def median_attainment(points: pd.DataFrame) -> pd.DataFrame:
    """The median attainment surface of each optimizer: what at least half of its runs attain.

    Computed by moocore's `eaf` (Fonseca, Guerreiro, López-Ibáñez and Paquete 2011, EMO).

    Parameters
    ----------
    points:
        `optimizer`, `seed`, and two columns of losses, as `objective_points` returns them; in any order, dominated
        points included. A run with a row of NaN attains nothing.

    Returns
    -------
    The same columns less `seed`: the corners of the surface, sorted by optimizer and first loss. A point is attained by
    at least half of the optimizer's runs if a corner is nowhere worse. An optimizer half of whose runs attain nothing
    has no rows.

    Raises `UsageError` unless there are two columns of losses.
    """
    losses = [column for column in points.columns if column not in _RUN]
    if len(losses) != 2:
        raise UsageError(f"median attainment of {len(losses)} objectives: choose a task with two")
    ordered = points.sort_values([*_RUN, *losses])
    surfaces = [
        pd.DataFrame(_median_surface(runs, losses), columns=losses).assign(optimizer=name)
        for name, runs in ordered.groupby(ordered["optimizer"].astype(str))
    ]
    empty = pd.DataFrame(columns=["optimizer", *losses])
    return pd.concat(surfaces, ignore_index=True)[["optimizer", *losses]] if surfaces else empty


def _median_surface(runs: pd.DataFrame, losses: list[str]) -> np.ndarray:
    """Shape (corners, 2), sorted."""
    attained = runs[losses].fillna(np.inf).to_numpy(dtype=float)
    corners = moocore.eaf(attained, pd.factorize(runs["seed"])[0] + 1, percentiles=[50])[:, :2]
    finite = corners[np.isfinite(corners).all(axis=1)]
    surface: np.ndarray = finite[np.lexsort(finite.T[::-1])]
    return surface


def _labels(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[_RUN].astype({"optimizer": str}).reset_index(drop=True)
