"""Fixed targets and fixed budgets, as tables: how soon, how often, how good."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from optathlon.analysis.analysis import Analysis
from optathlon.analysis.metrics.fixed_budgets import BUDGETS
from optathlon.analysis.metrics.normalisation import BEST_TO_WORST
from optathlon.analysis.report.cells import fixed, number, whole
from optathlon.analysis.report.section import Section
from optathlon.analysis.report.sentences import counted
from optathlon.analysis.stats.comparison import Comparison

_NEVER = "∞"

_KINDS: dict[str, tuple[str, Callable[[float], str]]] = {
    "share": ("share of the way from the best final loss to the worst", lambda share: f"{100 * share:g} %"),
    "precision": ("above the known optimum", "{:g}".format),
}
_RUNTIMES = (
    "Full evaluations that it is expected to take (COCO’s ERT: those of all runs per run that gets there), the median "
    "over tasks; ∞ where on half of them or more no run gets there. Below: how many of the runs get there."
)
_REGRETS = (
    "Mean regret after a share of the budget: 0 is the best loss with which any run on a task ended, 1 the worst one, "
    "2 no result. Below: how many of the runs have a result by then."
)


@dataclass(frozen=True)
class Cell:
    """What stands in a table: a number, how many runs of how many succeeded, and whether it is the best of its row."""

    text: str
    successes: str
    best: bool


@dataclass(frozen=True)
class FixedTable:
    """Targets or budgets by row, optimizers by column."""

    title: str
    explanation: str
    head: str
    optimizers: list[str]
    rows: list[tuple[str, list[tuple[str, Cell]]]]


class FixedTargets(Section):
    """Expected runtimes to targets, and results at shares of the budget: of each task in files, of all on the page."""

    heading = "Fixed targets, fixed budgets"
    template = "fixed_targets.html"
    is_filtered = False
    needs_course = True

    def tables(self) -> Iterator[tuple[str, pd.DataFrame]]:
        """By task, of all runs."""
        if self.data.analysis.comparisons:
            yield "fixed_targets", self.data.analysis.fixed_targets
            yield "fixed_budgets", self.data.analysis.fixed_budgets

    def content(self) -> dict[str, Any]:
        """Of all tasks, of each main comparison."""
        return {"comparisons": [{"name": name, "tables": tables} for name, tables in self._tables.items()]}

    @cached_property
    def _tables(self) -> dict[str, list[FixedTable]]:
        analysis = self.data.analysis
        found = {}
        for name, result in self.data.ranked.items():
            comparison = result.comparison
            table = analysis.fixed_targets
            here = table[
                table.index.isin(comparison.tasks, level="task")
                & table.index.isin(comparison.optimizers, level="optimizer")
            ]
            order = result.standings.index.tolist()
            found[name] = [*target_tables(here, order), budget_table(analysis, comparison.runs.unique(), order)]
        return found


def _cells_of(comparison: Comparison) -> pd.MultiIndex:
    return pd.MultiIndex.from_product([comparison.tasks, comparison.optimizers])


def target_tables(table: pd.DataFrame, order: list[str]) -> list[FixedTable]:
    """One of shares, on all tasks, and one above the known optimum, where some task has one.

    Parameters
    ----------
    table:
        As `optathlon.analysis.metrics.fixed_targets.fixed_targets` returns it.
    order:
        Of the optimizers.
    """
    by_kind = {str(kind): rows for kind, rows in table.groupby(level="kind")}
    return [_target_table(by_kind[kind], kind, order) for kind in _KINDS if kind in by_kind]


def _target_table(table: pd.DataFrame, kind: str, order: list[str]) -> FixedTable:
    by_target = table.groupby(level=["target", "optimizer"])
    columns = (by_target["expected_runtime"].median(), by_target["successes"].sum(), by_target["runs"].sum())
    easiest_first = [column.unstack("optimizer")[order].sort_index(ascending=False) for column in columns]
    where, write = _KINDS[kind]
    return FixedTable(
        title=f"Fixed targets: {where} ({counted(table.index.unique('task').size, 'task')})",
        explanation=_RUNTIMES,
        head="target",
        optimizers=order,
        rows=[
            (write(target), _row(order, *cells, write=_runtime))
            for target, cells in zip(easiest_first[0].index, np.stack(easiest_first, axis=1), strict=True)
        ],
    )


def budget_table(analysis: Analysis, runs: pd.MultiIndex, order: list[str]) -> FixedTable:
    """Mean regret at shares of the budget, over seeds, then tasks, of the given runs."""
    budgets = list(BUDGETS)
    regret = BEST_TO_WORST(analysis.losses, analysis.results.tasks).loc[runs, budgets]
    means = regret.groupby(level=["task", "optimizer"]).mean().groupby(level="optimizer").mean().loc[order]
    succeeded = analysis.losses.loc[runs, budgets].notna().groupby(level="optimizer")
    successes, counts = succeeded.sum().loc[order], succeeded.size().loc[order].to_numpy()
    rows = [
        (
            f"{100 * budget:g} %",
            _row(order, means[budget].to_numpy(), successes[budget].to_numpy(), counts, write=_regret),
        )
        for budget in budgets
    ]
    return FixedTable("Fixed budgets", _REGRETS, "budget", order, rows)


def _row(
    order: list[str], values: np.ndarray, successes: np.ndarray, runs: np.ndarray, *, write: Callable[[float], str]
) -> list[tuple[str, Cell]]:
    best = np.isfinite(values) & (values == np.min(values))
    cells = zip(order, values, successes, runs, best, strict=True)
    return [
        (name, Cell(write(value), f"{int(succeeded):,} of {int(count):,}", bool(is_best)))
        for name, value, succeeded, count, is_best in cells
    ]


def _regret(value: float) -> str:
    return fixed(value, 3)


def _runtime(value: float) -> str:
    if np.isinf(value):
        return _NEVER
    return whole(round(value)) if value >= 1000 else number(value, 3)
