"""A group of tasks, and the scores there that several sections use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import TypeVar

import pandas as pd

from optathlon.analysis.analysis import Analysis
from optathlon.analysis.metrics.normalisation import BEST_TO_WORST
from optathlon.analysis.stats.comparison import Comparison
from optathlon.analysis.stats.nemenyi import friedman_nemenyi
from optathlon.analysis.stats.ranking import ranks
from optathlon.analysis.stats.significance import Significance
from optathlon.analysis.stats.wilcoxon import wilcoxon_holm

ALL_TASKS = "all tasks"
"""The title of the group that all tasks are of."""

Rows = TypeVar("Rows", pd.Series, pd.DataFrame)
Found = TypeVar("Found")


class Group:
    """The optimizers compared on a group of tasks, with their scores; each is computed when first used.

    Parameters
    ----------
    analysis:
        What the comparison is part of.
    comparison:
        At least two optimizers on the same pairs of task and seed.
    """

    def __init__(self, analysis: Analysis, comparison: Comparison) -> None:
        self.analysis = analysis
        self.comparison = comparison

    @property
    def is_main(self) -> bool:
        """Whether this is one of the main comparisons, and not a part of the tasks."""
        return any(self.comparison is result.comparison for result in self.analysis.comparisons)

    @cached_property
    def regret(self) -> pd.Series:
        """Final regret, best to worst: index (`task`, `seed`, `optimizer`)."""
        return self.rows(self.analysis.regrets[BEST_TO_WORST.title])

    @cached_property
    def final_ranks(self) -> pd.Series:
        """Ranks at the end of the budget: index (`task`, `seed`, `optimizer`)."""
        at_end = replace(self.comparison, losses=self.comparison.losses.iloc[:, -1:])
        return ranks(at_end).iloc[:, -1]

    @cached_property
    def task_ranks(self) -> pd.DataFrame:
        """Tasks x optimizers: mean ranks over seeds at the end of the budget."""
        return self.final_ranks.groupby(level=["task", "optimizer"]).mean().unstack("optimizer")

    @cached_property
    def wilcoxon(self) -> Significance:
        """The primary test, of each pair by itself."""
        for result in self.analysis.comparisons:
            if result.comparison is self.comparison:
                return result.significance
        return wilcoxon_holm(self.comparison.all_final_losses, self.task_ranks.mean())

    @cached_property
    def nemenyi(self) -> Significance:
        """Friedman's and Nemenyi's tests, which rank all optimizers together."""
        return friedman_nemenyi(self.task_ranks)

    @property
    def dimensions(self) -> pd.Series:
        """By task: its number of hyperparameters; NaN where that is unknown."""
        return self.analysis.features["dimension"].reindex(self.comparison.tasks)

    def rows(self, of_runs: Rows) -> Rows:
        """The compared rows of something with index (`optimizer`, `task`, `seed`)."""
        rows = of_runs.loc[self.comparison.runs]
        return rows.set_axis(self.comparison.losses.index)


def once_per_block(function: Callable[[Group], Found]) -> Callable[[Group], Found]:
    """The function, computed once for all groups in which the same runs are compared.

    Groups by type, collection, number and kind of hyperparameters often have the same tasks. What depends on more than
    the compared runs, as the primary test does, must not be computed so.
    """
    known: dict[tuple[tuple[str, ...], tuple[str, ...]], Found] = {}

    def found(group: Group) -> Found:
        block = group.comparison.block
        if block not in known:
            known[block] = function(group)
        return known[block]

    return found
