"""pymoo's algorithms through the adapters against pymoo's own loop of ask and tell."""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Iterable
from copy import deepcopy
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
from ConfigSpace import Categorical, ConfigurationSpace, Float, Integer
from pymoo.algorithms.moo.age import AGEMOEA
from pymoo.algorithms.moo.ctaea import CTAEA
from pymoo.algorithms.moo.gde3 import GDE3
from pymoo.algorithms.moo.moead import MOEAD
from pymoo.algorithms.moo.mopso_cd import MOPSO_CD
from pymoo.algorithms.moo.nsga2 import NSGA2
from pymoo.algorithms.moo.nsga3 import NSGA3
from pymoo.algorithms.moo.rvea import RVEA
from pymoo.algorithms.moo.sms import SMSEMOA
from pymoo.algorithms.moo.spea2 import SPEA2
from pymoo.algorithms.moo.unsga3 import UNSGA3
from pymoo.algorithms.soo.nonconvex.brkga import BRKGA
from pymoo.algorithms.soo.nonconvex.de import DE
from pymoo.algorithms.soo.nonconvex.g3pcx import G3PCX
from pymoo.algorithms.soo.nonconvex.ga import GA
from pymoo.algorithms.soo.nonconvex.isres import ISRES
from pymoo.algorithms.soo.nonconvex.pso import PSO
from pymoo.core.mixed import (
    MixedVariableDuplicateElimination,
    MixedVariableGA,
    MixedVariableMating,
    MixedVariableSampling,
)
from pymoo.core.problem import ElementwiseProblem
from pymoo.core.variable import Choice, Real
from pymoo.core.variable import Integer as PymooInteger
from pymoo.util.ref_dirs import get_reference_directions

from optathlon import Capability, Constraint, Result, Status
from optathlon.encoding import UnitCube
from optathlon.errors import SearchSpaceExhausted, UsageError
from optathlon.optimizers import pymoo
from optathlon.registry.capabilities import mismatch
from optathlon.registry.optimizers import choose_optimizer

SEED = 11
TRIALS = 60
POPSIZE = 8
DIRECTIONS = get_reference_directions("das-dennis", 2, n_partitions=POPSIZE - 1)
BRKGA_SIZES = {"n_elites": 4, "n_offsprings": 8, "n_mutants": 2}

METHODS: dict[str, tuple[Any, dict[str, Any], Any]] = {
    "GA": (pymoo.PymooGA, {"popsize": POPSIZE}, partial(GA, pop_size=POPSIZE)),
    "MixedGA": (pymoo.PymooMixedGA, {"popsize": POPSIZE}, partial(MixedVariableGA, pop_size=POPSIZE)),
    "DE": (pymoo.PymooDE, {"popsize": POPSIZE}, partial(DE, pop_size=POPSIZE)),
    "PSO": (pymoo.PymooPSO, {"popsize": POPSIZE}, partial(PSO, pop_size=POPSIZE)),
    "BRKGA": (pymoo.PymooBRKGA, BRKGA_SIZES, partial(BRKGA, **BRKGA_SIZES)),
    "G3PCX": (pymoo.PymooG3PCX, {"popsize": POPSIZE}, partial(G3PCX, pop_size=POPSIZE)),
    "ISRES": (pymoo.PymooISRES, {"n_offsprings": 14}, partial(ISRES, n_offsprings=14)),
    "NSGA2": (pymoo.PymooNSGA2, {"popsize": POPSIZE}, partial(NSGA2, pop_size=POPSIZE)),
    "NSGA3": (pymoo.PymooNSGA3, {"popsize": POPSIZE}, partial(NSGA3, DIRECTIONS)),
    "UNSGA3": (pymoo.PymooUNSGA3, {"popsize": POPSIZE}, partial(UNSGA3, DIRECTIONS)),
    "SMSEMOA": (pymoo.PymooSMSEMOA, {"popsize": POPSIZE}, partial(SMSEMOA, pop_size=POPSIZE)),
    "RVEA": (pymoo.PymooRVEA, {"popsize": POPSIZE}, partial(RVEA, DIRECTIONS, termination=("n_eval", 100))),
    "CTAEA": (pymoo.PymooCTAEA, {"popsize": POPSIZE}, partial(CTAEA, DIRECTIONS)),
    "AGEMOEA": (pymoo.PymooAGEMOEA, {"popsize": POPSIZE}, partial(AGEMOEA, pop_size=POPSIZE)),
    "SPEA2": (pymoo.PymooSPEA2, {"popsize": POPSIZE}, partial(SPEA2, pop_size=POPSIZE)),
    "MOEAD": (pymoo.PymooMOEAD, {"popsize": POPSIZE}, partial(MOEAD, DIRECTIONS)),
    "GDE3": (pymoo.PymooGDE3, {"popsize": POPSIZE}, partial(GDE3, pop_size=POPSIZE)),
    "MOPSOCD": (pymoo.PymooMOPSOCD, {"popsize": POPSIZE}, partial(MOPSO_CD, pop_size=POPSIZE)),
}
"""By the class's name: the adapter, its options, and pymoo's algorithm."""

