"""Hyperopt through the adapter against `fmin`, on the spaces that its users write."""

from __future__ import annotations

import math
import random
from functools import partial
from typing import Any

import numpy as np
import pytest
from ConfigSpace import (
    AndConjunction,
    Categorical,
    ConfigurationSpace,
    EqualsCondition,
    Float,
    InCondition,
    Integer,
)
from hyperopt import STATUS_FAIL, STATUS_OK, anneal, fmin, hp, tpe

from optathlon import Result, Status
from optathlon.optimizers.hyperopt import HyperoptAnnealing, HyperoptTPE

SEED = 11
BOTH = [HyperoptTPE, HyperoptAnnealing]
NATIVE = {HyperoptTPE: tpe.suggest, HyperoptAnnealing: anneal.suggest}


def native_flat() -> Any:
    return {
        "activation": hp.choice("activation", ["relu", "tanh", "gelu"]),
        "layers": hp.uniformint("layers", 1, 10),
        "learning_rate": hp.loguniform("learning_rate", math.log(1e-4), math.log(0.3)),
        "momentum": hp.uniform("momentum", 0.1, 0.8),
        "size": hp.uniformint("size", 0, 2),
        "units": hp.qloguniform("units", math.log(8), math.log(1024), 1),
    }


def flat(config: Any) -> Any:
    return config | {"size": ["s", "m", "l"][config["size"]], "units": int(config["units"]), "version": 3}


def nested_space() -> Any:
    """Two levels of choices, and a hyperparameter of two options."""
    space = ConfigurationSpace()
    model = Categorical("model", ["svm", "forest", "boosting"])
    kernel = Categorical("kernel", ["rbf", "poly"])
    cost = Float("cost", (1e-3, 1e3), log=True)
    degree = Integer("degree", (2, 5))
    trees = Integer("trees", (10, 500), log=True)
    rate = Float("rate", (0.01, 1), log=True)
    space.add(model, kernel, cost, degree, trees, rate, Float("share", (0.1, 1)))
    space.add(
        EqualsCondition(cost, model, "svm"),
        EqualsCondition(kernel, model, "svm"),
        AndConjunction(EqualsCondition(degree, model, "svm"), EqualsCondition(degree, kernel, "poly")),
        InCondition(trees, model, ["forest", "boosting"]),
        EqualsCondition(rate, model, "boosting"),
    )
    return space


def native_nested() -> Any:
    trees = hp.qloguniform("trees", math.log(10), math.log(500), 1)
    kernel = hp.choice("kernel", [{"kernel": "rbf"}, {"kernel": "poly", "degree": hp.uniformint("degree", 2, 5)}])
    svm = {"model": "svm", "cost": hp.loguniform("cost", math.log(1e-3), math.log(1e3)), "of_kernel": kernel}
    rate = hp.loguniform("rate", math.log(0.01), 0)
    models = [svm, {"model": "forest", "trees": trees}, {"model": "boosting", "trees": trees, "rate": rate}]
    return {"of_model": hp.choice("model", models), "share": hp.uniform("share", 0.1, 1)}


def flat_of_nested(config: dict[str, Any]) -> Any:
    found: dict[str, Any] = {}
    for name, value in config.items():
        found |= flat_of_nested(value) if isinstance(value, dict) else {name: value}
    return found


def nested_loss(config: dict[str, Any]) -> Any:
    loss = {"svm": 0.0, "forest": 0.2, "boosting": 0.1}[config["model"]] + (config["share"] - 0.6) ** 2
    if config["model"] == "svm":
        return loss + (math.log10(config["cost"]) - 1) ** 2 + 0.05 * config.get("degree", 4)
    return loss + (math.log10(config["trees"]) - 2) ** 2 + abs(config.get("rate", 0.5) - 0.3)


def native_configs(algorithm: Any, space: Any, translate: Any, loss: Any, n: int) -> Any:
    configs = []

    def evaluate(config: Any) -> Any:
        configs.append(translate(config))
        return loss(configs[-1])

    fmin(evaluate, space, algorithm, n, rstate=np.random.default_rng(SEED), verbose=False, show_progressbar=False)
    return configs


def same(trials: Any, native: Any) -> bool:
    return all(dict(trial.config) == config for trial, config in zip(trials, native, strict=True))


@pytest.mark.parametrize("optimizer_class", BOTH)
def test_native_on_a_flat_space(kit: Any, optimizer_class: Any) -> None:
    problem = kit.problem(kit.flat_space())
    trials = kit.drive(optimizer_class(problem, SEED), problem, kit.flat_loss, 45)
    assert same(trials, native_configs(NATIVE[optimizer_class], native_flat(), flat, kit.flat_loss, 45))


