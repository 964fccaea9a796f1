"""What changed from one set of results to another: the numbers, and what they say in words."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from optathlon.analysis.compare import changes, paired_runs, shared_optimizers, task_changes
from optathlon.analysis.metrics.ties import storage_differences, tolerance_for
from optathlon.analysis.report.sentences import counted
from optathlon.results.tables import have_tables

if TYPE_CHECKING:
    import pandas as pd

    from optathlon.results.frames import Results

_LISTED = 8
_CHANGED_MOST = 3

_VERDICTS = {
    "": "no difference can be shown",
    "unclear": "the test, the mean and the number of tasks disagree, so none should be relied on",
}


@dataclass(frozen=True)
class OptimizerChange:
    """What is said of one optimizer: a clause, and sentences that go further."""

    optimizer: str
    outcome: str
    details: list[str]


@dataclass(frozen=True)
class Changes:
    """What changed from A to B.

    Attributes
    ----------
    names:
        What A and B are called.
    by_optimizer, by_task:
        As `optathlon.analysis.changes` and `optathlon.analysis.task_changes` return them.
    notes:
        Sentences on what only one of them has, and what else to know before relying on the rest.
    """

    names: tuple[str, str]
    by_optimizer: pd.DataFrame
    by_task: pd.DataFrame
    notes: list[str]

    def tasks_of(self, optimizer: str) -> pd.DataFrame:
        """The rows of `by_task` of an optimizer, by task."""
        ours = self.by_task.index.get_level_values("optimizer") == optimizer
        return self.by_task[ours].droplevel("optimizer")

    @property
    def words(self) -> Iterator[OptimizerChange]:
        """What the numbers say of each optimizer that is in both."""
        for optimizer, row in self.by_optimizer.iterrows():
            tasks = self.tasks_of(str(optimizer))
            yield OptimizerChange(str(optimizer), _outcome(row, self.names), [*_details(row, tasks, self.names)])


def changes_between(
    first: Results, second: Results, *, names: tuple[str, str], ties: float = 0.0, seed: int = 0
) -> Changes:
    """What changed from `first` to `second`; arguments and errors are those of `paired_runs` and `changes`."""
    pairs = paired_runs(first, second, ties=ties)
    notes = [*_unpaired(first, second, pairs, names), *_differ_by_precision(first, second, pairs)]
    return Changes(names, changes(pairs, seed=seed), task_changes(pairs), notes)


def _outcome(row: pd.Series, names: tuple[str, str]) -> str:
    if row["identical"] == 1 and row["equal"] == row["tasks"]:
        return f"identical, value by value, in all {row['pairs']:,} runs"
    counts = (
        f"the same on {row['equal']:,} of {row['tasks']:,} tasks, better in {names[1]} on {row['better']:,}, "
        f"worse on {row['worse']:,}"
    )
    if row["equal"] == row["tasks"]:
        return counts
    if math.isnan(row["p_value"]):
        return f"{counts}: too few tasks differ to tell"
    p = "p < 0.001" if row["p_value"] < 0.001 else f"p = {row['p_value']:.2g}"
    verdict = _VERDICTS.get(row["verdict"], f"{names[1]} is {row['verdict']}")
    return f"{counts} ({p}): {verdict}"


def _details(row: pd.Series, tasks: pd.DataFrame, names: tuple[str, str]) -> Iterator[str]:
    changed = tasks.query("difference != 0").head(_CHANGED_MOST)
    if len(changed):
        most = (f"{task} ({difference:+.2g})" for task, difference in changed["difference"].items())
        yield f"changed most: {', '.join(most)}"
    for side, name in zip(("first", "second"), names, strict=True):
        if failed := row[f"failed_only_{side}"]:
            yield f"failed in {name} only: {failed:,} of {row['pairs']:,} runs"


def _unpaired(first: Results, second: Results, pairs: pd.DataFrame, names: tuple[str, str]) -> Iterator[str]:
    """What only one of them has, and runs whose counterpart ran under other conditions."""
    shared = shared_optimizers(first, second)
    if not shared:
        yield "no optimizer is in both: they can only be ranked together"
    for optimizer in sorted({*shared} - {*pairs.index.unique("optimizer")}):
        yield f"{optimizer}: no run in common"
    if len(roots := {*first.runs["root_seed"], *second.runs["root_seed"]}) > 1:
        yield f"root seeds differ ({', '.join(map(str, sorted(roots)))}): runs of equal seeds are independent"
    sides = ((names[0], first, second), (names[1], second, first))
    for name, own, other in sides:
        for column in ("optimizer", "task"):
            only = sorted({*own.runs[column].astype(str)} - {*other.runs[column].astype(str)})
            if only:
                yield f"only in {name}: {_listed(only, column)}"
        ran = own.runs["optimizer"].astype(str).isin(shared) & (own.runs["status"].astype(str) != "skipped")
        if unpaired := int(ran.sum()) - len(pairs):
            yield (
                f"{name} has {counted(unpaired, 'run')} of optimizers in both without a counterpart: "
                "another task, seed, budget, number of workers or clock"
            )


def _differ_by_precision(first: Results, second: Results, pairs: pd.DataFrame) -> Iterator[str]:
    """Runs whose results may be the same value, stored in different precision, where one side is a table."""
    differences = storage_differences(pairs[["loss_first", "loss_second"]])
    if len(differences) and (have_tables(first) or have_tables(second)):
        yield (
            f"{counted(len(differences), 'pair')} of runs differ by {differences.max():.2g} of the "
            "value at most, as one value stored in different precision does: "
            f"--ties {tolerance_for(differences):g} makes such values equal"
        )


def _listed(names: Collection[str], kind: str) -> str:
    shown = ", ".join([*names][:_LISTED])
    more = f" and {len(names) - _LISTED:,} more" if len(names) > _LISTED else ""
    return f"{kind if len(names) == 1 else f'{kind}s'} {shown}{more}"
