"""`optathlon report`: from results to one page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def report(
    results: Annotated[Path, typer.Argument(help="Results folder.")],
    out: Annotated[
        Path | None, typer.Option(help="Where to write. Default: report/ inside the results folder.")
    ] = None,
    subset: Annotated[
        str | None,
        typer.Option(help="Tell whether this subset (a name, or a YAML file) ranks other optimizers as all tasks do."),
    ] = None,
) -> None:
    """Write one self-contained HTML page, and its figures as SVG, PNG and CSV."""
    from optathlon.analysis.report import write_report
    from optathlon.results import load

    chosen = None
    if subset is not None:
        from optathlon.subsets.subset import Subset

        chosen = Subset.read(subset)
    page = write_report(load(results), out or results / "report", subset=chosen)
    print(f"the report is {page}")
