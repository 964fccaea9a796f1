"""scikit-optimize through the adapter against its own ask and tell."""

from __future__ import annotations

import random
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import skopt
from skopt.space import Categorical, Integer, Real

from optathlon import Result, Status
from optathlon.optimizers.skopt import SkoptET, SkoptGP, SkoptRF
from optathlon.space import plain

SEED = 11
ALL = [SkoptGP, SkoptET, SkoptRF]
NATIVE: dict[Any, dict[str, Any]] = {
    SkoptGP: {"base_estimator": "GP", "acq_func": "gp_hedge"},
    SkoptET: {"base_estimator": "ET", "acq_func": "EI"},
    SkoptRF: {"base_estimator": "RF", "acq_func": "EI"},
}


def numeric() -> dict[str, Any]:
    """New ones each time: scikit-optimize keeps something in them."""
    return {
        "layers": Integer(1, 10),
        "learning_rate": Real(1e-4, 0.3, prior="log-uniform"),
        "momentum": Real(0.1, 0.8),
        "units": Integer(8, 1024, prior="log-uniform"),
    }


def mixed() -> dict[str, Any]:
    return {"activation": Categorical(["relu", "tanh", "gelu"]), **numeric(), "size": Integer(0, 2)}


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def native(optimizer_class: Any, space: dict[str, Any], **settings: Any) -> Any:
    space = dict(sorted(space.items()))
    return skopt.Optimizer(list(space.values()), random_state=SEED, **NATIVE[optimizer_class] | settings), list(space)


def flat(names: list[str], point: Any) -> Any:
    found = dict(zip(names, map(plain, point), strict=True))
    return found | ({"size": ["s", "m", "l"][int(found["size"])], "version": 3} if "size" in found else {})


def native_configs(optimizer: Any, names: list[str], loss: Any, n: int) -> Any:
    configs = []
    for _ in range(n):
        point = optimizer.ask()
        configs.append(flat(names, point))
        optimizer.tell(point, loss(configs[-1]))
    return configs


@pytest.mark.parametrize(
    ("optimizer_class", "kind"), [(SkoptGP, "flat"), (SkoptGP, "numeric"), (SkoptET, "flat"), (SkoptRF, "flat")]
)
def test_native(kit: Any, optimizer_class: Any, kind: str) -> None:
    problem = kit.problem(getattr(kit, f"{kind}_space")())
    trials = kit.drive(optimizer_class(problem, SEED, n_initial=4), problem, kit.flat_loss, 6)
    space = mixed() if kind == "flat" else numeric()
    optimizer, names = native(optimizer_class, space, n_initial_points=4)
    assert kit.configs(trials) == native_configs(optimizer, names, kit.flat_loss, 6)


def test_native_options(kit: Any) -> None:
    problem = kit.problem(kit.flat_space())
    optimizer = SkoptET(problem, SEED, acquisition="LCB", n_initial=4, initial="halton")
    trials = kit.drive(optimizer, problem, kit.flat_loss, 6)
    theirs, names = native(SkoptET, mixed(), n_initial_points=4, acq_func="LCB", initial_point_generator="halton")
    assert kit.configs(trials) == native_configs(theirs, names, kit.flat_loss, 6)


def test_pending_trials_are_lied_about_as_in_batches(kit: Any) -> None:
    """`ask(n_points)` of scikit-optimize asks copies throughout, the adapter from the second trial on."""
    problem = kit.problem(kit.numeric_space())
    optimizer = SkoptET(problem, SEED, n_initial=4)
    kit.drive(optimizer, problem, kit.flat_loss, 5)
    pending = [optimizer.ask() for _ in range(3)]
    assert len({tuple(trial.config.values()) for trial in pending}) == 3

    theirs, names = native(SkoptET, numeric(), n_initial_points=4)
    native_configs(theirs, names, kit.flat_loss, 5)
    points = [theirs.ask()]
    for _ in range(2):
        copy = theirs.copy(random_state=theirs.rng.randint(0, np.iinfo(np.int32).max))
        copy.tell(points, [min(theirs.yi)] * len(points))
        points.append(copy.ask())
    assert [dict(trial.config) for trial in pending] == [flat(names, point) for point in points]

    for trial in reversed(pending):
        optimizer.tell(trial, kit.succeed(kit.flat_loss(trial.config)))
    kit.drive(optimizer, problem, kit.flat_loss, 1)


@pytest.mark.parametrize("optimizer_class", ALL)
def test_pending_trials_of_the_initial_design(kit: Any, optimizer_class: Any) -> None:
    problem = kit.problem(kit.flat_space())
    for initial in ("random", "sobol"):
        optimizer = optimizer_class(problem, SEED, n_initial=4, initial=initial)
        pending = [optimizer.ask() for _ in range(4)]
        assert len({tuple(trial.config.values()) for trial in pending}) == 4
        for trial in reversed(pending):
            optimizer.tell(trial, kit.succeed(kit.flat_loss(trial.config)))


@pytest.mark.parametrize("optimizer_class", ALL)
def test_failures_and_ties(kit: Any, optimizer_class: Any) -> None:
    problem = kit.problem(kit.flat_space())
    failure = Result(status=Status.CRASHED, losses=(3.0,))
    trials = kit.drive(optimizer_class(problem, SEED, n_initial=2), problem, lambda config: failure, 3)
    assert len({tuple(trial.config.values()) for trial in trials}) == 3


@pytest.mark.parametrize("optimizer_class", ALL)
def test_repeats_itself_while_others_draw(kit: Any, optimizer_class: Any) -> None:
    def disturbing(config: dict[str, Any]) -> Any:
        np.random.seed()
        random.seed()
        return kit.flat_loss(config)

    problem = kit.problem(kit.flat_space())
    first, second = (kit.drive(optimizer_class(problem, 3, n_initial=2), problem, disturbing, 3) for _ in range(2))
    assert kit.configs(first) == kit.configs(second)
