"""`optathlon compare`: what changed between two sets of results."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from optathlon.cli.flags import LAST_SEED, Json, path_argument, path_option
from optathlon.cli.output import show
from optathlon.cli.source import FailureValues, Maximize, Optimizers, Tasks, Ties, read_results
from optathlon.errors import UsageError, storage_errors

if TYPE_CHECKING:
    import pandas as pd

    from optathlon.results.frames import Results

_LISTED = 8
_LONGEST_NAMES = 120
_CHANGED_MOST = 3
_HEADINGS = ("", "runs", "identical", "better", "same", "worse", "change of regret", "p", "seconds per trial")


def compare(
    first: Annotated[Path, path_argument(help="Results folder or table: before, or what is known.", metavar="A")],
    second: Annotated[Path, path_argument(help="Results folder or table: after, or what is new.", metavar="B")],
    names: Annotated[
        str | None, typer.Option(help="What to call them: before,after. Default: the names of the folders or files.")
    ] = None,
    out: Annotated[
        Path | None, path_option(help="Folder for the report of both. Default: compare-A-B/ beside A.")
    ] = None,
    optimizers: Optimizers = None,
    tasks: Tasks = None,
    maximize: Maximize = False,
    failure_values: FailureValues = None,
    ties: Ties = 0.0,
    seed: Annotated[
        int, typer.Option(min=0, max=LAST_SEED, help="Seeds the bootstrap and every other draw of the analysis.")
    ] = 0,
    as_json: Json = False,
) -> None:
    """Say what changed from A to B for the optimizers in both, and write one report with both side by side."""
    from optathlon.analysis.compare import changes, paired_runs, side_by_side, task_changes
    from optathlon.analysis.report import write_report
    from optathlon.analysis.report.figures import save_table
    from optathlon.cli.json_documents import compare_document, show_json
    from optathlon.results.failures import with_failure_values

    tables = [path for path in (first, second) if path.is_file()]
    one, other = (
        read_results(path, optimizers=optimizers, tasks=tasks, maximize=maximize and (path in tables or not tables))
        for path in (first, second)
    )
    one, other = with_failure_values(one, other, values=failure_values or ())
    called = _names(first, second) if names is None else _chosen(names)
    both = side_by_side(one, other, names=called)
    pairs = paired_runs(one, other, ties=ties)
    by_optimizer, by_task = changes(pairs, seed=seed), task_changes(pairs)
    notes = [*_unpaired(one, other, pairs, called), *_differ_by_precision(one, other, pairs)]
    if not as_json:
        show("\n".join([*_table(by_optimizer, called), *_sentences(by_optimizer, by_task, called), *notes]))
    folder = out or first.resolve().parent / re.sub(r"[^\w.-]+", "-", f"compare-{called[0]}-{called[1]}")
    page = write_report(both, folder, title=f"{called[0]} and {called[1]}", seed=seed, ties=ties)
    with storage_errors(folder):
        save_table("changes", by_optimizer, folder / "figures")
        save_table("task_changes", by_task, folder / "figures")
    if as_json:
        show_json(compare_document(called, by_optimizer, by_task, notes, page))
    else:
        show(f"\nthe report of both is {page}")


def _names(first: Path, second: Path) -> tuple[str, str]:
    from optathlon.results.tables.files import table_name

    name, other = (path.resolve().name if path.is_dir() else table_name(path) for path in (first, second))
    return (name, other) if name and other and name != other else ("first", "second")


def _chosen(names: str) -> tuple[str, str]:
    match [name.strip() for name in names.split(",")]:
        case [first, second] if first and second and len(names) <= _LONGEST_NAMES:
            return first, second
        case _:
            raise UsageError(f"can't read the names {names!r}: give two short ones, e.g. --names before,after")


def _table(changes: pd.DataFrame, names: tuple[str, str]) -> Iterator[str]:
    if changes.empty:
        return
    rows = [_HEADINGS, *(_cells(str(optimizer), row) for optimizer, row in changes.iterrows())]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    yield f"from {names[0]} to {names[1]}; regret from 0 (best) to 1 (worst), with 95 % intervals"
    for row in rows:
        yield "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
    yield ""


def _cells(optimizer: str, row: pd.Series) -> tuple[str, ...]:
    return (
        optimizer,
        f"{row['pairs']}",
        f"{row['identical']:.0%}",
        *(f"{row[outcome]}" for outcome in ("better", "equal", "worse")),
        f"{row['difference']:+.3f} ({row['low']:+.3f} to {row['high']:+.3f})",
        "" if math.isnan(row["p_value"]) else f"{row['p_value']:.2g}",
        f"{_seconds(row['seconds_first'])} → {_seconds(row['seconds_second'])}",
    )


def _seconds(value: float) -> str:
    return "?" if math.isnan(value) else f"{value:.2g}"


def _sentences(changes: pd.DataFrame, tasks: pd.DataFrame, names: tuple[str, str]) -> Iterator[str]:
    for optimizer, row in changes.iterrows():
        yield f"{optimizer}: {_outcome(row, names)}"
        changed = tasks.xs(optimizer, level="optimizer").query("difference != 0").head(_CHANGED_MOST)
        if len(changed):
            most = (f"{task} ({difference:+.2g})" for task, difference in changed["difference"].items())
            yield f"  changed most: {', '.join(most)}"
        for side, name in zip(("first", "second"), names, strict=True):
            if failed := row[f"failed_only_{side}"]:
                yield f"  failed in {name} only: {failed} of {row['pairs']} runs"


def _outcome(row: pd.Series, names: tuple[str, str]) -> str:
    if row["identical"] == 1 and row["equal"] == row["tasks"]:
        return f"identical, value by value, in all {row['pairs']} runs"
    counts = (
        f"the same on {row['equal']} of {row['tasks']} tasks, better in {names[1]} on {row['better']}, "
        f"worse on {row['worse']}"
    )
    if row["equal"] == row["tasks"]:
        return counts
    if math.isnan(row["p_value"]):
        return f"{counts}: too few tasks differ to tell"
    p = "p < 0.001" if row["p_value"] < 0.001 else f"p = {row['p_value']:.2g}"
    verdict = {
        "": "no difference can be shown",
        "unclear": "the test, the mean and the number of tasks disagree, so none should be relied on",
    }.get(row["verdict"], f"{names[1]} is {row['verdict']}")
    return f"{counts} ({p}): {verdict}"


def _unpaired(first: Results, second: Results, pairs: pd.DataFrame, names: tuple[str, str]) -> Iterator[str]:
    """What only one of them has, and runs whose counterpart ran under other conditions."""
    from optathlon.analysis.compare import shared_optimizers

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
                f"{name} has {unpaired} {_many('run', unpaired)} of optimizers in both without a counterpart: "
                "another task, seed, budget, number of workers or clock"
            )


def _differ_by_precision(first: Results, second: Results, pairs: pd.DataFrame) -> Iterator[str]:
    """Runs whose results may be the same value, stored in different precision, where one side is a table."""
    from optathlon.analysis.metrics.ties import storage_differences, tolerance_for
    from optathlon.results.tables import have_tables

    differences = storage_differences(pairs[["loss_first", "loss_second"]])
    if len(differences) and (have_tables(first) or have_tables(second)):
        yield (
            f"{len(differences)} {_many('pair', len(differences))} of runs differ by {differences.max():.2g} of the "
            "value at most, as one value stored in different precision does: "
            f"--ties {tolerance_for(differences):g} makes such values equal"
        )


def _listed(names: Collection[str], kind: str) -> str:
    shown = ", ".join([*names][:_LISTED])
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return f"{_many(kind, len(names))} {shown}{more}"


def _many(noun: str, count: int) -> str:
    return noun if count == 1 else f"{noun}s"
