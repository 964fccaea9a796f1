"""One number per optimizer: regret, ratings, and how soon it gets there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import pandas as pd

from optathlon.analysis.metrics.normalisation import BASELINE
from optathlon.analysis.metrics.objectives import ideal_loss
from optathlon.analysis.plots.intervals import plot_intervals
from optathlon.analysis.plots.style import Best, Scale
from optathlon.analysis.report.charts import GROUP, Chart, Option, View, control, intervals
from optathlon.analysis.report.figures import ReportFigure, suffix
from optathlon.analysis.report.groups import Group, once_per_block
from optathlon.analysis.report.section import Section
from optathlon.analysis.report.sentences import counted
from optathlon.analysis.stats.aggregates import aggregates
from optathlon.analysis.stats.bootstrap import bootstrap_means
from optathlon.analysis.stats.elo import elo
from optathlon.analysis.stats.improvability import improvability


@dataclass(frozen=True)
class Statistic:
    """One number per optimizer: its name, what it is called, what it means, and which values are better."""

    name: str
    title: str
    explanation: str
    best: Best = "low"
    scale: Scale = "linear"


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
_ELO = Statistic(
    "elo",
    "Elo",
    "Ratings from who beats whom on each task and seed: 400 more mean that the odds are ten to one. {} at 1000. The "
    "order is that of the mean ranks, and ratings depend on who else is compared.",
    "high",
)
_IMPROVABILITY = Statistic(
    "improvability",
    "improvability",
    "By how much the error of the best optimizer on a task is smaller, averaged over {}: 0 % for the best one on every "
    "task (as in TabArena). The error is the distance to the best value that the task states as possible.",
    scale="percent",
)


class Aggregates(Section):
    """Mean, median, interquartile mean, optimality gap, and areas below the curve of regret."""

    note = "Ranks say who is ahead, not by how much."

    def figures(self) -> Iterator[ReportFigure]:
        """The first two statistics of each main comparison; the data has all."""
        for name in self.data.ranked:
            summaries = {each.title: table for each, table in self._summaries[name].items()}
            figure = plot_intervals(dict(list(summaries.items())[:2]), self.data.looks, best="low")
            data = pd.concat(summaries, names=["statistic"])
            yield ReportFigure(f"aggregates{suffix(name)}", f"Aggregate regret, {name}", figure, data)

    def charts(self) -> dict[str, Chart]:
        """Intervals, best first, for each group of tasks."""
        views = {
            f"{statistic.name}|{title}": _view(statistic, table, self.data.numbers)
            for title, summaries in self._summaries.items()
            for statistic, table in summaries.items()
        }
        statistics = {each.name: each.title for found in self._summaries.values() for each in found}
        options = [Option(name, title) for name, title in statistics.items()]
        return {"aggregates": {"controls": [control("Statistic", options, "statistic"), GROUP], "views": views}}

    @cached_property
    def _summaries(self) -> dict[str, dict[Statistic, pd.DataFrame]]:
        found = once_per_block(summaries)
        return {title: found(group) for title, group in self.data.groups.items()}


def summaries(group: Group) -> dict[Statistic, pd.DataFrame]:
    """By statistic: index `optimizer`; `estimate`, `low`, `high`. Areas only where runs have a course."""
    analysis = group.analysis
    table = aggregates(group.regret, seed=analysis.seed)
    found = {each: _level(table, each.name, "statistic") for each in _AGGREGATES} | _ratings(group)
    if not analysis.has_course:
        return found
    areas = group.rows(analysis.auc[[each.name for each in _AREAS]])
    bands = bootstrap_means(areas.rename_axis(columns="area"), analysis.curves.resampling(areas))
    bands = bands.rename(columns={"mean": "estimate"})
    return found | {each: _level(bands, each.name, "area") for each in _AREAS}


def _ratings(group: Group) -> dict[Statistic, pd.DataFrame]:
    """Elo, and improvability where some task says what would be no error."""
    analysis = group.analysis
    anchor = BASELINE if BASELINE in group.comparison.optimizers else None
    told = replace(_ELO, explanation=_ELO.explanation.format("Random search is" if anchor else "Their mean is"))
    found = {told: elo(group.final_ranks, anchor=anchor, seed=analysis.seed)}
    tasks = analysis.results.tasks.loc[group.comparison.tasks]
    zeros = tasks.apply(ideal_loss, axis=1)
    lacking = improvability(group.rows(analysis.final_losses), zeros, seed=analysis.seed)
    if lacking.empty:
        return found
    over = counted(int(zeros.notna().sum()), "task") + (" of " + f"{len(zeros):,}" if zeros.isna().any() else "")
    return found | {replace(_IMPROVABILITY, explanation=_IMPROVABILITY.explanation.format(over)): lacking}


def _view(statistic: Statistic, table: pd.DataFrame, numbers: Mapping[str, int]) -> View:
    ordered = table.sort_values("estimate", ascending=statistic.best == "low", kind="stable")
    axis = {"label": statistic.title, "scale": statistic.scale, "best": statistic.best}
    return intervals(ordered, statistic.title, numbers) | {"y": axis, "note": statistic.explanation}


def _level(table: pd.DataFrame, name: str, level: str) -> pd.DataFrame:
    """The rows of `table` under one name of an index level, without that level."""
    return table[table.index.get_level_values(level) == name].droplevel([level])
