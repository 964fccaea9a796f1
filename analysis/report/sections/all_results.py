"""The result of every optimizer on every task."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd
from markupsafe import Markup

from optathlon.analysis.analysis import Analysis
from optathlon.analysis.metrics.final import is_maximised
from optathlon.analysis.metrics.judge_agreement import judge_agreement
from optathlon.analysis.metrics.objectives import objective_label, row_of
from optathlon.analysis.metrics.references import unreached_references
from optathlon.analysis.metrics.ties import storage_differences, tolerance_for
from optathlon.analysis.report.cells import number, percent
from optathlon.analysis.report.section import ReportData, Section
from optathlon.analysis.report.sentences import counted, names, on_tasks
from optathlon.analysis.stats.verified_answers import verified_answers
from optathlon.analysis.tables.columns import Marks
from optathlon.results.tables import have_tables

_DOUBTFUL, _ENOUGH_PAIRS = 0.6, 30
"""Judges that are right less often, over at least so many pairs, are named on top of the page; a coin is in 0.5."""
_FEWER = 0.1
"""By so much, at least, the optimizer with the best result has a smaller share of right answers where that is said."""


class AllResults(Section):
    """Medians and quartiles at the end of the budget, in the user's units."""

    template = "all_results.html"

    def caveats(self) -> Iterator[Markup]:
        """What results are measured from, and which differences are too small to tell."""
        yield from _reference_points(self.data.analysis)
        yield from _doubtful_judges(self._judges)
        yield from _misled(self._right, self.data.analysis)
        yield from _ties(self.data)

    def tables(self) -> Iterator[tuple[str, pd.DataFrame]]:
        """All results, and the hypervolume references."""
        yield "tasks", self.data.analysis.final_values
        yield "hypervolume_references", self.data.analysis.references
        if len(self._judges):
            yield "judges", self._judges
        if len(self._right):
            yield "verified_answers", self._right

    def marks(self) -> dict[str, Marks]:
        """Tasks of which higher results are better."""
        tasks = self.data.analysis.results.tasks
        return {"tasks": Marks(maximised=[str(name) for name in tasks.index if is_maximised(row_of(tasks, name))])}

    def content(self) -> dict[str, Any]:
        """A table per collection."""
        return {
            "tables": task_tables(self.data.analysis),
            "has_course": self.data.analysis.has_course,
            "judges": {str(task): _judges_words(row) for task, row in self._judges.iterrows()},
            "right": {key: f"{percent(share)} right" for key, share in self._right["right"].items()},
        }

    @cached_property
    def _judges(self) -> pd.DataFrame:
        return judge_agreement(self.data.analysis.results.trials)

    @cached_property
    def _right(self) -> pd.DataFrame:
        return verified_answers(self.data.analysis.results, self.data.analysis.trajectories)


@dataclass(frozen=True)
class TaskCell:
    """An optimizer's result on a task: median and quartiles in the user's units."""

    median: str
    quartiles: str
    note: str
    best: bool


@dataclass(frozen=True)
class TaskTable:
    """The per-task table of one collection."""

    collection: str
    optimizers: list[str]
    rows: list[tuple[str, str, list[tuple[str, TaskCell | None]]]]

    @property
    def tasks(self) -> list[str]:
        """The task of each row."""
        return [task for task, *_ in self.rows]


def task_tables(analysis: Analysis) -> list[TaskTable]:
    """Per collection, a row for each task and a column for each optimizer that has runs there."""
    tasks, values = analysis.results.tasks, analysis.final_values
    tables = []
    for collection, members in tasks.groupby(tasks["collection"].astype(str), sort=True):
        here = values[values.index.get_level_values("task").isin(members.index)]
        optimizers = sorted(here.index.unique("optimizer"))
        by_task = {str(name): rows for name, rows in here.reset_index("optimizer").groupby(level="task")}
        nothing = here.iloc[:0].reset_index("optimizer")
        rows = [
            (str(name), objective_label(task), _task_row(by_task.get(str(name), nothing), task, optimizers))
            for name, task in members.iterrows()
        ]
        tables.append(TaskTable(str(collection), optimizers, rows))
    return tables


def _task_row(rows: pd.DataFrame, task: pd.Series, optimizers: list[str]) -> list[tuple[str, TaskCell | None]]:
    best = rows["median"].max() if is_maximised(task) else rows["median"].min()
    cells = {row.optimizer: _task_cell(row, best) for row in rows.itertuples()}
    return [(optimizer, cells.get(optimizer)) for optimizer in optimizers]


