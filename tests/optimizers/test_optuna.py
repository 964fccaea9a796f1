"""Each sampler proposes what a native Optuna study with the same sampler proposes."""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import optuna
import pytest
from ConfigSpace import Categorical, ConfigurationSpace
from optuna_spaces import suggest_conditional

from optathlon import Capability, Constraint, Result, Status
from optathlon.optimizers.optuna import (
    OptunaCMAES,
    OptunaGP,
    OptunaMultivariateTPE,
    OptunaNSGAII,
    OptunaNSGAIII,
    OptunaQMC,
    OptunaTPE,
)

SEED = 11
SAMPLERS = {
    OptunaTPE: lambda: optuna.samplers.TPESampler(seed=SEED, multivariate=False),
    OptunaMultivariateTPE: lambda: optuna.samplers.TPESampler(seed=SEED, multivariate=True, group=True),
    OptunaGP: lambda: optuna.samplers.GPSampler(seed=SEED),
    OptunaNSGAII: lambda: optuna.samplers.NSGAIISampler(seed=SEED, population_size=6),
    OptunaNSGAIII: lambda: optuna.samplers.NSGAIIISampler(seed=SEED, population_size=6, dividing_parameter=4),
    OptunaQMC: lambda: optuna.samplers.QMCSampler(seed=SEED, scramble=True, warn_independent_sampling=False),
    OptunaCMAES: lambda: optuna.samplers.CmaEsSampler(seed=SEED),
}
OPTIONS: dict[Any, dict[str, Any]] = {
    OptunaNSGAII: {"population_size": 6},
    OptunaNSGAIII: {"population_size": 6, "divisions": 4},
}
GP = pytest.param(OptunaGP, marks=pytest.mark.torch)
LEARN_CONSTRAINTS = [OptunaTPE, OptunaMultivariateTPE, GP, OptunaNSGAII, OptunaNSGAIII]
FLAT = [*LEARN_CONSTRAINTS, OptunaQMC]


@pytest.fixture(autouse=True)
def quiet() -> Iterator[Any]:
    """Keep the native studies from announcing themselves; put back whatever verbosity was set."""
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    yield
    optuna.logging.set_verbosity(verbosity)


def native_study(sampler: Any, n_objectives: int = 1) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return optuna.create_study(directions=["minimize"] * n_objectives, sampler=sampler())


def suggest_flat(trial: Any) -> Any:
    """The flat space as an Optuna user writes it, in ConfigSpace's (alphabetical) order."""
    return {
        "activation": trial.suggest_categorical("activation", ["relu", "tanh", "gelu"]),
        "layers": trial.suggest_int("layers", 1, 10),
        "learning_rate": trial.suggest_float("learning_rate", 1e-4, 0.3, log=True),
        "momentum": trial.suggest_float("momentum", 0.1, 0.8),
        "size": ["s", "m", "l"][trial.suggest_int("size", 0, 2)],
        "units": trial.suggest_int("units", 8, 1024, log=True),
        "version": 3,
    }


def suggest_numeric(trial: Any) -> Any:
    return {
        "layers": trial.suggest_int("layers", 1, 10),
        "learning_rate": trial.suggest_float("learning_rate", 1e-4, 0.3, log=True),
        "momentum": trial.suggest_float("momentum", 0.1, 0.8),
        "units": trial.suggest_int("units", 8, 1024, log=True),
    }


def native_configs(study: Any, suggest: Any, loss: Any, n: int) -> Any:
    configs = []

    def objective(trial: Any) -> Any:
        configs.append(suggest(trial))
        return loss(configs[-1])

    study.optimize(objective, n_trials=n)
    return configs


@pytest.mark.parametrize("optimizer_class", FLAT)
def test_native_on_a_flat_space(kit: Any, optimizer_class: Any) -> None:
    problem = kit.problem(kit.flat_space())
    optimizer = optimizer_class(problem, SEED, **OPTIONS.get(optimizer_class, {}))
    n = 13 if optimizer_class is OptunaGP else 30  # ten trials are random
    trials = kit.drive(optimizer, problem, kit.flat_loss, n)
    native = native_configs(native_study(SAMPLERS[optimizer_class]), suggest_flat, kit.flat_loss, n)
    assert kit.configs(trials) == native


@pytest.mark.parametrize("optimizer_class", [OptunaCMAES])
def test_native_on_numbers(kit: Any, optimizer_class: Any) -> None:
    problem = kit.problem(kit.numeric_space())
    trials = kit.drive(optimizer_class(problem, SEED), problem, kit.flat_loss, 40)
    native = native_configs(native_study(SAMPLERS[optimizer_class]), suggest_numeric, kit.flat_loss, 40)
    assert kit.configs(trials) == native


@pytest.mark.parametrize("optimizer_class", [OptunaTPE, OptunaMultivariateTPE])
def test_native_on_a_conditional_space(kit: Any, optimizer_class: Any) -> None:
    problem = kit.problem(kit.conditional_space())
    trials = kit.drive(optimizer_class(problem, SEED), problem, kit.conditional_loss, 40)
    native = native_configs(native_study(SAMPLERS[optimizer_class]), suggest_conditional, kit.conditional_loss, 40)
    assert kit.configs(trials) == native


@pytest.mark.parametrize("optimizer_class", FLAT)
def test_native_with_two_objectives(kit: Any, optimizer_class: Any) -> None:
    problem = kit.problem(kit.flat_space(), objectives=2)
    optimizer = optimizer_class(problem, SEED, **OPTIONS.get(optimizer_class, {}))
    n = 12 if optimizer_class is OptunaGP else 30
    trials = kit.drive(optimizer, problem, kit.two_losses, n)
    native = native_configs(native_study(SAMPLERS[optimizer_class], 2), suggest_flat, kit.two_losses, n)
    assert kit.configs(trials) == native


