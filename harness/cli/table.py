"""`optathlon table`: tables of past trials as tasks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from optathlon.cli.exit_codes import SOME_FAILED
from optathlon.cli.flags import path_argument, path_option
from optathlon.cli.output import show
from optathlon.destination import require_file_place
from optathlon.errors import UsageError

if TYPE_CHECKING:
    from optathlon.fidelity import Fidelity
    from optathlon.tables import TableTask

group = typer.Typer(help="Make tasks of a table of past trials.")

_KINDS = ("floats", "integers", "ordinals", "categoricals")
_SHOWN = 20
"""Tasks that are described; of others the ids are counted."""


@group.command("check")
def check(descriptor: Annotated[Path, path_argument(help="Table descriptor (YAML).")]) -> None:
    """Say all that is wrong with a descriptor and its table, and what the tasks will be."""
    from optathlon.registry.tasks import refuse_table
    from optathlon.tables import examine_file

    refuse_table(str(descriptor))
    found = examine_file(descriptor)
    if found.columns is not None:
        show(f"{found.columns.file}: {len(found.columns):,} rows, SHA-256 {found.columns.sha256}")
    for text in found.findings.problems:
        show(f"problem  {text}")
    for text in found.findings.notes:
        show(f"note     {text}")
    for task in list(found.tasks.values())[:_SHOWN]:
        show(f"task     {_line(task)}")
    if len(found.tasks) > _SHOWN:
        show(f"         and {len(found.tasks) - _SHOWN} more")
    counts = (found.findings.problems, found.findings.notes, found.tasks)
    show(f"{len(counts[0])} problems, {len(counts[1])} notes, {len(counts[2])} tasks")
    if found.findings.problems:
        raise typer.Exit(SOME_FAILED)
    show(f"next: optathlon run -t {descriptor} -o random")


@group.command("init")
def init(
    table: Annotated[Path, path_argument(help="Table of past trials: CSV or Parquet.")],
    out: Annotated[
        Path | None, path_option("--out", help="Where to write. Default: NAME.yaml beside the table.")
    ] = None,
) -> None:
    """Write a first descriptor of a table, guessed from its columns, with comments to correct it by."""
    from optathlon.results.tables.files import table_name
    from optathlon.tables.guess import guess

    out = out or table.with_name(f"{table_name(table)}.yaml")
    if out.exists():
        raise UsageError(f"there is a file {str(out)!r} already: give another one, --out FILE.yaml")
    require_file_place(out)
    text = guess(table, out.parent)
    try:
        out.write_text(text)
    except OSError as error:
        raise UsageError(f"can't write {str(out)!r}: {error.strerror or error}") from None
    show(f"the descriptor is {out}: correct it\nnext: optathlon table check {out}")


def _line(task: TableTask) -> str:
    """A task in a line: its kind, hyperparameters, objectives and size."""
    facts, problem, cells = task.facts(), task.problem, task.metadata
    kinds = ", ".join(f"{count} {kind}" for kind in _KINDS if (count := getattr(facts, kind)))
    goals = ", ".join(
        f"{one.direction} {one.name}" + ("" if one.optimum is None else f" (best {one.optimum:g})")
        for one in problem.objectives
    )
    levels = f", {_range(problem.fidelity)}" if problem.fidelity else ""
    return (
        f"{task.id}  ({facts.type}, {facts.kind}): {kinds}; {cells['configurations']:,} configurations in "
        f"{cells['rows']:,} rows{levels}; {goals}; budget {problem.budget}"
    )


def _range(fidelity: Fidelity) -> str:
    return f"{len(fidelity.levels)} levels of {fidelity.name} from {fidelity.lower:g} to {fidelity.upper:g}"
