"""A library that only takes a function, driven from outside, calls it as if it were called directly."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from ConfigSpace import ConfigurationSpace
from scipy.optimize import differential_evolution, minimize

from optathlon import Result, SearchSpaceExhausted, Status
from optathlon.callback import Callback, CubeLoop, Ended, Split
from optathlon.errors import OptathlonError


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


def result(value: float, *constraints: float) -> Result:
    return Result(values=(value,), losses=(value,), constraints=constraints)


SPACE = ConfigurationSpace({"x": (0.0, 1.0)})


def test_a_loop_that_ends_starts_again_with_another_seed() -> None:
    seeds = []

    def minimize(evaluate: Any, seed: int) -> None:
        seeds.append(seed)
        for _ in range(3):
            evaluate(np.random.default_rng(seed).random(1))

    loop = CubeLoop(SPACE, 5, minimize)
    points = []
    for _ in range(9):
        points.append(loop.ask().config["x"])
        loop.tell(result(1.0))
    assert seeds[0] == 5 and len(set(seeds)) == 4
    assert points == [points[0]] * 3 + [points[3]] * 3 + [points[6]] * 3


def test_a_loop_that_evaluates_nothing_is_an_error() -> None:
    with pytest.raises(OptathlonError, match="before it evaluated anything"):
        CubeLoop(SPACE, 0, lambda evaluate, seed: None)


@pytest.mark.parametrize(("point", "bound"), [(np.nextafter(1.0, 2.0), 1.0), (-1e-16, 0.0), (1.0, 1.0)])
def test_a_point_beyond_a_bound_by_rounding_is_on_it(point: float, bound: float) -> None:
    def asked(at: float) -> Any:
        return CubeLoop(SPACE, 0, lambda evaluate, seed: evaluate(np.array([at]))).ask().config

    assert asked(point) == asked(bound)


@pytest.mark.parametrize("point", [[1.01], [-0.01], [float("nan")], [1.0 + 1e-9]])
def test_a_point_out_of_bounds_is_an_error(point: list[float]) -> None:
    loop = CubeLoop(SPACE, 0, lambda evaluate, seed: evaluate(np.array(point)))
    with pytest.raises(OptathlonError, match="left the bounds"):
        loop.ask()


def test_where_nothing_is_left_to_try_the_next_ask_says_so() -> None:
    def minimize(evaluate: Any, seed: int) -> None:
        evaluate(np.zeros(1))
        raise SearchSpaceExhausted("done")

    loop = CubeLoop(SPACE, 0, minimize)
    loop.ask()
    loop.tell(result(1.0))
    for _ in range(2):
        with pytest.raises(SearchSpaceExhausted, match="done"):
            loop.ask()


def test_what_a_loop_draws_from_global_generators_is_its_own() -> None:
    def minimize(evaluate: Any, seed: int) -> None:
        while True:
            evaluate(np.random.random(1))

    def drawn(seed: int) -> list[float]:
        loop, found = CubeLoop(SPACE, seed, minimize, "numpy"), []
        for _ in range(5):
            found.append(loop.ask().config["x"])
            loop.tell(result(1.0))
            np.random.seed()
        return found

    assert drawn(1) == drawn(1) == pytest.approx(np.random.RandomState(1).random(5))
    assert drawn(1) != drawn(2)


def test_loss_and_constraints_of_a_point_are_one_evaluation() -> None:
    evaluated = []

    def evaluate(point: np.ndarray) -> Result:
        evaluated.append(float(point[0]))
        return Result(status=Status.CRASHED, losses=(9.0,)) if point[0] > 0.5 else result(2.0, -1.0, 3.0)

    split = Split(evaluate, 2)
    one, failed = np.array([0.2]), np.array([0.7])
    assert split.constraint(1, one) == 3
    assert split.constraints(failed).tolist() == [1, 3]  # the greatest so far, at least 1
    assert (split.loss(one), split.loss(failed)) == (2.0, 9.0)
    assert split.constraints(one).tolist() == [-1, 3]
    assert evaluated == [0.2, 0.7]
