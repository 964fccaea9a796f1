"""The time that a run may take."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from optathlon.running.interruption import Ending, forget, interrupt, is_held

_AGAIN_S = 1.0
"""Code that has swallowed a `TimeUp` gets another one every so many seconds."""


class TimeUp(Ending):
    """The run's time is up; raised from outside, wherever the run is. The text says what the limit was."""


class TimeLimit:
    """The wall-clock time that a run may take, and whether it is up.

    Within `enforced`, a `TimeUp` is raised in the main thread when the time is up. A library may swallow it or turn it
    into another error. So whoever goes on after foreign code asks `require_time`, and believes nothing of what
    happened since.

    Parameters
    ----------
    seconds:
        The limit; `None` is no limit.
    elapsed:
        How many of them earlier processes have spent on the run.
    """

    def __init__(self, seconds: float | None = None, elapsed: float = 0.0) -> None:
        self.is_up = False
        self._seconds = seconds
        self._elapsed = elapsed

    def __str__(self) -> str:
        return f"the run took longer than its limit of {self._seconds:g} s"

    def require_time(self) -> None:
        """Raise `TimeUp` if the time is up."""
        if self.is_up:
            raise TimeUp(str(self))

    @contextmanager
    def enforced(self, keep: Callable[[], None] = lambda: None) -> Iterator[None]:
        """Within this block the time counts.

        `keep` is called when the time is up, and saves what would be lost if the process had to be killed, because a
        library swallows the `TimeUp`. It is not called within a block of `held`, which ends by itself.
        """
        if self._seconds is None:
            yield
            return

        def end(_signal: int, _frame: FrameType | None) -> None:
            self.is_up = True
            if not is_held():
                keep()
            interrupt(TimeUp(str(self)))

        before = signal.signal(signal.SIGALRM, end)
        signal.setitimer(signal.ITIMER_REAL, max(self._seconds - self._elapsed, 1e-3), _AGAIN_S)
        try:
            yield
        finally:
            is_armed = True
            while is_armed:
                try:
                    signal.setitimer(signal.ITIMER_REAL, 0)
                    signal.signal(signal.SIGALRM, before)
                    is_armed = False
                except TimeUp:  # the last alarm came in this very moment
                    continue
            forget(TimeUp)
