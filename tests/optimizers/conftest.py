"""Spaces, objectives and the ask/tell loop that the tests of all adapters share."""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from ConfigSpace import (
    AndConjunction,
    Categorical,
    ConfigurationSpace,
    Constant,
    EqualsCondition,
    Float,
    ForbiddenAndConjunction,
    ForbiddenEqualsClause,
    GreaterThanCondition,
    Integer,
)

from optathlon import Budget, Fidelity, Objective, Problem, Result
from optathlon.space import active_checker


def flat_space(activation: Any = "relu") -> Any:
    space = ConfigurationSpace()
    space.add(
        Categorical("activation", ["relu", "tanh", "gelu"], default=activation),
        Float("learning_rate", (1e-4, 0.3), log=True),
        Float("momentum", (0.1, 0.8)),
        Integer("layers", (1, 10)),
        Integer("units", (8, 1024), log=True),
        Categorical("size", ["s", "m", "l"], ordered=True),
        Constant("version", 3),
    )
    return space


def numeric_space() -> Any:
    space = ConfigurationSpace()
    space.add(
        Float("learning_rate", (1e-4, 0.3), log=True),
        Float("momentum", (0.1, 0.8)),
        Integer("layers", (1, 10)),
        Integer("units", (8, 1024), log=True),
    )
    return space


def conditional_space() -> Any:
    """Two levels of conditions: `degree` needs model=svm and kernel=poly."""
    space = ConfigurationSpace()
    model = Categorical("model", ["svm", "forest"])
    kernel = Categorical("kernel", ["rbf", "poly"])
    cost = Float("cost", (1e-3, 1e3), log=True)
    degree = Integer("degree", (2, 5))
    trees = Integer("trees", (10, 500), log=True)
    depth = Integer("depth", (1, 20))
    space.add(model, kernel, cost, degree, trees, depth)
    space.add(
        EqualsCondition(cost, model, "svm"),
        EqualsCondition(kernel, model, "svm"),
        AndConjunction(EqualsCondition(degree, model, "svm"), EqualsCondition(degree, kernel, "poly")),
        EqualsCondition(trees, model, "forest"),
        GreaterThanCondition(depth, trees, 50),
    )
    return space


def forbidden_space() -> Any:
    """The flat space without relu at fewer than eight layers: most of a third of it."""
    space = flat_space(activation="tanh")  # the default configuration must be allowed
    for layers in range(1, 8):
        space.add(
            ForbiddenAndConjunction(
                ForbiddenEqualsClause(space["activation"], "relu"), ForbiddenEqualsClause(space["layers"], layers)
            )
        )
    return space


def flat_loss(config: dict[str, Any]) -> Any:
    """Smooth, deterministic, best near the middle; defined on the flat, forbidden and numeric spaces."""
    loss = (math.log10(config["learning_rate"]) + 2) ** 2 + (config["momentum"] - 0.3) ** 2
    loss += abs(config["layers"] - 4) / 5 + (math.log2(config["units"]) - 6) ** 2 / 4
    loss += {"relu": 0.0, "tanh": 1.0, "gelu": 0.5}[config.get("activation", "relu")]
    return loss + {"s": 1.0, "m": 0.0, "l": 0.7}[config.get("size", "m")]


def conditional_loss(config: dict[str, Any]) -> Any:
    if config["model"] == "svm":
        return (math.log10(config["cost"]) - 1) ** 2 + (0.5 if config["kernel"] == "rbf" else 0.1 * config["degree"])
    return (math.log10(config["trees"]) - 2) ** 2 + 0.05 * config.get("depth", 10)


def two_losses(config: dict[str, Any]) -> Any:
    """Small networks against good ones."""
    return flat_loss(config), math.log2(config["units"])


def make_problem(space: Any, *, budget: Any = 20, objectives: Any = 1, **rest: Any) -> Any:
    names = [Objective(f"f{index}") for index in range(objectives)]
    return Problem(space, objectives=tuple(names), budget=Budget(budget), **rest)


def succeed(*losses: Any, **rest: Any) -> Any:
    return Result(values=losses, losses=losses, **rest)


def drive(optimizer: Any, problem: Any, objective: Any, n: int) -> Any:
    """Ask and tell `n` times as the harness does, checking every proposal; the trials with their active values.

    `objective` maps a configuration to a loss, a tuple of losses or a `Result`.
    """
    return drive_levels(optimizer, problem, lambda config, level: objective(config), n)


def drive_levels(optimizer: Any, problem: Any, objective: Any, n: int) -> Any:
    """As `drive`, but `objective` maps a configuration and its level."""
    check = active_checker(problem.space)
    trials = []
    for index in range(n):
        proposed = optimizer.ask()
        trial = replace(proposed, id=index, config=check(proposed.config))
        result = objective(trial.config, trial.fidelity)
        if not isinstance(result, Result):
            result = succeed(*result) if isinstance(result, tuple) else succeed(result)
        optimizer.tell(trial, result)
        trials.append(trial)
    return trials


def configs(trials: Any) -> Any:
    return [dict(trial.config) for trial in trials]


def same(config: dict[str, Any], expected: Any) -> Any:
    """Equal but for rounding: HEBO computes in single precision and maps its space there and back."""
    return config.keys() == expected.keys() and all(
        math.isclose(config[name], value, rel_tol=1e-6) if isinstance(value, float) else config[name] == value
        for name, value in expected.items()
    )


@pytest.fixture
def kit() -> Any:
    """The helpers above, for test modules, which can't import a conftest."""
    return SimpleNamespace(
        conditional_loss=conditional_loss,
        conditional_space=conditional_space,
        configs=configs,
        drive=drive,
        drive_levels=drive_levels,
        flat_loss=flat_loss,
        flat_space=flat_space,
        forbidden_space=forbidden_space,
        levels=Fidelity("epochs", 1, 9, "int", resumable=True),
        numeric_space=numeric_space,
        problem=make_problem,
        same=same,
        succeed=succeed,
        two_losses=two_losses,
    )
