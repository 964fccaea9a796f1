"""SciPy through the adapters against SciPy as its users call it."""

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
from ConfigSpace import Categorical, ConfigurationSpace, Float, Integer
from disturbance import disturbed
from scipy.optimize import NonlinearConstraint, differential_evolution, direct, dual_annealing, shgo

from optathlon import SearchSpaceExhausted
from optathlon.encoding import UnitCube
from optathlon.optimizers.scipy import ScipyDE, ScipyDirect, ScipyDualAnnealing, ScipySHGO

SEED = 11
TRIALS = 250


def cube(d: int) -> list[tuple[float, float]]:
    return [(0.0, 1.0)] * d


def annealing(**options: Any) -> Any:
    return lambda d: lambda f, seed: dual_annealing(f, cube(d), rng=seed, **options)


def evolution(**options: Any) -> Any:
    """On the stepped space the first and the fourth are integers."""

    def loop_in(d: int) -> Any:
        bounds = cube(3) if d == 3 else [(1, 10), *cube(2), (0, 2), (0, 1)]
        integrality = [upper > 1 for _, upper in bounds]

        def loop(f: Any, seed: int) -> None:
            def scaled(x: Any) -> Any:
                return f(x if d == 3 else np.array([(x[0] - 0.5) / 10, *x[1:3], (x[3] + 0.5) / 3, x[4]]))

            differential_evolution(scaled, bounds, integrality=integrality, polish=False, rng=seed, **options)

        return loop

    return loop_in


def rectangles(**options: Any) -> Any:
    return lambda d: lambda f, seed: direct(f, cube(d), maxfun=5000, maxiter=5000, vol_tol=0, len_tol=0, **options)


def simplices(n: int) -> Any:
    return lambda d: lambda f, seed: shgo(f, cube(d), n=n or 2**d + 1, iters=99)


METHODS = [
    (ScipyDE, {}, evolution()),
    (
        ScipyDE,
        {"popsize": 4, "strategy": "rand1exp", "updating": "deferred"},
        evolution(popsize=4, strategy="rand1exp", updating="deferred"),
    ),
    (ScipyDualAnnealing, {}, annealing()),
    (
        ScipyDualAnnealing,
        {"local_search": False, "visit": 2.0, "initial_temp": 100.0},
        annealing(no_local_search=True, visit=2.0, initial_temp=100.0),
    ),
    (ScipyDirect, {}, rectangles()),
    (ScipyDirect, {"locally_biased": False}, rectangles(locally_biased=False)),
    (ScipySHGO, {}, simplices(0)),
    (ScipySHGO, {"n": 20}, simplices(20)),
]
methods = pytest.mark.parametrize(("adapter", "options", "loop"), METHODS)


@methods
def test_native_reals(kit: Any, adapter: Any, options: Any, loop: Any) -> None:
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


def test_differential_evolution_has_integers_of_its_own_and_starts_again_where_it_has_converged(kit: Any) -> None:
    space = ConfigurationSpace()
    space.add(Categorical("c", ["s", "m", "l", "xl"], ordered=True), Integer("n", (1, 6)), Float("x", (0, 1)))
    problem = kit.problem(space)

    def loss(config: dict[str, Any]) -> float:
        return abs(config["n"] - 2) + len(config["c"]) + float(config["x"])

    def config(point: Any) -> dict[str, Any]:
        x = UnitCube(space).decode(np.array([[0, 0, point[2]]]))[0]["x"]
        return {"c": ["s", "m", "l", "xl"][round(point[0])], "n": round(point[1]), "x": x}

    def loop(f: Any, seed: int) -> None:
        differential_evolution(
            f, [(0, 3), (1, 6), (0, 1)], integrality=[True, True, False], popsize=4, polish=False, rng=seed
        )

    trials = kit.drive(ScipyDE(problem, SEED, popsize=4), problem, loss, 600)
    points = calls_of(loop, lambda x: loss(config(x)), 600, SEED)
    assert kit.configs(trials) == [config(point) for point in points]


def test_native_constraints_of_differential_evolution(kit: Any) -> None:
    """SciPy evaluates the constraints first, and the loss where they are fulfilled."""
    problem = kit.problem(real_space(), constraints=("a", "b"))
    trials = kit.drive(ScipyDE(problem, SEED), problem, constrained_result, TRIALS)

    def loop(box: Sights, seed: int) -> None:
        limit = NonlinearConstraint(box.constraints, -np.inf, 0)
        differential_evolution(box.loss, cube(3), constraints=limit, polish=False, rng=seed)

    check_same(kit, trials, Sights(TRIALS).of(loop, SEED), real_config)
    feasible = [max(real_constraints(dict(trial.config))) <= 0 for trial in trials]
    assert sum(feasible[-50:]) > sum(feasible[:50])


@pytest.mark.parametrize("adapter", [ScipyDE, ScipyDualAnnealing, ScipyDirect, ScipySHGO])
def test_two_that_take_turns_do_not_disturb_each_other(kit: Any, adapter: Any) -> None:
    check_turns(kit, lambda seed: adapter(kit.problem(real_space()), seed))


@pytest.mark.parametrize("adapter", [ScipyDirect, ScipySHGO])
def test_what_draws_nothing_gives_the_same_trials_for_every_seed(kit: Any, adapter: Any) -> None:
    problem = kit.problem(real_space())
    one, other = (kit.drive(adapter(problem, seed), problem, real_loss, 60) for seed in (1, 2))
    assert kit.configs(one) == kit.configs(other)


def test_direct_ends_where_it_can_divide_no_more(kit: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("optathlon.optimizers.scipy._MOST_EVALUATIONS", 30)
    problem = kit.problem(real_space())
    optimizer = ScipyDirect(problem, SEED)
    with pytest.raises(SearchSpaceExhausted):
        kit.drive(optimizer, problem, real_loss, 1000)
    with pytest.raises(SearchSpaceExhausted):
        optimizer.ask()
