"""`optathlon merge`: one results folder from several."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from optathlon.cli.flags import KeepOld, path_argument
from optathlon.cli.output import show


def merge(
    out: Annotated[Path, path_argument(help="Results folder to write; an existing one is extended.")],
    sources: Annotated[list[Path], path_argument(help="Results folders to copy from. They are left as they are.")],
    keep_old: KeepOld = None,
) -> None:
    """Copy the results of several folders into one; runs that several of them have end up once.

    Repeating the command copies what is missing and nothing else.
    """
    from optathlon.results.merge import merge as merge_folders

    merged = merge_folders(out, sources, keep_old=bool(keep_old))
    if not merged.shards:
        show(f"nothing to copy: the {merged.runs} runs are in {out} already")
        return
    show(f"{merged.runs} runs in {out}; {merged.shards} shards copied")
    show(f"next: optathlon compact {out}")
