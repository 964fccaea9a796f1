"""Whether an optimizer is worth the time that it takes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import pandas as pd

from optathlon.analysis.metrics.overhead import overhead_of_runs
from optathlon.analysis.plots.efficiency import plot_efficiency
from optathlon.analysis.report.figures import ReportFigure, inline, suffix
from optathlon.analysis.report.groups import Group
from optathlon.analysis.report.section import Section
from optathlon.analysis.stats.bootstrap import bootstrap_means
from optathlon.analysis.stats.efficiency import efficient

_COSTS = {
    "optimizer_seconds": "seconds of ask and tell per run",
    "total_seconds": "the same with evaluations",
}


class Efficiency(Section):
    """Mean regret against seconds, of the optimizer alone and with its evaluations."""

    heading = "Quality against time"
    needs = "two optimizers and the seconds of their ask and tell"
    is_filtered = False
    note = (
        "Mean regret at the end, with its interval, against the mean seconds of a run as they were measured. The line "
        "joins the optimizers than which no other one is both better and quicker."
    )

    def figures(self) -> list[ReportFigure]:
        """Of each main comparison."""
        return self._figures

    def content(self) -> dict[str, Any]:
        """The same on the page."""
        return {"figures": [inline(figure) for figure in self._figures]}

    @cached_property
    def _figures(self) -> list[ReportFigure]:
        return list(self._drawn())

    def _drawn(self) -> Iterator[ReportFigure]:
        for name in self.data.ranked:
            table = efficiency(self.data.groups[name])
            costs = {title: table[column] for column, title in _COSTS.items() if table[column].gt(0).any()}
            if costs:
                quality = table[["estimate", "low", "high"]]
                figure = plot_efficiency(quality, costs, self.data.looks, y_title="mean regret")
                yield ReportFigure(f"efficiency{suffix(name)}", f"Quality against time, {name}", figure, table)


def efficiency(group: Group) -> pd.DataFrame:
    """Regret, seconds, and who is efficient.

    Returns
    -------
    Index `optimizer`: the mean regret (`estimate`, `low`, `high`), mean seconds per run over seeds, then tasks
    (`optimizer_seconds` of ask and tell, `total_seconds` with evaluations), and `efficient` by the regret and the
    former: whether no other one is as good in both and better in one.
    """
    analysis = group.analysis
    regret = group.regret.to_frame("regret").rename_axis(columns="measure")
    bands = bootstrap_means(regret, analysis.curves.resampling(regret)).droplevel("measure")
    runs = analysis.results.runs
    seconds = pd.DataFrame({"optimizer_seconds": overhead_of_runs(analysis.whole_trials, runs)})
    seconds["total_seconds"] = analysis.spent["compute"].reindex(runs["run"]).to_numpy()
    by_task = seconds.loc[group.comparison.runs.unique()].groupby(level=["task", "optimizer"]).mean()
    means = by_task.groupby(level="optimizer").mean()
    table = bands.rename(columns={"mean": "estimate"}).join(means)
    return table.assign(efficient=efficient(table[["estimate", "optimizer_seconds"]]))
