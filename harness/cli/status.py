"""`optathlon status`: how a results folder stands."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from optathlon.cli.flags import Json, path_argument
from optathlon.cli.output import flush, is_read, show
from optathlon.errors import UsageError
from optathlon.paths import quoted
from optathlon.redaction import redacted
from optathlon.text import clean

if TYPE_CHECKING:
    from optathlon.results.folder import ResultsFolder
    from optathlon.results.status import FolderStatus

_EVERY_S = 2.0
_LINE_EVERY_S = 10.0
_SHOWN = 8
_MANY_FILES = 3000
_OVER = "nothing to watch any more: all planned runs are done"


def status(
    results: Annotated[Path, path_argument(help="Results folder.")],
    watch: Annotated[
        bool,
        typer.Option(
            "--watch", help="Show it again every two seconds, in a pipe as a line every ten, until all is done."
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Say what is done, left, running and failed, how fast it goes, and what it takes on disk."""
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
    elif sys.stdout.isatty():
        _watch_live(results, folder)
    else:
        _watch_in_lines(folder)


def _watch_live(results: Path, folder: ResultsFolder) -> None:
    from rich.live import Live
    from rich.text import Text

    from optathlon.results.status import folder_status

    with Live(auto_refresh=False) as live:
        while True:
            state = folder_status(folder)
            live.update(Text(clean("\n".join(_lines(results, state)))), refresh=True)
            if _is_over(state):
                break
            time.sleep(_EVERY_S)
    show(_OVER)


def _watch_in_lines(folder: ResultsFolder) -> None:
    """A line for each look, as long as somebody reads them."""
    from optathlon.results.status import folder_status

    while True:
        state = folder_status(folder)
        show(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} {_line(state)}")
        if _is_over(state):
            show(_OVER)
            return
        flush()
        if not is_read(sys.stdout):
            return
        time.sleep(_LINE_EVERY_S)


def _is_over(state: FolderStatus) -> bool:
    """Whether there is nothing to wait for: all that was planned is done, and nobody is at work."""
    return state.planned is not None and not state.left and not state.drivers


def _line(state: FolderStatus) -> str:
    """All that matters, in one line."""
    done = state.statuses.total()
    parts = [f"{done} runs done" if state.planned is None else f"{state.planned - state.left} of {state.planned} runs"]
    if running := sum(len(driver.running) for driver in state.drivers):
        parts.append(f"{running} running")
    if failed := sum(count for _, _, count in state.failures):
        parts.append(f"{failed} failed")
    if state.rate and state.drivers:
        parts.append(f"{state.rate:.3g} runs/s")
    if state.time_left is not None:
        parts.append(f"about {state.time_left} left")
    return ", ".join([*parts] if state.drivers else [*parts, "nothing goes on"])


def _lines(results: Path, state: FolderStatus) -> Iterator[str]:
    from optathlon.results.status import WINDOW_S, failed_statuses

    counts = ", ".join(f"{count} {status}" for status, count in sorted(state.statuses.items()))
    yield f"done      {state.statuses.total()} runs in {results}: {counts or 'none'}"
    yield f"left      {_left(results, state)}"
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
    if failed := failed_statuses(state.statuses):
        yield f"again     optathlon retry {quoted(results)} --status {','.join(failed)}"
    if state.rate:
        left = f", about {state.time_left} left" if state.time_left is not None else ""
        yield f"rate      {state.rate:.3g} runs/s over the last {WINDOW_S / 60:.0f} min{left}"
    for optimizer, seconds, runs in state.slowest:
        yield f"slowest   {optimizer}: {seconds:.3g} s a run ({runs} runs)"
    hint = f": optathlon compact {results} makes them few" if state.files > _MANY_FILES else ""
    yield f"disk      {state.size / 2**20:.1f} MiB in {state.files} files{hint}"


def _left(results: Path, state: FolderStatus) -> str:
    if state.planned is None:
        return "not known, as no experiment is stored here: repeat the `optathlon run` command, which stores it"
    hint = f": optathlon resume {quoted(results)}" if state.left and not state.drivers else ""
    return f"{state.left} of {state.planned} runs{hint}"
