"""Py-BOBYQA through the adapter against Py-BOBYQA as its users call it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pybobyqa
import pytest
from callbacks import (
    calls_of,
    check_same,
    check_turns,
    failing_loss,
    failing_result,
    real_config,
    real_loss,
    real_space,
    stepped_config,
    stepped_space,
)
from ConfigSpace import ConfigurationSpace
from disturbance import disturbed

from optathlon.encoding import UnitCube
from optathlon.optimizers.pybobyqa import PyBOBYQA

SEED = 11
TRIALS = 150


def native(d: int, function: Any, n: int, rhobeg: float = 0.1) -> list[np.ndarray]:
    def loop(f: Any, seed: int) -> None:
        start = np.random.default_rng(seed).random(d)
        bounds = (np.zeros(d), np.ones(d))
        pybobyqa.solve(f, start, bounds=bounds, rhobeg=rhobeg, seek_global_minimum=True)

    before = np.random.get_state()
    np.random.seed(SEED)
    try:
        return calls_of(loop, function, n, SEED)
    finally:
        np.random.set_state(before)


@pytest.mark.parametrize("options", [{}, {"rhobeg": 0.3}])
def test_native_reals(kit: Any, options: Any) -> None:
    problem = kit.problem(real_space())
    trials = kit.drive(disturbed(PyBOBYQA(problem, SEED, **options)), problem, real_loss, TRIALS)
    check_same(kit, trials, native(3, lambda x: real_loss(real_config(x)), TRIALS, **options), real_config)


def test_native_steps(kit: Any) -> None:
    problem = kit.problem(stepped_space())
    trials = kit.drive(PyBOBYQA(problem, SEED), problem, kit.flat_loss, 80)
    check_same(kit, trials, native(5, lambda x: kit.flat_loss(stepped_config(x)), 80), stepped_config)


def test_failed_trials_are_told_with_their_imputed_loss(kit: Any) -> None:
    problem = kit.problem(real_space())
    trials = kit.drive(PyBOBYQA(problem, SEED), problem, failing_result, 60)
    check_same(kit, trials, native(3, lambda x: failing_loss(real_config(x)), 60), real_config)


def test_starts_again_where_its_restarts_were_in_vain(kit: Any) -> None:
    space = ConfigurationSpace({"x": (0.0, 1.0)})
    problem = kit.problem(space)
    trials = kit.drive(PyBOBYQA(problem, SEED), problem, lambda config: (config["x"] - 0.4) ** 2, 300)

    def value(point: Any) -> float:
        return float(UnitCube(space).decode(np.array([point]))[0]["x"])

    points = native(1, lambda x: (value(x) - 0.4) ** 2, 300)
    assert [trial.config["x"] for trial in trials] == [value(point) for point in points]


def test_two_that_take_turns_do_not_disturb_each_other(kit: Any) -> None:
    check_turns(kit, lambda seed: PyBOBYQA(kit.problem(real_space()), seed))
