"""Runtimes to targets, and their distribution (Hansen et al. 2016, arXiv:1605.03560; 2021, arXiv:1603.08785, COCO)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import cast

import numpy as np
import pandas as pd

from optathlon.analysis.metrics.anytime import CELL
from optathlon.analysis.metrics.axes import positions_of_runs
from optathlon.analysis.metrics.magnitude import room
from optathlon.analysis.metrics.normalisation import optimal_losses

PRECISIONS = tuple((10.0 ** np.linspace(2, -8, 51)).tolist())
"""COCO's 51 targets: this far above the known optimum."""

SHARES = tuple((10.0 ** np.linspace(0, -4, 51)).tolist())
"""Targets where the optimum is unknown: these shares of the way from the best final loss to the worst one."""


def runtimes(
    trajectories: pd.DataFrame,
    runs: pd.DataFrame,
    spent: pd.Series,
    losses: pd.Series,
    tasks: pd.DataFrame,
    *,
    precisions: Sequence[float] | None = PRECISIONS,
    shares: Sequence[float] = SHARES,
) -> pd.DataFrame:
    """Full evaluations until each target is reached.

    Parameters
    ----------
    trajectories:
        As `optathlon.analysis.trajectories` returns them.
    runs:
        The runs to look at; skipped ones are left out.
    spent:
        By run id: the full evaluations that the run spent in all.
    losses:
        Final losses, index (`optimizer`, `task`, `seed`), of all runs; they fix the targets where no optimum is known.
    tasks:
        The `tasks` frame.
    precisions, shares:
        The targets, as many of each, as `target_losses` takes them.

    Returns
    -------
    Index (`optimizer`, `task`, `seed`), sorted, columns `spent` and one per number of a target (0 is the easiest):
    evaluations until a loss at or below the target; NaN where it was not reached.
    """
    done = runs[runs["status"].astype(str) != "skipped"].reset_index(drop=True)
    cells = pd.MultiIndex.from_frame(done[CELL].astype({"optimizer": str, "task": str}))
    targets = target_losses(cells, losses, tasks, precisions=precisions, shares=shares)
    reached = np.full(targets.shape, np.nan)
    row = positions_of_runs(trajectories, done)
    loss, evaluations = (trajectories[name].to_numpy(dtype=float) for name in ("loss", "evaluations"))
    known = row >= 0
    row, loss, evaluations = row[known], loss[known], evaluations[known]
    for number in range(targets.shape[1]):
        hit = np.flatnonzero(loss <= targets[row, number])[::-1]
        reached[row[hit], number] = evaluations[hit]  # from the last to the first, which holds
    table = pd.DataFrame(reached, index=cells)
    table.insert(0, "spent", spent.reindex(done["run"].astype(str)).fillna(0.0).to_numpy())
    return table.sort_index()


def runtime_distribution(
    runtimes: pd.DataFrame,
    evaluations: np.ndarray,
    *,
    scale: pd.Series | None = None,
    restarts: int = 20,
    seed: int = 0,
) -> pd.DataFrame:
    """The share of (task, target) pairs solved within so many evaluations, with simulated restarts.

    A runtime is drawn as COCO does: seeds are drawn with replacement until one reaches the target, and the evaluations
    of those before it, which did not, are added. Targets that no seed reaches are never solved.

    Parameters
    ----------
    runtimes:
        As `runtimes` returns them, with the same tasks for every optimizer.
    evaluations:
        Ascending: where to take the distribution, in evaluations or, with `scale`, in multiples of it.
    scale:
        By task, such as its dimension: what evaluations are divided by.
    restarts:
        Runtimes drawn per task and target.
    seed:
        Seeds the draws.

    Returns
    -------
    Index (`optimizer`, `evaluations`); `share` in [0, 1]; tasks weigh the same.
    """
    tasks = runtimes.index.get_level_values("task")
    unit = np.ones(len(runtimes)) if scale is None else scale.reindex(tasks).to_numpy(dtype=float)
    table = runtimes.to_numpy(dtype=float) / unit[:, None]
    solved: dict[str, list[np.ndarray]] = {}
    by_task = cast("dict[tuple[str, str], np.ndarray]", runtimes.groupby(level=["optimizer", "task"]).indices)
    for (optimizer, task), rows in sorted(by_task.items()):
        # each task has draws of its own, so that no optimizer's depend on which others there are
        seeds = (seed, *str(task).encode())
        solved.setdefault(optimizer, []).append(_solved(table[rows], evaluations, restarts, seeds))
    index = pd.MultiIndex.from_product([solved, evaluations], names=["optimizer", "evaluations"])
    return pd.DataFrame({"share": np.concatenate([np.mean(shares, axis=0) for shares in solved.values()])}, index=index)


