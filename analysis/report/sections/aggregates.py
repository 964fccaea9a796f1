"""Regret in one number per optimizer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from optathlon.analysis.plots.intervals import plot_intervals
from optathlon.analysis.report.charts import GROUP, Chart, Option, control, intervals
from optathlon.analysis.report.figures import ReportFigure, suffix
from optathlon.analysis.report.groups import Group
from optathlon.analysis.report.section import Section
from optathlon.analysis.stats.aggregates import aggregates
from optathlon.analysis.stats.bootstrap import bootstrap_means


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
            f"{statistic.name}|{title}": intervals(
                table.sort_values("estimate", kind="stable"), statistic.title, self.data.numbers
            )
            | {"note": statistic.explanation}
            for title, summaries in self._summaries.items()
            for statistic, table in summaries.items()
        }
        statistics = dict.fromkeys(each for found in self._summaries.values() for each in found)
        options = [Option(each.name, each.title) for each in statistics]
        return {"aggregates": {"controls": [control("Statistic", options, "statistic"), GROUP], "views": views}}

    @cached_property
    def _summaries(self) -> dict[str, dict[Statistic, pd.DataFrame]]:
        return {title: summaries(group) for title, group in self.data.groups.items()}


def summaries(group: Group) -> dict[Statistic, pd.DataFrame]:
    """By statistic: index `optimizer`; `estimate`, `low`, `high`. Areas only where runs have a course."""
    analysis = group.analysis
    table = aggregates(group.regret, seed=analysis.seed)
    found = {each: _level(table, each.name, "statistic") for each in _AGGREGATES}
    if not analysis.has_course:
        return found
    areas = group.rows(analysis.auc[[each.name for each in _AREAS]])
    bands = bootstrap_means(areas.rename_axis(columns="area"), analysis.curves.resampling(areas))
    bands = bands.rename(columns={"mean": "estimate"})
    return found | {each: _level(bands, each.name, "area") for each in _AREAS}


def _level(table: pd.DataFrame, name: str, level: str) -> pd.DataFrame:
    """The rows of `table` under one name of an index level, without that level."""
    return table[table.index.get_level_values(level) == name].droplevel([level])
