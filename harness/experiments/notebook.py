"""What a notebook shows: one line of progress that is written over."""

from __future__ import annotations

import sys
import time
from typing import Any

_EVERY_S = 0.2


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook."""
    shell = sys.modules.get("IPython")
    return shell is not None and type(shell.get_ipython()).__name__ == "ZMQInteractiveShell"


class NotebookLine:
    """A line below the cell, with the interface of what rich shows live on a terminal."""

    def __init__(self) -> None:
        self._handle: Any = None
        self._text = ""
        self._last = 0.0

    def start(self) -> None:
        """Make room for the line."""
        from IPython.display import DisplayHandle

        self._handle = DisplayHandle()  # type: ignore[no-untyped-call]
        self._handle.display(_Line(""))

    def update(self, text: object, *, refresh: bool = True) -> None:
        """Show this from now on, a few times a second at most."""
        self._text = str(text)
        if time.monotonic() - self._last > _EVERY_S:
            self._show()

    def stop(self) -> None:
        """Let the last line stand."""
        self._show()

    def _show(self) -> None:
        self._last = time.monotonic()
        if self._handle is not None:
            self._handle.update(_Line(self._text))


class _Line:
    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text
