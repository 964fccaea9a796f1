"""Every adapter on awkward spaces and losses: it goes on, or the plan skips it with the reason."""

from __future__ import annotations

import math
from itertools import count
from typing import Any

import pytest
from ConfigSpace import (
    Categorical,
    ConfigurationSpace,
    Constant,
    EqualsCondition,
    Float,
    Integer,
    OrdinalHyperparameter,
)
from roster import CHEAP, CLASSES, early_id, problem_of

from optathlon import Capability, Status, as_task
from optathlon.encoding import tempered
from optathlon.registry.capabilities import mismatch
from optathlon.registry.optimizers import choose_optimizer
from optathlon.running.evaluation import SequentialEvaluator
from optathlon.running.loop import run_loop

TRIALS = 8
"""More than the trials before the first model, and than a population, of what `early_id` gives."""
UNIT = [Float("x", (0, 1))]
SPACES: dict[str, list[Any]] = {
    "constants": [Constant("k", 3), Constant("s", "on")],
    "choices of one value": [Categorical("c", ["a"]), OrdinalHyperparameter("o", ["low"])],
    "an ordinal of one value": [OrdinalHyperparameter("o", ["low"])],
    "one value beside others": [Categorical("c", ["a"]), OrdinalHyperparameter("o", ["low"]), *UNIT],
    "a huge range": [Float("huge", (-1e150, 1e150)), *UNIT],
    "a range beyond single precision": [Float("huge", (-1e40, 1e40)), *UNIT],
    "a huge logarithmic range": [Float("huge", (1e-12, 1e150), log=True), *UNIT],
    "many integers": [Integer("n", (-(10**15), 10**15)), *UNIT],
    "many integers on a logarithmic scale": [Integer("n", (1, 10**15), log=True), *UNIT],
    "a narrow range far from zero": [Float("far", (1e12, 1e12 + 1)), *UNIT],
    "values of all kinds": [
        Categorical("c", ["1", 2, 2.5, None, (1, 2)]),
        OrdinalHyperparameter("o", ["a", 1, 2.5]),
        *UNIT,
    ],
}
ODD_NAMES = ("a:b", "a b", "ünï", "a.b", "1", "__x", "x[0]", "a/b", "lambda", "fidelity", "e,f=g")
LOSSES: dict[str, Any] = {
    "beyond squares": lambda x: 1e160 * (1 + x),
    "up to the largest number": lambda x: 1.7e308 * (2 * x - 1),
    "far apart": lambda x: 1e300 * (x - 0.5) if x < 0.5 else 1e-300 * x,
    "huge and equal": lambda x: 1e300,
    "tiny": lambda x: 5e-324 * round(10 * x),
    "equal": lambda x: 0.0,
}


def outcome_of(name: str, space: list[Any], loss: Any, trials: int = TRIALS) -> Any:
    """Of a short run; `None` where the plan skips it."""
    found = ConfigurationSpace()
    found.add(*space)
    problem = problem_of(name, found)
    constraints = [constraint.name for constraint in problem.constraints]
    names = [*(objective.name for objective in problem.objectives), *constraints]
    task = as_task(
        "awkward/one",
        space=found,
        objectives=problem.objectives,
        fidelity=problem.fidelity,
        constraints=constraints,
        budget=trials,
    )(lambda config: dict.fromkeys(names, loss(config)))
    choice = choose_optimizer(early_id(name))
    if reason := mismatch(choice.cls, task.problem):
        assert "\n" not in reason
        return None
    return run_loop(task.problem, lambda problem: choice.start(problem, 0), SequentialEvaluator(task), count())


@pytest.mark.parametrize("kind", SPACES)
@pytest.mark.parametrize("name", CHEAP)
def test_awkward_spaces(name: str, kind: str) -> None:
    outcome = outcome_of(name, SPACES[kind], lambda config: config.get("x", 1.0))
    if outcome is None:
        return
    assert {trial.status for trial in outcome.trials} == {Status.OK}
    few = len({str(trial.config) for trial in outcome.trials}) == 1
    assert outcome.status is Status.OK or few, f"{outcome.reason}\n{outcome.error}"


