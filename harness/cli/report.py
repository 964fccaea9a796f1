"""`optathlon report`: from results to one page."""

from __future__ import annotations

import gc
import re
import shutil
import sys
import textwrap
import webbrowser
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from optathlon.cli.flags import LAST_SEED, Baselines, path_argument, path_option
from optathlon.cli.names import separated
from optathlon.cli.output import show
from optathlon.cli.source import (
    FailureValues,
    Maximize,
    Optimizers,
    Tasks,
    Ties,
    beside,
    read_results,
    with_shipped,
)
from optathlon.destination import require_folder_place
from optathlon.errors import UsageError
from optathlon.foreign_file import read_text
from optathlon.redaction import without_known_secrets

if TYPE_CHECKING:
    from markupsafe import Markup

    from optathlon.results.frames import Results
    from optathlon.subsets.subset import Subset

_LARGEST_BYTES = 64 * 2**20

_LONGEST_WORDS, _HASH = 40, 6
"""Of the name of a folder: letters that say what is in it, and digits for what they don't say."""

_WIDEST = 100
"""Columns of a line; longer ones are hard to read."""

_OBJECTS_BETWEEN_COLLECTIONS = 20_000
"""Figures are many small objects: looking for garbage after each 700 or 2,000 takes a tenth of a report.

Nor is it looked for among what is loaded by then, which stays."""


def report(
    results: Annotated[Path, path_argument(help="Results folder, or a CSV or Parquet table of any program's results.")],
    out: Annotated[
        Path | None,
        path_option(
            help="Where to write. Default: report/ inside the folder, or NAME-report/ by the table; of a part of the "
            "results, report-PART/."
        ),
    ] = None,
    optimizers: Optimizers = None,
    tasks: Tasks = None,
    maximize: Maximize = False,
    failure_values: FailureValues = None,
    ties: Ties = 0.0,
    focus: Annotated[
        str | None,
        typer.Option(help="The optimizer that is compared with each other one: is mine better?", metavar="ID"),
    ] = None,
    subset: Annotated[
        str | None,
        typer.Option(help="Tell whether this subset (a name, or a YAML file) ranks other optimizers as all tasks do."),
    ] = None,
    importance: Annotated[
        list[str] | None,
        typer.Option(
            help="Tasks (ids or patterns) whose hyperparameters' importance is estimated. Repeatable, or separated by "
            "commas.",
            metavar="PATTERN",
            callback=separated,
        ),
    ] = None,
    references: Annotated[
        Path | None, path_option(help="hypervolume_references.csv of an earlier report, to be compared with it.")
    ] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option(
            help="Columns of the standings in LaTeX and Markdown, NAME,NAME or all; of another table "
            "TABLE=NAME,NAME. Repeatable."
        ),
    ] = None,
    title: Annotated[str | None, typer.Option(help="Heading of the page. Default: the name of the experiment.")] = None,
    baselines: Baselines = None,
    seed: Annotated[
        int, typer.Option(min=0, max=LAST_SEED, help="Seeds the bootstrap and every other draw of the analysis.")
    ] = 0,
    pdf: Annotated[bool, typer.Option("--pdf", help="Write figures as PDF, too.")] = False,
    png: Annotated[bool, typer.Option("--png", help="Write figures as PNG, too.")] = False,
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
) -> None:
    """Write one self-contained HTML page, its figures as SVG, its tables as CSV, LaTeX and Markdown."""
    from optathlon.analysis.report import make_page, write_page
    from optathlon.analysis.report.figures import FORMATS
    from optathlon.analysis.report.reader_tables import ChosenColumns
    from optathlon.cli.steps import StepsDisplay

    gc.freeze()
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
    chosen = ChosenColumns(columns or ())
    part = part_of(optimizers or (), tasks or ())
    target = out or beside(results, f"report{part}")
    if out is not None:
        require_folder_place(out)
    with StepsDisplay("reading results") as tell:
        found = read_results(
            results,
            optimizers=optimizers,
            tasks=tasks,
            maximize=maximize,
            failure_values=failure_values,
            configurations=bool(importance),
        )
        remarks: list[str] = []
        if baselines is not None:
            found, remarks = with_shipped(found, baselines)
        if references is not None:
            found = _frozen(found, references)
        page = make_page(
            found,
            seed=seed,
            subset=_subset(subset),
            ties=ties,
            importance=importance or (),
            focus=focus,
            remarks=remarks,
            tell=tell,
        )
        asked = {"pdf": pdf, "png": png}
        formats = [name for name in FORMATS if asked.get(name, True)]
        path = write_page(page, target, title=title, columns=chosen, formats=formats, tell=tell)
    for sentence in (*page.findings, *page.caveats):
        show(_plain(sentence), end="\n\n")
    what = "the report of a part of the results" if part else "the report"
    show(f"{what} is {path}")
    if open_page:
        _open(path)


def part_of(optimizers: Sequence[str], tasks: Sequence[str]) -> str:
    """What tells the folder of a report on some of the results from others; empty for all of them."""
    from optathlon.task import short_hash

    if not optimizers and not tasks:
        return ""
    chosen = sorted(optimizers), sorted(tasks)
    words = re.sub(r"[^a-z0-9]+", "-", " ".join([*chosen[0], *chosen[1]]).lower()).strip("-")
    parts = words[:_LONGEST_WORDS].strip("-"), short_hash(repr(chosen))[:_HASH]
    return "".join(f"-{part}" for part in parts if part)


def _plain(sentence: Markup) -> str:
    """Without markup, in lines that the terminal holds."""
    text = without_known_secrets(sentence.striptags())
    width = min(shutil.get_terminal_size().columns, _WIDEST) if sys.stdout.isatty() else 0
    return textwrap.fill(text, width) if width else text


def _open(page: Path) -> None:
    if not webbrowser.open(page.resolve().as_uri()):
        show("no browser was found to open it", file=sys.stderr)


def _subset(name: str | None) -> Subset | None:
    from optathlon.subsets.subset import Subset

    return None if name is None else Subset.read(name)


def _frozen(results: Results, references: Path) -> Results:
    """The results with the hypervolume references of an earlier report."""
    from io import StringIO

    import pandas as pd

    from optathlon.analysis.metrics.comparable import comparable
    from optathlon.analysis.metrics.references import freeze_references

    text = read_text(references, "table of hypervolume references", most_bytes=_LARGEST_BYTES)
    try:
        table = pd.read_csv(StringIO(text))
    except ValueError as error:
        raise UsageError(
            f"can't read the hypervolume references {str(references)!r} ({error}): give the "
            "hypervolume_references.csv of an earlier report"
        ) from None
    return freeze_references(comparable(results), table)
