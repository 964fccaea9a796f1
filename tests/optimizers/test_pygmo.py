"""pygmo through the adapters against pygmo as its users call it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pygmo
import pytest
from callbacks import (
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
from disturbance import disturbed

from optathlon.optimizers.pygmo import (
    PygmoAnnealing,
    PygmoAntColony,
    PygmoBeeColony,
    PygmoDE1220,
    PygmoGreyWolf,
    PygmoHarmonySearch,
    PygmoSADE,
    PygmoXNES,
)

SEED = 11
TRIALS = 250


class UserProblem:
    """As pygmo's documentation shows it, with a function that pygmo doesn't copy."""

    function: Any = None

    def __init__(self, d: int, constraints: int = 0) -> None:
        self.d, self.constraints = d, constraints

    def fitness(self, x: Any) -> Any:
        return np.atleast_1d(UserProblem.function(x))

    def get_bounds(self) -> Any:
        return [0] * self.d, [1] * self.d

    def get_nic(self) -> int:
        return self.constraints


def native(algorithm: Any, popsize: int = 20, constraints: int = 0, **options: Any) -> Any:
    def loop_in(d: int) -> Any:
        def loop(f: Any, seed: int) -> None:
            UserProblem.function = staticmethod(f)
            population = pygmo.population(pygmo.problem(UserProblem(d, constraints)), popsize, seed=seed)
            pygmo.algorithm(algorithm(**options, seed=seed)).evolve(population)

        return loop

    return loop_in


MANY = {"gen": 10**6}
METHODS = [
    (PygmoSADE, {}, native(pygmo.sade, **MANY)),
    (PygmoSADE, {"popsize": 9, "adaptation": "ide"}, native(pygmo.sade, 9, variant_adptv=2, **MANY)),
    (PygmoDE1220, {}, native(pygmo.de1220, **MANY)),
    (PygmoAnnealing, {}, native(pygmo.simulated_annealing)),
    (PygmoBeeColony, {}, native(pygmo.bee_colony, **MANY)),
    (PygmoBeeColony, {"popsize": 9, "limit": 2}, native(pygmo.bee_colony, 9, limit=2, **MANY)),
    (PygmoXNES, {}, native(pygmo.xnes, force_bounds=True, **MANY)),
    (PygmoGreyWolf, {}, native(pygmo.gwo, gen=12)),
    (PygmoHarmonySearch, {}, native(pygmo.ihs, gen=230)),
    (PygmoAntColony, {}, native(pygmo.gaco, ker=13, **MANY)),
    (PygmoAntColony, {"popsize": 7}, native(pygmo.gaco, 7, ker=4, **MANY)),
    (PygmoAntColony, {"popsize": 12, "kernel": 5}, native(pygmo.gaco, 12, ker=5, **MANY)),
]
methods = pytest.mark.parametrize(("adapter", "options", "loop"), METHODS)
adapters = pytest.mark.parametrize("adapter", dict.fromkeys(adapter for adapter, *_ in METHODS))


@methods
def test_native_reals(kit: Any, adapter: Any, options: Any, loop: Any) -> None:
    problem = kit.problem(real_space(), budget=TRIALS)
    trials = kit.drive(disturbed(adapter(problem, SEED, **options)), problem, real_loss, TRIALS)
    check_same(kit, trials, calls_of(loop(3), lambda x: real_loss(real_config(x)), TRIALS, SEED), real_config)


@methods
def test_native_steps(kit: Any, adapter: Any, options: Any, loop: Any) -> None:
    problem = kit.problem(stepped_space(), budget=TRIALS)
    trials = kit.drive(adapter(problem, SEED, **options), problem, kit.flat_loss, 120)
    points = calls_of(loop(5), lambda x: kit.flat_loss(stepped_config(x)), 120, SEED)
    check_same(kit, trials, points, stepped_config)


@methods
def test_failed_trials_are_told_with_their_imputed_loss(kit: Any, adapter: Any, options: Any, loop: Any) -> None:
    problem = kit.problem(real_space(), budget=TRIALS)
    trials = kit.drive(adapter(problem, SEED, **options), problem, failing_result, 80)
    check_same(kit, trials, calls_of(loop(3), lambda x: failing_loss(real_config(x)), 80, SEED), real_config)


@pytest.mark.parametrize(
    ("adapter", "loop"),
    [
        (PygmoHarmonySearch, native(pygmo.ihs, constraints=2, gen=230)),
        (PygmoAntColony, native(pygmo.gaco, constraints=2, ker=13, oracle=1e9, **MANY)),
    ],
)
def test_native_constraints(kit: Any, adapter: Any, loop: Any) -> None:
    problem = kit.problem(real_space(), budget=TRIALS, constraints=("a", "b"))
    trials = kit.drive(adapter(problem, SEED), problem, constrained_result, TRIALS)

    def fitness(x: Any) -> list[float]:
        return [real_loss(real_config(x)), *real_constraints(real_config(x))]

    check_same(kit, trials, calls_of(loop(3), fitness, TRIALS, SEED), real_config)


@adapters
def test_two_that_take_turns_do_not_disturb_each_other(kit: Any, adapter: Any) -> None:
    check_turns(kit, lambda seed: adapter(kit.problem(real_space(), budget=60), seed))


def test_the_grey_wolves_start_again_where_their_schedule_ends(kit: Any) -> None:
    """A budget in seconds has a schedule for a thousand evaluations."""
    problem = kit.problem(real_space(), budget=60)
    trials = kit.drive(PygmoGreyWolf(problem, SEED, popsize=7), problem, real_loss, 150)
    loop = native(pygmo.gwo, 7, gen=8)(3)
    check_same(kit, trials, calls_of(loop, lambda x: real_loss(real_config(x)), 150, SEED), real_config)


def test_an_ant_colony_needs_as_many_ants_as_its_kernel(kit: Any) -> None:
    with pytest.raises(ValueError, match="kernel=9 is more than popsize=8"):
        PygmoAntColony(kit.problem(real_space()), SEED, popsize=8, kernel=9)


def test_an_ant_colony_finds_what_is_feasible(kit: Any) -> None:
    problem = kit.problem(real_space(), constraints=("c",))
    name = next(iter(problem.space))
    middle = problem.space[name].to_value(0.5)

    def evaluate(config: dict[str, Any]) -> Any:
        return kit.succeed(5 + config[name], constraints=(middle - config[name],))

    trials = kit.drive(PygmoAntColony(problem, SEED), problem, evaluate, 400)
    assert sum(trial.config[name] >= middle for trial in trials[-100:]) > 30