@pytest.mark.parametrize("has_conditions", [False, True], ids=["flat", "conditional"])
@pytest.mark.parametrize("name", CHEAP)
def test_any_names(name: str, has_conditions: bool) -> None:
    outcome = outcome_of(name, oddly_named(has_conditions), lambda config: config["x"] + len(config))
    if outcome is None:
        return
    assert outcome.status is Status.OK, f"{outcome.reason}\n{outcome.error}"
    assert {trial.status for trial in outcome.trials} == {Status.OK}


def oddly_named(has_conditions: bool) -> list[Any]:
    """A hyperparameter of each kind for each name that few expect, and `x`; those of one kind depend on another's."""
    switches = [Categorical(f"{name}", ["on", "off"]) for name in ODD_NAMES]
    numbers = [Float(f"{name}~{name}", (0.1, 1.0)) for name in ODD_NAMES]
    conditions = [EqualsCondition(number, switch, "on") for number, switch in zip(numbers, switches, strict=True)]
    return [*UNIT, Integer("n:n", (1, 9)), *switches, *numbers, *(conditions if has_conditions else [])]


@pytest.mark.parametrize("kind", LOSSES)
@pytest.mark.parametrize("name", CHEAP)
def test_awkward_losses(name: str, kind: str) -> None:
    outcome = outcome_of(name, [*UNIT, Float("y", (0, 1))], lambda config: LOSSES[kind](config["x"]))
    assert outcome.status is Status.OK, f"{outcome.reason}\n{outcome.error}"
    assert {trial.status for trial in outcome.trials} == {Status.OK}


@pytest.mark.torch
@pytest.mark.parametrize("kind", ["one value beside others", "a huge range"])
def test_hebo_models_awkward_spaces(kind: str) -> None:
    outcome = outcome_of("hebo", SPACES[kind], lambda config: config["x"], trials=3)
    assert [trial.status for trial in outcome.trials] == [Status.OK] * 3, outcome.error


@pytest.mark.torch
@pytest.mark.parametrize("kind", ["beyond squares", "up to the largest number"])
def test_hebo_learns_from_awkward_losses(kind: str) -> None:
    outcome = outcome_of("hebo", UNIT, lambda config: LOSSES[kind](config["x"]), trials=3)
    assert outcome.status is Status.OK, f"{outcome.reason}\n{outcome.error}"


@pytest.mark.torch
def test_the_gaussian_process_of_optuna_takes_many_integers() -> None:
    outcome = outcome_of("optuna-gp", SPACES["many integers"], lambda config: config["x"], trials=4)
    assert [trial.status for trial in outcome.trials] == [Status.OK] * 4, outcome.error


def test_who_can_not_tune_nothing_is_skipped() -> None:
    space = ConfigurationSpace()
    space.add(Constant("k", "only"))
    skipped = {name for name, cls in CLASSES.items() if "one configuration" in mismatch(cls, problem_of(name, space))}
    assert skipped == {name for name, cls in CLASSES.items() if Capability.CONSTANT_SPACES not in cls.capabilities}
    assert skipped


@pytest.mark.parametrize("loss", [0.0, -1.5, 1e30, -1e30, 5e-324])
def test_tempering_leaves_ordinary_losses(loss: float) -> None:
    assert tempered(loss, 1e30) == loss


def test_tempering_keeps_the_order() -> None:
    losses = [-1.7e308, -1e300, -1e31, -1e30, 0.0, 1e30, 1.1e30, 1e31, 1e160, 1.7e308]
    told = [tempered(loss, 1e30) for loss in losses]
    assert told == sorted(told)
    assert len(set(told)) == len(losses)
    assert max(map(abs, told)) < 1e34
    assert tempered(-1e200, 1e30) == -tempered(1e200, 1e30)
    assert math.isfinite(tempered(1.7e308, 1e30))
