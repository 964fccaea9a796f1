from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from optathlon.errors import UsageError
from optathlon.optimizers.portfolio import DefaultFirst, Portfolio
from optathlon.optimizers.random import RandomSearch
from optathlon.registry.optimizers import choose_optimizer
from optathlon.space import plain

SPACES = ["flat_space", "conditional_space", "forbidden_space"]


def write(path: Path, configurations: object) -> str:
    path.write_text(json.dumps({"configurations": configurations}))
    return str(path)


def drawn(kit: Any, space: str, count: int) -> list[dict[str, Any]]:
    problem = kit.problem(getattr(kit, space)())
    return kit.configs(kit.drive(RandomSearch(problem, seed=11), problem, lambda config: 0.0, count))


@pytest.mark.parametrize("space", SPACES)
def test_default_comes_first_and_then_what_random_draws(kit: Any, space: str) -> None:
    problem = kit.problem(getattr(kit, space)())
    found = kit.configs(kit.drive(DefaultFirst(problem, seed=11), problem, lambda config: 0.0, 90))
    default = dict(getattr(kit, space)().get_default_configuration())
    assert found[0] == {name: plain(value) for name, value in default.items()}
    assert found[1:] == drawn(kit, space, 89)


@pytest.mark.parametrize("space", SPACES)
def test_a_portfolio_comes_in_its_order_and_then_what_random_draws(kit: Any, space: str, tmp_path: Path) -> None:
    problem = kit.problem(getattr(kit, space)())
    stored = [*reversed(drawn(kit, space, 5))]
    file = write(tmp_path / "portfolio.json", stored)
    found = kit.configs(kit.drive(Portfolio(problem, seed=11, file=file), problem, lambda config: 0.0, 20))
    assert found == stored + drawn(kit, space, 15)


def test_inactive_hyperparameters_of_a_portfolio_are_left_out(kit: Any, tmp_path: Path) -> None:
    problem = kit.problem(kit.conditional_space())
    (config,) = drawn(kit, "conditional_space", 1)
    everything = {name: plain(one.default_value) for name, one in problem.space.items()} | config
    file = write(tmp_path / "portfolio.json", [everything])
    assert Portfolio(problem, seed=0, file=file).ask().config == config


@pytest.mark.parametrize(
    ("configurations", "complaint"),
    [
        ([{"rate": 0.1}], "configuration 1: no value for the active hyperparameter"),
        (
            [{"learning_rate": 7.0, "momentum": 0.5, "layers": 1, "units": 8, "activation": "relu", "size": "s"}],
            "another",
        ),
        ([], "lacks `configurations`"),
        ([3], "lacks `configurations`"),
        ("text", "lacks `configurations`"),
    ],
)
def test_what_is_no_portfolio_of_the_space_is_one_line(
    kit: Any, tmp_path: Path, configurations: Any, complaint: str
) -> None:
    file = write(tmp_path / "portfolio.json", configurations)
    with pytest.raises(UsageError, match=complaint) as raised:
        Portfolio(kit.problem(kit.flat_space()), seed=0, file=file)
    assert "\n" not in str(raised.value) and "portfolio.json" in str(raised.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"configurations": [{}'])
def test_what_is_no_portfolio_at_all_is_one_line(kit: Any, tmp_path: Path, text: str) -> None:
    path = tmp_path / "portfolio.json"
    path.write_text(text)
    with pytest.raises(UsageError, match="optathlon portfolio"):
        Portfolio(kit.problem(kit.flat_space()), seed=0, file=str(path))


def test_a_file_that_is_not_there_is_one_line(kit: Any, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="can't read the portfolio"):
        Portfolio(kit.problem(kit.flat_space()), seed=0, file=str(tmp_path / "none.json"))


def test_a_portfolio_needs_its_file() -> None:
    with pytest.raises(UsageError, match=r"needs the option 'file': give portfolio\[file=VALUE\]"):
        choose_optimizer("portfolio")
