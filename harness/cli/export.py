"""`optathlon export`: results in the formats of other ecosystems."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer


def export(
    results: Annotated[Path, typer.Argument(help="Results folder.")],
    format: Annotated[
        Literal["ioh", "coco"], typer.Option(help="ioh: for IOHanalyzer and iohinspector; coco: for cocopp.")
    ],
    out: Annotated[
        Path | None, typer.Option(help="Folder to make. Default: ioh/ or coco/ inside the results folder.")
    ] = None,
) -> None:
    """Write results for the tools of IOHprofiler or COCO, and tell what these formats can't express."""
    from optathlon.analysis.export.coco import export_coco
    from optathlon.analysis.export.curves import LEGEND
    from optathlon.analysis.export.ioh import export_ioh
    from optathlon.results.frames import load

    write = {"ioh": export_ioh, "coco": export_coco}[format]
    done = write(load(results), out or results / format)
    print(f"{done.runs} runs in {done.folder}; which function is which task: {done.folder / LEGEND}")
    if done.without_result:
        print(f"{done.without_result} of them have no result: they are there as runs that reach nothing")
    if done.runs_left_out:
        print(f"left out: {done.runs_left_out} runs without trials")
    for reason in sorted(set(done.left_out.values())):
        tasks = [task for task, why in done.left_out.items() if why == reason]
        print(f"left out for {reason}: {', '.join(tasks)}")
