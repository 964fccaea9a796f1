from __future__ import annotations

import warnings
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from ConfigSpace import (
    BetaIntegerHyperparameter,
    Categorical,
    ConfigurationSpace,
    Constant,
    Float,
    ForbiddenEqualsClause,
    Integer,
    NormalFloatHyperparameter,
)
from scipy.stats import truncnorm
from scipy.stats.qmc import Halton, LatinHypercube, Sobol, discrepancy

from optathlon import Budget
from optathlon.encoding import UnitCube
from optathlon.errors import OptathlonError
from optathlon.optimizers.qmc import HaltonSearch, LatinHypercubeSearch, SobolSearch
from optathlon.optimizers.random import RandomSearch


def test_maps_scipys_sequence_through_the_quantiles(kit: Any) -> None:
    problem = kit.problem(kit.flat_space())
    trials = kit.drive(SobolSearch(problem, seed=5), problem, lambda config: 0.0, 130)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # 130 is no power of two
        unit = Sobol(6, scramble=True, seed=np.random.default_rng(5)).random(130)
    for trial, (activation, layers, rate, momentum, size, units) in zip(trials, unit, strict=True):
        config = trial.config
        assert config["activation"] == ["relu", "tanh", "gelu"][int(activation * 3)]
        assert config["layers"] == 1 + int(layers * 10)
        assert config["learning_rate"] == pytest.approx(1e-4 * (0.3 / 1e-4) ** rate)
        assert config["momentum"] == pytest.approx(0.1 + 0.7 * momentum)
        assert config["size"] == ["s", "m", "l"][int(size * 3)]
        # ConfigSpace quantises the log range [8, 1024] into 1017 equal bins on the linear scale
        assert config["units"] == 8 + min(int((8 * (1024 / 8) ** units - 8) / 1016 * 1017), 1016)
        assert config["version"] == 3


def test_integers_and_choices_get_equal_shares(kit: Any) -> None:
    space = ConfigurationSpace()
    space.add(
        Integer("layers", (3, 10)),
        Categorical("colour", ["red", "green", "blue"], weights=[2, 1, 1]),
        Categorical("size", [1, 2, 4, 8], ordered=True),
    )
    problem = kit.problem(space)
    trials = kit.drive(SobolSearch(problem, seed=0), problem, lambda config: 0.0, 128)
    # a scrambled net in base 2 puts equally many of its 2**m points into every dyadic interval
    assert Counter(trial.config["layers"] for trial in trials) == dict.fromkeys(range(3, 11), 16)
    assert Counter(trial.config["colour"] for trial in trials) == {"red": 64, "green": 32, "blue": 32}
    assert Counter(trial.config["size"] for trial in trials) == dict.fromkeys((1, 2, 4, 8), 32)


def test_priors(kit: Any) -> None:
    space = ConfigurationSpace()
    space.add(NormalFloatHyperparameter("x", mu=1, sigma=2, lower=-4, upper=4))
    space.add(BetaIntegerHyperparameter("n", alpha=5, beta=1, lower=0, upper=9))
    problem = kit.problem(space)
    trials = kit.drive(SobolSearch(problem, seed=2), problem, lambda config: 0.0, 64)

    unit = Sobol(2, scramble=True, seed=np.random.default_rng(2)).random(64)
    prior = truncnorm((-4 - 1) / 2, (4 - 1) / 2, loc=1, scale=2)
    names = list(space)
    assert [trial.config["x"] for trial in trials] == pytest.approx(prior.ppf(unit[:, names.index("x")]))
    # the Beta(5, 1) prior has mean 5/6
    assert np.mean([trial.config["n"] for trial in trials]) == pytest.approx(9 * 5 / 6, abs=0.5)


def test_conditional_spaces(kit: Any) -> None:
    problem = kit.problem(kit.conditional_space())
    trials = kit.drive(SobolSearch(problem, seed=1), problem, lambda config: 0.0, 256)
    for trial in trials:
        expected = {"model"}
        if trial.config["model"] == "svm":
            expected |= {"cost", "kernel"} | ({"degree"} if trial.config["kernel"] == "poly" else set())
        else:
            expected |= {"trees"} | ({"depth"} if trial.config["trees"] > 50 else set())
        assert trial.config.keys() == expected
    assert Counter(trial.config["model"] for trial in trials) == {"svm": 128, "forest": 128}


