"""Which hyperparameters matter, on the tasks for which that was asked."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from optathlon.analysis.metrics.objectives import row_of
from optathlon.analysis.report.section import Section
from optathlon.analysis.stats.importance import ENOUGH, hyperparameter_importance


class Importance(Section):
    """A random forest's estimates, task by task."""

    heading = "Which hyperparameters matter"
    needs = "tasks to be asked for: --importance TASK"
    template = "importance.html"

    def tables(self) -> Iterator[tuple[str, pd.DataFrame]]:
        """All tasks together, where it was asked for."""
        if self._estimates:
            tables = {task: estimate.table for task, estimate in self._estimates.items()}
            yield "importance", pd.concat(tables, names=["task"])

    def content(self) -> dict[str, Any]:
        """The importances of each task."""
        tasks = self.data.analysis.results.tasks
        return {
            "importances": {task: shown(estimate, row_of(tasks, task)) for task, estimate in self._estimates.items()}
        }

    @cached_property
    def _estimates(self) -> dict[str, Estimate]:
        analysis = self.data.analysis
        found = {}
        for task in self.data.explained:
            trials = analysis.trials_of(task)
            space = row_of(analysis.results.tasks, task)["space"]
            table = hyperparameter_importance(trials, space, seed=analysis.seed)
            found[task] = Estimate(table, len(trials), int(trials["loss"].isna().sum()))
        return found


@dataclass(frozen=True)
class Estimate:
    """What `hyperparameter_importance` made of a task's trials, their number, and how many of them do not count."""

    table: pd.DataFrame
    trials: int
    left_out: int


@dataclass(frozen=True)
class Importances:
    """The importances of a task's hyperparameters, and what to think of them."""

    note: str
    rows: list[dict[Hashable, object]]


def shown(estimate: Estimate, task: pd.Series) -> Importances:
    """What the page shows of the importances on one task, given its row of the `tasks` frame."""
    reason = _why_unknown(estimate.table, task)
    rows = [] if reason else estimate.table.reset_index().to_dict("records")
    return Importances((reason or _meaning(estimate.table, task)) + _left_out(estimate), rows)


def _why_unknown(table: pd.DataFrame, task: pd.Series) -> str:
    if not task["space"]:
        return "The search space is not stored with these results, so nothing can be told."
    if table.empty:
        return "The search space has no hyperparameter that can vary."
    count = int(table["configurations"].iloc[0])
    if count < ENOUGH:
        return f"There are too few different configurations that count to tell: {count}; {ENOUGH} are needed."
    if table["score"].isna().any():
        return f"There is nothing to tell: all {count:,} different configurations that count have the same loss."
    return ""


def _meaning(table: pd.DataFrame, task: pd.Series) -> str:
    score, count = float(table["score"].iloc[0]), int(table["configurations"].iloc[0])
    several = len(task["objectives"]) > 1
    ranks = f"ranks of {task['objectives'][0]['name']}" if several else "ranks"
    caution = ", so the importances mean little" if score < 0.2 else ""
    return (
        f"A random forest’s estimate of, usually below, the total Sobol index of {ranks}, on {count:,} different "
        "configurations that count (successful, feasible, within the budget, at full fidelity), as optimizers chose "
        f"them. The forest explains {max(score, 0.0):.0%} of the variance of ranks it has not seen{caution}. "
        "It shrinks effects, weak ones most. The spread is that over shuffles and folds, not the error."
    )


def _left_out(estimate: Estimate) -> str:
    if estimate.table.empty or not estimate.left_out:
        return ""
    return f" {estimate.left_out:,} of {estimate.trials:,} trials did not count: what makes them fail is not seen here."
