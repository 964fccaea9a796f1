"""All that the report shows, computed once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import pandas as pd

from optathlon.analysis.metrics.anytime import incumbents_at
from optathlon.analysis.metrics.comparable import comparable
from optathlon.analysis.metrics.final import beyond_optimum, final_values
from optathlon.analysis.metrics.normalisation import normalised_regret
from optathlon.analysis.metrics.trajectory import references, trajectories
from optathlon.analysis.stats.bootstrap import bootstrap_ranks
from optathlon.analysis.stats.comparison import Comparison, by_group, comparisons, without_results
from optathlon.analysis.stats.ranking import ranks, task_ranks
from optathlon.analysis.stats.significance import Significance, significance
from optathlon.analysis.stats.standings import standings

if TYPE_CHECKING:
    from optathlon.results import Results


@dataclass(frozen=True)
class Verdict:
    """One comparison and what the statistics say of it; frames as their functions return them."""

    comparison: Comparison
    bands: pd.DataFrame
    task_ranks: pd.DataFrame
    significance: Significance
    standings: pd.DataFrame


class Study:
    """Results and everything derived from them; each part is computed when first used.

    Parameters
    ----------
    results:
        As `optathlon.results.load` returns them.
    seed:
        Seeds the bootstrap.

    Attributes
    ----------
    results:
        The results with the labels of `comparable`.
    divided_tasks:
        Tasks whose runs differ in their conditions, so that each condition became a task of its own.
    """

    def __init__(self, results: Results, seed: int = 0) -> None:
        self.results = comparable(results)
        self.divided_tasks = sorted({*results.runs["task"].astype(str)} - {*self.results.runs["task"]})
        self._seed = seed

    @cached_property
    def optimizers(self) -> list[str]:
        """All optimizers, by name."""
        return sorted(self.results.runs["optimizer"].unique())

    @cached_property
    def losses(self) -> pd.DataFrame:
        """Incumbents' losses over the budget, of all runs that were not skipped."""
        return incumbents_at(self._trajectories, self.results.runs)

    @cached_property
    def verdicts(self) -> list[Verdict]:
        """The main comparisons; empty where no run has a result."""
        return [self._judge(comparison) for comparison in comparisons(self.losses, self.results.tasks["type"])]

    @cached_property
    def without_results(self) -> list[str]:
        """Optimizers that never produced a result that counts, all runs skipped or failed."""
        ranked = self.losses.index.unique("optimizer")
        return sorted({*without_results(self.losses), *(set(self.optimizers) - set(ranked))})

    @cached_property
    def final_values(self) -> pd.DataFrame:
        """Medians and quartiles per task and optimizer, in the user's units."""
        values = incumbents_at(self._trajectories, self.results.runs, column="value")
        return final_values(self.losses.iloc[:, -1], values.iloc[:, -1], self.results.tasks)

    @cached_property
    def references(self) -> pd.DataFrame:
        """Hypervolume references."""
        return references(self.results)

    @cached_property
    def beyond_optimum(self) -> list[str]:
        """Tasks with results better than their stated optimum."""
        return beyond_optimum(self.losses.iloc[:, -1], self.results.tasks)

    def bands_by(self, groups: pd.Series) -> dict[str, pd.DataFrame]:
        """Rank bands within each group of tasks in which at least two optimizers can be compared, by title."""
        bands = {}
        for comparison in by_group(self.losses, groups):
            if len(comparison.optimizers) > 1:
                tasks, total = len(comparison.tasks), len(comparison.tasks) + len(comparison.dropped_tasks)
                count = f"{tasks} of {total}" if tasks < total else f"{total}"
                title = f"{comparison.name} · {count} {'task' if total == 1 else 'tasks'}"
                bands[title] = bootstrap_ranks(ranks(comparison), seed=self._seed)
        return bands

    @cached_property
    def _trajectories(self) -> pd.DataFrame:
        return trajectories(self.results)

    @cached_property
    def _regret(self) -> pd.Series:
        return normalised_regret(self.losses.iloc[:, -1], self.results.tasks)

    def _judge(self, comparison: Comparison) -> Verdict:
        ranked = ranks(comparison)
        bands = bootstrap_ranks(ranked, seed=self._seed)
        final = task_ranks(ranked.iloc[:, -1:]).iloc[:, -1].unstack("optimizer")
        table = standings(final, bands, self._regret, comparison)
        return Verdict(comparison, bands, final, significance(final), table)
