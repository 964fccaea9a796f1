"""`optathlon view`: a page that follows an experiment."""

from __future__ import annotations

import sys
import webbrowser
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from optathlon.cli.flags import path_argument
from optathlon.cli.output import flush, show

_INSTALL = "pip install 'optathlon[view]'"


def view(
    results: Annotated[Path, path_argument(help="Results folder.")],
    port: Annotated[int, typer.Option(min=0, max=65535, help="Where to listen; by default any free port.")] = 0,
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
) -> None:
    """Show a page that follows an experiment, until Ctrl-C: progress, failures, rates, and the report so far.

    The page is for this machine only, and only reads. Its address holds a token: give it to nobody you don't trust.
    """
    from optathlon.registry.plugins import require
    from optathlon.results.folder import ResultsFolder

    require("optathlon view", ("starlette", "uvicorn"), _INSTALL)
    from optathlon.running.interruption import terminating_as_interrupt
    from optathlon.view.server import View

    folder = ResultsFolder.open(results)
    page = View(folder, port, lambda line: show(f"optathlon: {line}", file=sys.stderr))
    show(f"the view is {page.address} (Ctrl-C ends it)")
    flush()
    if open_page:
        webbrowser.open(page.address)
    with suppress(KeyboardInterrupt), terminating_as_interrupt():  # this is how it ends
        page.run()
    rest = "the experiment goes on by itself" if folder.path.is_dir() else f"{str(results)!r} is gone"
    show(f"the view has ended; {rest}", file=sys.stderr)
