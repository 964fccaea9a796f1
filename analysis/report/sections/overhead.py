"""What the optimizers themselves cost."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from optathlon.analysis.plots.overhead import plot_overhead
from optathlon.analysis.report.figures import ReportFigure, inline
from optathlon.analysis.report.section import Section


class Overhead(Section):
    """Seconds of ask and tell per trial, where they were measured."""

    heading = "What the optimizers cost"
    needs = "two optimizers and the seconds of their ask and tell"
    note = "Seconds that an optimizer itself takes per trial, over all its trials."

    def figures(self) -> list[ReportFigure]:
        """One figure, or none."""
        return self._figures

    def content(self) -> dict[str, Any]:
        """The figure, where optimizers are compared."""
        return {"figures": [inline(figure) for figure in self._figures] if self.data.ranked else []}

    @cached_property
    def _figures(self) -> list[ReportFigure]:
        table = self.data.analysis.overhead.dropna(subset="mean")
        if table.empty or not table["mean"].gt(0).any():
            return []
        caption = "Seconds of ask and tell per trial, by optimizer"
        return [ReportFigure("overhead", caption, plot_overhead(table, self.data.looks), table)]
