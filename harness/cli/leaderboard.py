"""`optathlon leaderboard`: a static site from stored results."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from optathlon.cli.flags import LAST_SEED, path_argument, path_option
from optathlon.cli.output import show
from optathlon.cli.source import Optimizers, Tasks, read_results
from optathlon.paths import quoted


def leaderboard(
    results: Annotated[
        list[Path], path_argument(help="Results folders, or tables of any program's results; all count as one.")
    ],
    out: Annotated[Path, path_option("--out", help="Where to write the site.")],
    optimizers: Optimizers = None,
    tasks: Tasks = None,
    title: Annotated[str, typer.Option(help="Heading of the first page.")] = "Leaderboard",
    seed: Annotated[int, typer.Option(min=0, max=LAST_SEED, help="Seeds the bootstrap.")] = 0,
) -> None:
    """Write a static site that ranks optimizers: overall and by kind of task, with a page for each of them.

    It opens from the file, and needs no server.
    """
    from optathlon.archive.leaderboard import together, write_leaderboard
    from optathlon.cli.steps import StepsDisplay

    with StepsDisplay("reading results") as tell:
        found = together([read_results(path, optimizers=optimizers, tasks=tasks) for path in results])
        path = write_leaderboard(found, out, title=title, seed=seed, tell=tell)
    show(f"the leaderboard is {quoted(path)}")
