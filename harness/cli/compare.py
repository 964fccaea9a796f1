"""`optathlon compare`: what changed between two sets of results."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from optathlon.cli.flags import LAST_SEED, Baselines, Json, path_argument, path_option
from optathlon.cli.output import show
from optathlon.cli.source import FailureValues, Maximize, Optimizers, Tasks, Ties, read_results, with_shipped
from optathlon.destination import require_folder_place
from optathlon.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

    from optathlon.analysis.report.changes import Changes

_LONGEST_NAMES = 120
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
    baselines: Baselines = None,
    seed: Annotated[
        int, typer.Option(min=0, max=LAST_SEED, help="Seeds the bootstrap and every other draw of the analysis.")
    ] = 0,
    as_json: Json = False,
) -> None:
    """Say what changed from A to B for the optimizers in both, and write a page with that and both side by side."""
    from optathlon.analysis.compare import side_by_side
    from optathlon.analysis.report import write_report
    from optathlon.analysis.report.changes import changes_between
    from optathlon.cli.json_documents import compare_document, show_json
    from optathlon.results.failures import with_failure_values
    from optathlon.results.frames import require_runs

    called = _names(first, second) if names is None else _chosen(names)
    folder = out or first.resolve().parent / re.sub(r"[^\w.-]+", "-", f"compare-{called[0]}-{called[1]}")
    if out is not None:
        require_folder_place(out)
    tables = [path for path in (first, second) if path.is_file()]
    one, other = (
        read_results(path, optimizers=optimizers, tasks=tasks, maximize=maximize and (path in tables or not tables))
        for path in (first, second)
    )
    for path, results in ((first, one), (second, other)):
        require_runs(results, path)
    one, other = with_failure_values(one, other, values=failure_values or ())
    both = side_by_side(one, other, names=called)
    remarks: list[str] = []
    if baselines is not None:
        both, remarks = with_shipped(both, baselines)
    found = changes_between(one, other, names=called, ties=ties, seed=seed)
    if not as_json:
        show("\n".join([*_table(found.by_optimizer, called), *_sentences(found), *found.notes]))
    title = f"{called[0]} and {called[1]}"
    page = write_report(both, folder, title=title, seed=seed, ties=ties, changes=found, remarks=remarks)
    if as_json:
        show_json(compare_document(called, found.by_optimizer, found.by_task, found.notes, page))
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


def _sentences(changes: Changes) -> Iterator[str]:
    for change in changes.words:
        yield f"{change.optimizer}: {change.outcome}"
        yield from (f"  {detail}" for detail in change.details)
