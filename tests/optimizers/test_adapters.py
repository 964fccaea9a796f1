"""What holds for every registered optimizer; a new one is found by its entry point."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any, Literal, get_origin, get_type_hints

import pytest
from roster import CHEAP, CLASSES, OPTIMIZERS, early, problem_of

from optathlon import Capability, Optimizer
from optathlon.testing.conformance import NonConformance, optimizer_checks

README = Path(__file__).resolve().parents[2] / "README.md"


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_same_seed_same_sequence(kit: Any, name: str) -> None:
    optimizer_class = CLASSES[name]

    def sequence(seed: int, trials: int) -> Any:
        problem = problem_of(name, kit.numeric_space(), budget=8)  # two initial trials, then the model
        optimizer = optimizer_class(problem, seed, **early(name))
        return kit.configs(kit.drive(optimizer, problem, kit.flat_loss, trials))

    first = sequence(1, 3)
    assert sequence(1, 3) == first
    assert sequence(2, 2) != first[:2]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_conditional_spaces_where_declared(kit: Any, name: str) -> None:
    optimizer_class = CLASSES[name]
    if Capability.CONDITIONS not in optimizer_class.capabilities:
        pytest.skip(f"{name} does not declare conditions")
    problem = problem_of(name, kit.conditional_space(), budget=8)
    kit.drive(optimizer_class(problem, 0), problem, kit.conditional_loss, 3)  # `drive` checks every proposal


@pytest.mark.parametrize("name", CHEAP)
def test_conformance(name: str) -> None:
    failed = {}
    for check in optimizer_checks(name):
        try:
            check()
        except NonConformance as failure:
            failed[str(check)] = str(failure)
    assert failed == {}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_options_are_keywords_with_defaults_and_plain_types(name: str) -> None:
    optimizer_class = CLASSES[name]
    assert issubclass(optimizer_class, Optimizer)
    hints = get_type_hints(optimizer_class.__init__)
    _, problem, seed, *options = inspect.signature(optimizer_class.__init__).parameters.values()
    assert (problem.name, seed.name) == ("problem", "seed")
    for option in options:
        assert option.kind is inspect.Parameter.KEYWORD_ONLY
        assert option.default is not inspect.Parameter.empty
        hint = hints[option.name]
        assert get_origin(hint) is Literal or hint in (int, float, bool, int | None, float | None)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_nothing_public_but_the_interface(name: str) -> None:
    public = {key for key in dir(CLASSES[name]) if not key.startswith("_")}
    assert public == {key for key in dir(Optimizer) if not key.startswith("_")}


def test_the_readme_names_no_optimizer_that_is_not_there() -> None:
    table = README.read_text().partition("| optimizers | from |")[2].partition("\n\n")[0]
    named = set(re.findall(r"`([\w-]+)`", table))
    assert named and named <= set(CLASSES)
