"""Nevergrad through the adapters against Nevergrad as its users call it, and the global random generators."""

from __future__ import annotations

import subprocess
import sys
import warnings
from dataclasses import replace
from typing import Any

import nevergrad as ng
import pytest
from ConfigSpace import Categorical, ConfigurationSpace, Integer
from disturbance import disturbed

from optathlon import Budget, Objective, Result, Status
from optathlon.optimizers.nevergrad import (
    NevergradDE,
    NevergradEDA,
    NevergradEMNA,
    NevergradHammersley,
    NevergradLengler,
    NevergradOnePlusOne,
    NevergradPSO,
    NevergradTBPSA,
)
from optathlon.registry.capabilities import mismatch

SEED = 11
TRIALS = 64
"""More than two generations of DE (30 individuals), more than one of PSO (40)."""

METHODS: list[tuple[Any, Any]] = [
    (NevergradDE, ng.optimizers.DE),
    (NevergradPSO, ng.optimizers.PSO),
    (NevergradOnePlusOne, ng.optimizers.OnePlusOne),
    (NevergradLengler, ng.optimizers.registry["DiscreteLenglerOnePlusOne"]),
    (NevergradTBPSA, ng.optimizers.registry["TBPSA"]),
    (NevergradEMNA, ng.optimizers.registry["NaiveIsoEMNA"]),
    (NevergradEDA, ng.optimizers.registry["EDA"]),
    (NevergradHammersley, ng.optimizers.registry["ScrHammersleySearch"]),
]
methods = pytest.mark.parametrize(("adapter", "family"), METHODS)
adapters = pytest.mark.parametrize("adapter", [adapter for adapter, _ in METHODS])

OPTIONS = [
    (
        NevergradDE,
        {"popsize": 10, "crossover": 0.9, "f1": 0.5, "f2": 0.3},
        ng.families.DifferentialEvolution(popsize=10, crossover=0.9, F1=0.5, F2=0.3),
    ),
    (NevergradPSO, {"popsize": 12}, ng.families.ConfPSO(transform="arctan", popsize=12)),
    (NevergradOnePlusOne, {"mutation": "cauchy"}, ng.optimizers.CauchyOnePlusOne),
    (NevergradOnePlusOne, {"mutation": "discrete"}, ng.optimizers.DiscreteOnePlusOne),
    (NevergradOnePlusOne, {"mutation": "portfolio"}, ng.optimizers.PortfolioDiscreteOnePlusOne),
    (NevergradOnePlusOne, {"mutation": "doublefastga"}, ng.optimizers.DoubleFastGADiscreteOnePlusOne),
    (NevergradTBPSA, {"initial_popsize": 2}, ng.families.ParametrizedTBPSA(naive=False, initial_popsize=2)),
    (NevergradEMNA, {"covariance": "diagonal"}, ng.families.EMNA(isotropic=False)),
    (NevergradHammersley, {"opposition": "opposite"}, ng.optimizers.registry["OScrHammersleySearch"]),
    (NevergradHammersley, {"opposition": "quasi"}, ng.optimizers.registry["QOScrHammersleySearch"]),
]


def numeric_parameters() -> Any:
    return {
        "layers": ng.p.Scalar(lower=1, upper=10).set_integer_casting(),
        "learning_rate": ng.p.Log(lower=1e-4, upper=0.3),
        "momentum": ng.p.Scalar(lower=0.1, upper=0.8),
        "units": ng.p.Log(lower=8, upper=1024).set_integer_casting(),
    }


def flat_parameters() -> Any:
    numbers = numeric_parameters()
    return {
        "activation": ng.p.Choice(["relu", "tanh", "gelu"]),
        "layers": numbers["layers"],
        "learning_rate": numbers["learning_rate"],
        "momentum": numbers["momentum"],
        "size": ng.p.TransitionChoice(["s", "m", "l"]),
        "units": numbers["units"],
    }


