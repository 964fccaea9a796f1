"""COBYQA through the adapter against COBYQA as its users call it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from callbacks import (
    Sights,
    calls_of,
    check_same,
    check_turns,
    constrained_result,
    failing_loss,
    failing_result,
    real_config,
    real_constraints,
    real_loss,
    real_space,
    stepped_config,
    stepped_space,
)
from cobyqa import minimize
from scipy.optimize import Bounds, NonlinearConstraint

from optathlon.optimizers.cobyqa import COBYQA

SEED = 11
TRIALS = 120


def loop(f: Any, seed: int, d: int = 3, constraints: Any = (), **options: Any) -> None:
    start = np.random.default_rng(seed).random(d)
    minimize(
        f, start, bounds=Bounds([0] * d, [1] * d), constraints=constraints, options={"radius_init": 0.1, **options}
    )


@pytest.mark.parametrize("options", [{}, {"radius_init": 0.4}])
def test_native_reals(kit: Any, options: Any) -> None:
    """It converges, and starts again, several times."""
    problem = kit.problem(real_space())
    trials = kit.drive(COBYQA(problem, SEED, **options), problem, real_loss, TRIALS)
    points = calls_of(lambda f, seed: loop(f, seed, **options), lambda x: real_loss(real_config(x)), TRIALS, SEED)
    check_same(kit, trials, points, real_config)


def test_native_steps(kit: Any) -> None:
    problem = kit.problem(stepped_space())
    trials = kit.drive(COBYQA(problem, SEED), problem, kit.flat_loss, 80)
    points = calls_of(lambda f, seed: loop(f, seed, 5), lambda x: kit.flat_loss(stepped_config(x)), 80, SEED)
    check_same(kit, trials, points, stepped_config)


def test_native_constraints(kit: Any) -> None:
    problem = kit.problem(real_space(), constraints=("a", "b"))
    trials = kit.drive(COBYQA(problem, SEED), problem, constrained_result, TRIALS)

    def constrained(box: Sights, seed: int) -> None:
        loop(box.loss, seed, constraints=NonlinearConstraint(box.constraints, -np.inf, 0))

    check_same(kit, trials, Sights(TRIALS).of(constrained, SEED), real_config)
    assert sum(max(real_constraints(dict(trial.config))) <= 1e-9 for trial in trials) > 20


def test_failed_trials_are_told_with_their_imputed_loss(kit: Any) -> None:
    problem = kit.problem(real_space())
    trials = kit.drive(COBYQA(problem, SEED), problem, failing_result, 60)
    check_same(kit, trials, calls_of(loop, lambda x: failing_loss(real_config(x)), 60, SEED), real_config)


def test_two_that_take_turns_do_not_disturb_each_other(kit: Any) -> None:
    check_turns(kit, lambda seed: COBYQA(kit.problem(real_space()), seed))