def _task_cell(row: Any, best: float) -> TaskCell:
    note = f"{int(row.without_result)} of {int(row.runs)} without result" if row.without_result else ""
    shown = row.runs > 1 and not math.isnan(row.better)
    quartiles = f"{number(row.better, 3)} … {number(row.worse, 3)}" if shown else ""
    return TaskCell(number(row.median), quartiles, note, bool(row.median == best))


def _judges_words(row: pd.Series) -> str:
    """How often a task's judges were right, for a reader of its win rates."""
    sides = {"judge": ("accuracy", "known"), "test judge": ("test_accuracy", "test_known")}
    known = {who: (row[share], int(row[pairs])) for who, (share, pairs) in sides.items() if row[pairs] > 0}
    return "; ".join(f"{who} right in {percent(share)} of {pairs:,}" for who, (share, pairs) in known.items())


def _doubtful_judges(judges: pd.DataFrame) -> Iterator[Markup]:
    doubtful = judges[(judges["known"] >= _ENOUGH_PAIRS) & (judges["accuracy"] < _DOUBTFUL)]
    if len(doubtful):
        text = Markup(
            "The judge of {} prefers the right one of a right and a wrong answer in less than {} of the cases where "
            "that is known: win rates there tell little of how good answers are."
        )
        yield text.format(names(doubtful.index), percent(_DOUBTFUL))


def _misled(verified: pd.DataFrame, analysis: Analysis) -> Iterator[Markup]:
    """Where the best results are of an optimizer whose answers are right less often than another's."""
    medians, tasks = analysis.final_values["median"], analysis.results.tasks
    misled = []
    for task in verified.index.unique("task"):
        right = verified["right"].xs(task, level="task")
        results = medians.xs(task, level="task").reindex(right.index).dropna()
        ordered = results.sort_values(ascending=not is_maximised(row_of(tasks, str(task))), kind="stable")
        if len(ordered) and right.max() - right[str(ordered.index[0])] >= _FEWER:
            misled.append(str(task))
    if misled:
        text = Markup(
            "On {}, what the optimizer with the best result chose gives fewer right answers than what another chose: "
            "the objective there is not what is right."
        )
        yield text.format(names(misled))


def _reference_points(analysis: Analysis) -> Iterator[Markup]:
    derived = analysis.references.query("derived")
    if len(derived):
        text = Markup(
            "No complete hypervolume reference is given for {}: the worst value of these results stands in, so "
            "hypervolumes there may change as results are added."
        )
        yield text.format(names(derived["task"].unique()))
    for objectives, tasks in _by_objectives(unreached_references(analysis.results)).items():
        which = Markup("in {} ").format(names(objectives)) if objectives else "in all objectives at once "
        text = Markup(
            "No result is better {}than the hypervolume reference of {}: all hypervolumes there are 0, so optimizers "
            "tie. Is the reference in the order, the units and the directions of the objectives?"
        )
        yield text.format(which, names(tasks))
    if analysis.beyond_optimum:
        text = Markup(
            "Results are better than the stated optimum (noise, or a wrong optimum) on {}: their regret counts as 0."
        )
        yield text.format(names(analysis.beyond_optimum))


def _by_objectives(unreached: Mapping[str, tuple[str, ...]]) -> dict[tuple[str, ...], list[str]]:
    """The tasks by what is the matter with their reference."""
    found: dict[tuple[str, ...], list[str]] = {}
    for task, objectives in unreached.items():
        found.setdefault(objectives, []).append(task)
    return found


def _ties(data: ReportData) -> Iterator[Markup]:
    if data.ties:
        yield Markup("Values on a task that differ by at most {} of the larger one count as equal.").format(
            f"{data.ties:g}"
        )
    if not have_tables(data.analysis.results):
        return
    for title, result in data.ranked.items():
        differences = storage_differences(result.comparison.losses.iloc[:, -1].unstack("optimizer"))
        if len(differences):
            text = Markup(
                "On {} of {}{}, ranks rest on differences as they come about when programs store the same value in "
                "different precision, of at most {} of the value. With <code>--ties {}</code>, such values are equal."
            )
            tasks = differences.index.unique("task")
            largest = f"{differences.max():.2g}"
            total = counted(len(result.comparison.tasks), "task")
            yield text.format(len(tasks), total, on_tasks(title), largest, f"{tolerance_for(differences):g}")
