"""Ask and tell for libraries that only minimise a function that they are given.

The library's own loop runs in a thread: where it calls the function, it is suspended until the result is known. Only
one of the two ever works. A thread, and not a coroutine, because libraries in C and C++ keep state per thread, which
two of their loops in one thread would share: NLopt its random generator, pybind11 its stack of calls.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import TYPE_CHECKING, Any, Literal

from optathlon.encoding import UnitCube
from optathlon.errors import OptathlonError, SearchSpaceExhausted
from optathlon.generators import LentGenerators
from optathlon.lazy import lazy_module
from optathlon.trial import Result, Trial

if TYPE_CHECKING:
    import numpy as np
    from ConfigSpace import ConfigurationSpace
else:
    np = lazy_module("numpy")

Answer = Any
"""What the function returns to the library: most often a loss."""

Minimize = Callable[[Callable[["np.ndarray"], Answer]], object]
"""A library's loop over the function that it is given."""

Evaluate = Callable[["np.ndarray"], Result]
"""The result at a point of the unit cube, shape (d,)."""

_PATIENCE_S = 10.0
"""How long a loop that is dropped has to end."""


class Ended(Exception):
    """The library's loop has ended: what it has told the caller last is its last word."""


class _Dropped(BaseException):
    """Raised where the library calls the function, when nobody will give an answer any more."""


class Callback:
    """A library's loop, suspended at each call of the function.

    One call is pending at a time: a library that calls back is sequential. What it draws from global generators it
    must be lent where the object is made and around `answer` (see `optathlon.generators.LentGenerators`).

    An exception that the library raises, comes out of there too. When the object is dropped, the loop is ended by an
    exception where it is suspended; a library that swallows it and calls again is left suspended for good.

    Parameters
    ----------
    minimize:
        Calls the library with a function of a point, shape (d,).
    """

    def __init__(self, minimize: Minimize) -> None:
        self._point: np.ndarray | None = None
        self._calls: SimpleQueue[np.ndarray | BaseException | None] = SimpleQueue()
        self._answers: SimpleQueue[Answer] = SimpleQueue()
        Thread(target=_run, args=(minimize, self._calls, self._answers), daemon=True).start()
        self._wait()

    def __del__(self) -> None:
        if self._point is not None and not sys.is_finalizing():
            self._answers.put(_Dropped)
            with suppress(Empty):
                self._calls.get(timeout=_PATIENCE_S)

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
        self._point = None
        self._answers.put(answer)
        self._wait()

    def _wait(self) -> None:
        match self._calls.get():
            case BaseException() as error:
                raise error
            case found:
                self._point = found


def _run(minimize: Minimize, calls: SimpleQueue[Any], answers: SimpleQueue[Answer]) -> None:
    """What the thread does. It knows nothing of the `Callback`, which could not be dropped otherwise."""
    end: BaseException | None = None
    is_dropped = False

    def function(point: np.ndarray, *_: object) -> Answer:
        nonlocal is_dropped
        if is_dropped:
            calls.put(None)
            Event().wait()
        calls.put(np.array(point, dtype=float))
        answer = answers.get()
        if answer is _Dropped:
            is_dropped = True
            raise _Dropped
        return answer

    try:
        minimize(function)
    except BaseException as error:  # whatever it is: the caller's thread raises it
        end = error
    calls.put(end)


_ROUNDING = 1e-12
"""Libraries shift and scale points, which rounds: one that is beyond a bound by no more is on it."""


class CubeLoop:
    """A library's loop over points of the unit cube, as an optimizer asks and is told.

    Where the loop ends, it is started again with another seed, which makes independent restarts of a method that
    converges. One that evaluates nothing is an error.

    Parameters
    ----------
    space:
        Points are those of its `optathlon.encoding.UnitCube`.
    seed:
        Of the first loop; those of the others are derived from it.
    minimize:
        Calls the library with a function of a point that gives its result, and a seed, 0 <= seed < 2**31. One that
        has nothing left to try, raises `SearchSpaceExhausted`.
    sources:
        The global generators that the library draws from, see `optathlon.generators.LentGenerators`.
    """

    def __init__(
        self,
        space: ConfigurationSpace,
        seed: int,
        minimize: Callable[[Evaluate, int], object],
        *sources: Literal["python", "numpy", "torch"],
    ) -> None:
        self._cube = UnitCube(space)
        self._end: SearchSpaceExhausted | None = None
        self._generators = LentGenerators(seed, *sources)
        with self._generators.lent():
            self._callback = Callback(lambda evaluate: _restarted(minimize, evaluate, seed))

    def ask(self) -> Trial:
        """The configuration at the point where the function is to be evaluated."""
        if self._end is not None:
            raise self._end
        point = self._callback.point
        if not ((point >= -_ROUNDING) & (point <= 1 + _ROUNDING)).all():
            raise OptathlonError(f"the library left the bounds [0, 1]: {point.tolist()}")
        return Trial(self._cube.decode(point.clip(0.0, 1.0)[np.newaxis])[0])

    def tell(self, result: Result) -> None:
        """Give the library the result there, and let it go on to its next point."""
        try:
            with self._generators.lent():
                self._callback.answer(result)
        except SearchSpaceExhausted as end:
            self._end = end


class Split:
    """A black box that gives loss and constraints at once, as functions of their own.

    No point is evaluated twice, in whatever order they are asked for it.

    Parameters
    ----------
    evaluate:
        Gives all.
    constraints:
        How many there are.
    """

    def __init__(self, evaluate: Evaluate, constraints: int) -> None:
        self._evaluate = evaluate
        self._worst = [1.0] * constraints
        self._results: dict[bytes, Result] = {}

    def loss(self, point: np.ndarray) -> float:
        """The only objective's loss."""
        return self._result(point).losses[0]

    def constraint(self, index: int, point: np.ndarray) -> float:
        """A constraint's value, feasible when <= 0.

        Where the trial failed it is the greatest so far, and at least 1.
        """
        result = self._result(point)
        if result.ok:
            self._worst[index] = max(self._worst[index], result.constraints[index])
        return result.constraints[index] if result.ok else self._worst[index]

    def constraints(self, point: np.ndarray) -> np.ndarray:
        """The values of all constraints."""
        return np.array([self.constraint(index, point) for index in range(len(self._worst))])

    def _result(self, point: np.ndarray) -> Result:
        key = np.asarray(point, dtype=float).tobytes()
        if key not in self._results:
            self._results[key] = self._evaluate(point)
        return self._results[key]


def loss(evaluate: Evaluate) -> Callable[[np.ndarray], float]:
    """The only objective's loss, as a function of its own."""
    return lambda point: evaluate(point).losses[0]


def _restarted(minimize: Callable[[Evaluate, int], object], evaluate: Evaluate, seed: int) -> None:
    """Minimise again and again, each time with another seed."""
    calls = 0

    def counted(point: np.ndarray) -> Result:
        nonlocal calls
        calls += 1
        return evaluate(point)

    for one in _seeds(seed):
        before = calls
        minimize(counted, one)
        if calls == before:
            raise OptathlonError("the library's loop ended before it evaluated anything")


def _seeds(seed: int) -> Iterator[int]:
    yield seed
    generator = np.random.default_rng(seed)
    while True:
        yield int(generator.integers(2**31))


__all__ = ["Callback", "CubeLoop", "Ended", "Evaluate", "Minimize", "Split", "loss"]
