"""What the tests of libraries that take a function share: their loops as a user calls them, on a space by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from ConfigSpace import Categorical, ConfigurationSpace, Constant, Float, Integer

from optathlon import Result, Status
from optathlon.encoding import UnitCube

SIZES = ["s", "m", "l"]


class _Stop(BaseException):
    """Raised by a function that has been called often enough."""


def real_space() -> Any:
    return ConfigurationSpace({"x": (-5.0, 5.0), "y": (0.0, 1.0), "z": (2.0, 4.0)})


def stepped_space() -> Any:
    """Floats, integers, both on two scales, an ordered choice, and a constant, which no library sees."""
    space = ConfigurationSpace()
    space.add(
        Float("learning_rate", (1e-4, 0.3), log=True),
        Float("momentum", (0.1, 0.8)),
        Integer("layers", (1, 10)),
        Integer("units", (8, 1024), log=True),
        Categorical("size", SIZES, ordered=True),
        Constant("version", 3),
    )
    return space


def real_config(point: Any) -> dict[str, Any]:
    return _config(REALS, point)


def stepped_config(point: Any) -> dict[str, Any]:
    return _config(STEPS, point)


def _config(cube: UnitCube, point: Any) -> dict[str, Any]:
    """To the last bit as an adapter decodes it: gradients by differences make much of the last bits."""
    assert min(point) >= 0 and max(point) <= 1
    return cube.decode(np.array([point]))[0]


REALS, STEPS = UnitCube(real_space()), UnitCube(stepped_space())


def real_loss(config: dict[str, Any]) -> float:
    """With some local minima."""
    loss = (config["x"] - 1) ** 2 + 10 * (config["y"] - 0.3) ** 2 + 3 * (config["z"] - 2.5) ** 2
    return float(loss + np.cos(3 * config["x"]) + np.sin(9 * config["y"]))


def real_constraints(config: dict[str, Any]) -> tuple[float, float]:
    return config["x"] + config["z"] - 2.2, 0.2 - config["y"]


def calls_of(loop: Callable[[Any, int], object], function: Any, n: int, seed: int) -> list[np.ndarray]:
    """The points at which a library calls the function itself; its loop is started again as the adapters say."""
    points: list[np.ndarray] = []

    def called(point: Any, *_: Any) -> Any:
        if len(points) == n:
            raise _Stop
        points.append(np.array(point))
        return function(points[-1])

    try:
        for one in seeds(seed):
            loop(called, one)
    except _Stop:
        return points
    raise AssertionError


def seeds(seed: int) -> Iterator[int]:
    generator = np.random.default_rng(seed)
    yield seed
    while True:
        yield int(generator.integers(2**31))


def constrained_result(config: dict[str, Any]) -> Any:
    loss = real_loss(config)
    return Result(values=(loss,), losses=(loss,), constraints=real_constraints(config))


def failing_result(config: dict[str, Any]) -> Any:
    """Fails in a quarter of the real space."""
    if config["x"] > 2.5:
        return Result(status=Status.CRASHED, losses=(50.0,))
    loss = real_loss(config)
    return Result(values=(loss,), losses=(loss,))


def failing_loss(config: dict[str, Any]) -> float:
    return 50.0 if config["x"] > 2.5 else real_loss(config)


def check_same(kit: Any, trials: Any, points: list[np.ndarray], decode: Any) -> None:
    assert kit.configs(trials) == [decode(point) for point in points]


def check_turns(kit: Any, start: Callable[[int], Any]) -> None:
    """Two optimizers in one process propose what each proposes alone."""
    problem = kit.problem(real_space())
    optimizers = [start(1), start(2)]
    found: list[list[dict[str, Any]]] = [[], []]
    for _ in range(60):
        for optimizer, configs in zip(optimizers, found, strict=True):
            (trial,) = kit.drive(optimizer, problem, real_loss, 1)
            configs.append(dict(trial.config))
    assert found == [kit.configs(kit.drive(start(seed), problem, real_loss, 60)) for seed in (1, 2)]


class Sights:
    """Loss and constraints of the real space as a user writes them, and the points at which either is called first."""

    def __init__(self, n: int) -> None:
        self.points: list[np.ndarray] = []
        self._seen: set[bytes] = set()
        self._n = n

    def loss(self, point: Any, *_: Any) -> float:
        self._note(point)
        return real_loss(real_config(point))

    def constraints(self, point: Any, *_: Any) -> np.ndarray:
        self._note(point)
        return np.array(real_constraints(real_config(point)))

    def of(self, loop: Callable[[Sights, int], object], seed: int) -> list[np.ndarray]:
        try:
            for one in seeds(seed):
                loop(self, one)
        except _Stop:
            return self.points
        raise AssertionError

    def _note(self, point: Any) -> None:
        if point.tobytes() not in self._seen:
            if len(self.points) == self._n:
                raise _Stop
            self._seen.add(point.tobytes())
            self.points.append(np.array(point))
