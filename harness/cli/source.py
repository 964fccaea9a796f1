"""Results as commands of the analysis are given them: a folder, or a table of any program's results."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from optathlon.errors import UsageError

if TYPE_CHECKING:
    from optathlon.results.frames import Results

Optimizers = Annotated[
    list[str] | None,
    typer.Option("--optimizer", "-o", help="Only these optimizers (ids, or patterns with *). Repeatable."),
]
Tasks = Annotated[list[str] | None, typer.Option("--task", "-t", help="Only these tasks. Repeatable.")]
Maximize = Annotated[bool, typer.Option("--maximize", help="In a table, larger values are better.")]


def read_results(
    path: Path,
    *,
    optimizers: Sequence[str] | None = None,
    tasks: Sequence[str] | None = None,
    maximize: bool = False,
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
    configurations:
        Whether to read the trials' `config`, too, which may be most of their size.
    """
    from optathlon.analysis.metrics.columns import READ_COLUMNS
    from optathlon.results.frames import load, select
    from optathlon.results.tables import load_table

    if path.is_file():
        table = load_table(path, direction="maximize" if maximize else "minimize")
        return select(table, optimizers=optimizers, tasks=tasks)
    if maximize:
        raise UsageError(
            f"{str(path)!r} is not a table, and a results folder says itself what is better: leave --maximize out"
        )
    columns = [*READ_COLUMNS, *(["config"] if configurations else [])]
    return load(path, optimizers=optimizers, tasks=tasks, columns=columns)
