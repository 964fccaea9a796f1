"""Ending a run or a worker from outside, by a signal, but not where it would do harm.

A signal's handler calls `interrupt`. What it gives is raised at once, or, within a block of `held`, at the end of that
block: a message that is half read, or results that are half written, would be worse than a moment's delay.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Ending(BaseException):
    """Raised from outside, wherever a run is: not an error of the code that it passes through."""


class _State:
    """Of this process, as signals are."""

    depth = 0
    pending: BaseException | None = None


def interrupt(reason: BaseException) -> None:
    """Raise `reason` now, or as soon as it is not held back any more."""
    if _State.depth:
        _State.pending = reason
        return
    _State.pending = None
    raise reason


@contextmanager
def held() -> Iterator[None]:
    """Within this block nothing is interrupted; what came meanwhile is raised at its end."""
    _State.depth += 1
    try:
        yield
    finally:
        _State.depth -= 1
    if not _State.depth and (pending := _State.pending) is not None:
        _State.pending = None
        raise pending


def forget(kind: type[BaseException]) -> None:
    """Nothing of this kind is to be raised any more."""
    if isinstance(_State.pending, kind):
        _State.pending = None


@contextmanager
def terminating_as_interrupt() -> Iterator[None]:
    """Within this block SIGTERM is a KeyboardInterrupt, and so ends an experiment as cleanly as Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
