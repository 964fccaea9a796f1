"""Results as commands of the analysis are given them: a folder, or a table of any program's results."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from optathlon.cli.candidates import optimizer_ids, task_ids
from optathlon.cli.names import separated
from optathlon.errors import UsageError

if TYPE_CHECKING:
    from optathlon.results.frames import Results

Optimizers = Annotated[
    list[str] | None,
    typer.Option(
        "--optimizer",
        "-o",
        help="Only these optimizers (ids, or patterns with *). Repeatable, or separated by commas.",
        metavar="PATTERN",
        callback=separated,
        autocompletion=optimizer_ids,
    ),
]
Tasks = Annotated[
    list[str] | None,
    typer.Option(
        "--task",
        "-t",
        help="Only these tasks (ids, or patterns with *). Repeatable, or separated by commas.",
        metavar="PATTERN",
        callback=separated,
        autocompletion=task_ids,
    ),
]
Maximize = Annotated[bool, typer.Option("--maximize", help="In a table, larger values are better.")]
FailureValues = Annotated[
    list[float] | None,
    typer.Option("--failure-value", help="A value that stands for a failed trial, e.g. 100. Repeatable."),
]
Ties = Annotated[
    float,
    typer.Option(help="Values on a task are equal if they differ by at most this share of the larger one, e.g. 1e-8."),
]


def read_results(
    path: Path,
    *,
    optimizers: Sequence[str] | None = None,
    tasks: Sequence[str] | None = None,
    maximize: bool = False,
    failure_values: Sequence[float] | None = None,
    configurations: bool = False,
) -> Results:
    """The results at `path`, of these optimizers and tasks.

    Parameters
    ----------
    path:
        A results folder, or a table as of `optathlon.results.tables.load_table`.
    optimizers, tasks:
        Ids or patterns; by default all.
    maximize:
        Whether larger values in a table are better; a results folder says so itself.
    failure_values:
        Values that stand for failed trials.
    configurations:
        Whether to read the trials' `config`, too, which may be most of their size.
    """
    from optathlon.analysis.metrics.columns import READ_COLUMNS
    from optathlon.results.failures import with_failure_values
    from optathlon.results.frames import load, select
    from optathlon.results.tables import load_table
    from optathlon.results.tables.files import is_table

    if is_table(path):
        table = load_table(path, direction="maximize" if maximize else None)
        found = select(table, optimizers=optimizers, tasks=tasks)
    elif maximize:
        raise UsageError(
            f"{str(path)!r} is not a table, and a results folder says itself what is better: leave --maximize out"
        )
    else:
        columns = [*READ_COLUMNS, *(["config"] if configurations else [])]
        found = load(path, optimizers=optimizers, tasks=tasks, columns=columns)
    return with_failure_values(found, values=failure_values or ())[0]


def with_shipped(results: Results, patterns: str) -> tuple[Results, list[str]]:
    """The results beside the baselines that ship and that these patterns name, and what to say of those."""
    from optathlon.archive.joining import with_baselines

    found = with_baselines(results, [name.strip() for name in patterns.split(",")])
    return found.results, [*found.lines()]


def read_flags(maximize: bool, failure_values: Sequence[float] | None) -> list[str]:
    """The flags with which a command reads the same results again."""
    values = [("--failure-value", f"{value:.17g}") for value in failure_values or ()]
    return [*(["--maximize"] if maximize else []), *(part for pair in values for part in pair)]


def beside(results: Path, name: str) -> Path:
    """Where to write something called `name`: inside a results folder, or beside a table, after its own name."""
    from optathlon.results.tables.files import table_name

    return results.with_name(f"{table_name(results)}-{name}") if results.is_file() else results / name