def test_forbidden_points_are_skipped_in_order(kit: Any) -> None:
    free, restricted = kit.problem(kit.flat_space()), kit.problem(kit.forbidden_space())
    points = kit.configs(kit.drive(SobolSearch(free, seed=4), free, lambda config: 0.0, 200))
    allowed = [point for point in points if point["activation"] != "relu" or point["layers"] > 7]
    trials = kit.drive(SobolSearch(restricted, seed=4), restricted, lambda config: 0.0, len(allowed))
    assert kit.configs(trials) == allowed


def test_gives_up_with_one_clear_line_where_all_is_forbidden(kit: Any) -> None:
    space = ConfigurationSpace()
    choice = Categorical("choice", ["a", "b"], weights=[1, 1e-9], default="b")
    space.add(choice)
    space.add(ForbiddenEqualsClause(choice, "a"))
    with pytest.raises(OptathlonError, match="forbidden"):
        SobolSearch(kit.problem(space), seed=0).ask()


def test_without_scrambling_it_starts_at_the_lower_corner(kit: Any) -> None:
    space = ConfigurationSpace()
    space.add(Float("x", (-5, 5)), Float("y", (1, 100), log=True), Constant("c", "fixed"))
    first, second = (SobolSearch(kit.problem(space), seed=seed, scramble=False) for seed in (0, 1))
    assert first.ask().config == {"x": -5.0, "y": 1.0, "c": "fixed"}
    assert first.ask().config == {"x": 0.0, "y": pytest.approx(10.0), "c": "fixed"}
    assert [second.ask().config["x"] for _ in range(2)] == [-5.0, 0.0]


def test_more_even_than_random_and_free_of_warnings(kit: Any) -> None:
    space = ConfigurationSpace({f"x{index}": (0.0, 1.0) for index in range(5)})

    def unevenness(optimizer_class: Any) -> Any:
        optimizer = optimizer_class(kit.problem(space), 0)
        return discrepancy([list(optimizer.ask().config.values()) for _ in range(100)])

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert unevenness(SobolSearch) < unevenness(RandomSearch) / 3


@pytest.mark.parametrize("scramble", [True, False])
def test_maps_scipys_halton_sequence_through_the_quantiles(kit: Any, scramble: bool) -> None:
    problem = kit.problem(kit.flat_space())
    trials = kit.drive(HaltonSearch(problem, seed=5, scramble=scramble), problem, lambda config: 0.0, 130)
    unit = Halton(6, scramble=scramble, seed=np.random.default_rng(5)).random(130)
    assert kit.configs(trials) == UnitCube(problem.space).decode(unit)


def test_a_latin_hypercube_is_of_the_size_of_the_budget(kit: Any) -> None:
    """With one point in each of fifty parts of every range; another design follows."""
    problem = kit.problem(kit.numeric_space(), budget=50)
    trials = kit.drive(LatinHypercubeSearch(problem, seed=5), problem, lambda config: 0.0, 100)
    engine = LatinHypercube(4, seed=np.random.default_rng(5))
    unit = np.concatenate([engine.random(50), engine.random(50)])
    assert kit.configs(trials) == UnitCube(problem.space).decode(unit)
    parts = {int((trial.config["momentum"] - 0.1) / 0.7 * 50) for trial in trials[:50]}
    assert len(parts) == 50


def test_a_latin_hypercube_of_a_budget_in_seconds(kit: Any) -> None:
    problem = replace(kit.problem(kit.numeric_space()), budget=Budget.parse("10s"))
    trials = kit.drive(LatinHypercubeSearch(problem, seed=5), problem, lambda config: 0.0, 70)
    assert len({int((trial.config["momentum"] - 0.1) / 0.7 * 64) for trial in trials[:64]}) == 64


@pytest.mark.parametrize("adapter", [HaltonSearch, LatinHypercubeSearch])
def test_forbidden_points_of_other_designs_are_skipped(kit: Any, adapter: Any) -> None:
    problem = kit.problem(kit.forbidden_space())
    assert len(kit.drive(adapter(problem, seed=4), problem, lambda config: 0.0, 60)) == 60
