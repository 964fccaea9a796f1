"""`optathlon archive`: baselines that ship, made from results folders."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from optathlon.cli.exit_codes import SOME_FAILED
from optathlon.cli.flags import LAST_SEED, Plugins, path_argument, path_option
from optathlon.cli.output import show

if TYPE_CHECKING:
    from optathlon.archive.packing import Packed

group = typer.Typer(help="Pack results into baselines, list those that ship, and check an entry.")

_TABLES = "tables"
"""The folder below OUT in which tables are by default."""

TablesFolder = Annotated[Path | None, path_option("--tables", help="The folder with the tables of incumbents.")]


@group.command("pack")
def pack(
    results: Annotated[list[Path], path_argument(help="Results folders; they may still grow.")],
    out: Annotated[Path, path_option(help="Where files with whole trials go.")],
    tables: TablesFolder = None,
) -> None:
    """Add runs to the tables of incumbents, and write a file with the whole trials of those that a table had not.

    The tables are in OUT/tables unless --tables says where. Repeating the command adds what is new and nothing else;
    earlier files with whole trials may be elsewhere.
    """
    from optathlon.archive.packing import pack as do

    packed = do(results, tables or out / _TABLES, out)
    for name, runs in packed.runs.items():
        show(f"{name}: {runs:,} runs, {packed.new.get(name, 0):,} new")
    if not any(packed.new.values()):
        show(f"nothing new to pack: {_why_nothing(packed)}")
    for reason, count in packed.left_out.items():
        show(f"left out: {count:,} runs {reason}")
    for volume in packed.volumes:
        show(f"{volume.file}: {volume.size:,} bytes, SHA-256 {volume.sha256}")


def _why_nothing(packed: Packed) -> str:
    if packed.new:
        return "the tables have these runs already"
    return "all runs are left out" if packed.left_out else "there are no runs yet"


@group.command("list")
def list_tables(
    tables: TablesFolder = None,
    absent: Annotated[bool, typer.Option("--absent", help="Name the optimizers that have no runs.")] = False,
) -> None:
    """List the baselines that are here: a line for each part of a subset and each budget, and what is missing."""
    from optathlon.archive.inventory import inventory
    from optathlon.archive.names import SHIPPED
    from optathlon.archive.tables import table_names

    folder = tables or SHIPPED
    names = table_names(folder)
    if not names:
        below = table_names(folder / _TABLES)
        remedy = f"give --tables {folder / _TABLES}" if below else "`optathlon archive pack` makes some"
        show(f"no table is in {folder}: {remedy}", file=sys.stderr)
    for name in names:
        found = inventory(folder, name)
        missing = f", {found.missing:,} runs missing" if found.missing else ""
        show(
            f"{name}  {found.optimizers} of {found.optimizers + len(found.absent)} optimizers, "
            f"{found.tasks} of {found.tasks_of_part} tasks, {found.seeds} seeds: "
            f"{found.runs:,} runs, whole trials of {found.whole:,}{missing}"
        )
        if absent and found.absent:
            show(f"    without runs: {', '.join(found.absent)}")


@group.command("check")
def check(
    results: Annotated[Path, path_argument(help="The entry: a results folder.")],
    sample: Annotated[int, typer.Option(min=0, help="Trials that are evaluated again at most.")] = 200,
    repeat: Annotated[int, typer.Option(min=0, help="Runs that their optimizer does again at most.")] = 3,
    seed: Annotated[int, typer.Option(min=0, max=LAST_SEED, help="Seeds the choice of these trials and runs.")] = 0,
    plugins: Plugins = None,
    named: Annotated[
        list[str] | None,
        typer.Option("--optimizer", "-o", metavar="NAME=FILE.py:CLASS", help="An optimizer of the entry, so named."),
    ] = None,
) -> None:
    """Say whether an entry can be packed: whole, with honest seeds, of known tasks and code, no value edited.

    1: it can't, for the reasons that are printed.
    """
    from optathlon.archive.checking import alone, faults
    from optathlon.registry.optimizers import choose_optimizer
    from optathlon.registry.plugins import load_file

    for plugin in plugins or ():
        load_file(plugin)
    for id in named or ():
        choose_optimizer(id)
    found = 0
    for line in faults(results, sample=sample, repeat=repeat, seed=seed):
        found += 1
        show(line)
    if found:
        raise typer.Exit(SOME_FAILED)
    show(f"{results} can be packed: `optathlon archive pack {results} --out FOLDER`")
    for line in alone(results):
        show(line)