MIXED = [name for name in METHODS if Capability.CATEGORICALS in METHODS[name][0].capabilities and name != "BRKGA"]
CONSTRAINED = [name for name in METHODS if Capability.CONSTRAINTS in METHODS[name][0].capabilities]
PARETO = [name for name in METHODS if Capability.MULTI_OBJECTIVE in METHODS[name][0].capabilities]


def compiled(names: Iterable[str]) -> list[Any]:
    """As parameters; for AGE-MOEA numba compiles for some ten CPU seconds."""
    return [pytest.param(name, marks=pytest.mark.slow if name == "AGEMOEA" else ()) for name in names]


IN_THE_CUBE = {"G3PCX"}
"""Measure distances, so that it matters how long an interval is."""


def float_space() -> ConfigurationSpace:
    space = ConfigurationSpace()
    space.add(Float("momentum", (0.1, 0.8)), Float("rate", (1e-4, 1.0), log=True), Float("x", (-5, 5)))
    return space


def float_losses(config: dict[str, Any]) -> tuple[float, float]:
    first = (np.log10(config["rate"]) + 2) ** 2 + (config["momentum"] - 0.3) ** 2 + config["x"] ** 2
    return float(first), float(config["momentum"] + abs(config["x"] - 2))


def mixed_variables() -> dict[str, Any]:
    return {
        "activation": Choice(options=[0, 1, 2]),
        "layers": PymooInteger(bounds=(1, 10)),
        "learning_rate": Real(bounds=(0, 1)),
        "momentum": Real(bounds=(0, 1)),
        "size": PymooInteger(bounds=(0, 2)),
        "units": Real(bounds=(0, 1)),
    }


def mixed_config(solution: dict[str, Any]) -> dict[str, Any]:
    units = ConfigurationSpace()
    units.add(Integer("units", (8, 1024), log=True))
    return {
        "activation": ["relu", "tanh", "gelu"][solution["activation"]],
        "layers": int(solution["layers"]),
        "learning_rate": 1e-4 * 3000 ** solution["learning_rate"],
        "momentum": 0.1 + 0.7 * solution["momentum"],
        "size": ["s", "m", "l"][solution["size"]],
        "units": UnitCube(units).decode(np.array([[solution["units"]]]))[0]["units"],
        "version": 3,
    }


def native_configs(make: Any, decode: Any, loss: Any, n: int, constraint: Any = None, **problem: Any) -> Any:
    """As pymoo's documentation drives an algorithm itself, on a problem as its users write it."""
    configs: list[dict[str, Any]] = []

    class Written(ElementwiseProblem):  # type: ignore[misc,unused-ignore]
        def _evaluate(self, x: Any, out: Any, *args: Any, **kwargs: Any) -> None:
            config = decode(x)
            configs.append(config)
            out["F"] = loss(config)
            if constraint is not None:
                out["G"] = [constraint(config)]

    algorithm = deepcopy(make())
    ending = algorithm.termination if isinstance(make(), RVEA) else ("n_gen", 10_000)
    written = Written(
        n_obj=len(np.atleast_1d(loss(problem.pop("example")))), n_ieq_constr=int(bool(constraint)), **problem
    )
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        algorithm.setup(written, termination=ending, seed=SEED, verbose=False)
        configs.clear()  # MOPSO-CD evaluates a sample while it is set up, and forgets it
        while len(configs) < n:
            infills = algorithm.ask()
            algorithm.evaluator.eval(written, infills)
            algorithm.tell(infills=infills)
    return configs[:n]


def float_problem(raw: bool) -> dict[str, Any]:
    if raw:
        return {"n_var": 3, "xl": np.array([0.1, -4.0, -5.0]), "xu": np.array([0.8, 0.0, 5.0])}
    return {"n_var": 3, "xl": np.zeros(3), "xu": np.ones(3)}


def float_config(raw: bool, x: Any) -> dict[str, Any]:
    if isinstance(x, dict):
        x = [x["momentum"], x["rate"], x["x"]]
    momentum, rate, last = x if raw else (0.1 + 0.7 * x[0], 4 * x[1] - 4, 10 * x[2] - 5)
    return {"momentum": momentum, "rate": 10**rate, "x": last}


def check_same(kit: Any, found: Any, expected: Any) -> None:
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert one.keys() == other.keys()
        for name, value in other.items():
            assert one[name] == (pytest.approx(value, rel=1e-6, abs=1e-9) if isinstance(value, float) else value)


