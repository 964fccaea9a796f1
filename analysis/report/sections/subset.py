"""Whether a subset ranks the optimizers that it was not chosen by as all tasks do."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pandas as pd

from optathlon.analysis.report.cells import MISSING, fixed, percent
from optathlon.analysis.report.figures import ReportFigure, inline
from optathlon.analysis.report.section import Section

if TYPE_CHECKING:
    from optathlon.subsets.validation import Methods


class SubsetAgreement(Section):
    """The agreement of a subset with all tasks, beside that of other subsets; nothing if it was not asked for."""

    needs = "a subset of the tasks to judge: --subset NAME"
    template = "subset.html"

    def tables(self) -> Iterator[tuple[str, pd.DataFrame]]:
        """All methods."""
        if self.data.subset:
            yield "subset_methods", self.data.subset.table

    def figures(self) -> list[ReportFigure]:
        """The agreement by size, where it is known."""
        return [] if self._by_size is None else [self._by_size]

    def content(self) -> dict[str, Any]:
        """The conclusions, the methods for each part, and the figure."""
        found = self.data.subset
        if found is None:
            return {"subset": None}
        from optathlon.analysis.report.representativeness import conclusions

        parts = [(name, found.agreements[name].k, method_rows(methods)) for name, methods in found.methods.items()]
        by_size = None if self._by_size is None else inline(self._by_size)
        return {"subset": {"conclusions": conclusions(found), "notes": found.notes, "parts": parts, "by_size": by_size}}

    @cached_property
    def _by_size(self) -> ReportFigure | None:
        found = self.data.subset
        if found is None or found.by_size is None:
            return None
        from optathlon.subsets.plots import plot_agreement

        data = found.by_size.measures
        figure = plot_agreement(data, threshold=found.threshold, smallest=found.smallest, parts=found.agreements)
        return ReportFigure("subset_by_size", "Agreement of subsets with all tasks, by size", figure, data)


@dataclass(frozen=True)
class MethodRow:
    """How the subsets of one method agree with all tasks: tau, top-1, rank error, and how many the chosen one beats."""

    method: str
    tau: str
    tau_range: str
    top1: str
    error: str
    error_range: str
    beaten: str
    beaten_by_error: str


def method_rows(methods: Methods) -> list[MethodRow]:
    """The subset itself, and below it other methods at its size."""
    from optathlon.subsets.validation import CHOSEN

    rows = methods.measures.droplevel(["k"]).iterrows()
    return [_method_row("this subset" if method == CHOSEN else str(method), row) for method, row in rows]


def _method_row(method: str, row: pd.Series) -> MethodRow:
    several = row["draws"] > 1
    name = f"{method}, {row['draws']:.0f} draws" if several else method
    return MethodRow(
        method=name,
        tau=_signed(row["tau"]),
        tau_range=_range(row["tau_low"], row["tau_high"]),
        top1=percent(row["top1"]) if several else "yes" if row["top1"] else "no",
        error=_signed(row["rank_error"]),
        error_range=_range(row["rank_error_low"], row["rank_error_high"]),
        beaten=percent(row["tau_percentile"]) if several else "",
        beaten_by_error=percent(row["rank_error_percentile"]) if several else "",
    )


def _signed(value: float) -> str:
    return fixed(value).replace("-", "−")


def _range(low: float, high: float) -> str:
    return MISSING if math.isnan(low) else f"{_signed(low)} to {_signed(high)}"
