"""NLopt through the adapters against NLopt as its users call it."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import nlopt
import numpy as np
import pytest
from callbacks import (
    Sights,
    calls_of,
    check_same,
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
from ConfigSpace import ConfigurationSpace
from disturbance import disturbed

from optathlon import Capability
from optathlon.optimizers.nlopt import (
    NLoptAGS,
    NLoptBOBYQA,
    NLoptCOBYLA,
    NLoptCRS2,
    NLoptDirectL,
    NLoptESCH,
    NLoptISRES,
    NLoptMLSL,
    NLoptNelderMead,
    NLoptSbplx,
)

SEED = 11
TRIALS = 250


def native(algorithm: int, *, xtol: float = 0, population: int = 0, local: int | None = None, limits: Any = ()) -> Any:
    def loop_in(d: int) -> Any:
        def loop(f: Any, seed: int) -> None:
            nlopt.srand(seed)
            optimizer = nlopt.opt(algorithm, d)
            optimizer.set_lower_bounds(0)
            optimizer.set_upper_bounds(1)
            optimizer.set_min_objective(f)
            for limit in limits:
                optimizer.add_inequality_constraint(limit)
            if population:
                optimizer.set_population(population)
            if local is not None:
                inner = nlopt.opt(local, d)
                inner.set_xtol_abs(xtol)
                optimizer.set_local_optimizer(inner)
            elif xtol:
                optimizer.set_xtol_abs(xtol)
            with suppress(nlopt.RoundoffLimited):
                optimizer.optimize(np.random.default_rng(seed).random(d))

        return loop

    return loop_in


METHODS = [
    (NLoptDirectL, {}, native(nlopt.GN_DIRECT_L_RAND)),
    (NLoptCRS2, {}, native(nlopt.GN_CRS2_LM)),
    (NLoptCRS2, {"population": 15}, native(nlopt.GN_CRS2_LM, population=15)),
    (NLoptESCH, {}, native(nlopt.GN_ESCH)),
    (NLoptESCH, {"population": 15}, native(nlopt.GN_ESCH, population=15)),
    (NLoptISRES, {}, native(nlopt.GN_ISRES)),
    (NLoptISRES, {"population": 15}, native(nlopt.GN_ISRES, population=15)),
    (NLoptAGS, {}, native(nlopt.GN_AGS)),
    (NLoptBOBYQA, {}, native(nlopt.LN_BOBYQA, xtol=1e-4)),
    (NLoptBOBYQA, {"xtol": 0.01}, native(nlopt.LN_BOBYQA, xtol=0.01)),
    (NLoptSbplx, {}, native(nlopt.LN_SBPLX, xtol=1e-4)),
    (NLoptSbplx, {"xtol": 0.01}, native(nlopt.LN_SBPLX, xtol=0.01)),
    (NLoptNelderMead, {}, native(nlopt.LN_NELDERMEAD, xtol=1e-4)),
    (NLoptNelderMead, {"xtol": 0.01}, native(nlopt.LN_NELDERMEAD, xtol=0.01)),
    (NLoptCOBYLA, {}, native(nlopt.LN_COBYLA, xtol=1e-4)),
    (NLoptCOBYLA, {"xtol": 0.01}, native(nlopt.LN_COBYLA, xtol=0.01)),
    (NLoptMLSL, {}, native(nlopt.G_MLSL_LDS, local=nlopt.LN_BOBYQA, xtol=1e-4)),
    (NLoptMLSL, {"sampling": "random", "xtol": 0.01}, native(nlopt.G_MLSL, local=nlopt.LN_BOBYQA, xtol=0.01)),
]
methods = pytest.mark.parametrize(("adapter", "options", "loop"), METHODS)


@methods
def test_native_reals(kit: Any, adapter: Any, options: Any, loop: Any) -> None:
    """The local ones converge, and start again, several times."""
    problem = kit.problem(real_space())
    trials = kit.drive(disturbed(adapter(problem, SEED, **options)), problem, real_loss, TRIALS)
    check_same(kit, trials, calls_of(loop(3), lambda x: real_loss(real_config(x)), TRIALS, SEED), real_config)


@methods
def test_native_steps(kit: Any, adapter: Any, options: Any, loop: Any) -> None:
    problem = kit.problem(stepped_space())
    trials = kit.drive(adapter(problem, SEED, **options), problem, kit.flat_loss, 120)
    points = calls_of(loop(5), lambda x: kit.flat_loss(stepped_config(x)), 120, SEED)
    check_same(kit, trials, points, stepped_config)


@methods
def test_failed_trials_are_told_with_their_imputed_loss(kit: Any, adapter: Any, options: Any, loop: Any) -> None:
    problem = kit.problem(real_space())
    trials = kit.drive(adapter(problem, SEED, **options), problem, failing_result, 80)
    check_same(kit, trials, calls_of(loop(3), lambda x: failing_loss(real_config(x)), 80, SEED), real_config)


@pytest.mark.parametrize(
    ("adapter", "algorithm", "xtol"),
    [(NLoptISRES, nlopt.GN_ISRES, 0), (NLoptCOBYLA, nlopt.LN_COBYLA, 1e-4)],
)
def test_native_constraints(kit: Any, adapter: Any, algorithm: int, xtol: float) -> None:
    problem = kit.problem(real_space(), constraints=("a", "b"))
    trials = kit.drive(adapter(problem, SEED), problem, constrained_result, TRIALS)

    def loop(box: Sights, seed: int) -> None:
        limits = [lambda x, _: box.constraints(x)[0], lambda x, _: box.constraints(x)[1]]
        native(algorithm, xtol=xtol, limits=limits)(3)(box.loss, seed)

    check_same(kit, trials, Sights(TRIALS).of(loop, SEED), real_config)
    assert sum(max(real_constraints(dict(trial.config))) <= 1e-6 for trial in trials) > 20


def test_two_that_take_turns_do_not_disturb_each_other(kit: Any) -> None:
    """Nor does what else draws from NLopt's generator, which is one per thread."""
    problem = kit.problem(real_space())
    one, other = NLoptCRS2(problem, SEED), NLoptISRES(problem, SEED)
    points = []
    for _ in range(100):
        for optimizer in (one, other):
            trial = optimizer.ask()
            points.append(trial.config)
            optimizer.tell(trial, kit.succeed(real_loss(dict(trial.config))))
        nlopt.srand(3)
    alone = kit.drive(NLoptCRS2(problem, SEED), problem, real_loss, 100)
    assert points[::2] == kit.configs(alone)


def test_ags_says_how_many_hyperparameters_it_takes(kit: Any) -> None:
    reasons = {
        size: NLoptAGS.objection(kit.problem(ConfigurationSpace({f"x{index}": (0.0, 1.0) for index in range(size)})))
        for size in (10, 11)
    }
    assert reasons == {10: "", 11: "NLopt's AGS takes at most 10 hyperparameters, and the search space has 11"}


def test_ags_takes_no_constraints() -> None:
    """NLopt 2.11 crashes the process where a constraint is 0 at a point, as `0.5 - x <= 0` is at its first ones."""
    assert Capability.CONSTRAINTS not in NLoptAGS.capabilities
