"""Flags that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

LAST_SEED = 2**32 - 1
"""The largest that every generator of random numbers takes."""

Plugins = Annotated[
    list[Path] | None, typer.Option("--plugin", help="Python file with optimizers and tasks. Repeatable.")
]
TrialTimeout = Annotated[str | None, typer.Option(help="End trials that take longer: 60s, 10min, 2h.")]
TrialMemory = Annotated[str | None, typer.Option(help="End trials that take more memory: 500MB, 4GiB.")]
RunTimeout = Annotated[str | None, typer.Option(help="End runs that take longer; their trials are kept.")]
FailFast = Annotated[int | None, typer.Option(help="End runs of which the first so many trials have all failed.")]
KeepOld = Annotated[
    bool | None, typer.Option("--keep-old", help="Keep results of the same optimizers that other code gave.")
]
Isolate = Annotated[bool | None, typer.Option("--isolate", help="Evaluate every task in processes of their own.")]
