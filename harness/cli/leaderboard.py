"""`optathlon leaderboard`: a static site from the results that ship, or from others."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from optathlon.cli.flags import LAST_SEED, Baselines, path_argument, path_option
from optathlon.cli.output import show
from optathlon.cli.source import Optimizers, Tasks, read_results, with_shipped
from optathlon.destination import require_folder_place
from optathlon.errors import UsageError
from optathlon.paths import quoted


def leaderboard(
    results: Annotated[
        list[Path] | None,
        path_argument(
            help="Results folders, or tables of any program's results; all count as one. Default: the baselines that "
            "ship with Optathlon."
        ),
    ] = None,
    out: Annotated[Path, path_option("--out", help="Where to write the site.")] = Path("leaderboard"),
    baselines: Baselines = None,
    optimizers: Optimizers = None,
    tasks: Tasks = None,
    title: Annotated[str, typer.Option(help="Heading of the first page.")] = "Leaderboard",
    seed: Annotated[int, typer.Option(min=0, max=LAST_SEED, help="Seeds the bootstrap.")] = 0,
) -> None:
    """Write a static site that ranks optimizers: overall and by kind of task, with a page for each of them.

    It opens from the file, and needs no server.
    """
    from optathlon.archive.frames import baselines as shipped
    from optathlon.archive.leaderboard import write_leaderboard
    from optathlon.archive.together import together
    from optathlon.cli.steps import StepsDisplay

    if baselines is not None and not results:
        raise UsageError(
            "--baselines puts them beside results: give a results folder, or leave the flag out to rank them alone"
        )
    require_folder_place(out)
    remarks: list[str] = []
    with StepsDisplay("reading results") as tell:
        if results:
            found = together([read_results(path, optimizers=optimizers, tasks=tasks) for path in results])
        else:
            found = shipped(optimizers=optimizers, tasks=tasks)
        if baselines is not None:
            found, remarks = with_shipped(found, baselines)
        path = write_leaderboard(found, out, title=title, seed=seed, tell=tell)
    for remark in remarks:
        show(remark)
    show(f"the leaderboard is {quoted(path)}")