def flat_losses(kit: Any, name: str) -> Any:
    return kit.two_losses if name in PARETO else kit.flat_loss


def driven(kit: Any, name: str, space: Any, loss: Any, constraint: Any = None) -> Any:
    adapter, options, _ = METHODS[name]
    objectives = 2 if name in PARETO else 1

    def result(config: dict[str, Any]) -> Any:
        losses = loss(config) if name in PARETO else (loss(config),)
        return kit.succeed(*losses, constraints=() if constraint is None else (constraint(config),))

    problem = kit.problem(space, budget=100, objectives=objectives)
    if constraint is not None:
        problem = replace(problem, constraints=(Constraint("c"),))
    return kit.configs(kit.drive(adapter(problem, SEED, **options), problem, result, TRIALS))


@pytest.mark.parametrize("name", compiled(METHODS))
def test_native_floats(kit: Any, name: str) -> None:
    """Written with the ranges themselves, and with the exponents of what is logarithmic."""
    raw = name not in IN_THE_CUBE
    example = {"momentum": 0.5, "rate": 0.1, "x": 1.0}
    loss = float_losses if name in PARETO else lambda config: float_losses(config)[0]
    problem: dict[str, Any] = float_problem(raw)
    if name == "MixedGA":
        bounds = zip(["momentum", "rate", "x"], problem["xl"], problem["xu"], strict=True)
        problem = {"vars": {key: Real(bounds=(lower, upper)) for key, lower, upper in bounds}}
    expected = native_configs(METHODS[name][2], partial(float_config, raw), loss, TRIALS, example=example, **problem)
    check_same(kit, driven(kit, name, float_space(), loss), expected)


def mixed_algorithm(name: str) -> Any:
    make = METHODS[name][2]
    if name == "MixedGA":
        return make()
    different = MixedVariableDuplicateElimination()
    mating = MixedVariableMating(selection=make().mating.selection, eliminate_duplicates=different)
    return make(sampling=MixedVariableSampling(), mating=mating, eliminate_duplicates=different)


@pytest.mark.parametrize("name", compiled(MIXED))
def test_native_mixed(kit: Any, name: str) -> None:
    loss = flat_losses(kit, name)
    example = dict(kit.flat_space().get_default_configuration())
    make = partial(mixed_algorithm, name)
    expected = native_configs(make, mixed_config, loss, TRIALS, example=example, vars=mixed_variables())
    check_same(kit, driven(kit, name, kit.flat_space(), loss), expected)


@pytest.mark.parametrize("name", ["BRKGA", "DE"])
def test_native_integers_in_the_cube(kit: Any, name: str) -> None:
    space = kit.flat_space() if name == "BRKGA" else kit.numeric_space()
    cube = UnitCube(space)
    problem = {"n_var": len(cube.names), "xl": np.zeros(len(cube.names)), "xu": np.ones(len(cube.names))}
    example = dict(space.get_default_configuration())
    decode = lambda x: cube.decode(x[None])[0]  # noqa: E731
    expected = native_configs(METHODS[name][2], decode, kit.flat_loss, TRIALS, example=example, **problem)
    check_same(kit, driven(kit, name, space, kit.flat_loss), expected)


@pytest.mark.parametrize("name", compiled(CONSTRAINED))
def test_native_constraints(kit: Any, name: str) -> None:
    """No ties: where two violate as much, pymoo draws from a generator that has no seed."""
    raw = name not in IN_THE_CUBE
    loss = float_losses if name in PARETO else lambda config: float_losses(config)[0]

    def constraint(config: dict[str, Any]) -> float:
        return float(config["x"] + config["momentum"] + 2)

    problem: dict[str, Any] = float_problem(raw)
    if name == "MixedGA":
        bounds = zip(["momentum", "rate", "x"], problem["xl"], problem["xu"], strict=True)
        problem = {"vars": {key: Real(bounds=(lower, upper)) for key, lower, upper in bounds}}
    example = {"momentum": 0.5, "rate": 0.1, "x": 1.0}
    decode = partial(float_config, raw)
    found = driven(kit, name, float_space(), loss, constraint)
    if name != "ISRES":  # its ranking draws from such a generator always
        expected = native_configs(METHODS[name][2], decode, loss, TRIALS, constraint, example=example, **problem)
        check_same(kit, found, expected)
    assert found != driven(kit, name, float_space(), loss)


