"""FLAML's searchers through the adapter against its `tune.run`, on the spaces that its users write."""

from __future__ import annotations

import logging
import math
import random
import sys
import warnings
from itertools import count
from typing import Any

import numpy as np
import pytest
from ConfigSpace import Categorical, ConfigurationSpace, EqualsCondition, Float, InCondition, Integer

from optathlon import Capability, Result, Status
from optathlon.optimizers.flaml import FlamlBlendSearch, FlamlCFO, FlamlCFOCat, _searchers
from optathlon.space import plain

SEED = 11
ALL = [FlamlCFO, FlamlCFOCat, FlamlBlendSearch]
N = 60


@pytest.fixture(scope="module")
def tune() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _searchers()  # imports FLAML without Ray
    from flaml import tune

    return tune


def native_configs(tune: Any, optimizer_class: Any, space: Any, translate: Any, loss: Any, **settings: Any) -> Any:
    """`loss` gives what the evaluation reports to FLAML."""
    configs: list[Any] = []

    def evaluate(config: Any) -> Any:
        configs.append(translate(config))
        return loss(configs[-1])

    searcher = _searchers()[optimizer_class._searcher_name](
        metric="loss", mode="min", space=space, seed=SEED, **settings
    )
    optuna = logging.getLogger("optuna")
    optuna.setLevel(logging.WARNING)
    tune.run(evaluate, config=space, metric="loss", mode="min", search_alg=searcher, num_samples=N, use_ray=False)
    return configs


def flat(tune: Any) -> Any:
    return {
        "activation": tune.choice(["relu", "tanh", "gelu"]),
        "layers": tune.randint(1, 11),
        "learning_rate": tune.loguniform(1e-4, 0.3),
        "momentum": tune.uniform(0.1, 0.8),
        "size": tune.choice([0, 1, 2]),
        "units": tune.lograndint(8, 1025),
    }


def of_flat(config: Any) -> Any:
    found: dict[str, Any] = {name: plain(value) for name, value in config.items()}
    return found | {"size": ["s", "m", "l"][found["size"]], "version": 3}


def nested_space() -> Any:
    space = ConfigurationSpace()
    model = Categorical("model", ["svm", "forest", "boosting"])
    kernel = Categorical("kernel", ["rbf", "poly"])
    cost = Float("cost", (1e-3, 1e3), log=True)
    degree = Integer("degree", (2, 5))
    trees = Integer("trees", (10, 500), log=True)
    space.add(model, kernel, cost, degree, trees, Float("share", (0.1, 1)))
    space.add(
        EqualsCondition(cost, model, "svm"),
        EqualsCondition(kernel, model, "svm"),
        EqualsCondition(degree, kernel, "poly"),
        InCondition(trees, model, ["forest", "boosting"]),
    )
    return space


def nested(tune: Any) -> Any:
    kernel = tune.choice([{"name": "rbf"}, {"name": "poly", "degree": tune.randint(2, 6)}])
    svm = {"name": "svm", "cost": tune.loguniform(1e-3, 1e3), "kernel": kernel}
    forest = {"name": "forest", "trees": tune.lograndint(10, 501)}
    boosting = {"name": "boosting", "trees": tune.lograndint(10, 501)}
    return {"model": tune.choice([svm, forest, boosting]), "share": tune.uniform(0.1, 1)}


def of_nested(config: Any) -> Any:
    model = {name: plain(value) for name, value in config["model"].items() if name != "kernel"}
    found = {"share": plain(config["share"]), "model": model.pop("name")} | model
    if found["model"] == "svm":
        kernel = dict(config["model"]["kernel"])
        found |= {"kernel": kernel.pop("name")} | kernel
    return found


def nested_loss(config: dict[str, Any]) -> Any:
    loss = {"svm": 0.0, "forest": 0.2, "boosting": 0.1}[config["model"]] + (config["share"] - 0.6) ** 2
    if config["model"] == "svm":
        return loss + (math.log10(config["cost"]) - 1) ** 2 + 0.1 * config.get("degree", 4)
    return loss + (math.log10(config["trees"]) - 2) ** 2


