"""`optathlon compact`: few big files in the place of many small ones."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from optathlon.cli.flags import path_argument
from optathlon.cli.output import show


def compact(results: Annotated[Path, path_argument(help="Results folder.")]) -> None:
    """Rewrite the many small files of a results folder as few big ones; the results stay the same.

    Runs may go on meanwhile, and the command may be killed and repeated.
    """
    from optathlon.results.compact import compact as compact_folder
    from optathlon.results.folder import ResultsFolder

    done = compact_folder(ResultsFolder.open(results))
    if done.after == done.before and not done.superseded:
        files = f"its {done.after} files are as few as can be" if done.after else "it has no runs yet"
        show(f"nothing to compact in {results}: {files}")
    else:
        show(f"{results} has {done.after} files, it had {done.before}; {done.superseded} superseded runs dropped")
