"""How much sooner than random search each optimizer gets where that ends."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import pandas as pd

from optathlon.analysis.metrics.normalisation import BASELINE
from optathlon.analysis.metrics.targets import first_hits
from optathlon.analysis.plots.intervals import plot_intervals
from optathlon.analysis.report.charts import GROUP, Chart, intervals
from optathlon.analysis.report.figures import ReportFigure, suffix
from optathlon.analysis.report.groups import Group, once_per_block
from optathlon.analysis.report.section import Section
from optathlon.analysis.stats.speedup import speedup, targets_of

_TITLE = "speed-up over random search"


class Speedup(Section):
    """Speed-ups over the baseline, where it was run."""

    heading = "Speed-up over random search"
    needs = "random search and another optimizer with two seeds"
    needs_course = True

    def figures(self) -> Iterator[ReportFigure]:
        """Of each main comparison."""
        for name in self.data.ranked:
            if name in self._speedups:
                table = self._speedups[name]
                figure = plot_intervals({_TITLE: table}, self.data.looks, best="high")
                yield ReportFigure(f"speedup{suffix(name)}", f"Speed-up over random search, {name}", figure, table)

    def charts(self) -> dict[str, Chart]:
        """Of each group of tasks."""
        views = {}
        for title, table in self._speedups.items():
            ordered = table.sort_values("estimate", ascending=False, kind="stable")
            views[title] = intervals(ordered, _TITLE, self.data.numbers) | {
                "y": {"label": _TITLE, "scale": "linear", "best": "high"},
                "reference": 1,
                "referenceLabel": BASELINE,
                "note": "How many times as many full evaluations random search is expected to need as the optimizer, "
                "to get to the median result of random search with other seeds: the median over tasks of the ratio of "
                "expected runtimes (COCO). It is 0 where most tasks are never brought that far.",
            }
        return {"speedup": {"controls": [GROUP], "views": views}}

    @cached_property
    def _speedups(self) -> dict[str, pd.DataFrame]:
        found = once_per_block(speedups)
        tables = {title: found(group) for title, group in self.data.groups.items()}
        return {title: table for title, table in tables.items() if table is not None}


def speedups(group: Group) -> pd.DataFrame | None:
    """Index `optimizer`: `estimate`, `low`, `high`; `None` where random search was not run or has no target.

    On tasks that are compared unpaired it has none.
    """
    analysis = group.analysis
    if BASELINE not in group.comparison.optimizers:
        return None
    losses = group.rows(analysis.final_losses).drop(list(group.comparison.unpaired_tasks), level="task")
    if losses.empty or (targets := targets_of(losses, BASELINE)).empty:
        return None
    tasks = targets.index.unique("task")
    compared = losses[losses.index.get_level_values("task").isin(tasks)].index
    by_run = group.comparison.runs[group.comparison.runs.get_level_values("task").isin(tasks)]
    reached = first_hits(analysis.trajectories, targets).reindex(by_run).set_axis(compared)
    longest = analysis.runtimes["spent"].reindex(by_run).set_axis(compared)
    return speedup(reached, longest, BASELINE, seed=analysis.seed)
