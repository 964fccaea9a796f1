"""A library that only takes a function, driven from outside, calls it as if it were called directly."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.optimize import differential_evolution, minimize

from optathlon.callback import Callback, Ended


def sphere(point: np.ndarray) -> float:
    return float(((point - 0.3) ** 2).sum())


def calls_of(loop: Callable[[Any], object], loss: Callable[[np.ndarray], float]) -> list[list[float]]:
    """The points at which the library calls the function directly."""
    points: list[list[float]] = []

    def function(point: np.ndarray) -> float:
        points.append(point.tolist())
        return loss(point)

    loop(function)
    return points


LOOPS = {
    "Nelder-Mead": lambda function: minimize(function, [3.0, 4.0], method="Nelder-Mead", options={"maxfev": 60}),
    "COBYLA, which is C": lambda function: minimize(function, [3.0, 4.0], method="COBYLA", options={"maxiter": 40}),
    "differential evolution": lambda function: differential_evolution(function, [(-1, 1)] * 3, maxiter=4, rng=1),
}


@pytest.mark.parametrize("loop", LOOPS.values(), ids=LOOPS)
def test_the_calls_are_those_of_the_library_itself(loop: Any) -> None:
    driven: list[list[float]] = []
    callback = Callback(loop)
    with pytest.raises(Ended):
        while True:
            driven.append(callback.point.tolist())
            callback.answer(sphere(callback.point))
    assert driven == calls_of(loop, sphere)
    with pytest.raises(Ended):
        callback.answer(1.0)


def test_two_loops_take_turns() -> None:
    one, other = Callback(LOOPS["Nelder-Mead"]), Callback(LOOPS["differential evolution"])
    points = []
    for _ in range(20):
        points.append(one.point.tolist())
        one.answer(sphere(one.point))
        other.answer(sphere(other.point))
    assert points == calls_of(LOOPS["Nelder-Mead"], sphere)[:20]


def test_an_error_of_the_library_comes_out_where_it_was_driven() -> None:
    def loop(function: Any) -> None:
        function(np.zeros(1))
        raise ValueError("singular")

    callback = Callback(loop)
    with pytest.raises(ValueError, match="singular"):
        callback.answer(1.0)


def test_a_loop_that_is_dropped_ends() -> None:
    ended = []

    def loop(function: Any) -> None:
        try:
            while True:
                function(np.zeros(1))
        finally:
            ended.append(True)

    callback = Callback(loop)
    callback.answer(1.0)
    del callback
    gc.collect()
    assert ended == [True]


@pytest.mark.filterwarnings("ignore")
def test_a_loop_that_swallows_every_exception_ends_too() -> None:
    swallowed = []

    def loop(function: Any) -> None:
        while True:
            try:
                function(np.zeros(1))
            except BaseException as error:
                swallowed.append(type(error).__name__)

    callback = Callback(loop)
    callback.answer(1.0)
    del callback
    gc.collect()
    assert swallowed == ["_Dropped"]
