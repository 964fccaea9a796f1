"""`optathlon report`: from results to one page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from optathlon.cli.flags import LAST_SEED, path_argument, path_option
from optathlon.cli.output import show
from optathlon.cli.source import FailureValues, Maximize, Optimizers, Tasks, Ties, beside, read_results
from optathlon.errors import UsageError
from optathlon.foreign_file import read_text

if TYPE_CHECKING:
    from optathlon.results.frames import Results
    from optathlon.subsets.subset import Subset

_LARGEST_BYTES = 64 * 2**20


def report(
    results: Annotated[Path, path_argument(help="Results folder, or a CSV or Parquet table of any program's results.")],
    out: Annotated[
        Path | None,
        path_option(help="Where to write. Default: report/ inside the folder, or NAME-report/ by the table."),
    ] = None,
    optimizers: Optimizers = None,
    tasks: Tasks = None,
    maximize: Maximize = False,
    failure_values: FailureValues = None,
    ties: Ties = 0.0,
    subset: Annotated[
        str | None,
        typer.Option(help="Tell whether this subset (a name, or a YAML file) ranks other optimizers as all tasks do."),
    ] = None,
    importance: Annotated[
        list[str] | None,
        typer.Option(help="Tasks (ids or patterns) whose hyperparameters' importance is estimated. Repeatable."),
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
    title: Annotated[str, typer.Option(help="Heading of the page.")] = "Optathlon report",
    seed: Annotated[
        int, typer.Option(min=0, max=LAST_SEED, help="Seeds the bootstrap and every other draw of the analysis.")
    ] = 0,
) -> None:
    """Write one self-contained HTML page, its figures as SVG, PDF and PNG, its tables as CSV, LaTeX and Markdown."""
    from optathlon.analysis.report import write_report
    from optathlon.analysis.report.reader_tables import ChosenColumns

    chosen = ChosenColumns(columns or ())
    found = read_results(
        results,
        optimizers=optimizers,
        tasks=tasks,
        maximize=maximize,
        failure_values=failure_values,
        configurations=bool(importance),
    )
    if references is not None:
        found = _frozen(found, references)
    page = write_report(
        found,
        out or beside(results, "report"),
        title=title,
        seed=seed,
        subset=_subset(subset),
        ties=ties,
        importance=importance or (),
        columns=chosen,
    )
    show(f"the report is {page}")


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
