"""Ax through the adapter against Ax's `Client` as its quickstart calls it, and its hold on the global generators."""

from __future__ import annotations

import logging
import math
import random
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from ConfigSpace import (
    Categorical,
    ConfigurationSpace,
    EqualsCondition,
    Float,
    GreaterThanCondition,
    InCondition,
    Integer,
    OrConjunction,
)
from disturbance import disturbed

from optathlon import Constraint, Objective, Result, Status
from optathlon.optimizers.ax import Ax, _dependents

torch = pytest.importorskip("torch", reason="the extra 'ax' is not installed")
pytest.importorskip("ax", reason="the extra 'ax' is not installed")
pytestmark = pytest.mark.torch

SEED = 11
INITIAL = 4
TRIALS = 6


def small_space() -> Any:
    space = ConfigurationSpace()
    space.add(
        Categorical("activation", ["relu", "tanh", "gelu"]),
        Integer("layers", (1, 10)),
        Float("learning_rate", (1e-4, 0.3), log=True),
        Categorical("size", ["s", "m", "l"], ordered=True),
    )
    return space


def small_loss(config: Any) -> float:
    loss = (math.log10(config["learning_rate"]) + 2) ** 2 + abs(config["layers"] - 4) / 5
    return loss + {"relu": 0.0, "tanh": 1.0, "gelu": 0.5}[config["activation"]] + len(config["size"]) * 0.1


def parameters() -> Any:
    from ax.api.configs import ChoiceParameterConfig, RangeParameterConfig

    return [
        ChoiceParameterConfig("activation", ["relu", "tanh", "gelu"], parameter_type="str", is_ordered=False),
        RangeParameterConfig("layers", (1, 10), parameter_type="int"),
        RangeParameterConfig("learning_rate", (1e-4, 0.3), parameter_type="float", scaling="log"),
        ChoiceParameterConfig("size", ["s", "m", "l"], parameter_type="str", is_ordered=True),
    ]


def conditional_parameters() -> Any:
    from ax.api.configs import ChoiceParameterConfig, RangeParameterConfig

    return [
        ChoiceParameterConfig(
            "model",
            ["svm", "forest"],
            parameter_type="str",
            is_ordered=False,
            dependent_parameters={"svm": ["cost", "kernel"], "forest": ["trees", "depth"]},
        ),
        RangeParameterConfig("cost", (1e-3, 1e3), parameter_type="float", scaling="log"),
        ChoiceParameterConfig(
            "kernel",
            ["rbf", "poly"],
            parameter_type="str",
            is_ordered=False,
            dependent_parameters={"poly": ["degree"]},
        ),
        RangeParameterConfig("trees", (10, 500), parameter_type="int", scaling="log"),
        RangeParameterConfig("degree", (2, 5), parameter_type="int"),
        RangeParameterConfig("depth", (1, 20), parameter_type="int"),
    ]


def native_configs(parameters: Any, objective: str, constraints: Any, evaluate: Any, n: int = TRIALS) -> Any:
    from ax.api.client import Client

    torch.manual_seed(SEED)
    client = Client(random_seed=SEED)
    client.configure_experiment(parameters=parameters)
    client.configure_optimization(objective=objective, outcome_constraints=constraints)
    client.configure_generation_strategy(initialization_budget=INITIAL)
    configs: list[Any] = []
    while len(configs) < n:
        for index, config in client.get_next_trials(max_trials=1).items():
            configs.append(config)
            client.complete_trial(trial_index=index, raw_data=evaluate(config))
    return configs


def states() -> Any:
    numpy: Any = np.random.get_state()
    return random.getstate(), numpy[1].tolist(), torch.get_rng_state().tolist()


def assert_same(kit: Any, trials: Any, expected: Any) -> None:
    for trial, config in zip(trials, expected, strict=True):
        assert kit.same(trial.config, {name: config[name] for name in trial.config})


def test_native(kit: Any) -> None:
    problem = kit.problem(small_space())
    trials = kit.drive(disturbed(Ax(problem, SEED, n_initial=INITIAL)), problem, small_loss, TRIALS)
    assert_same(kit, trials, native_configs(parameters(), "-loss", [], lambda config: {"loss": small_loss(config)}))


