"""What a table of baselines has, and what is missing until it is complete."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from optathlon.archive.names import TableName, tasks_in
from optathlon.archive.tables import read_labels
from optathlon.results import arrow


@dataclass(frozen=True)
class Inventory:
    """Counts of a table.

    Attributes
    ----------
    runs, optimizers, tasks, seeds:
        How many there are, skipped runs included.
    tasks_of_part:
        How many tasks the part of the subset has.
    """

    runs: int
    optimizers: int
    tasks: int
    seeds: int
    tasks_of_part: int

    @property
    def missing(self) -> int:
        """How many runs are missing of all optimizers on all tasks of the part with all seeds."""
        return self.optimizers * self.tasks_of_part * self.seeds - self.runs


def inventory(folder: Path, name: TableName) -> Inventory:
    """Look at a table in a folder; `UsageError` where it is damaged."""
    runs = read_labels(folder, name, ["optimizer", "task", "seed"])
    optimizers, tasks, seeds = map(arrow.count_distinct, runs.columns)
    return Inventory(len(runs), optimizers, tasks, seeds, len(tasks_in(name.subset, name.part)))
