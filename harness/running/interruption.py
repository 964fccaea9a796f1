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


class CtrlC(Ending, KeyboardInterrupt):
    """The user's Ctrl-C, which foreign code can't have raised itself."""


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
    try:
        raise reason
    finally:
        del reason  # else the error keeps itself alive by its traceback, and with it the optimizer and its process


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
        try:
            raise pending
        finally:
            del pending


def is_held() -> bool:
    """Whether the process is within a block of `held`."""
    return _State.depth > 0


def forget(kind: type[BaseException]) -> None:
    """Nothing of this kind is to be raised any more."""
    if isinstance(_State.pending, kind):
        _State.pending = None


def is_from_outside(error: BaseException) -> bool:
    """Whether an error that came out of foreign code is not its own: an `Ending`, or what may be the user's Ctrl-C.

    Where Ctrl-C is a `CtrlC`, is ignored, or goes to another thread, a KeyboardInterrupt is the code's own.
    """
    if isinstance(error, Ending):
        return True
    handler = signal.getsignal(signal.SIGINT)
    may_be_the_users = callable(handler) and handler is not _raise_ctrl_c and _is_main_thread()
    return isinstance(error, KeyboardInterrupt) and may_be_the_users


@contextmanager
def telling_ctrl_c() -> Iterator[None]:
    """Within this block Ctrl-C raises `CtrlC`, unless the program has a way of its own with it."""
    if not _is_main_thread() or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, _raise_ctrl_c)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _raise_ctrl_c(_signal: int, _frame: FrameType | None) -> None:
    raise CtrlC


def _is_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


@contextmanager
def terminating_as_interrupt() -> Iterator[None]:
    """Within this block SIGTERM is a KeyboardInterrupt, and so ends an experiment as cleanly as Ctrl-C does."""
    if not _is_main_thread():
        yield
        return

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
