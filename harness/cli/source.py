"""Results as commands of the analysis are given them: a folder, or a table of any program's results."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from optathlon.cli.candidates import optimizer_ids, task_ids
from optathlon.cli.names import separated
from optathlon.errors import UsageError
from optathlon.paths import expanded

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
SeveralResults = Annotated[
    list[Path],
    typer.Argument(
        help="Results folders, or tables of any program's results; all count as one. With --baselines none is needed.",
        parser=expanded,
        default_factory=list,
        show_default=False,
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


def read_all(
    paths: Sequence[Path],
    baselines: str | None,
    *,
    more_tasks: Collection[str] = (),
    maximize: bool = False,
    failure_values: Sequence[float] | None = None,
) -> tuple[Results, list[str]]:
    """Results at several paths as one, with the baselines of these patterns; without a path these alone.

    The sentences say what came of the baselines. `more_tasks` are some on which baselines come without other results.
    """
    from optathlon.archive.together import together

    if not paths:
        return _shipped_alone(baselines)
    parts = [read_results(path, maximize=maximize, failure_values=failure_values) for path in paths]
    found = parts[0] if len(parts) == 1 else together(parts)
    return (found, []) if baselines is None else with_shipped(found, baselines, more_tasks=more_tasks)


def _shipped_alone(patterns: str | None) -> tuple[Results, list[str]]:
    """The baselines of the smallest budget, which most optimizers have."""
    from optathlon.archive.frames import baselines
    from optathlon.archive.names import SHIPPED
    from optathlon.archive.tables import table_names

    if patterns is None:
        raise UsageError("no results: give a results folder, or --baselines for those that ship with Optathlon")
    budget = min((name.budget for name in table_names(SHIPPED)), default=None)
    found = baselines(budget=budget, optimizers=_patterns(patterns))
    count = found.runs["optimizer"].nunique()
    return found, [f"{count} baselines, of {budget:g} full evaluations"]


def with_shipped(results: Results, patterns: str, *, more_tasks: Collection[str] = ()) -> tuple[Results, list[str]]:
    """The results beside the baselines that ship and that these patterns name, and what to say of those.

    `more_tasks` are some on which baselines come, too, though the results don't have them.
    """
    from optathlon.archive.joining import with_baselines

    found = with_baselines(results, _patterns(patterns), more_tasks=more_tasks)
    return found.results, [*found.lines()]


def _patterns(text: str) -> list[str]:
    return [name.strip() for name in text.split(",")]


def read_flags(maximize: bool, failure_values: Sequence[float] | None, baselines: str | None = None) -> list[str]:
    """The flags with which a command reads the same results again."""
    values = [("--failure-value", f"{value:.17g}") for value in failure_values or ()]
    shipped = [] if baselines is None else ["--baselines" if baselines == "*" else f"--baselines={baselines}"]
    return [*(["--maximize"] if maximize else []), *(part for pair in values for part in pair), *shipped]


def beside_first(results: Sequence[Path], name: str) -> Path:
    """As `beside` the first of several; in the working folder where there is none."""
    return beside(results[0], name) if results else Path(name)


def beside(results: Path, name: str) -> Path:
    """Where to write something called `name`: inside a results folder, or beside a table, after its own name."""
    from optathlon.results.tables.files import table_name

    return results.with_name(f"{table_name(results)}-{name}") if results.is_file() else results / name
