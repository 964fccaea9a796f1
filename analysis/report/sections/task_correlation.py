"""Which tasks rank the optimizers alike."""

from __future__ import annotations

from collections.abc import Iterator

from optathlon.analysis.plots.matrices import plot_task_correlation
from optathlon.analysis.report.charts import GROUP, Chart, cuts
from optathlon.analysis.report.figures import ReportFigure, suffix
from optathlon.analysis.report.packing import pack
from optathlon.analysis.report.section import Section
from optathlon.analysis.stats.task_correlation import task_correlation

_FEWEST = 3
_MOST_SHOWN = 200
"""Tasks of which a matrix can still be seen on the page."""


class TaskCorrelation(Section):
    """Kendall's tau between the rankings on two tasks."""

    heading = "Which tasks rank alike"
    needs = f"{_FEWEST} optimizers on {_FEWEST} to {_MOST_SHOWN} tasks"

    def figures(self) -> Iterator[ReportFigure]:
        """Of each main comparison."""
        for name, result in self.data.ranked.items():
            if len(result.comparison.tasks) >= _FEWEST:
                matrix = task_correlation(self.data.groups[name].task_ranks)
                figure = plot_task_correlation(matrix)
                caption = f"Rank correlation of tasks, {name}"
                yield ReportFigure(f"task_correlation{suffix(name)}", caption, figure, matrix)

    def charts(self) -> dict[str, Chart]:
        """Of each group of tasks."""
        views = {}
        for title, group in self.data.groups.items():
            few = len(group.comparison.optimizers) < _FEWEST
            if few or not _FEWEST <= len(group.comparison.tasks) <= _MOST_SHOWN:
                continue
            matrix = task_correlation(group.task_ranks)
            views[title] = {
                "kind": "matrix",
                "y": {"label": "Kendall’s τ between the rankings on two tasks", "scale": "linear"},
                "labels": [*matrix.index],
                "cut": cuts([*matrix.index]),
                "mid": pack(matrix.to_numpy(dtype=float)),
                "range": [-1, 0, 1],
                "note": "Tasks are ordered by how alike they rank the optimizers (hierarchical clustering): blocks "
                "along the diagonal are kinds of tasks, of which a few may stand for all.",
            }
        absence = f"Shown for 3 to {_MOST_SHOWN} tasks and 3 optimizers or more; see figures/task_correlation beyond."
        return {"alike": {"controls": [GROUP], "views": views, "absence": absence}}
