"""How many evaluations it takes to reach targets."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from optathlon.analysis.metrics.targets import runtime_distribution
from optathlon.analysis.plots.curves import draw_curves, plot_curves
from optathlon.analysis.plots.facets import plot_facets
from optathlon.analysis.plots.style import set_scale
from optathlon.analysis.report.charts import GROUP, Chart, lines, rounded
from optathlon.analysis.report.figures import ReportFigure, suffix
from optathlon.analysis.report.groups import Group, once_per_block
from optathlon.analysis.report.section import Section

_POINTS = 60


class Runtimes(Section):
    """COCO's runtime distributions."""

    heading = "Runtimes to targets"
    needs_course = True

    def figures(self) -> Iterator[ReportFigure]:
        """Of each main comparison."""
        for name in self.data.ranked:
            figure = plot_curves(
                self._distributions[name],
                self.data.looks,
                x_title="full evaluations" + (" / dimension" if has_dimensions(self.data.groups[name]) else ""),
                y_title="share of targets reached",
                x_scale="log",
                y_scale="percent",
                best="high",
                shape="step",
            )
            data = self._distributions[name]
            yield ReportFigure(f"runtimes{suffix(name)}", f"Runtimes to targets, {name}", figure, data)
        parts = {title: shares for title, shares in self._distributions.items() if title not in self.data.ranked}
        if len(parts) > 1:
            yield self._by_group(parts)

    def _by_group(self, parts: dict[str, pd.DataFrame]) -> ReportFigure:
        """One panel for each group of tasks: type, collection, number and kind of hyperparameters."""
        per_dimension = all(has_dimensions(self.data.groups[title]) for title in parts)

        def draw(axes: Axes, shares: pd.DataFrame) -> None:
            draw_curves(axes, shares, self.data.looks, shape="step")
            set_scale(axes, "x", "log")
            set_scale(axes, "y", "percent")
            axes.margins(x=0)

        figure = plot_facets(
            parts,
            self.data.looks,
            draw=draw,
            x_title="full evaluations / dimension" + ("" if per_dimension else ", where that is known"),
            y_title="share of targets reached (high is best)",
            best="high",
        )
        data = pd.concat(parts, names=["tasks"])
        return ReportFigure("runtimes_by_group", "Runtimes to targets, by group of tasks", figure, data)

    def charts(self) -> dict[str, Chart]:
        """Of each group of tasks."""
        views = {}
        for title, shares in self._distributions.items():
            per_dimension = has_dimensions(self.data.groups[title])
            views[title] = {
                "kind": "lines",
                "x": {
                    "label": "full evaluations / dimension" if per_dimension else "full evaluations",
                    "scale": "log",
                    "values": rounded(shares.index.unique("evaluations")),
                },
                "y": {"label": "share of targets reached", "scale": "percent", "best": "high"},
                "shape": "step",
                "note": "COCO's runtime distribution: the share of pairs of task and target reached within so many "
                "evaluations, runs that fail being restarted in simulation. 51 targets per task: 10² to 10⁻⁸ above the "
                "known optimum or, where that is unknown, 1 to 10⁻⁴ of the way from the best final loss to the worst.",
                **lines(shares, "share", self.data.numbers),
            }
        return {"runtimes": {"controls": [GROUP], "views": views}}

    @cached_property
    def _distributions(self) -> dict[str, pd.DataFrame]:
        found = once_per_block(distribution)
        return {title: found(group) for title, group in self.data.groups.items()}


def has_dimensions(group: Group) -> bool:
    """Whether the number of hyperparameters of every task is known, and not 0."""
    return bool(group.dimensions.gt(0).all())


def distribution(group: Group) -> pd.DataFrame:
    """Index (`optimizer`, `evaluations`): `share` of targets reached, per dimension where that is known."""
    analysis = group.analysis
    runtimes = analysis.runtimes.loc[analysis.runtimes.index.isin(group.comparison.runs)]
    scale = group.dimensions if has_dimensions(group) else pd.Series(1.0, index=group.dimensions.index)
    unit = scale.reindex(runtimes.index.get_level_values("task")).to_numpy(dtype=float)
    most = float(np.max(runtimes["spent"].to_numpy() / unit, initial=1.0))
    points = np.unique(np.geomspace(1 / unit.max(initial=1.0), 10 * most, _POINTS).round(6))
    return runtime_distribution(runtimes, points, scale=scale, seed=analysis.seed)
