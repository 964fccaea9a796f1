"""Performance over the budget: curves on the page, and those of ranks and regret as figures."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from optathlon.analysis.analysis import ComparisonResult
from optathlon.analysis.curves import MEASURES, RANK, Curve, grid_of
from optathlon.analysis.metrics.axes import BUDGET
from optathlon.analysis.plots.curves import plot_curves
from optathlon.analysis.plots.ranks import plot_rank_facets, plot_ranks
from optathlon.analysis.report.charts import GROUP, Chart, Option, View, control, lines
from optathlon.analysis.report.figures import ReportFigure, suffix
from optathlon.analysis.report.section import Section

_REGRET = next(measure for measure in MEASURES if measure.name == "log-best-worst")


class Anytime(Section):
    """Mean ranks and regret over the budget and other axes."""

    needs_course = True

    def charts(self) -> dict[str, Chart]:
        """Every measure on every axis, for each group of tasks."""
        views, measures, axes = {}, [], []
        curves = self.data.analysis.curves
        for title, comparison in self.data.analysis.groups.items():
            for curve in curves.all(comparison):
                key = f"{curve.measure.name}|{curve.axis.name}|{title}"
                views[key] = self._view(curve, len(comparison.tasks))
                measures.append(curve.measure)
                axes.append(curve.axis)
        shown = [Option(each.name, each.title) for each in MEASURES if each in measures]
        over = [Option(each.name, each.title) for each in curves.axes if each in axes]
        controls = [control("Measure", shown, "measure"), control("Over", over, "axis"), GROUP]
        return {"anytime": {"controls": controls, "views": views}}

    def figures(self) -> Iterator[ReportFigure]:
        """Ranks and regret over the budget, and ranks by kind of task."""
        for name, result in self.data.ranked.items():
            ranks = plot_ranks(result.bands, self.data.looks)
            yield ReportFigure(f"ranks{suffix(name)}", f"Mean rank over the budget, {name}", ranks, result.bands)
            yield self._regret(name, result)
        yield from self._facets()

    def _view(self, curve: Curve, tasks: int) -> View:
        measure, axis, bands = curve.measure, curve.axis, curve.bands
        part = f" Only {curve.tasks} of the {tasks} tasks have this." if curve.tasks < tasks else ""
        if axis == BUDGET:
            meaning = "The share of its budget that a run has spent."
        else:
            meaning = (
                f"100 % is the most {axis.title} of any run on the task; a run that has ended keeps its incumbent."
            )
        label = axis.title if axis == BUDGET else f"{axis.title}, share of the longest run's"
        y = {"label": measure.title, "scale": "linear", "best": "low"} | ({"top": "best"} if measure == RANK else {})
        if measure.logarithmic:
            bands = 10.0**bands
            y["scale"] = "log"
        return {
            "kind": "lines",
            "x": {"label": label, "scale": "percent", "values": list(grid_of(axis))},
            "y": y,
            "shape": "step",
            "note": f"{measure.explanation} {meaning}{part}",
            **lines(bands, "mean", self.data.numbers),
        }

    def _regret(self, name: str, result: ComparisonResult) -> ReportFigure:
        curve = self.data.analysis.curves.curve(_REGRET, BUDGET, result.comparison)
        assert curve is not None, "every compared task has ranks and regret over the budget"
        bands = 10.0**curve.bands
        figure = plot_curves(
            bands,
            self.data.looks,
            x_title="share of the budget spent",
            y_title="regret, best to worst (geometric mean)",
            x_scale="percent",
            y_scale="log",
            shape="step",
        )
        return ReportFigure(f"regret{suffix(name)}", f"Regret over the budget, {name}", figure, bands)

    def _facets(self) -> Iterator[ReportFigure]:
        analysis = self.data.analysis
        tasks = analysis.results.tasks
        drawn: list[set[frozenset[str]]] = []
        for kind, column in (("type of task", "type"), ("collection", "collection")):
            groups = tasks[column].astype(str)
            partition = {frozenset(members.index) for _, members in groups.groupby(groups)}
            if len(partition) > 1 and partition not in drawn and len(bands := analysis.bands_by(groups)) > 1:
                drawn.append(partition)
                data = pd.concat(bands, names=["group"])
                figure = plot_rank_facets(bands, self.data.looks)
                yield ReportFigure(f"ranks_by_{column}", f"Mean rank by {kind}", figure, data)
