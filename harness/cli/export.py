"""`optathlon export`: results in the formats of other ecosystems."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from optathlon.cli.flags import path_argument, path_option
from optathlon.cli.output import show
from optathlon.cli.source import FailureValues, Maximize, beside, read_results
from optathlon.destination import require_folder_place


def export(
    results: Annotated[Path, path_argument(help="Results folder, or a table of any program's results.")],
    format: Annotated[
        Literal["ioh", "coco"], typer.Option(help="ioh: for IOHanalyzer and iohinspector; coco: for cocopp.")
    ],
    out: Annotated[
        Path | None,
        path_option(help="Folder to make. Default: ioh/ or coco/ inside the folder, or NAME-ioh/ by the table."),
    ] = None,
    maximize: Maximize = False,
    failure_values: FailureValues = None,
) -> None:
    """Write results for the tools of IOHprofiler or COCO, and tell what these formats can't express."""
    from optathlon.analysis.export.coco import export_coco
    from optathlon.analysis.export.curves import LEGEND
    from optathlon.analysis.export.ioh import export_ioh
    from optathlon.results.frames import require_runs

    write = {"ioh": export_ioh, "coco": export_coco}[format]
    if out is not None:
        require_folder_place(out)
    found = read_results(results, maximize=maximize, failure_values=failure_values)
    require_runs(found, results)
    done = write(found, out or beside(results, format))
    show(f"{done.runs} runs in {done.folder}; which function is which task: {done.folder / LEGEND}")
    if done.without_result:
        show(f"{done.without_result} of them have no result: they are there as runs that reach nothing")
    if done.runs_left_out:
        show(f"left out: {done.runs_left_out} runs without trials")
    for reason in sorted(set(done.left_out.values())):
        tasks = [task for task, why in done.left_out.items() if why == reason]
        show(f"left out for {reason}: {', '.join(tasks)}")