def expected_runtime(runtimes: pd.DataFrame) -> pd.DataFrame:
    """COCO's expected runtime: evaluations of all seeds until the target or their end, per seed that reached it.

    Returns
    -------
    Index (`optimizer`, `task`), one column per target; infinite where no seed reached it.
    """
    reached = runtimes.drop(columns="spent")
    used = reached.apply(lambda column: column.fillna(runtimes["spent"]))
    keys = ["optimizer", "task"]
    expected: pd.DataFrame = used.groupby(level=keys).sum() / reached.notna().groupby(level=keys).sum()
    return expected


def first_hits(trajectories: pd.DataFrame, targets: pd.Series, axis: str = "evaluations") -> pd.Series:
    """What each run had spent when it reached its target, if ever.

    Parameters
    ----------
    trajectories:
        As `optathlon.analysis.trajectories` returns them.
    targets:
        Index (`task`, `seed`): a loss at or below it is good enough; other runs are left out.
    axis:
        The column of `trajectories` that says what was spent.

    Returns
    -------
    Index (`optimizer`, `task`, `seed`).
    """
    here = trajectories[trajectories["task"].isin(targets.index.unique("task")).to_numpy()]
    runs = pd.MultiIndex.from_arrays([here["task"].astype(str), here["seed"]])
    target = targets.reindex(runs).to_numpy(dtype=float)
    reached = here[here["loss"].to_numpy(dtype=float) <= target]
    first: pd.Series = reached.astype({"optimizer": str, "task": str}).groupby(CELL)[axis].min()
    return first


def target_losses(
    cells: pd.MultiIndex,
    losses: pd.Series,
    tasks: pd.DataFrame,
    *,
    precisions: Sequence[float] | None = PRECISIONS,
    shares: Sequence[float] = SHARES,
) -> np.ndarray:
    """The losses to be reached on the task of each run.

    Parameters
    ----------
    cells:
        The runs: index (`optimizer`, `task`, `seed`), or any other with the level `task`.
    losses:
        Final losses, index (`optimizer`, `task`, `seed`), of all runs.
    tasks:
        The `tasks` frame.
    precisions:
        How far above the known optimum; none to do without it.
    shares:
        Where there is none: of the way from the best final loss to the worst one, as many.

    Returns
    -------
    Shape (runs, targets).
    """
    final = losses.groupby(level="task")
    task = cells.get_level_values("task")
    best, worst = (ends.reindex(task).to_numpy(dtype=float) for ends in (final.min(), final.max()))
    unit = room(best, worst)
    best, worst = (best * unit)[:, None], (worst * unit)[:, None]
    relative: np.ndarray = (best + (worst - best) * np.array(shares)) / unit[:, None]
    if precisions is None:
        return relative
    optimum = optimal_losses(cells, tasks).to_numpy(dtype=float)[:, None]
    targets: np.ndarray = np.where(np.isnan(optimum), relative, optimum + np.array(precisions))
    return targets


def _solved(block: np.ndarray, evaluations: np.ndarray, restarts: int, seeds: tuple[int, ...]) -> np.ndarray:
    """Shape (evaluations,): the share of targets solved on one task; `block` holds a seed per row, `spent` first."""
    drawn = _drawn(block.tobytes(), len(block), restarts, seeds)
    within = np.searchsorted(drawn, evaluations, side="right")
    shares: np.ndarray = within / (restarts * (block.shape[1] - 1))
    return shares


@lru_cache(maxsize=4096)
def _drawn(content: bytes, rows: int, restarts: int, seeds: tuple[int, ...]) -> np.ndarray:
    """The runtimes drawn for a block with so many rows and this content, ascending: a task is in several groups."""
    block, rng = np.frombuffer(content).reshape(rows, -1), np.random.default_rng(seeds)
    spent, reached = block[:, 0], block[:, 1:]
    reached = reached[:, ~np.isnan(reached).all(axis=0)]
    missed = np.isnan(reached)
    used = np.where(missed, spent[:, None], reached)
    target = np.tile(np.arange(reached.shape[1]), restarts)
    total = np.zeros(len(target))
    left = np.arange(len(target))
    while len(left):
        drawn = rng.integers(len(spent), size=len(left)), target[left]
        total[left] += used[drawn]
        left = left[missed[drawn]]
    total.sort()
    return total
