"""What the statistics say of one comparison, each part computed when first used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
import pandas as pd

from optathlon.analysis.metrics.normalisation import BEST_TO_WORST
from optathlon.analysis.metrics.targets import runtime_distribution
from optathlon.analysis.stats.aggregates import aggregates
from optathlon.analysis.stats.bayes import bayesian_signed_rank, hierarchical
from optathlon.analysis.stats.bootstrap import bootstrap_means
from optathlon.analysis.stats.comparison import Comparison
from optathlon.analysis.stats.duels import effect_sizes, win_tie_loss
from optathlon.analysis.stats.improvement import probability_of_improvement
from optathlon.analysis.stats.power import Power, power
from optathlon.analysis.stats.profiles import performance_profiles
from optathlon.analysis.stats.ranking import ranks
from optathlon.analysis.stats.sensitivity import sensitivity
from optathlon.analysis.stats.significance import Significance, wilcoxon_holm
from optathlon.analysis.stats.strengths import strengths
from optathlon.analysis.stats.task_correlation import task_correlation
from optathlon.analysis.study import Study

Rows = TypeVar("Rows", pd.Series, pd.DataFrame)

ROPE = 0.01
"""Regret, from best to worst, that makes no practical difference."""

_THRESHOLDS = tuple((10.0 ** np.linspace(-3, 0, 31)).tolist())
_RUNTIME_POINTS = 60

_DURATIONS = (0.0, 1e-3, 1.0, 60.0, 3600.0, np.inf)
_DURATION_NAMES = ("below 1 ms", "1 ms to 1 s", "1 s to 1 min", "1 min to 1 h", "1 h and more")


@dataclass(frozen=True)
class Statistic:
    """One number per optimizer: its name, what it is called, and what it means."""

    name: str
    title: str
    explanation: str


_AGGREGATES = (
    Statistic(
        "IQM",
        "interquartile mean regret",
        "The mean regret without the best and the worst quarter of the runs (Agarwal et al. 2021); 0 is the best loss "
        "with which any run on the task ended, 1 the worst, 2 no result.",
    ),
    Statistic("mean", "mean regret", "The mean regret at the end, over seeds, then tasks."),
    Statistic("median", "median regret", "The median over tasks of the mean regret of a task."),
    Statistic(
        "optimality gap",
        "optimality gap",
        "By how much runs miss a regret of 0.05 on average; runs that are better don't make up for others.",
    ),
)
_AREAS = (
    Statistic(
        "linear",
        "mean regret over the whole budget",
        "The area below the curve of regret: what an optimizer is worth if it may be stopped at any time.",
    ),
    Statistic(
        "log",
        "mean regret over the log budget",
        "The area below the curve of regret over the logarithm of the budget, which weighs early results more.",
    ),
)


class Evidence:
    """The statistics of a comparison.

    Parameters
    ----------
    study:
        What the comparison is part of.
    comparison:
        At least two optimizers on the same pairs of task and seed.
    subset:
        Tasks that are to stand for all, if some are.
    """

    def __init__(self, study: Study, comparison: Comparison, subset: Sequence[str] | None = None) -> None:
        self._study = study
        self._subset = subset
        self.comparison = comparison

    @cached_property
    def regret(self) -> pd.Series:
        """Final regret, best to worst: index (`task`, `seed`, `optimizer`)."""
        return self._rows(self._study.regrets[BEST_TO_WORST.title])

    @cached_property
    def task_ranks(self) -> pd.DataFrame:
        """Tasks x optimizers: mean ranks over seeds at the end of the budget."""
        return self._final_ranks.groupby(level=["task", "optimizer"]).mean().unstack("optimizer")

    @cached_property
    def wilcoxon(self) -> Significance:
        """Wilcoxon's test between all pairs, by Holm's procedure."""
        return wilcoxon_holm(self.task_ranks)

    @cached_property
    def summaries(self) -> Mapping[Statistic, pd.DataFrame]:
        """By statistic: index `optimizer`; `estimate`, `low`, `high`."""
        table = aggregates(self.regret, seed=self._study.seed)
        found = {each: _level(table, each.name, "statistic") for each in _AGGREGATES}
        auc = self._study.auc[[each.name for each in _AREAS]]
        areas = self._rows(auc)
        bands = bootstrap_means(areas.rename_axis(columns="area"), self._study.curves.resampling(areas))
        bands = bands.rename(columns={"mean": "estimate"})
        return found | {each: _level(bands, each.name, "area") for each in _AREAS}

    @cached_property
    def improvement(self) -> pd.DataFrame:
        """Probability that a run of the first is better than one of the second: index (`first`, `second`)."""
        return probability_of_improvement(self.regret, seed=self._study.seed)

    @cached_property
    def duels(self) -> pd.DataFrame:
        """Index (`first`, `second`): `wins`, `ties`, `losses` over tasks, and effect sizes."""
        return win_tie_loss(self.task_ranks).join(effect_sizes(self.regret))

    @cached_property
    def equivalence(self) -> pd.DataFrame:
        """Index (`first`, `second`): posterior probabilities of the Bayesian signed-rank test on mean regret."""
        by_task = self.regret.groupby(level=["task", "optimizer"]).mean().unstack("optimizer")
        return bayesian_signed_rank(by_task, rope=ROPE, seed=self._study.seed)

    @property
    def _of_new_tasks(self) -> pd.DataFrame:
        """The posterior of the hierarchical model; no columns for parts of the tasks, or with one seed per task."""
        is_main = any(self.comparison is verdict.comparison for verdict in self._study.verdicts)
        if not is_main or self.comparison.seeds.max() < 2 or len(self.comparison.tasks) < 2:
            return pd.DataFrame(index=self.duels.index)
        return hierarchical(self.regret, rope=ROPE, seed=self._study.seed).add_prefix("new_task_")

    @cached_property
    def pairs(self) -> pd.DataFrame:
        """Index (`first`, `second`): everything that is known of pairs."""
        improvement = self.improvement.add_prefix("improvement_").rename(
            columns={"improvement_estimate": "improvement"}
        )
        return self.duels.join([improvement, self.equivalence.add_prefix("bayes_"), self._of_new_tasks])

    @cached_property
    def power(self) -> Power | None:
        """What differences these tasks and seeds detect; `None` with one task."""
        return power(self._final_ranks) if len(self.comparison.tasks) > 1 else None

    @cached_property
    def profiles(self) -> pd.DataFrame:
        """Index (`optimizer`, `threshold`): `share`, `low`, `high`."""
        return performance_profiles(self.regret, _THRESHOLDS, seed=self._study.seed)

    @cached_property
    def has_dimensions(self) -> bool:
        """Whether the number of hyperparameters of every task is known."""
        return bool(self._dimensions.notna().all())

    @cached_property
    def runtime_distribution(self) -> pd.DataFrame:
        """Index (`optimizer`, `evaluations`): `share` of targets reached, per dimension where that is known."""
        cells = self.comparison.runs
        runtimes = self._study.runtimes.loc[self._study.runtimes.index.isin(cells)]
        scale = self._dimensions if self.has_dimensions else pd.Series(1.0, index=self._dimensions.index)
        unit = scale.reindex(runtimes.index.get_level_values("task")).to_numpy(dtype=float)
        most = float(np.max(runtimes["spent"].to_numpy() / unit, initial=1.0))
        points = np.unique(np.geomspace(1 / unit.max(initial=1.0), 10 * most, _RUNTIME_POINTS).round(6))
        return runtime_distribution(runtimes, points, scale=scale, seed=self._study.seed)

    @cached_property
    def sensitivity(self) -> pd.DataFrame:
        """Index (`choice`, `scenario`, `optimizer`): the ranking under each defensible choice."""
        cells = self.comparison.runs
        regrets = {title: regret.loc[cells] for title, regret in self._study.regrets.items()}
        results = self._study.results
        losses = self._study.final_losses.loc[cells]
        return sensitivity(losses, results.runs, results.tasks, regrets=regrets, subset=self._subset)

    @cached_property
    def strengths(self) -> pd.DataFrame:
        """Index (`feature`, `level`, `optimizer`): mean ranks on the tasks that share a feature."""
        features = self._study.features
        durations = pd.cut(features["cost"], _DURATIONS, labels=_DURATION_NAMES, right=False)
        return strengths(self.task_ranks, features.assign(cost=durations), seed=self._study.seed)

    @cached_property
    def task_correlation(self) -> pd.DataFrame:
        """Tasks x tasks: how alike they rank the optimizers."""
        return task_correlation(self.task_ranks)

    @cached_property
    def _final_ranks(self) -> pd.Series:
        return ranks(self.comparison).iloc[:, -1]

    @property
    def _dimensions(self) -> pd.Series:
        return self._study.features["dimension"].reindex(self.comparison.tasks)

    def _rows(self, of_runs: Rows) -> Rows:
        """The compared rows of something with index (`optimizer`, `task`, `seed`)."""
        rows = of_runs.loc[self.comparison.runs]
        return rows.set_axis(self.comparison.losses.index)


def _level(table: pd.DataFrame, name: str, level: str) -> pd.DataFrame:
    """The rows of `table` under one name of an index level, without that level."""
    return table[table.index.get_level_values(level) == name].droplevel([level])