def native_configs(family: Any, parameters: Any, loss: Any, n: int, *, workers: Any = 1, reference: Any = None) -> Any:
    """The first `n` configurations, `workers` of them pending at a time, which are told last in, first out."""
    parametrization = ng.p.Instrumentation(**parameters)
    parametrization.random_state.seed(SEED)
    optimizer = family(parametrization=parametrization, budget=100, num_workers=workers)
    if reference is not None:
        optimizer.tell(ng.p.MultiobjectiveReference(), reference)
    configs = []
    for _ in range(n // workers):
        candidates = [optimizer.ask() for _ in range(workers)]
        configs += [dict(candidate.kwargs) for candidate in candidates]
        for candidate in reversed(candidates):
            losses = loss(candidate.kwargs)
            optimizer.tell(candidate, list(losses) if isinstance(losses, tuple) else losses)
    return configs


def driven(kit: Any, adapter: Any, problem: Any, loss: Any, n: int = TRIALS, **options: Any) -> Any:
    return kit.configs(kit.drive(disturbed(adapter(problem, SEED, **options)), problem, loss, n))


@methods
def test_native_numbers(kit: Any, adapter: Any, family: Any) -> None:
    problem = kit.problem(kit.numeric_space(), budget=100)
    expected = native_configs(family, numeric_parameters(), kit.flat_loss, TRIALS)
    assert driven(kit, adapter, problem, kit.flat_loss) == expected


@methods
def test_native_mixed(kit: Any, adapter: Any, family: Any) -> None:
    problem = kit.problem(kit.flat_space(), budget=100)
    expected = native_configs(family, flat_parameters(), kit.flat_loss, TRIALS)
    assert driven(kit, adapter, problem, kit.flat_loss) == [config | {"version": 3} for config in expected]


@pytest.mark.parametrize(("adapter", "options", "family"), OPTIONS)
def test_native_options(kit: Any, adapter: Any, options: Any, family: Any) -> None:
    problem = kit.problem(kit.numeric_space(), budget=100)
    trials = 95 if adapter is NevergradEMNA else 30
    expected = native_configs(family, numeric_parameters(), kit.flat_loss, trials)
    assert driven(kit, adapter, problem, kit.flat_loss, trials, **options) == expected
    assert driven(kit, adapter, problem, kit.flat_loss, trials) != expected


@methods
def test_native_pending(kit: Any, adapter: Any, family: Any) -> None:
    problem = kit.problem(kit.numeric_space(), budget=100, n_workers=4)
    optimizer = disturbed(adapter(problem, SEED))
    asked = []
    for _ in range(16):
        trials = [optimizer.ask() for _ in range(4)]
        asked += kit.configs(trials)
        for trial in reversed(trials):
            optimizer.tell(trial, kit.succeed(kit.flat_loss(trial.config)))
    assert asked == native_configs(family, numeric_parameters(), kit.flat_loss, TRIALS, workers=4)


@methods
def test_native_several_objectives(kit: Any, adapter: Any, family: Any) -> None:
    problem = kit.problem(kit.numeric_space(), budget=100, objectives=2)
    expected = native_configs(family, numeric_parameters(), kit.two_losses, TRIALS)
    assert driven(kit, adapter, problem, kit.two_losses) == expected


@methods
def test_native_reference_point(kit: Any, adapter: Any, family: Any) -> None:
    """The reference of a maximised objective is told as a loss; DE is told none, as in Nevergrad's documentation."""
    objectives = (Objective("loss", reference=20.0), Objective("speed", "maximize", reference=-9.0))
    problem = replace(kit.problem(kit.numeric_space(), budget=100), objectives=objectives)
    reference = None if adapter is NevergradDE else [20.0, 9.0]
    expected = native_configs(family, numeric_parameters(), kit.two_losses, TRIALS, reference=reference)
    assert driven(kit, adapter, problem, kit.two_losses) == expected


@methods
def test_failed_trials_are_told_with_their_imputed_loss(kit: Any, adapter: Any, family: Any) -> None:
    def loss(config: dict[str, Any]) -> Any:
        return 50.0 if config["layers"] > 5 else kit.flat_loss(config)

    def result(config: dict[str, Any]) -> Any:
        failed = config["layers"] > 5
        return Result(status=Status.CRASHED, losses=(50.0,)) if failed else kit.succeed(kit.flat_loss(config))

    problem = kit.problem(kit.numeric_space(), budget=100)
    assert driven(kit, adapter, problem, result) == native_configs(family, numeric_parameters(), loss, TRIALS)


@adapters
def test_goes_on_where_all_trials_fail(kit: Any, adapter: Any) -> None:
    failure = Result(status=Status.CRASHED, losses=(1e300, 1e300))
    problem = kit.problem(kit.numeric_space(), budget=100, objectives=2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        configs = driven(kit, adapter, problem, lambda config: failure, 45)
    assert len({tuple(config.values()) for config in configs}) > 35


@adapters
def test_budget_in_full_evaluations(kit: Any, adapter: Any) -> None:
    def budget(amount: Any) -> Any:
        return adapter(replace(kit.problem(kit.numeric_space()), budget=Budget.parse(amount)), SEED)._nevergrad.budget

    assert (budget("50"), budget("12.5"), budget("600s"), budget("600cost")) == (50, 13, None, None)


def test_a_sequence_needs_to_know_its_length(kit: Any) -> None:
    seconds = replace(kit.problem(kit.numeric_space()), budget=Budget.parse("600s"))
    assert mismatch(NevergradHammersley, seconds) == "the method needs a budget in evaluations"
    assert mismatch(NevergradTBPSA, seconds) == ""


@adapters
def test_choices_keep_their_types(kit: Any, adapter: Any) -> None:
    space = ConfigurationSpace()
    space.add(Categorical("mixed", [True, "auto", 2]), Categorical("rate", [0.1, 0.5]), Categorical("one", ["only"]))
    space.add(Categorical("level", [1, 2, 3], ordered=True), Integer("n", (1, 2)))
    problem = kit.problem(space, budget=100)
    trials = kit.drive(adapter(problem, SEED), problem, lambda config: -config["rate"], 45)
    values = {name: {trial.config[name] for trial in trials} for name in space}
    assert {type(value) for value in values["mixed"]} <= {bool, str, int}
    assert {type(value) for value in values["rate"]} == {float}
    assert (values["one"], values["n"]) == ({"only"}, {1, 2})
    assert {type(value) for value in values["level"]} == {int}


def test_leaves_the_global_generators_and_warning_filters_alone() -> None:
    """From the import on, in a new process; Nevergrad's import alone changes all three."""
    script = """
import random, warnings
import numpy as np
from ConfigSpace import ConfigurationSpace
from optathlon import Problem, Result
from optathlon.optimizers.nevergrad import NevergradDE
def state():
    return str(np.random.get_state()), random.getstate(), list(warnings.filters)
space = ConfigurationSpace({"x": (0.0, 1.0), "c": ["a", "b"]})
before = state()
optimizer = NevergradDE(Problem(space), 0)
for _ in range(40):
    optimizer.tell(optimizer.ask(), Result(losses=(1.0,)))
assert state() == before
"""
    subprocess.run([sys.executable, "-c", script], check=True)