@pytest.mark.slow
def test_native_conditions(kit: Any) -> None:
    problem = kit.problem(kit.conditional_space())
    trials = kit.drive(disturbed(Ax(problem, SEED, n_initial=INITIAL)), problem, kit.conditional_loss, 8)

    def evaluate(config: Any) -> Any:
        active = {name: value for name, value in config.items() if name != "depth" or config["trees"] > 50}
        return {"loss": kit.conditional_loss(active)}

    assert_same(kit, trials, native_configs(conditional_parameters(), "-loss", [], evaluate, 8))


@pytest.mark.slow
def test_native_constraint(kit: Any) -> None:
    def result(config: Any) -> Any:
        return Result(losses=(small_loss(config),), constraints=(config["layers"] - 5.0,))

    problem = replace(kit.problem(small_space()), constraints=(Constraint("c"),))
    trials = kit.drive(disturbed(Ax(problem, SEED, n_initial=INITIAL)), problem, result, TRIALS)
    expected = native_configs(
        parameters(),
        "-loss",
        ["c <= 0"],
        lambda config: {"loss": small_loss(config), "c": config["layers"] - 5.0},
    )
    assert_same(kit, trials, expected)


@pytest.mark.slow
def test_native_several_objectives(kit: Any) -> None:
    """The reference of a maximised objective is told as a loss. Ax sorts metrics, and depends on the order."""
    objectives = (Objective("loss", reference=20.0), Objective("speed", "maximize", reference=-9.0))
    problem = replace(kit.problem(small_space()), objectives=objectives)

    def losses(config: Any) -> Any:
        return small_loss(config), float(config["layers"])

    trials = kit.drive(disturbed(Ax(problem, SEED, n_initial=INITIAL)), problem, losses, TRIALS)
    expected = native_configs(
        parameters(),
        "-loss, -slowness",
        ["loss <= 20.0", "slowness <= 9.0"],
        lambda config: dict(zip(("loss", "slowness"), losses(config), strict=True)),
    )
    assert_same(kit, trials, expected)


def test_waits_while_its_design_is_pending(kit: Any) -> None:
    optimizer: Any = Ax(kit.problem(small_space(), n_workers=9), SEED, n_initial=3)
    trials = [optimizer.ask() for _ in range(3)]
    assert optimizer.ask() is None
    for trial in trials:
        optimizer.tell(trial, kit.succeed(small_loss(trial.config)))
    assert optimizer.ask() is not None


def test_failed_trials_are_marked(kit: Any) -> None:
    optimizer: Any = Ax(kit.problem(small_space()), SEED)
    trial = optimizer.ask()
    optimizer.tell(trial, Result(status=Status.CRASHED, losses=(9.0,)))
    assert optimizer._client.summarize()["trial_status"].tolist() == ["FAILED"]


def test_conditions_that_are_no_dependents_are_left_out() -> None:
    space = ConfigurationSpace()
    kind = Categorical("kind", ["a", "b", "c"])
    only = Categorical("only", ["x"])
    number = Integer("number", (1, 9))
    below, deep, either, of_two, under_one = (Float(f"{name}", (0, 1)) for name in ("p", "q", "r", "s", "t"))
    space.add(kind, only, number, below, deep, either, of_two, under_one)
    space.add(
        EqualsCondition(number, kind, "a"),
        GreaterThanCondition(below, number, 4),
        EqualsCondition(deep, only, "x"),
        OrConjunction(EqualsCondition(either, kind, "a"), EqualsCondition(either, number, 3)),
        InCondition(of_two, kind, ["a", "b"]),
        InCondition(under_one, kind, ["c"]),
    )
    assert _dependents(space) == {"kind": {0: ["number", "p"], 2: ["t"]}}


def test_leaves_generators_threads_and_logging_alone(kit: Any) -> None:
    problem = kit.problem(small_space())
    torch.set_num_threads(2)
    before = states()
    kit.drive(Ax(problem, SEED, n_initial=2), problem, small_loss, 3)
    assert states() == before
    assert torch.get_num_threads() == 2
    assert logging.root.manager.disable == logging.NOTSET
    torch.set_num_threads(1)
