"""pycma through the adapter against pycma as its users call it."""

from __future__ import annotations

import subprocess
import sys
import warnings
from typing import Any

import cma
import numpy as np
import pytest
from ConfigSpace import Categorical, ConfigurationSpace, Float

from optathlon import Result, Status
from optathlon.encoding import UnitCube
from optathlon.errors import SearchSpaceExhausted, UsageError
from optathlon.optimizers import pycma
from optathlon.optimizers.pycma import Pycma
from optathlon.registry.optimizers import choose_optimizer

SEED = 11
TRIALS = 100
QUIET = {"verb_log": 0, "verbose": -10, "seed": SEED}
FLOATS = {"bounds": [0, 1]}


def float_space() -> ConfigurationSpace:
    space = ConfigurationSpace()
    space.add(Float("momentum", (0.1, 0.8)), Float("rate", (1e-4, 1.0), log=True), Float("x", (-5, 5)))
    return space


def float_config(x: Any) -> dict[str, float]:
    return {"momentum": float(0.1 + 0.7 * x[0]), "rate": float(10 ** (4 * x[1] - 4)), "x": float(10 * x[2] - 5)}


def float_loss(config: dict[str, float]) -> float:
    distance = (np.log10(config["rate"]) + 3) ** 2 + (config["momentum"] - 0.1) ** 2 + (config["x"] - 4) ** 2
    return float(distance - np.cos(6 * config["x"]))


def numeric_config(space: Any, x: Any) -> Any:
    """Layers are an integer variable in steps of one; the units' scale is logarithmic."""
    return UnitCube(space).decode(np.array([[(round(x[0]) + 0.5) / 10, *x[1:]]]))[0]


def native(start: Any, options: Any, decode: Any, loss: Any, sigma: float = 0.25) -> Any:
    """The loop of pycma's documentation."""
    configs: list[Any] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        strategy = cma.CMAEvolutionStrategy(start, sigma, {**options, **QUIET})
        while len(configs) < TRIALS:
            points = strategy.ask()
            found = [decode(point) for point in points]
            configs += found
            strategy.tell(points, [loss(config) for config in found])
    return configs[:TRIALS]


def driven(kit: Any, space: Any, loss: Any, **options: Any) -> Any:
    problem = kit.problem(space)
    optimizer = Pycma(problem, SEED, **options)

    def disturbed(config: dict[str, Any]) -> Any:
        np.random.seed()
        return loss(config)

    return kit.configs(kit.drive(optimizer, problem, disturbed, TRIALS))


