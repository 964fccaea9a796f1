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
Isolate = Annotated[bool | None, typer.Option("--isolate", help="Evaluate every task in processes of their own.")]
