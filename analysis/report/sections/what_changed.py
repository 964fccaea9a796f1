"""What changed from one set of results to another, where the page is about two."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd
from markupsafe import Markup

from optathlon.analysis.report.changes import Changes, OptimizerChange
from optathlon.analysis.report.section import Section
from optathlon.analysis.report.sentences import counted, names

_FEW = 4
"""Of more optimizers than this, the head of the page has one sentence for all that changed alike."""

_MOST_TASKS = 50
"""Tasks that the page shows of an optimizer: those that changed most."""


class WhatChanged(Section):
    """The comparison of two sets of results."""

    needs = ""
    template = "what_changed.html"
    is_filtered = False

    def findings(self) -> Iterator[Markup]:
        """What changed: of each optimizer or, of many, by what changed."""
        if self.data.changes:
            words = [*self.data.changes.words]
            yield from _of_each(words) if len(words) <= _FEW else _by_verdict(self.data.changes)

    def caveats(self) -> Iterator[Markup]:
        """What only one of the two has."""
        for note in self.data.changes.notes if self.data.changes else ():
            yield Markup("{}.").format(note[0].upper() + note[1:])

    def tables(self) -> Iterator[tuple[str, pd.DataFrame]]:
        """All numbers, by optimizer and by task."""
        if self.data.changes and len(self.data.changes.by_optimizer):
            yield "changes", self.data.changes.by_optimizer
            yield "task_changes", self.data.changes.by_task

    def content(self) -> dict[str, Any]:
        """The same for the page, of each optimizer the tasks that changed most."""
        found = self.data.changes
        return {"names": found.names, "changes": [*changed(found)]} if found else {"names": ("", ""), "changes": []}


@dataclass(frozen=True)
class Changed:
    """An optimizer's row of the table, what is said of it, where its interval lies, and its tasks."""

    words: OptimizerChange
    row: pd.Series
    interval: tuple[float, float, float]
    tasks: list[dict[str, Any]]
    total: int


def changed(changes: Changes) -> Iterator[Changed]:
    """What the page shows of each optimizer; the interval in percent of a scale of which 0 is the middle."""
    table = changes.by_optimizer
    widest = float(table[["low", "high", "difference"]].abs().to_numpy().max(initial=0.0)) or 1.0
    for words, (_, row) in zip(changes.words, table.iterrows(), strict=True):
        low, middle, high = (50 + 50 * float(row[name]) / widest for name in ("low", "difference", "high"))
        own = changes.tasks_of(words.optimizer).query("difference != 0 or outcome != 'equal'")
        tasks = [{str(key): value for key, value in task.items()} for task in _records(own.head(_MOST_TASKS))]
        yield Changed(words, row, (low, middle, high), tasks, len(own))


def _records(table: pd.DataFrame) -> list[dict[Hashable, Any]]:
    return table.reset_index().to_dict("records")


def _of_each(words: list[OptimizerChange]) -> Iterator[Markup]:
    for one in words:
        yield Markup("{}: {}.").format(names([one.optimizer]), one.outcome)


def _by_verdict(changes: Changes) -> Iterator[Markup]:
    """One sentence for each verdict."""
    table, (_, after) = changes.by_optimizer, changes.names
    same = (table["identical"] == 1) & (table["equal"] == table["tasks"])
    verdicts = table["verdict"].where(~same, "identical")
    clauses = {
        "better": f"better in {after}",
        "worse": f"worse in {after}",
        "unclear": "where the test, the mean and the number of tasks disagree",
        "identical": "identical, value by value",
        "": "without a difference that can be shown",
    }
    for verdict, clause in clauses.items():
        if len(own := table.index[verdicts == verdict]):
            yield Markup("{} of {} {} {}: {}.").format(
                len(own), counted(len(table), "optimizer"), "is" if len(own) == 1 else "are", clause, names(own)
            )
