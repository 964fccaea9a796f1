"""Which optimizers are compared on which tasks."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import cast

import numpy as np
import pandas as pd

ENOUGH = 0.5
"""All optimizers are compared on what they share if that is at least this share of the tasks."""


@dataclass(frozen=True)
class Comparison:
    """Optimizers on the (task, seed) pairs that all of them have.

    Attributes
    ----------
    name:
        `"all tasks"`, or the group of tasks it is about.
    losses:
        Index (`task`, `seed`, `optimizer`), sorted, every optimizer on every pair; one column per budget fraction.
    left_out:
        Optimizers that have results but are not compared here, with the number of this group's tasks they have.
    dropped_tasks:
        Tasks of this group that not all compared optimizers have.
    dropped_pairs:
        How many (task, seed) pairs on the compared tasks were dropped, as not all compared optimizers have them.
    """

    name: str
    losses: pd.DataFrame
    left_out: dict[str, int]
    dropped_tasks: tuple[str, ...]
    dropped_pairs: int

    @property
    def optimizers(self) -> list[str]:
        """The compared optimizers, by name."""
        return self.losses.index.unique("optimizer").sort_values().tolist()

    @property
    def tasks(self) -> list[str]:
        """The tasks compared on, by name."""
        return self.losses.index.unique("task").sort_values().tolist()

    @property
    def runs(self) -> pd.MultiIndex:
        """The compared runs in the order of `losses`, as index (`optimizer`, `task`, `seed`)."""
        return cast("pd.MultiIndex", self.losses.index).reorder_levels(["optimizer", "task", "seed"])

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
    present = _present(compared)
    if types[tasks].nunique() == 1 or _shared_tasks(present, tuple(present.index)) >= ENOUGH * len(tasks):
        return [_complete_block(compared, "all tasks")]
    return by_group(losses, types)


def by_group(losses: pd.DataFrame, groups: pd.Series) -> list[Comparison]:
    """A comparison within each group of tasks (`groups` gives the group of each task), by the group's name."""
    compared = _with_results(losses)
    group = compared.index.get_level_values("task").map(groups.to_dict())
    return [_complete_block(compared[group == name], str(name)) for name in sorted(group.unique())]


def _complete_block(losses: pd.DataFrame, name: str) -> Comparison:
    """All optimizers on the tasks that all have; the largest complete block where those are fewer than `ENOUGH`."""
    present = _present(losses)
    runs_on = _runs_on(present)
    chosen = tuple(runs_on.index)
    if _shared_tasks(present, chosen) < ENOUGH * runs_on.shape[1]:
        chosen = _largest_block(present, runs_on)
    pairs = _shared(present, chosen)
    tasks = set(pairs.get_level_values("task"))
    group_pairs = present.columns[present.loc[list(chosen)].any(axis=0)]
    rows = losses.reorder_levels(["task", "seed", "optimizer"]).sort_index()
    kept = rows.droplevel(["optimizer"]).index.isin(pairs) & rows.index.get_level_values("optimizer").isin(chosen)
    counts = runs_on.sum(axis=1)
    return Comparison(
        name=name,
        losses=rows[kept],
        left_out={str(optimizer): int(counts[optimizer]) for optimizer in counts.index if optimizer not in chosen},
        dropped_tasks=tuple(task for task in runs_on.columns if task not in tasks),
        dropped_pairs=int(group_pairs.get_level_values("task").isin(list(tasks)).sum()) - len(pairs),
    )


def _largest_block(present: pd.DataFrame, runs_on: pd.DataFrame) -> tuple[str, ...]:
    """The optimizers of the complete block (optimizers x shared tasks) with the most cells, two at least if possible.

    Candidates are the optimizers that have all tasks, or all (task, seed) pairs, which some two of them share, or which
    one of them has; ties go to more optimizers, then to the first names.
    """
    candidates = {
        _having(table, shared)
        for table in (runs_on, present)
        for a, b in combinations_with_replacement(table.index, 2)
        if (shared := table.loc[a] & table.loc[b]).any()
    }

    def size(optimizers: tuple[str, ...]) -> tuple[bool, int, int]:
        tasks = _shared_tasks(present, optimizers)
        return len(optimizers) > 1 and tasks > 0, len(optimizers) * tasks, len(optimizers)

    return max(sorted(candidates), key=size)


def _having(table: pd.DataFrame, columns: pd.Series) -> tuple[str, ...]:
    """The optimizers that have all of `columns` (boolean, by column of `table`)."""
    return tuple(str(name) for name, has in table.loc[:, columns].all(axis=1).items() if has)


def _shared(present: pd.DataFrame, optimizers: tuple[str, ...]) -> pd.MultiIndex:
    """The (task, seed) pairs that all `optimizers` have."""
    everywhere = present.loc[list(optimizers)].all(axis=0)
    return pd.MultiIndex.from_frame(everywhere[everywhere].index.to_frame())


def _shared_tasks(present: pd.DataFrame, optimizers: tuple[str, ...]) -> int:
    """On how many tasks all `optimizers` have a seed in common."""
    return len(set(_shared(present, optimizers).get_level_values("task")))


def _present(losses: pd.DataFrame) -> pd.DataFrame:
    """Boolean, optimizers x (task, seed) pairs: which has a run on which."""
    present: pd.DataFrame = pd.Series(True, index=losses.index).unstack(["task", "seed"], fill_value=False)
    return present.sort_index()


def _runs_on(present: pd.DataFrame) -> pd.DataFrame:
    """Boolean, optimizers x tasks: which has a run on which."""
    return present.T.groupby(level="task").any().T


def _with_results(losses: pd.DataFrame) -> pd.DataFrame:
    names = losses.index.get_level_values("optimizer")
    return losses[~np.isin(names, without_results(losses))]
