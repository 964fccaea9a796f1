"""How far a command is that takes a while: live on a terminal, now and then a plain line elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self

from rich.console import Console

from optathlon.cli.output import show

_LINE_EVERY_S = 10.0


class StepsDisplay:
    """Shows the steps that it is called with. Use as a context manager; nothing of it is left on a terminal."""

    def __init__(self, doing: str) -> None:
        console = Console(stderr=True)
        self._status = console.status(doing) if console.is_terminal else None
        self._last_line = time.monotonic()

    def __enter__(self) -> Self:
        if self._status:
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._status:
            self._status.stop()

    def __call__(self, doing: str, done: int, total: int) -> None:
        """So many parts of what is being done are done."""
        text = f"{doing}: {done} of {total}"
        if self._status:
            self._status.update(text)
        elif time.monotonic() - self._last_line > _LINE_EVERY_S:
            self._last_line = time.monotonic()
            show(text, file=sys.stderr)