@pytest.mark.parametrize("optimizer_class", BOTH)
def test_native_on_nested_choices(kit: Any, optimizer_class: Any) -> None:
    problem = kit.problem(nested_space())
    trials = kit.drive(optimizer_class(problem, SEED), problem, nested_loss, 45)
    native = native_configs(NATIVE[optimizer_class], native_nested(), flat_of_nested, nested_loss, 45)
    assert same(trials, native)
    assert {config["model"] for config in kit.configs(trials)} == {"svm", "forest", "boosting"}
    assert any("degree" in config for config in native)


def test_native_options(kit: Any) -> None:
    problem = kit.problem(kit.flat_space())
    optimizer = HyperoptTPE(problem, SEED, n_startup_jobs=5, n_ei_candidates=7, gamma=0.5)
    algorithm = partial(tpe.suggest, n_startup_jobs=5, n_EI_candidates=7, gamma=0.5)
    native = native_configs(algorithm, native_flat(), flat, kit.flat_loss, 15)
    assert same(kit.drive(optimizer, problem, kit.flat_loss, 15), native)
    annealing = HyperoptAnnealing(problem, SEED, avg_best_idx=4, shrink_coef=0.5)
    algorithm = partial(anneal.suggest, avg_best_idx=4.0, shrink_coef=0.5)
    native = native_configs(algorithm, native_flat(), flat, kit.flat_loss, 15)
    assert same(kit.drive(annealing, problem, kit.flat_loss, 15), native)


@pytest.mark.parametrize("optimizer_class", BOTH)
def test_failures_are_hyperopts_own(kit: Any, optimizer_class: Any) -> None:
    def evaluate(config: dict[str, Any]) -> Any:
        failed = config["layers"] > 6
        return Result(status=Status.CRASHED, losses=(99.0,)) if failed else kit.succeed(kit.flat_loss(config))

    def native_loss(config: dict[str, Any]) -> Any:
        if config["layers"] > 6:
            return {"status": STATUS_FAIL}
        return {"status": STATUS_OK, "loss": kit.flat_loss(config)}

    problem = kit.problem(kit.flat_space())
    trials = kit.drive(optimizer_class(problem, SEED), problem, evaluate, 35)
    assert same(trials, native_configs(NATIVE[optimizer_class], native_flat(), flat, native_loss, 35))


@pytest.mark.parametrize("optimizer_class", BOTH)
def test_learns_nothing_of_what_was_inactive(kit: Any, optimizer_class: Any) -> None:
    """`depth` depends on a number, which Hyperopt's spaces can't express."""
    problem = kit.problem(kit.conditional_space())
    optimizer = optimizer_class(problem, SEED)
    trials = kit.drive(optimizer, problem, kit.conditional_loss, 45)
    for trial, document in zip(trials, optimizer._trials.trials, strict=True):
        for filled in (document["misc"]["vals"], document["misc"]["idxs"]):
            assert {name for name, values in filled.items() if values} == set(trial.config)
    depths = [trial.config for trial in trials if trial.config["model"] == "forest"]
    assert {"depth" in config for config in depths} == {True, False}


@pytest.mark.parametrize("optimizer_class", BOTH)
def test_pending_trials_are_the_worst(kit: Any, optimizer_class: Any) -> None:
    problem = kit.problem(kit.flat_space())
    optimizer = optimizer_class(problem, SEED)
    kit.drive(optimizer, problem, kit.flat_loss, 25)
    pending = [optimizer.ask() for _ in range(3)]
    assert len({tuple(trial.config.values()) for trial in pending}) == 3
    assert [document["result"].get("loss") for document in optimizer._trials.trials[-3:]] == [None] * 3
    for trial in reversed(pending):
        optimizer.tell(trial, kit.succeed(kit.flat_loss(trial.config)))
    kit.drive(optimizer, problem, kit.flat_loss, 1)


@pytest.mark.parametrize("optimizer_class", BOTH)
def test_repeats_itself_while_others_draw(kit: Any, optimizer_class: Any) -> None:
    def disturbing(config: dict[str, Any]) -> Any:
        np.random.seed()
        random.seed()
        return kit.flat_loss(config)

    problem = kit.problem(kit.flat_space())
    first, second = (kit.drive(optimizer_class(problem, SEED), problem, disturbing, 25) for _ in range(2))
    assert kit.configs(first) == kit.configs(second)
