"""Incumbents at common points of the budget."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

GRID = tuple(np.round(np.arange(1, 51) / 50, 10).tolist())
"""Fifty points: 2 %, 4 %, …, 100 % of the budget."""

_TOLERANCE = 1e-9
"""Slack on sums of fidelity levels such as 52/3, which must still reach 100 % of the budget."""

CELL = ["optimizer", "task", "seed"]
"""What identifies a run among comparable ones."""


def incumbents_at(
    trajectories: pd.DataFrame, runs: pd.DataFrame, fractions: Sequence[float] = GRID, *, column: str = "loss"
) -> pd.DataFrame:
    """Each run's incumbent at each of `fractions` of its budget.

    Parameters
    ----------
    trajectories:
        As `optathlon.analysis.trajectories` returns them.
    runs:
        The runs to give rows to; skipped ones get none. A run that ended early keeps its last incumbent to the end.
    fractions:
        Ascending, in (0, 1].
    column:
        `"loss"` or `"value"`.

    Returns
    -------
    Index (`optimizer`, `task`, `seed`), sorted; one column per fraction; NaN where a run has no incumbent yet.
    """
    grid = np.asarray(fractions, dtype=float)
    done = runs[runs["status"].astype(str) != "skipped"]
    row = trajectories["run"].map(pd.Series(np.arange(len(done)), index=done["run"].astype(str))).to_numpy(dtype=float)
    point = np.searchsorted(grid, trajectories["fraction"].to_numpy() - _TOLERANCE, side="left")
    inside = (point < len(grid)) & ~np.isnan(row)
    table = np.full((len(done), len(grid)), np.nan)
    # rows come in order, so the last assignment to a cell is the latest trial
    table[row[inside].astype(int), point[inside]] = trajectories[column].to_numpy()[inside]
    index = pd.MultiIndex.from_frame(done[CELL].astype({"optimizer": str, "task": str}))
    return pd.DataFrame(table, index=index, columns=pd.Index(grid, name="fraction")).ffill(axis=1).sort_index()