@pytest.mark.parametrize("optimizer_class", LEARN_CONSTRAINTS)
@pytest.mark.parametrize("objectives", [1, 2])
def test_native_with_a_constraint(kit: Any, optimizer_class: Any, objectives: int) -> None:
    loss = kit.flat_loss if objectives == 1 else kit.two_losses

    def violation(config: dict[str, Any]) -> Any:
        return math.log2(config["units"]) - 5  # at most 32 units

    def evaluate(config: dict[str, Any]) -> Any:
        losses = np.atleast_1d(loss(config)).tolist()
        return kit.succeed(*losses, constraints=(violation(config),))

    def suggest(trial: Any) -> Any:
        config = suggest_flat(trial)
        trial.set_constraint("small", violation(config))
        return config

    assert Capability.CONSTRAINTS in optimizer_class.capabilities
    problem = kit.problem(kit.flat_space(), objectives=objectives, constraints=(Constraint("small"),))
    optimizer = optimizer_class(problem, SEED, **OPTIONS.get(optimizer_class, {}))
    n = 13 if optimizer_class is OptunaGP else 30
    trials = kit.drive(optimizer, problem, evaluate, n)
    native = native_configs(native_study(SAMPLERS[optimizer_class], objectives), suggest, loss, n)
    assert kit.configs(trials) == native
    ignoring = native_configs(native_study(SAMPLERS[optimizer_class], objectives), suggest_flat, loss, n)
    assert native != ignoring


def test_native_halton_sequence(kit: Any) -> None:
    problem = kit.problem(kit.flat_space())
    trials = kit.drive(OptunaQMC(problem, SEED, sequence="halton"), problem, kit.flat_loss, 12)
    study = native_study(lambda: optuna.samplers.QMCSampler(qmc_type="halton", scramble=True, seed=SEED))
    assert kit.configs(trials) == native_configs(study, suggest_flat, kit.flat_loss, 12)


@pytest.mark.parametrize("optimizer_class", [OptunaTPE, OptunaCMAES])
def test_failures_are_optunas_own(kit: Any, optimizer_class: Any) -> None:
    """A native objective that raises leaves a FAIL trial: the model goes on as if it had not been."""

    def evaluate(config: dict[str, Any]) -> Any:
        failed = config["layers"] > 6
        return Result(status=Status.CRASHED, losses=(99.0,)) if failed else kit.succeed(kit.flat_loss(config))

    problem = kit.problem(kit.numeric_space())
    trials = kit.drive(optimizer_class(problem, SEED), problem, evaluate, 40)

    study, native = native_study(SAMPLERS[optimizer_class]), []
    for _ in range(40):
        trial = study.ask()
        native.append(suggest_numeric(trial))
        if native[-1]["layers"] > 6:
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
        else:
            study.tell(trial, kit.flat_loss(native[-1]))
    assert kit.configs(trials) == native


@pytest.mark.parametrize("optimizer_class", [*FLAT, OptunaCMAES])
def test_pending_trials(kit: Any, optimizer_class: Any) -> None:
    problem = kit.problem(kit.numeric_space())
    optimizer = optimizer_class(problem, SEED)
    kit.drive(optimizer, problem, kit.flat_loss, 12)
    pending = [optimizer.ask() for _ in range(3)]
    assert len({tuple(trial.config.values()) for trial in pending}) == 3
    for trial in reversed(pending):
        optimizer.tell(trial, kit.succeed(kit.flat_loss(trial.config)))
    kit.drive(optimizer, problem, kit.flat_loss, 1)


@pytest.mark.parametrize("variant", ["full", "separable", "margin", "lr-adapt"])
def test_variants_of_cmaes(kit: Any, variant: Any) -> None:
    problem = kit.problem(kit.numeric_space())
    trials = kit.drive(OptunaCMAES(problem, SEED, variant=variant, popsize=5), problem, kit.flat_loss, 60)
    losses = [kit.flat_loss(trial.config) for trial in trials]
    assert min(losses[30:]) < min(losses[:30])


def test_choices_keep_their_types(kit: Any) -> None:
    space = ConfigurationSpace()
    space.add(Categorical("flag", [True, False]), Categorical("rate", [0.1, 0.5]), Categorical("depth", [1, 2, 3]))
    problem = kit.problem(space)
    trials = kit.drive(OptunaTPE(problem, SEED), problem, lambda config: config["rate"], 20)
    kinds = {name: {type(trial.config[name]) for trial in trials} for name in space}
    assert kinds == {"flag": {bool}, "rate": {float}, "depth": {int}}


def test_says_nothing_and_leaves_the_users_verbosity(kit: Any, caplog: pytest.LogCaptureFixture) -> None:
    optuna.logging.set_verbosity(optuna.logging.INFO)
    optuna.logging.enable_propagation()
    try:
        with caplog.at_level(logging.DEBUG), warnings.catch_warnings():
            warnings.simplefilter("error")
            for optimizer_class in SAMPLERS:
                problem = kit.problem(kit.numeric_space())
                kit.drive(optimizer_class(problem, SEED), problem, kit.flat_loss, 3)
        assert not [record for record in caplog.records if record.name.startswith("optuna")]
        assert optuna.logging.get_verbosity() == optuna.logging.INFO
    finally:
        optuna.logging.disable_propagation()
