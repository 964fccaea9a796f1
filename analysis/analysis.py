"""All that the report shows, computed once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from optathlon.analysis.curves import RANK, Curves
from optathlon.analysis.metrics.anytime import anytime_auc, incumbents_at
from optathlon.analysis.metrics.axes import AXES, BUDGET, OrderedTrials
from optathlon.analysis.metrics.columns import require_columns
from optathlon.analysis.metrics.comparable import comparable
from optathlon.analysis.metrics.countable import countable
from optathlon.analysis.metrics.coverage import failed_trial_share
from optathlon.analysis.metrics.final import beyond_optimum, final_values
from optathlon.analysis.metrics.fixed_budgets import fixed_budgets
from optathlon.analysis.metrics.fixed_targets import fixed_targets
from optathlon.analysis.metrics.normalisation import NORMALISATIONS, normalised_regret
from optathlon.analysis.metrics.objectives import row_of, signs
from optathlon.analysis.metrics.overhead import overhead
from optathlon.analysis.metrics.references import references
from optathlon.analysis.metrics.targets import runtimes
from optathlon.analysis.metrics.task_features import task_features
from optathlon.analysis.metrics.trajectory import incumbents
from optathlon.analysis.stats.comparison import Comparison, by_group, comparisons, without_results
from optathlon.analysis.stats.generalisation import generalisation
from optathlon.analysis.stats.ranking import ranks, task_ranks
from optathlon.analysis.stats.significance import Significance
from optathlon.analysis.stats.standings import standings
from optathlon.analysis.stats.wilcoxon import wilcoxon_holm
from optathlon.analysis.task_groups import titles_of_groups
from optathlon.results.frames import has_all_trials, matching

if TYPE_CHECKING:
    from optathlon.results.frames import Results

_MOST_GROUPS = 12
"""Groups of tasks that curves are shown for: the largest."""


@dataclass(frozen=True)
class ComparisonResult:
    """One comparison and what the statistics say of it; frames as their functions return them.

    `significance` is of the primary test, which decides what the report says of differences: `wilcoxon_holm`.
    """

    comparison: Comparison
    bands: pd.DataFrame
    task_ranks: pd.DataFrame
    significance: Significance
    standings: pd.DataFrame


class Analysis:
    """Results and everything derived from them; each part is computed when first used.

    Parameters
    ----------
    results:
        As `optathlon.load` returns them; `UsageError` where the trials lack a column of `TRIAL_COLUMNS`.
    seed:
        Seeds the bootstrap and every other draw.

    Attributes
    ----------
    results:
        The results with the labels of `comparable`.
    divided_tasks:
        Tasks whose runs differ in their conditions, so that each condition became a task of its own.
    """

    def __init__(self, results: Results, seed: int = 0) -> None:
        require_columns(results.trials)
        self.results = comparable(results)
        self.divided_tasks = sorted({*results.runs["task"].astype(str)} - {*self.results.runs["task"]})
        self.seed = seed
        ids = results.runs["task"].astype(str).set_axis(results.runs["run"].astype(str))
        self._ids = dict(zip(self.results.runs["task"], ids.loc[self.results.runs["run"]], strict=True))

    @cached_property
    def optimizers(self) -> list[str]:
        """All optimizers, by name."""
        return sorted(self.results.runs["optimizer"].unique())

    @cached_property
    def whole_trials(self) -> pd.DataFrame:
        """The trials of runs of which all are there: not those of baselines."""
        trials = self.results.trials
        whole = has_all_trials(trials)
        return trials if whole.all() else trials[whole]

    @cached_property
    def failed_trial_share(self) -> pd.Series:
        """By optimizer of which all trials are there: the share of these that are not `ok`."""
        return failed_trial_share(self.whole_trials)

    @cached_property
    def overhead(self) -> pd.DataFrame:
        """Seconds that each optimizer of which all trials are there took per trial."""
        return overhead(self.whole_trials)

    @cached_property
    def baselines(self) -> list[str]:
        """The optimizers of which only incumbents are known, by name."""
        trials = self.results.trials
        return sorted(trials.loc[~has_all_trials(trials), "optimizer"].astype(str).unique())

    @cached_property
    def has_course(self) -> bool:
        """Whether some run has several trials, so that there is something to tell before its end."""
        return bool(self.results.trials["run"].duplicated().any())

    @cached_property
    def trajectories(self) -> pd.DataFrame:
        """All incumbents."""
        return self._accounts[0]

    @cached_property
    def spent(self) -> pd.DataFrame:
        """What each run has spent in all: index run, one column per axis."""
        return self._accounts[1]

    @cached_property
    def losses(self) -> pd.DataFrame:
        """Incumbents' losses over the budget, of all runs that were not skipped."""
        return incumbents_at(self.trajectories, self.results.runs)

    @cached_property
    def final_losses(self) -> pd.Series:
        """Losses at the end of the budget."""
        return self.losses.iloc[:, -1]

    @cached_property
    def comparisons(self) -> list[ComparisonResult]:
        """The main comparisons; empty where no run has a result."""
        return [self._result_of(comparison) for comparison in comparisons(self.losses, self.results.tasks["type"])]

    @cached_property
    def without_results(self) -> list[str]:
        """Optimizers that never produced a result that counts, all runs skipped or failed."""
        ranked = self.losses.index.unique("optimizer")
        return sorted({*without_results(self.losses), *(set(self.optimizers) - set(ranked))})

    @cached_property
    def final_values(self) -> pd.DataFrame:
        """Medians and quartiles per task and optimizer, in the user's units."""
        return final_values(self.final_losses, self._values.iloc[:, -1], self.results.tasks)

    @cached_property
    def references(self) -> pd.DataFrame:
        """Hypervolume references."""
        return references(self.results)

    @cached_property
    def beyond_optimum(self) -> list[str]:
        """Tasks with results better than their stated optimum."""
        return beyond_optimum(self.final_losses, self.results.tasks)

    @cached_property
    def regrets(self) -> dict[str, pd.Series]:
        """Final regret of every run by the title of its scale, where some task has it; others are missing."""
        final = self.losses.iloc[:, -1:]
        scales = {scale.title: scale(final, self.results.tasks).iloc[:, 0] for scale in NORMALISATIONS}
        return {title: regret for title, regret in scales.items() if regret.notna().any()}

    @cached_property
    def auc(self) -> pd.DataFrame:
        """Mean regret over the whole budget, of every run."""
        return anytime_auc(self.trajectories, self.losses, self.results.runs, self.results.tasks)

    @cached_property
    def runtimes(self) -> pd.DataFrame:
        """Evaluations until targets, of every run; those that miss one are charged what the longest on the task spent.

        Else a run that breaks down at once would be a free restart, and so would one of which only improvements are
        logged.
        """
        return runtimes(self.trajectories, self.results.runs, self._charged, self.final_losses, self.results.tasks)

    @cached_property
    def fixed_targets(self) -> pd.DataFrame:
        """Expected runtimes to a few targets with their successes, charged as `runtimes`, of every task."""
        return fixed_targets(self.trajectories, self.results.runs, self._charged, self.final_losses, self.results.tasks)

    @cached_property
    def fixed_budgets(self) -> pd.DataFrame:
        """Medians, quartiles and successes at a few shares of the budget, of every task."""
        return fixed_budgets(self.losses, self._values, self.results.tasks)

    @cached_property
    def features(self) -> pd.DataFrame:
        """What tells tasks apart: index task."""
        return task_features(self.results.tasks, self.results.trials)

    @cached_property
    def titles_of_groups(self) -> pd.DataFrame:
        """By task: which group it is of by type, collection, number and kind of hyperparameters."""
        return titles_of_groups(self.features)

    @cached_property
    def curves(self) -> Curves:
        """Curves over the budget and other axes."""
        results = self.results
        return Curves(self.trajectories, results.runs, results.tasks, self.spent, self.losses, seed=self.seed)

    @cached_property
    def generalisation(self) -> pd.DataFrame:
        """How choices by validation do on test metrics: index (`metric`, `optimizer`)."""
        return generalisation(self.results, self.trajectories)

    def labels_of(self, patterns: Sequence[str]) -> list[str]:
        """The tasks whose label, or id before tasks were divided, some pattern matches; else `UsageError`."""
        matched = matching("task", patterns, np.array([*self._ids, *self._ids.values()]))
        return sorted(label for label, id in self._ids.items() if label in matched or id in matched)

    def trials_of(self, task: str) -> pd.DataFrame:
        """The trials on one task: `config`, and the `loss` of the first objective, NaN of trials that don't count."""
        require_columns(self.results.trials, ["config"])
        trials = self.whole_trials[(self.whole_trials["task"] == task).to_numpy()]
        loss = signs(row_of(self.results.tasks, task))[0] * trials["value"]
        return pd.DataFrame({"config": trials["config"], "loss": loss.where(countable(trials, self.results.tasks))})

    @cached_property
    def groups(self) -> dict[str, Comparison]:
        """What curves are averaged over: the main comparisons, and each of several groups of tasks, by title."""
        main = [result.comparison for result in self.comparisons]
        found = {comparison.name: comparison for comparison in main}
        for _, labels in self.titles_of_groups.items():
            known = labels.dropna()
            losses = self.losses[self.losses.index.isin(known.index, level="task")]
            alike = by_group(losses, known) if known.nunique() > 1 else []
            found |= {part.name: part for part in alike if part.name not in found}
        several = {title: part for title, part in found.items() if len(part.optimizers) > 1}
        titles = {comparison.name for comparison in main}
        parts = sorted(several.keys() - titles, key=lambda title: (-len(several[title].tasks), title))
        shown = titles | {*parts[:_MOST_GROUPS]}
        return {title: part for title, part in several.items() if title in shown}

    def bands_by(self, groups: pd.Series) -> dict[str, pd.DataFrame]:
        """Rank bands within each group of tasks in which at least two optimizers can be compared, by title."""
        bands = {}
        for comparison in by_group(self.losses, groups):
            if len(comparison.optimizers) > 1:
                tasks, total = len(comparison.tasks), len(comparison.tasks) + len(comparison.dropped_tasks)
                count = f"{tasks} of {total}" if tasks < total else f"{total}"
                title = f"{comparison.name} · {count} {'task' if total == 1 else 'tasks'}"
                bands[title] = self._rank_bands(comparison)
        return bands

    @cached_property
    def _values(self) -> pd.DataFrame:
        return incumbents_at(self.trajectories, self.results.runs, column="value")

    @cached_property
    def _charged(self) -> pd.Series:
        """By run: the evaluations that count where it misses a target."""
        runs = self.results.runs.set_index("run")
        longest = self.curves.ends["evaluations"].reindex(runs["task"]).to_numpy(dtype=float)
        return pd.Series(longest, index=runs.index)

    @cached_property
    def _accounts(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        ordered = OrderedTrials(self.results)
        spent = pd.DataFrame({axis.name: ordered.of_whole_runs(axis.name) for axis in AXES})
        return incumbents(self.results, ordered), spent

    @cached_property
    def _regret(self) -> pd.Series:
        return normalised_regret(self.final_losses, self.results.tasks)

    def _rank_bands(self, comparison: Comparison) -> pd.DataFrame:
        curve = self.curves.curve(RANK, BUDGET, comparison)
        assert curve is not None, "every comparison has ranks over the budget"
        return curve.bands

    def _result_of(self, comparison: Comparison) -> ComparisonResult:
        at_end = replace(comparison, losses=comparison.losses.iloc[:, -1:])
        final = task_ranks(ranks(at_end)).iloc[:, -1].unstack("optimizer")
        bands = self._rank_bands(comparison)
        table = standings(final, bands, self._regret, comparison)
        tested = wilcoxon_holm(comparison.all_final_losses, table["mean_rank"].sort_index())
        return ComparisonResult(comparison, bands, final, tested, table)
