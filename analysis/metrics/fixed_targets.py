"""How long it takes to reach fixed targets, and how often that succeeds, task by task."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from optathlon.analysis.metrics.objectives import optimal_loss, row_of, value_of
from optathlon.analysis.metrics.targets import expected_runtime, runtimes, target_losses

PRECISIONS = (10.0, 1.0, 1e-1, 1e-2, 1e-3, 1e-5, 1e-7)
"""Targets of COCO's tables: this far above the known optimum."""

SHARES = (0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.0)
"""Targets on every task: of the way from the best final loss of any run, which is the last, to the worst one."""


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
    Index (`task`, `kind`, `target`, `optimizer`). Of the kind `"share"`, on every task, `target` is a share of the way
    from the best final loss of any run to the worst one; of the kind `"precision"`, on tasks with a known optimum, it
    is how far above that.

    - `value`: the target in the user's units;
    - `expected_runtime` in full evaluations, infinite where no run reached it;
    - `median_runtime` of the runs, one that missed it being longer than any; infinite where most did;
    - `successes` of so many `runs`.
    """
    known = tasks[[not math.isnan(optimal_loss(task)) for _, task in tasks.iterrows()]]
    parts = {}
    for kind, levels, some in (("share", SHARES, tasks), ("precision", PRECISIONS, known)):
        precisions = levels if kind == "precision" else None
        ran = runs[runs["task"].astype(str).isin(some.index)]
        reached = runtimes(trajectories, ran, spent, losses, some, precisions=precisions, shares=levels)
        if len(reached):
            wanted = _values(reached.index.unique("task"), losses, some, precisions, levels)
            parts[kind] = wanted.join(_successes(reached.set_axis(["spent", *levels], axis="columns")))
    levels_of_index = ["task", "kind", "target", "optimizer"]
    return pd.concat(parts, names=["kind"]).reorder_levels(levels_of_index).sort_index(kind="stable")


def _successes(reached: pd.DataFrame) -> pd.DataFrame:
    """Index (`task`, `target`, `optimizer`), from runtimes as `runtimes` returns them."""
    hits = reached.drop(columns="spent")
    pairs = ["optimizer", "task"]
    columns = {
        "expected_runtime": expected_runtime(reached),
        "median_runtime": hits.fillna(np.inf).groupby(level=pairs).median(),
        "successes": hits.notna().groupby(level=pairs).sum(),
        "runs": hits.isna().groupby(level=pairs).count(),
    }
    by_pair = pd.concat(columns, axis="columns", names=["column", "target"])
    cells = pd.DataFrame(by_pair.stack("target", future_stack=True))[[*columns]]
    return cells.reorder_levels(["task", "target", "optimizer"])


def _values(
    names: pd.Index, losses: pd.Series, tasks: pd.DataFrame, precisions: Sequence[float] | None, shares: Sequence[float]
) -> pd.DataFrame:
    """Index (`task`, `target`): the `value` of each target."""
    cells = pd.MultiIndex.from_arrays([names], names=["task"])
    wanted = target_losses(cells, losses, tasks, precisions=precisions, shares=shares)
    values = [[value_of(loss, row_of(tasks, name)) for loss in row] for name, row in zip(names, wanted, strict=True)]
    index = pd.MultiIndex.from_product([names, precisions or shares], names=["task", "target"])
    return pd.DataFrame({"value": np.ravel(values)}, index=index)
