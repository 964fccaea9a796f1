"""The optimizers two by two."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from optathlon.analysis.plots.matrices import plot_pairs
from optathlon.analysis.report.charts import GROUP, Chart, Option, View, control
from optathlon.analysis.report.figures import ReportFigure, suffix
from optathlon.analysis.report.groups import Group, once_per_block
from optathlon.analysis.report.packing import pack
from optathlon.analysis.report.section import Section
from optathlon.analysis.stats.bayes import bayesian_signed_rank, hierarchical
from optathlon.analysis.stats.block import by_pair
from optathlon.analysis.stats.improvement import probability_of_improvement
from optathlon.analysis.stats.pairwise import effect_sizes, win_tie_loss

ROPE = 0.01
"""Regret, from best to worst, that makes no practical difference."""


@dataclass(frozen=True)
class PairStatistic:
    """A column of `pairs`: its name, title, meaning, scale, and the lowest, neutral and highest value."""

    name: str
    title: str
    explanation: str
    scale: str
    range: tuple[float, float, float]


_MOST_IN_PARTS = 100
"""Optimizers of which pairs are shown for parts of the tasks, too."""

_STATISTICS = (
    PairStatistic(
        "won",
        "tasks won less tasks lost",
        "On how many tasks the row has the better mean rank, less those on which the column has.",
        "whole",
        (-1, 0, 1),
    ),
    PairStatistic(
        "improvement",
        "probability of improvement",
        "How probable it is that a run of the row is better than one of the column on the same task; ties count half "
        "(Agarwal et al. 2021). It says how often, not by how much.",
        "percent",
        (0, 0.5, 1),
    ),
    PairStatistic(
        "rank_biserial",
        "effect size over tasks",
        "Matched-pairs rank-biserial correlation of mean regrets: 1 where the row wins every task.",
        "linear",
        (-1, 0, 1),
    ),
    PairStatistic(
        "bayes_better",
        "probability of being better",
        f"Bayesian signed-rank test: the posterior probability that the row is better than the column by more than "
        f"{ROPE:g} of regret, which is taken to make no practical difference (Benavoli et al. 2017). It is not a test: "
        "without any true difference, one in eight pairs passes 95 %.",
        "percent",
        (0, 0.5, 1),
    ),
    PairStatistic(
        "bayes_equivalent",
        "probability of equivalence",
        f"Bayesian signed-rank test: the posterior probability that the two differ by less than {ROPE:g} of regret.",
        "percent",
        (-1, 0, 1),
    ),
    PairStatistic(
        "new_task_better",
        "better on a new task",
        f"Bayesian hierarchical model: the probability that on a task not seen here the row is better on average by "
        f"more than {ROPE:g} of regret (Corani et al. 2017).",
        "percent",
        (0, 0.5, 1),
    ),
)
"""What is shown of pairs."""


class Pairwise(Section):
    """Wins, effect sizes and posterior probabilities of all pairs."""

    heading = "Two by two"

    def tables(self) -> Iterator[tuple[str, pd.DataFrame]]:
        """Everything that is known of pairs, of each main comparison."""
        for name in self.data.ranked:
            yield f"pairs{suffix(name)}", self._pairs[name]

    def figures(self) -> Iterator[ReportFigure]:
        """The probability of improvement, of each main comparison."""
        for name in self.data.ranked:
            columns = {"improvement": "estimate", "improvement_low": "low", "improvement_high": "high"}
            data = self._pairs[name][[*columns]].rename(columns=columns)
            figure = plot_pairs(data, "estimate", title="probability that the row is better", center=0.5)
            yield ReportFigure(f"improvement{suffix(name)}", f"Probability of improvement, {name}", figure, data)

    def charts(self) -> dict[str, Chart]:
        """A matrix for each statistic and group of tasks."""
        views: dict[str, View] = {}
        for title in self._pairs:
            views |= self._views(title, self.data.groups[title])
        options = [
            Option(each.name, each.title)
            for each in _STATISTICS
            if any(key.startswith(f"{each.name}|") for key in views)
        ]
        absence = f"Parts of the tasks are shown for up to {_MOST_IN_PARTS} optimizers."
        controls = [control("Statistic", options, "statistic"), GROUP]
        return {"pairs": {"controls": controls, "views": views, "absence": absence}}

    @cached_property
    def _pairs(self) -> dict[str, pd.DataFrame]:
        shared = once_per_block(effects_of_pairs)
        return {
            title: pairs(group, shared(group))
            for title, group in self.data.groups.items()
            if group.is_main or len(group.comparison.optimizers) <= _MOST_IN_PARTS
        }

    def _views(self, title: str, group: Group) -> dict[str, View]:
        order = group.task_ranks.mean().sort_index().sort_values(kind="stable").index
        known = self._pairs[title].assign(won=self._pairs[title]["wins"] - self._pairs[title]["losses"])
        tasks = len(group.comparison.tasks)
        return {
            f"{statistic.name}|{title}": {
                "kind": "matrix",
                "y": {"label": f"{statistic.title}: row against column", "scale": statistic.scale},
                "optimizers": [self.data.numbers[str(name)] for name in order],
                "mid": pack(
                    known[statistic.name].unstack("second").reindex(index=order, columns=order).to_numpy(dtype=float),
                    bits=24,
                ),
                "range": [-tasks, 0, tasks] if statistic.name == "won" else statistic.range,
                "note": statistic.explanation,
            }
            for statistic in _STATISTICS
            if statistic.name in known
        }


def pairs(group: Group, effects: pd.DataFrame) -> pd.DataFrame:
    """Everything that is known of pairs.

    Parameters
    ----------
    group:
        The compared optimizers.
    effects:
        As `effects_of_pairs` returns them.

    Returns
    -------
    The columns of `effects`, and beside its effect sizes the `p_value` of the primary test of a pair alone and
    `p_corrected` for all pairs (NaN where none could be significant); last, where there are several tasks and seeds,
    the posterior of the hierarchical model (`new_task_…`).
    """
    names = effects.index.unique("first")
    tested = {"p_value": group.wilcoxon.uncorrected, "p_corrected": group.wilcoxon.pairwise}
    p_values = by_pair(names, {name: matrix.to_numpy() for name, matrix in tested.items()})
    here = effects.columns.get_loc("improvement")
    parts = [effects.iloc[:, :here], p_values, effects.iloc[:, here:], _on_new_tasks(group, effects.index)]
    return pd.concat(parts, axis=1)


def effects_of_pairs(group: Group) -> pd.DataFrame:
    """What the compared runs say of pairs.

    Returns
    -------
    Index (`first`, `second`): `wins`, `ties`, `losses` over tasks, effect sizes, the probability of `improvement` with
    its interval, and the posteriors of the Bayesian signed-rank test (`bayes_…`).
    """
    seed = group.analysis.seed
    by_task = group.regret.groupby(level=["task", "optimizer"]).mean().unstack("optimizer")
    improvement = probability_of_improvement(group.regret, seed=seed).add_prefix("improvement_")
    parts = [
        win_tie_loss(group.task_ranks),
        effect_sizes(group.regret),
        improvement.rename(columns={"improvement_estimate": "improvement"}),
        bayesian_signed_rank(by_task, rope=ROPE, seed=seed).add_prefix("bayes_"),
    ]
    return pd.concat(parts, axis=1)


def _on_new_tasks(group: Group, index: pd.Index) -> pd.DataFrame:
    """The posterior of the hierarchical model; no columns for parts of the tasks, unpaired ones, or one seed each."""
    comparison = group.comparison
    if not group.is_main or comparison.unpaired_tasks or comparison.seeds.max() < 2 or len(comparison.tasks) < 2:
        return pd.DataFrame(index=index)
    return hierarchical(group.regret, rope=ROPE, seed=group.analysis.seed).add_prefix("new_task_")
