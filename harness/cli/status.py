"""`optathlon status`: how a results folder stands."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from optathlon.cli.flags import Json, path_argument
from optathlon.cli.output import show
from optathlon.errors import UsageError
from optathlon.redaction import redacted
from optathlon.text import clean

if TYPE_CHECKING:
    from optathlon.results.status import FolderStatus

_EVERY_S = 2.0
_SHOWN = 8
_MANY_FILES = 3000


def status(
    results: Annotated[Path, path_argument(help="Results folder.")],
    watch: Annotated[bool, typer.Option("--watch", help="Show it again every two seconds, until Ctrl-C.")] = False,
    as_json: Json = False,
) -> None:
    """Say what is done, running, failed and left, how fast it goes, and what it takes on disk."""
    from optathlon.cli.json_documents import show_json, status_document
    from optathlon.results.folder import ResultsFolder
    from optathlon.results.status import folder_status

    if watch and as_json:
        raise UsageError("--json is printed once: leave --watch out")
    folder = ResultsFolder.open(results)
    if as_json:
        show_json(status_document(results, folder_status(folder)))
        return
    if not watch:
        show("\n".join(_lines(results, folder_status(folder))))
        return
    from rich.live import Live
    from rich.text import Text

    with Live(auto_refresh=False) as live:
        while True:
            live.update(Text(clean("\n".join(_lines(results, folder_status(folder))))), refresh=True)
            time.sleep(_EVERY_S)


def _lines(results: Path, state: FolderStatus) -> Iterator[str]:
    from optathlon.results.status import WINDOW_S

    counts = ", ".join(f"{count} {status}" for status, count in sorted(state.statuses.items()))
    yield f"done      {state.statuses.total()} runs in {results}: {counts or 'none'}"
    for driver in state.drivers:
        where = f"{driver.executor}, {driver.jobs} workers, process {driver.pid} on {driver.host}"
        yield f"running   {len(driver.running)} runs, {driver.left} of {driver.total} left ({where})"
        yield from (f"            {line}" for line in driver.running[:_SHOWN])
    if not state.drivers:
        yield "running   nothing" + (f"; {state.journals} unfinished runs can be resumed" if state.journals else "")
    for status, reason, count in state.failures[:_SHOWN]:
        yield f"failed    {count} {status}: {redacted(reason) or 'no reason given'}"
    if len(state.failures) > _SHOWN:
        yield f"            and {len(state.failures) - _SHOWN} further reasons"
    if state.rate:
        left = f", about {state.time_left} left" if state.time_left is not None else ""
        yield f"rate      {state.rate:.3g} runs/s over the last {WINDOW_S / 60:.0f} min{left}"
    for optimizer, seconds, runs in state.slowest:
        yield f"slowest   {optimizer}: {seconds:.3g} s a run ({runs} runs)"
    hint = f": optathlon compact {results} makes them few" if state.files > _MANY_FILES else ""
    yield f"disk      {state.size / 2**20:.1f} MiB in {state.files} files{hint}"
