"""Which optimizers are compared on which tasks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import combinations_with_replacement
from typing import cast

import numpy as np
import pandas as pd

ENOUGH = 0.5
"""All optimizers are compared on what they share if that is at least this share of the tasks, or of a task's seeds."""

_LEVELS = ["task", "seed", "optimizer"]


@dataclass(frozen=True)
class Comparison:
    """Optimizers on the tasks that all of them have.

    On most tasks these are the (task, seed) pairs that all have. Where some optimizer has more than twice as many seeds
    on a task, as if each had seeds of its own, the task is *unpaired*: every run counts, `seed` is a number from 0, and
    an optimizer with fewer runs has them again, in turn, until all have as many.

    Attributes
    ----------
    name:
        `"all tasks"`, or the group of tasks it is about.
    losses:
        Index (`task`, `seed`, `optimizer`), sorted, every optimizer on every pair; one column per budget fraction.
    runs:
        The run in each row of `losses`, as index (`optimizer`, `task`, `seed`).
    all_final_losses:
        Index (`task`, `seed`, `optimizer`), sorted: at the end of the budget, all runs of the compared optimizers on
        this group's tasks, in `losses` or not.
    left_out:
        Optimizers that have results but are not compared here, with the number of this group's tasks they have.
    dropped_tasks:
        Tasks of this group that not all compared optimizers have.
    dropped_pairs:
        How many (task, seed) pairs on the compared tasks were dropped, as not all compared optimizers have them.
    unpaired_tasks:
        The compared tasks on which runs are not paired by their seeds.
    """

    name: str
    losses: pd.DataFrame
    runs: pd.MultiIndex
    all_final_losses: pd.Series
    left_out: dict[str, int]
    dropped_tasks: tuple[str, ...]
    dropped_pairs: int
    unpaired_tasks: tuple[str, ...]

    @cached_property
    def optimizers(self) -> list[str]:
        """The compared optimizers, by name."""
        return self.losses.index.unique("optimizer").sort_values().tolist()

    @cached_property
    def tasks(self) -> list[str]:
        """The tasks compared on, by name."""
        return self.losses.index.unique("task").sort_values().tolist()

    @cached_property
    def final_table(self) -> pd.DataFrame:
        """(Task, seed) x optimizers: all final losses on the compared tasks, infinite without a result; NaN: no run."""
        is_compared = self.all_final_losses.index.get_level_values("task").isin(self.tasks)
        table: pd.DataFrame = self.all_final_losses[is_compared].fillna(np.inf).unstack("optimizer")
        return table.sort_index(axis=0).sort_index(axis=1)

    @property
    def paired_table(self) -> pd.DataFrame:
        """`final_table` of the tasks on which runs are paired by their seeds."""
        return self.final_table[~self.final_table.index.get_level_values("task").isin(self.unpaired_tasks)]

    @property
    def short_of_seeds(self) -> dict[str, tuple[int, int]]:
        """The compared optimizers with fewer runs than others on some task: how many in all, and the most there are."""
        counts = self.final_table.notna().groupby(level="task").sum()
        short = counts.columns[counts.lt(counts.max(axis=1), axis=0).any()]
        return {str(name): (int(counts[name].sum()), int(counts.max(axis=1).sum())) for name in short}

    @property
    def block(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The tasks and the optimizers: of the same results, comparisons with the same ones compare the same runs."""
        return (*self.tasks,), (*self.optimizers,)

    @property
    def seeds(self) -> pd.Series:
        """How many seeds each task has."""
        return self.losses.droplevel(["optimizer"]).index.unique().to_frame().groupby(level="task").size()


def without_results(losses: pd.DataFrame) -> list[str]:
    """Optimizers that have runs in `losses` (as of `incumbents_at`) but no incumbent in any of them."""
    any_result = losses.notna().any(axis=1).groupby(level="optimizer").any()
    return any_result.index[~any_result].tolist()


def comparisons(losses: pd.DataFrame, types: pd.Series) -> list[Comparison]:
    """The main comparisons: one over all tasks if the optimizers share `ENOUGH` of them, else one per task type.

    So optimizers for one type of task only don't confine the comparison of the others to that type.

    Parameters
    ----------
    losses:
        Incumbents' losses of all runs, as `incumbents_at` returns them.
    types:
        The type of each task.

    Optimizers without any result are never compared: were they ranked last, they would shift the mean ranks of the
    others unevenly where runs tie for last.
    """
    compared = _with_results(losses)
    if compared.empty:
        return []
    tasks = compared.index.unique("task")
    if types[tasks].nunique() == 1 or _runs_on(compared).all(axis=0).sum() >= ENOUGH * len(tasks):
        return [_complete_block(compared, "all tasks")]
    return by_group(losses, types)


def by_group(losses: pd.DataFrame, groups: pd.Series) -> list[Comparison]:
    """A comparison within each group of tasks (`groups` gives the group of each task), by the group's name."""
    compared = _with_results(losses)
    group = compared.index.get_level_values("task").map(groups.to_dict())
    return [_complete_block(compared[group == name], str(name)) for name in sorted(group.unique())]


def _complete_block(losses: pd.DataFrame, name: str) -> Comparison:
    """All optimizers on the tasks that all have; the largest complete block where those are fewer than `ENOUGH`."""
    runs_on = _runs_on(losses)
    chosen = runs_on
    if runs_on.all(axis=0).sum() < ENOUGH * runs_on.shape[1]:
        chosen = runs_on.loc[_largest_block(runs_on)]
    tasks = chosen.columns[chosen.all(axis=0)]
    rows = losses.reorder_levels(_LEVELS).sort_index()
    rows = rows[rows.index.get_level_values("optimizer").isin(chosen.index)]
    counts = runs_on.sum(axis=1)
    on_tasks = rows.index[rows.index.get_level_values("task").isin(tasks)]
    cells = _cells(cast("pd.MultiIndex", on_tasks), len(chosen))
    taken = rows.loc[cells.runs] if cells.unpaired_tasks else rows[rows.index.isin(cells.runs)]
    return Comparison(
        name=name,
        losses=taken.set_axis(cells.index),
        runs=cells.runs.reorder_levels(["optimizer", "task", "seed"]),
        all_final_losses=rows.iloc[:, -1],
        left_out={str(each): int(counts[each]) for each in counts.index if each not in chosen.index},
        dropped_tasks=tuple(task for task in runs_on.columns if task not in tasks),
        dropped_pairs=cells.dropped_pairs,
        unpaired_tasks=cells.unpaired_tasks,
    )


@dataclass(frozen=True)
class _Cells:
    """The rows of a complete block: their labels, the run in each, and what the block leaves out or doesn't pair."""

    index: pd.MultiIndex
    runs: pd.MultiIndex
    dropped_pairs: int
    unpaired_tasks: tuple[str, ...]


def _cells(runs: pd.MultiIndex, optimizers: int) -> _Cells:
    """From the runs of so many `optimizers` on the tasks that all have: index (`task`, `seed`, `optimizer`), sorted."""
    keys = runs.to_frame(index=False)
    shared = keys.groupby(["task", "seed"])["optimizer"].transform("size") == optimizers
    most = keys.groupby(["task", "optimizer"]).size().groupby(level="task").max()
    share = shared.groupby(keys["task"]).sum() / optimizers / most
    unpaired = share.index[share < ENOUGH]
    is_paired = ~keys["task"].isin(unpaired)
    pairs, dropped = keys[is_paired & shared], keys[is_paired & ~shared]
    parts = [pd.concat([pairs, pairs["seed"].rename("run")], axis=1)]
    parts += [_numbered(part, int(most[task])) for task, part in keys[~is_paired].groupby("task")]
    cells = pd.concat(parts, ignore_index=True).sort_values(_LEVELS, kind="stable")
    return _Cells(
        index=pd.MultiIndex.from_frame(cells[_LEVELS]),
        runs=pd.MultiIndex.from_arrays([cells["task"], cells["run"], cells["optimizer"]], names=_LEVELS),
        dropped_pairs=len(dropped[["task", "seed"]].drop_duplicates()),
        unpaired_tasks=tuple(map(str, unpaired)),
    )


def _numbered(keys: pd.DataFrame, count: int) -> pd.DataFrame:
    """The runs on one task, by optimizer numbered from 0 and repeated in turn up to `count`; `run` is the seed."""
    parts = [part.iloc[np.resize(np.arange(len(part)), count)] for _, part in keys.groupby("optimizer")]
    numbers = np.tile(np.arange(count), len(parts))
    return pd.concat(parts).rename(columns={"seed": "run"}).assign(seed=numbers)


def _largest_block(runs_on: pd.DataFrame) -> list[str]:
    """The optimizers of the complete block (optimizers x shared tasks) with the most cells, two at least if possible.

    Candidates are the optimizers that have all tasks which some two of them share, or which one of them has; ties go to
    more optimizers, then to the first names.
    """
    patterns: list[np.ndarray] = list(runs_on.drop_duplicates().to_numpy())
    ran = runs_on.to_numpy()
    shared = {(one & other).tobytes(): one & other for one, other in combinations_with_replacement(patterns, 2)}
    candidates = {
        tuple(str(name) for name in runs_on.index[np.asarray(ran[:, tasks].all(axis=1))])
        for tasks in shared.values()
        if tasks.any()
    }

    def size(optimizers: tuple[str, ...]) -> tuple[bool, int, int]:
        tasks = int(runs_on.loc[list(optimizers)].all(axis=0).sum())
        return len(optimizers) > 1, len(optimizers) * tasks, len(optimizers)

    return [*max(sorted(candidates), key=size)]


def _runs_on(losses: pd.DataFrame) -> pd.DataFrame:
    """Boolean, optimizers x tasks: which has a run on which."""
    ran = cast("pd.MultiIndex", losses.index).droplevel(["seed"]).unique()
    present: pd.DataFrame = pd.Series(True, index=ran).unstack("task", fill_value=False)
    return present.sort_index(axis=0).sort_index(axis=1)


def _with_results(losses: pd.DataFrame) -> pd.DataFrame:
    names = losses.index.get_level_values("optimizer")
    return losses[~np.isin(names, without_results(losses))]
