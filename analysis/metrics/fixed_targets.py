"""How long it takes to reach fixed targets, and how often that succeeds, task by task."""

from __future__ import annotations

import numpy as np
import pandas as pd

from optathlon.analysis.metrics.normalisation import optimal_losses
from optathlon.analysis.metrics.objectives import row_of, value_of
from optathlon.analysis.metrics.targets import expected_runtime, runtimes, target_losses

PRECISIONS = (10.0, 1.0, 1e-1, 1e-2, 1e-3, 1e-5, 1e-7)
"""Targets of COCO's tables: this far above the known optimum."""

SHARES = (0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.0)
"""Targets where the optimum is unknown: of the way from the best final loss of any run, which is the last, to the worst
one."""


def fixed_targets(
    trajectories: pd.DataFrame, runs: pd.DataFrame, spent: pd.Series, losses: pd.Series, tasks: pd.DataFrame
) -> pd.DataFrame:
    """Expected runtimes to a few targets, with their successes, as the tables of COCO and IOHprofiler have them.

    The expected runtime is that of all runs, until the target or as long as a run that misses it is charged, per run
    that reaches it (Hansen et al. 2021, arXiv:1603.08785).

    Parameters
    ----------
    trajectories, runs, spent, losses, tasks:
        As `optathlon.analysis.runtimes` takes them.

    Returns
    -------
    Index (`task`, `target`, `optimizer`), `target` numbered from 0, the easiest:

    - `precision`, above the known optimum, or `share`, of the way from the best final loss to the worst one; the other
      is NaN;
    - `value`: the target in the user's units;
    - `expected_runtime` in full evaluations, infinite where no run reached it;
    - `median_runtime` of the runs, one that missed it being longer than any; infinite where most did;
    - `successes` of so many `runs`.
    """
    table = runtimes(trajectories, runs, spent, losses, tasks, precisions=PRECISIONS, shares=SHARES)
    reached = table.drop(columns="spent")
    pairs = ["optimizer", "task"]
    columns = {
        "expected_runtime": expected_runtime(table),
        "median_runtime": reached.fillna(np.inf).groupby(level=pairs).median(),
        "successes": reached.notna().groupby(level=pairs).sum(),
        "runs": reached.isna().groupby(level=pairs).count(),
    }
    by_pair = pd.concat(columns, axis="columns", names=["column", "target"])
    cells = pd.DataFrame(by_pair.stack("target", future_stack=True))[[*columns]]
    return _labels(cells.reorder_levels(["task", "target", "optimizer"]).sort_index(), losses, tasks)


def _labels(cells: pd.DataFrame, losses: pd.Series, tasks: pd.DataFrame) -> pd.DataFrame:
    """The same with which target each row is about, and its value."""
    names = cells.index.unique("task")
    of_tasks = pd.MultiIndex.from_arrays([names], names=["task"])
    known = optimal_losses(of_tasks, tasks).notna().to_numpy()[:, None]
    wanted = target_losses(of_tasks, losses, tasks, precisions=PRECISIONS, shares=SHARES)
    parts = {
        "precision": np.where(known, np.array(PRECISIONS), np.nan),
        "share": np.where(known, np.nan, np.array(SHARES)),
        "value": np.array(
            [[value_of(loss, row_of(tasks, name)) for loss in row] for name, row in zip(names, wanted, strict=True)]
        ),
    }
    index = pd.MultiIndex.from_product([names, range(len(PRECISIONS))], names=["task", "target"])
    of_targets = pd.DataFrame({name: part.ravel() for name, part in parts.items()}, index=index)
    return of_targets.join(cells)