@pytest.mark.parametrize("name", compiled(METHODS))
def test_repeats_itself_with_failures_and_ties(kit: Any, name: str) -> None:
    adapter, options, _ = METHODS[name]
    constraints = (Constraint("c"),) if name in CONSTRAINED else ()
    space = kit.flat_space() if name in MIXED else kit.numeric_space()
    problem = replace(kit.problem(space, budget=100, objectives=2 if name in PARETO else 1), constraints=constraints)

    def result(config: dict[str, Any]) -> Any:
        np.random.seed()
        losses = kit.two_losses(config) if name in PARETO else (kit.flat_loss(config),)
        if config["layers"] > 7:
            return Result(status=Status.CRASHED, losses=(50.0,) * len(losses))
        return kit.succeed(*losses, constraints=tuple(3.0 - config["layers"] for _ in constraints))

    first, second = (kit.configs(kit.drive(adapter(problem, SEED, **options), problem, result, 40)) for _ in range(2))
    assert first == second
    before, after = ([config["layers"] > 7 for config in part] for part in (first[:10], first[-10:]))
    assert sum(after) <= sum(before)


@pytest.mark.parametrize("name", compiled(METHODS))
def test_goes_on_without_a_warning_where_all_trials_fail(kit: Any, name: str) -> None:
    adapter, options, _ = METHODS[name]
    problem = kit.problem(kit.numeric_space(), objectives=2 if name in PARETO else 1)
    failure = Result(status=Status.CRASHED, losses=(1e300,) * len(problem.objectives))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        configs = kit.configs(kit.drive(adapter(problem, SEED, **options), problem, lambda config: failure, 40))
    assert len({tuple(config.values()) for config in configs}) > 15


def test_waits_for_the_generation_and_is_told_it_in_order(kit: Any) -> None:
    problem = kit.problem(kit.numeric_space(), n_workers=POPSIZE)
    one, other = (pymoo.PymooGA(problem, SEED, popsize=POPSIZE) for _ in range(2))
    trials = [one.ask() for _ in range(POPSIZE)]
    assert one.ask() is None
    for trial in reversed(trials):
        assert trial is not None
        one.tell(trial, kit.succeed(kit.flat_loss(trial.config)))
    kit.drive(other, problem, kit.flat_loss, POPSIZE)
    assert one.ask() == other.ask()


def test_a_space_that_is_tried_out_is_exhausted(kit: Any) -> None:
    space = ConfigurationSpace()
    space.add(Categorical("kind", ["a", "b"]), Integer("n", (1, 2)))
    problem = kit.problem(space)
    optimizer = pymoo.PymooGA(problem, SEED, popsize=4)
    with pytest.raises(SearchSpaceExhausted):
        kit.drive(optimizer, problem, lambda config: float(config["n"]), 30)


@pytest.mark.parametrize(
    ("objectives", "popsize", "count"), [(2, 100, 100), (3, 100, 91), (3, 91, 91), (3, 90, 78), (4, 4, 4), (5, 4, 5)]
)
def test_as_many_reference_directions_as_fit(kit: Any, objectives: int, popsize: int, count: int) -> None:
    problem = kit.problem(kit.numeric_space(), objectives=objectives)
    assert len(pymoo.PymooNSGA3(problem, SEED, popsize=popsize)._algorithm.ref_dirs) == count


def test_rvea_plans_the_generations_of_the_budget(kit: Any) -> None:
    problem = kit.problem(kit.numeric_space(), budget=100, objectives=2)
    assert pymoo.PymooRVEA(problem, SEED, popsize=8)._algorithm.termination.n_max_gen == 12
    seconds = replace(problem, budget=problem.budget.parse("60s"))
    assert "budget in evaluations" in mismatch(pymoo.PymooRVEA, seconds)
    assert mismatch(pymoo.PymooRVEA, problem) == ""


def test_options(kit: Any) -> None:
    problem = kit.problem(kit.numeric_space())

    def configs(adapter: Any, **options: Any) -> Any:
        return kit.configs(kit.drive(adapter(problem, SEED, popsize=8, **options), problem, kit.flat_loss, 30))

    assert configs(pymoo.PymooDE, variant="DE/rand/1/bin") != configs(pymoo.PymooDE)
    assert configs(pymoo.PymooDE, f=0.9, cr=0.9) != configs(pymoo.PymooDE)
    with pytest.raises(UsageError, match=r"popsize=3 .*greater than or equal to 5"):
        choose_optimizer("pymoo-de[popsize=3]")


def test_leaves_the_global_generators_alone() -> None:
    script = """
import random
import numpy as np
from ConfigSpace import ConfigurationSpace
from optathlon import Problem, Result
from optathlon.optimizers.pymoo import PymooMixedGA
make = np.random.default_rng
def state():
    return str(np.random.get_state()), random.getstate()
space = ConfigurationSpace({"x": (0.0, 1.0), "c": ["a", "b"]})
before = state()
optimizer = PymooMixedGA(Problem(space), 0, popsize=4)
for _ in range(20):
    optimizer.tell(optimizer.ask(), Result(losses=(1.0,)))
assert state() == before
assert np.random.default_rng is make
"""
    subprocess.run([sys.executable, "-c", script], check=True)
