from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from optathlon.optimizers.random import RandomSearch
from optathlon.space import active_checker, plain


@pytest.mark.parametrize("name", ["flat_space", "conditional_space", "forbidden_space"])
def test_proposes_what_configspace_samples(kit: Any, name: str) -> None:
    make_space = getattr(kit, name)
    problem = kit.problem(make_space())
    optimizer = RandomSearch(problem, seed=7)
    trials = kit.drive(optimizer, problem, lambda config: 0.0, 150)

    space = make_space()
    space.seed(7)
    samples = [configuration for _ in range(3) for configuration in space.sample_configuration(64)]
    native = [{key: plain(value) for key, value in sample.items()} for sample in samples[:150]]
    assert kit.configs(trials) == native


def test_the_budget_does_not_change_the_sequence(kit: Any) -> None:
    short, long = (
        kit.drive(RandomSearch(problem, seed=3), problem, lambda config: 0.0, 5)
        for problem in (kit.problem(kit.flat_space(), budget=budget) for budget in (5, 500))
    )
    assert kit.configs(short) == kit.configs(long)


def test_never_forbidden_and_covers_what_is_allowed(kit: Any) -> None:
    problem = kit.problem(kit.forbidden_space())
    trials = kit.drive(RandomSearch(problem, seed=0), problem, lambda config: 0.0, 2000)
    relu = [trial.config["layers"] for trial in trials if trial.config["activation"] == "relu"]
    assert set(relu) == {8, 9, 10}
    # 3 of the 23 allowed (activation, layers) pairs are relu's: a binomial share with standard error 0.0075
    assert len(relu) / len(trials) == pytest.approx(3 / 23, abs=0.03)


def test_log_floats_are_uniform_in_log_space(kit: Any) -> None:
    problem = kit.problem(kit.flat_space())
    optimizer = RandomSearch(problem, seed=1)
    logs = np.log([optimizer.ask().config["learning_rate"] for _ in range(2000)])
    assert np.mean(logs) == pytest.approx((np.log(1e-4) + np.log(0.3)) / 2, abs=0.2)


def test_values_are_plain_python(kit: Any) -> None:
    problem = kit.problem(kit.conditional_space())
    optimizer = RandomSearch(problem, seed=1)
    check = active_checker(problem.space)
    for _ in range(100):
        config = optimizer.ask().config
        assert {type(value) for value in config.values()} <= {int, float, str}
        assert check(config) == config
