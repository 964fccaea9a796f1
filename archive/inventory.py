"""What a table of baselines has, and what is missing until it is complete."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from optathlon.archive.names import TableName, tasks_in
from optathlon.archive.release import volumes_of
from optathlon.archive.tables import read_labels
from optathlon.registry.plugins import declared
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
    missing:
        How many runs are missing of all optimizers on all tasks of the part, with the seeds that the optimizer has.
    whole:
        Of how many runs the volumes have all trials.
    absent:
        Optimizers of the roster that the table has no run of, a skipped one neither.
    """

    runs: int
    optimizers: int
    tasks: int
    seeds: int
    tasks_of_part: int
    missing: int
    whole: int
    absent: tuple[str, ...]


def inventory(folder: Path, name: TableName) -> Inventory:
    """Look at a table in a folder; `UsageError` where it is damaged."""
    runs = read_labels(folder, name, ["optimizer", "task", "seed"])
    optimizers, tasks, seeds = map(arrow.count_distinct, runs.columns)
    expected = len(tasks_in(name.subset, name.part))
    pairs = {*zip(runs["optimizer"].to_pylist(), runs["seed"].to_pylist(), strict=True)}
    whole = sum(volume.runs for volume in volumes_of(str(name), folder))
    there = {optimizer for optimizer, _ in pairs}
    return Inventory(
        runs=len(runs),
        optimizers=optimizers,
        tasks=tasks,
        seeds=seeds,
        tasks_of_part=expected,
        missing=len(pairs) * expected - len(runs),
        whole=min(whole, len(runs)),  # a run that was done again is in two
        absent=tuple(sorted({*declared("optathlon.optimizers")} - there)),
    )
