"""Ask and tell for libraries that only minimise a function that they are given.

The library's own loop runs in a greenlet: where it calls the function, it is suspended until the result is known.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from greenlet import greenlet

Answer = Any
"""What the function returns to the library: most often a loss."""

Minimize = Callable[[Callable[[np.ndarray], Answer]], object]
"""A library's loop over the function that it is given."""


class Ended(Exception):
    """The library's loop has ended: what it has told the caller last is its last word."""


class Callback:
    """A library's loop, suspended at each call of the function.

    One call is pending at a time: a library that calls back is sequential. What it draws from global generators it
    must be lent in `minimize`, and again wherever it goes on (see `optathlon.generators.LentGenerators`).

    An exception that the library raises, comes out of `ask` or `tell`. When the object is dropped, the loop is ended
    by `GreenletExit`; a library that swallows it and calls again is left suspended for good.

    Parameters
    ----------
    minimize:
        Calls the library with a function of a point, shape (d,).
    """

    def __init__(self, minimize: Minimize) -> None:
        from greenlet import greenlet

        self._point: np.ndarray | None = None
        self._loop = greenlet(lambda: minimize(_Function()))
        self._go_on()

    @property
    def point(self) -> np.ndarray:
        """Where the function is to be evaluated, shape (d,); raises `Ended` where the loop has ended."""
        if self._point is None:
            raise Ended
        return self._point

    def answer(self, answer: Answer) -> None:
        """Give the library the function's value at `point`, and let it go on to its next call or its end."""
        if self._point is None:
            raise Ended
        self._go_on(answer)

    def _go_on(self, *answer: Answer) -> None:
        from greenlet import getcurrent

        self._loop.parent = getcurrent()
        found = self._loop.switch(*answer)
        self._point = None if self._loop.dead else found


class _Function:
    """The function that the library calls. It keeps no reference to its greenlet, which could not be dropped then."""

    def __init__(self) -> None:
        self._is_dropped = False

    def __call__(self, point: np.ndarray, *_: object) -> Answer:
        from greenlet import GreenletExit

        try:
            return _caller().switch(np.array(point, dtype=float))
        except GreenletExit:
            if self._is_dropped:
                _caller().switch(None)
            self._is_dropped = True
            raise


def _caller() -> greenlet:
    from greenlet import getcurrent

    caller = getcurrent().parent
    assert caller is not None
    return caller


__all__ = ["Callback", "Ended", "Minimize"]