@pytest.mark.parametrize("optimizer_class", ALL)
def test_native_on_a_flat_space(kit: Any, tune: Any, optimizer_class: Any) -> None:
    problem = kit.problem(kit.flat_space(), budget=N)
    trials = kit.drive(optimizer_class(problem, SEED), problem, kit.flat_loss, N)
    native = native_configs(tune, optimizer_class, flat(tune), of_flat, lambda one: {"loss": kit.flat_loss(one)})
    assert kit.configs(trials) == native


@pytest.mark.parametrize("optimizer_class", ALL)
def test_native_on_nested_choices(kit: Any, tune: Any, optimizer_class: Any) -> None:
    problem = kit.problem(nested_space(), budget=N)
    trials = kit.drive(optimizer_class(problem, SEED), problem, nested_loss, N)
    native = native_configs(tune, optimizer_class, nested(tune), of_nested, lambda one: {"loss": nested_loss(one)})
    assert kit.configs(trials) == native


@pytest.mark.parametrize("optimizer_class", ALL)
def test_constraints_are_not_declared(kit: Any, tune: Any, optimizer_class: Any) -> None:
    """With `x >= 0.5` FLAML's own loop ends up below it as without: what FLOW2 is told first is not penalised."""
    assert Capability.CONSTRAINTS not in optimizer_class.capabilities

    def report(config: dict[str, Any]) -> Any:
        return {"loss": config["x"], "c": 100 * (0.5 - config["x"])}

    space = {"x": tune.uniform(0, 1), "y": tune.uniform(0, 1)}
    native = native_configs(tune, optimizer_class, space, dict, report, metric_constraints=[("c", "<=", 0)])
    assert sum(config["x"] < 0.5 for config in native[N // 2 :]) > N / 4


@pytest.mark.parametrize("optimizer_class", ALL)
def test_failures_and_pending_trials(kit: Any, optimizer_class: Any) -> None:
    numbers = count()

    def evaluate(config: dict[str, Any]) -> Any:
        failed = next(numbers) % 3 == 0
        return Result(status=Status.CRASHED, losses=(99.0,)) if failed else kit.succeed(kit.flat_loss(config))

    problem = kit.problem(kit.flat_space(), budget=N)
    optimizer = optimizer_class(problem, SEED)
    first = [optimizer.ask() for _ in range(3)]  # before there is any result
    assert len({tuple(trial.config.values()) for trial in first}) == 3
    for trial in reversed(first):
        optimizer.tell(trial, kit.succeed(kit.flat_loss(trial.config)))
    kit.drive(optimizer, problem, evaluate, 40)
    later = [optimizer.ask() for _ in range(3)]
    for trial in reversed(later):
        optimizer.tell(trial, evaluate(trial.config))
    kit.drive(optimizer, problem, evaluate, 1)


@pytest.mark.parametrize("optimizer_class", ALL)
def test_goes_on_when_all_trials_fail(kit: Any, optimizer_class: Any) -> None:
    problem = kit.problem(kit.flat_space(), budget=N)
    failure = Result(status=Status.CRASHED, losses=(1.0,))
    trials = kit.drive(optimizer_class(problem, SEED), problem, lambda config: failure, 10)
    assert len({tuple(trial.config.values()) for trial in trials}) == 10


@pytest.mark.parametrize("optimizer_class", ALL)
def test_repeats_itself_while_others_draw(kit: Any, optimizer_class: Any) -> None:
    def disturbing(config: dict[str, Any]) -> Any:
        np.random.seed()
        random.seed()
        return kit.conditional_loss(config)

    problem = kit.problem(kit.conditional_space(), budget=N)
    first, second = (kit.drive(optimizer_class(problem, SEED), problem, disturbing, 30) for _ in range(2))
    assert kit.configs(first) == kit.configs(second)


def test_says_nothing_and_leaves_ray_alone(kit: Any, caplog: pytest.LogCaptureFixture, tune: Any) -> None:
    ray = sys.modules.get("ray")
    levels = [logging.getLogger(name).level for name in ("flaml", "optuna")]
    with caplog.at_level(logging.DEBUG):
        problem = kit.problem(kit.numeric_space(), budget=N)
        kit.drive(FlamlBlendSearch(problem, SEED), problem, kit.flat_loss, 3)
    assert not [record for record in caplog.records if record.name.startswith(("flaml", "optuna"))]
    assert [logging.getLogger(name).level for name in ("flaml", "optuna")] == levels
    assert sys.modules.get("ray") is ray