def check_same(found: Any, expected: Any) -> None:
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert one == pytest.approx(other, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize(
    ("options", "natively"),
    [
        ({}, {}),
        ({"boundary": "penalty"}, {"BoundaryHandler": cma.BoundPenalty}),
        ({"popsize": 6}, {"popsize": 6}),
        ({"diagonal": True}, {"CMA_diagonal": True}),
    ],
)
def test_native_floats(kit: Any, options: Any, natively: Any) -> None:
    """In the unit cube: pycma's transformation at a bound depends on the bound's size."""
    expected = native([0.5, 0.5, 0.5], {**FLOATS, **natively}, float_config, float_loss)
    check_same(driven(kit, float_space(), float_loss, **options), expected)


def test_native_integers(kit: Any) -> None:
    space = kit.numeric_space()
    natively = {
        "bounds": [[-0.5, 0, 0, 0], [9.5, 1, 1, 1]],
        "CMA_stds": [10, 1, 1, 1],
        "integer_variables": [0],
    }
    expected = native([4.5, 0.5, 0.5, 0.5], natively, lambda x: numeric_config(space, x), kit.flat_loss, sigma=0.1)
    check_same(driven(kit, space, kit.flat_loss, sigma=0.1), expected)


@pytest.mark.parametrize("restarts", ["ipop", "bipop"])
def test_native_restarts(kit: Any, restarts: Any) -> None:
    """With losses that are soon equal, pycma stops and starts again several times."""
    configs: list[Any] = []

    def loss(config: dict[str, float]) -> float:
        return float(round(float_loss(config)))

    def function(x: Any) -> float:
        configs.append(float_config(x))
        if len(configs) > 3 * TRIALS:
            raise KeyboardInterrupt
        return loss(configs[-1])

    np.random.seed(SEED)
    with warnings.catch_warnings(), pytest.raises(KeyboardInterrupt):
        warnings.simplefilter("ignore")
        cma.fmin2(
            function,
            lambda: np.random.rand(3),
            0.25,
            {**FLOATS, **QUIET, "seed": np.nan},
            restarts=9,
            bipop=restarts == "bipop",
        )
    problem = kit.problem(float_space())
    found = kit.configs(kit.drive(Pycma(problem, SEED, restarts=restarts), problem, loss, 3 * TRIALS))
    check_same(found, configs[: 3 * TRIALS])


def test_after_the_last_restart_nothing_is_left(kit: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(pycma, "_MOST_RESTARTS", 2)
    problem = kit.problem(ConfigurationSpace({"x": (0.0, 1.0)}))
    optimizer = Pycma(problem, SEED, restarts="ipop", popsize=4)
    with pytest.raises(SearchSpaceExhausted):
        kit.drive(optimizer, problem, lambda config: 1.0, 1000)


def test_waits_for_the_generation(kit: Any) -> None:
    problem = kit.problem(kit.numeric_space(), n_workers=11)
    optimizer = Pycma(problem, SEED)
    trials = []
    while (trial := optimizer.ask()) is not None:
        trials.append(trial)
    assert len(trials) == 10  # pycma takes two more where there are integers
    for trial in reversed(trials):
        optimizer.tell(trial, kit.succeed(kit.flat_loss(trial.config)))
    other = Pycma(problem, SEED)
    kit.drive(other, problem, kit.flat_loss, 10)
    assert optimizer.ask() == other.ask()


@pytest.mark.parametrize("restarts", ["none", "bipop"])
def test_goes_on_without_a_warning_where_all_trials_fail(kit: Any, restarts: Any) -> None:
    problem = kit.problem(kit.numeric_space())
    failure = Result(status=Status.CRASHED, losses=(1e300,))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trials = kit.drive(Pycma(problem, SEED, restarts=restarts), problem, lambda config: failure, TRIALS)
    assert len({tuple(trial.config.values()) for trial in trials}) == TRIALS


def test_ordered_choices_are_integers(kit: Any) -> None:
    space = ConfigurationSpace()
    space.add(Categorical("level", [1, 2, 30], ordered=True), Categorical("one", ["only"], ordered=True))
    problem = kit.problem(space)
    trials = kit.drive(Pycma(problem, SEED), problem, lambda config: config["level"], 40)
    assert {trial.config["level"] for trial in trials} == {1, 2, 30}
    assert [trial.config["level"] for trial in trials[-8:]].count(1) > 4


def test_a_population_that_is_too_small_is_refused() -> None:
    with pytest.raises(UsageError, match=r"popsize=3 .*greater than or equal to 4"):
        choose_optimizer("pycma[popsize=3]")


def test_leaves_no_trace(tmp_path: Any) -> None:
    script = """
import warnings
import numpy as np
from ConfigSpace import ConfigurationSpace
from optathlon import Problem, Result
from optathlon.optimizers import pycma
from optathlon.optimizers.pycma import Pycma
def state():
    return str(np.random.get_state()), list(warnings.filters)
before = state()
optimizer = Pycma(Problem(ConfigurationSpace({"x": (0.0, 1.0), "y": (0.0, 1.0)})), 0, restarts="bipop")
for number in range(60):
    optimizer.tell(optimizer.ask(), Result(losses=(float(number % 7),)))
del optimizer
assert state() == before
"""
    done = subprocess.run([sys.executable, "-c", script], check=True, cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout + done.stderr == ""
    assert not list(tmp_path.iterdir())
