"""On which kinds of tasks an optimizer does better than elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from optathlon.analysis.report.cells import Shaded, fixed, shade
from optathlon.analysis.report.figures import suffix
from optathlon.analysis.report.groups import Group
from optathlon.analysis.report.kinds import kind_label, kinds_of_tasks
from optathlon.analysis.report.section import Section
from optathlon.analysis.stats.strengths import strengths

_ALPHA = 0.05
"""Differences with at most this p-value are set in bold."""


class Strengths(Section):
    """Mean ranks by kind of task."""

    needs = "two optimizers on two kinds of tasks, three of each"
    template = "strengths.html"
    is_filtered = False

    def tables(self) -> Iterator[tuple[str, pd.DataFrame]]:
        """Of each main comparison."""
        for name, table in self._strengths.items():
            yield f"strengths{suffix(name)}", table

    def content(self) -> dict[str, Any]:
        """The same as cells."""
        return {
            "comparisons": [{"name": name, "table": strengths_table(table)} for name, table in self._strengths.items()]
        }

    @cached_property
    def _strengths(self) -> dict[str, pd.DataFrame]:
        return {name: _by_feature(self.data.groups[name]) for name in self.data.ranked}


@dataclass(frozen=True)
class StrengthsTable:
    """Per kind of tasks: its name, how many there are, and a cell for each optimizer."""

    optimizers: list[str]
    rows: list[tuple[str, int, list[Shaded]]]


def strengths_table(table: pd.DataFrame) -> StrengthsTable:
    """Differences of mean ranks by kind of task.

    Parameters
    ----------
    table:
        As `optathlon.analysis.stats.strengths.strengths` returns it.
    """
    optimizers = [str(name) for name in table.index.unique("optimizer")]
    largest = float(table["difference"].abs().max()) if len(table) else 1.0
    rows = []
    for (feature, level), cells in table.groupby(level=["feature", "level"], sort=False):
        shaded = [
            Shaded(
                str(name),
                _signed(row.difference),
                shade(row.difference / (largest or 1.0)),
                sure=bool(row.p_value <= _ALPHA),
            )
            for name, row in cells.droplevel(["feature", "level"]).iterrows()
        ]
        rows.append((kind_label(str(feature), str(level)), int(cells["tasks"].iloc[0]), shaded))
    return StrengthsTable(optimizers, rows)


def _signed(value: float) -> str:
    return ("+" if value > 0 else "") + fixed(value).replace("-", "−")


def _by_feature(group: Group) -> pd.DataFrame:
    """Index (`feature`, `level`, `optimizer`): mean ranks on the tasks that share a feature."""
    return strengths(group.task_ranks, kinds_of_tasks(group.analysis), seed=group.analysis.seed)
