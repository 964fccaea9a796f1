"""BOHB proposes what it proposes in the library's own sequential loop."""

from __future__ import annotations

import warnings
from typing import Any

import blackboxopt
import parameterspace as ps
import pytest
from blackboxopt.optimization_loops.sequential import run_optimization_loop
from blackboxopt.optimizers.bohb import BOHB

from optathlon import Fidelity, Result, Status
from optathlon.optimizers.blackboxopt import BlackboxoptBOHB

SEED = 11
EARLY: dict[str, Any] = {"min_samples_in_model": 7, "num_samples": 20}
"""A model within one bracket."""
LEVELS = Fidelity("epochs", 1, 9, "int", resumable=True)


def flat_space() -> Any:
    """As its users write it, in ConfigSpace's (alphabetical) order."""
    space = ps.ParameterSpace()
    space.add(ps.CategoricalParameter("activation", ["relu", "tanh", "gelu"]))
    space.add(ps.IntegerParameter("layers", (1, 10)))
    space.add(ps.ContinuousParameter("learning_rate", (1e-4, 0.3), transformation="log"))
    space.add(ps.ContinuousParameter("momentum", (0.1, 0.8)))
    space.add(ps.OrdinalParameter("size", ["s", "m", "l"]))
    space.add(ps.IntegerParameter("units", (8, 1024), transformation="log"))
    return space


def conditional_space(names: Any) -> Any:
    parameters = {
        "model": (ps.CategoricalParameter("model", ["svm", "forest"]), None),
        "cost": (ps.ContinuousParameter("cost", (1e-3, 1e3), transformation="log"), lambda model: model == "svm"),
        "kernel": (ps.CategoricalParameter("kernel", ["rbf", "poly"]), lambda model: model == "svm"),
        "trees": (ps.IntegerParameter("trees", (10, 500), transformation="log"), lambda model: model == "forest"),
        "degree": (ps.IntegerParameter("degree", (2, 5)), lambda kernel: kernel == "poly"),
        "depth": (ps.IntegerParameter("depth", (1, 20)), lambda trees: trees > 50),
    }
    space = ps.ParameterSpace()
    for name in names:
        space.add(*parameters[name])
    return space


def native_trials(space: Any, loss: Any, n: int, **settings: Any) -> Any:
    found = []

    def evaluate(specification: Any) -> Any:
        config, level = dict(specification.configuration), specification.settings["fidelity"]
        found.append((config, level))
        return specification.create_evaluation(objectives={"loss": loss(config, level)})

    objective = blackboxopt.Objective("loss", greater_is_better=False)
    bohb = BOHB(space, objective, min_fidelity=1, max_fidelity=9, num_iterations=1000, seed=SEED, **settings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run_optimization_loop(bohb, evaluate, max_evaluations=n)
    return found


def levelled(loss: Any) -> Any:
    """A loss that changes its order with the level."""
    return lambda config, level: loss(config) + len(str(sorted(config.items()))) % 7 / level


@pytest.mark.parametrize(
    "settings",
    [{}, {"eta": 2, "top_n_percent": 30, "num_samples": 16, "random_fraction": 0.1, "min_samples_in_model": 7}],
)
def test_native_on_a_flat_space(kit: Any, settings: Any) -> None:
    n = 60
    native = native_trials(flat_space(), levelled(kit.flat_loss), n, **settings)
    problem = kit.problem(kit.flat_space(), fidelity=Fidelity("epochs", 1, 9))

    def loss(config: dict[str, Any], level: float) -> Any:
        return levelled(kit.flat_loss)({name: value for name, value in config.items() if name != "version"}, level)

    optimizer = BlackboxoptBOHB(problem, SEED, **settings)
    trials = kit.drive_levels(optimizer, problem, loss, n)
    found = [{name: value for name, value in trial.config.items() if name != "version"} for trial in trials]
    assert list(zip(found, [trial.fidelity for trial in trials], strict=True)) == native
    assert optimizer._bohb.config_sampler.kde_models


def test_native_on_a_conditional_space(kit: Any) -> None:
    problem = kit.problem(kit.conditional_space(), fidelity=Fidelity("epochs", 1, 9))
    native = native_trials(conditional_space(list(problem.space)), levelled(kit.conditional_loss), 45, **EARLY)
    optimizer = BlackboxoptBOHB(problem, SEED, **EARLY)
    trials = kit.drive_levels(optimizer, problem, levelled(kit.conditional_loss), 45)
    assert [(dict(trial.config), trial.fidelity) for trial in trials] == native
    assert optimizer._bohb.config_sampler.kde_models


def test_continued_trials(kit: Any) -> None:
    problem = kit.problem(kit.flat_space(), fidelity=LEVELS)
    trials = kit.drive_levels(BlackboxoptBOHB(problem, SEED), problem, levelled(kit.flat_loss), 40)
    assert [trial.fidelity for trial in trials[:13]] == [1] * 9 + [3] * 3 + [9]
    assert [trial.parent is None for trial in trials[:13]] == [True] * 9 + [False] * 4
    for trial in trials:
        if trial.parent is not None:
            assert trials[trial.parent].config == trial.config
            assert trials[trial.parent].fidelity < trial.fidelity


def test_failures_are_not_promoted(kit: Any) -> None:
    def evaluate(config: dict[str, Any], level: float) -> Any:
        failed = config["layers"] > 3
        return Result(status=Status.CRASHED, losses=(99.0,)) if failed else kit.succeed(kit.flat_loss(config))

    problem = kit.problem(kit.flat_space(), fidelity=LEVELS)
    trials = kit.drive_levels(BlackboxoptBOHB(problem, SEED), problem, evaluate, 30)
    assert all(trial.config["layers"] <= 3 for trial in trials if trial.parent is not None)


def test_another_bracket_begins_while_one_waits(kit: Any) -> None:
    problem = kit.problem(kit.flat_space(), fidelity=LEVELS)
    optimizer = BlackboxoptBOHB(problem, SEED)
    assert [optimizer.ask().fidelity for _ in range(14)] == [1] * 9 + [3] * 5


@pytest.mark.parametrize("seed", [0, 3])
def test_same_seed_while_others_draw(kit: Any, seed: int) -> None:
    import numpy as np

    def sequence(disturbance: int) -> Any:
        np.random.seed(disturbance)
        problem = kit.problem(kit.numeric_space(), fidelity=LEVELS)
        return kit.configs(kit.drive(BlackboxoptBOHB(problem, seed, **EARLY), problem, kit.flat_loss, 30))

    state = np.random.get_state()
    try:
        assert sequence(1) == sequence(2)
    finally:
        np.random.set_state(state)
