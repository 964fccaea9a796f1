"""What is known of each task."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from optathlon.analysis.metrics.objectives import objective_label, row_of
from optathlon.analysis.report.cells import MISSING, number, seconds
from optathlon.analysis.report.section import Section


class TaskFacts(Section):
    """Type, objective, search space and cost, task by task."""

    template = "task_facts.html"

    def tables(self) -> Iterator[tuple[str, pd.DataFrame]]:
        """What tells tasks apart."""
        yield "task_features", self.data.analysis.features

    def content(self) -> dict[str, Any]:
        """The facts of each task."""
        return {"tasks": list(task_facts(self.data.analysis.results.tasks, self.data.analysis.features))}


@dataclass(frozen=True)
class Facts:
    """What is known of a task: names and texts."""

    name: str
    facts: list[tuple[str, str]]


def task_facts(tasks: pd.DataFrame, features: pd.DataFrame) -> Iterator[Facts]:
    """What is known of each task, from the `tasks` frame and what `task_features` makes of it."""
    for name, row in tasks.iterrows():
        known = row_of(features, str(name))
        facts = [
            ("type", str(row["type"])),
            ("measured by", objective_label(row)),
            ("hyperparameters", number(known["dimension"])),
            ("kind of hyperparameters", known["hyperparameters"] or ""),
            ("conditions", _yes_or_no(known["conditional"])),
            ("noise", _yes_or_no(known["noisy"])),
            ("median evaluation", seconds(known["cost"])),
        ]
        yield Facts(str(name), [(label, text) for label, text in facts if text and text != MISSING])


def _yes_or_no(value: object) -> str:
    return ("yes" if value else "no") if isinstance(value, bool | np.bool_) else ""
