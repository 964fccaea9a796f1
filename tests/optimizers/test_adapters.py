"""What holds for every registered optimizer; a new one is found by its entry point."""

from __future__ import annotations

import importlib.util
import inspect
import math
import random
import re
import sys
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import replace
from importlib.metadata import metadata
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import numpy as np
import pytest
from roster import CHEAP, CLASSES, EXPENSIVE, OPTIMIZERS, SEEDLESS, early, problem_of

from optathlon import Capability, Optimizer, Result
from optathlon.errors import MissingDependency, UsageError
from optathlon.installation import as_installed
from optathlon.registry.optimizers import choose_optimizer
from optathlon.registry.options import checked_options
from optathlon.testing.conformance import NonConformance, optimizer_checks

README = Path(__file__).resolve().parents[2] / "README.md"
EXTRAS = set(metadata("optathlon").get_all("Provides-Extra") or ())
CORE = {"ConfigSpace", "numpy", "scipy"}
"""What is installed without any extra."""


def disturb() -> None:
    """Draw from the global generators and seed them, as other code may."""
    random.seed(3)
    np.random.seed(random.randrange(100))
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(5)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_same_seed_gives_the_same_sequence_whatever_others_draw(kit: Any, name: str) -> None:
    space = kit.flat_space if Capability.CATEGORICALS in CLASSES[name].capabilities else kit.numeric_space
    problem = problem_of(name, space(), budget=16)
    most = 3 if name in EXPENSIVE else 16  # two initial trials, then the model

    def sequence(seed: int, trials: int, between: Callable[[], None]) -> Any:
        def loss(config: Any) -> Any:
            between()
            values = (kit.flat_loss(config),) * len(problem.objectives)
            return Result(values, losses=values, constraints=(config["momentum"] - 0.5,) * len(problem.constraints))

        optimizer = CLASSES[name](replace(problem, space=deepcopy(problem.space)), seed, **early(name))
        found = kit.drive(optimizer, problem, loss, trials)
        return [(dict(trial.config), trial.fidelity) for trial in found]

    first = sequence(1, most, lambda: None)
    assert sequence(1, most, disturb) == first
    assert (sequence(2, most, disturb) == first) is (name in SEEDLESS)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_conditional_spaces_where_declared(kit: Any, name: str) -> None:
    optimizer_class = CLASSES[name]
    if Capability.CONDITIONS not in optimizer_class.capabilities:
        pytest.skip(f"{name} does not declare conditions")
    problem = problem_of(name, kit.conditional_space(), budget=8)
    number = len(problem.objectives)
    # `drive` checks every proposal
    kit.drive(optimizer_class(problem, 0), problem, lambda config: (kit.conditional_loss(config),) * number, 3)


@pytest.mark.parametrize("name", CHEAP)
def test_conformance(name: str) -> None:
    failed = {}
    for check in optimizer_checks(name):
        try:
            check()
        except NonConformance as failure:
            failed[str(check)] = str(failure)
    assert failed == {}


def options_of(name: str) -> dict[str, Any]:
    """Its options with their types, ranges included."""
    hints = get_type_hints(CLASSES[name].__init__, include_extras=True)
    return {option: hints[option] for option in list(inspect.signature(CLASSES[name]).parameters)[2:]}


def alternatives(hint: Any) -> list[tuple[Any, list[Any]]]:
    """The types that an option's value may have, each with its bounds."""
    if get_origin(hint) in (Union, UnionType):
        return [found for one in get_args(hint) for found in alternatives(one)]
    if get_origin(hint) is Annotated:
        base, *bounds = get_args(hint)
        return [(one, [*others, *bounds]) for one, others in alternatives(base)]
    return [(hint, [])]


def beyond(bound: Any, one: Any) -> float:
    """A value that a bound excludes."""
    step = 1 if one is int else 0.125
    for name, sign in (("ge", -1), ("gt", 0), ("le", 1), ("lt", 0)):
        if hasattr(bound, name):
            limit = getattr(bound, name)
            return limit if math.isinf(limit) else one(limit + sign * step)
    raise AssertionError(f"{bound} is not a bound")


def refused_values(hint: Any) -> Iterator[str]:
    """Values that an option of this type must refuse: of other types, and beyond each of its bounds."""
    types = alternatives(hint)
    yield "surely-none-of-them"
    yield ""
    if not any(one is float for one, _ in types):
        yield "0.37"
    for one, bounds in types:
        if one is float:
            yield "nan"
        for bound in bounds:
            yield str(beyond(bound, one))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_options_are_keywords_with_defaults_plain_types_and_ranges(name: str) -> None:
    assert issubclass(CLASSES[name], Optimizer)
    _, problem, seed, *options = inspect.signature(CLASSES[name].__init__).parameters.values()
    assert (problem.name, seed.name) == ("problem", "seed")
    for option in options:
        assert option.kind is inspect.Parameter.KEYWORD_ONLY
        assert option.default is not inspect.Parameter.empty
    for option_name, hint in options_of(name).items():
        for one, bounds in alternatives(hint):
            assert get_origin(one) is Literal or one in (int, float, bool, NoneType), option_name
            assert bounds or one not in (int, float), f"{option_name} has no range: see optathlon.options"


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_options_refuse_other_values_in_one_line(name: str) -> None:
    for option, hint in options_of(name).items():
        for value in refused_values(hint):
            with pytest.raises(UsageError) as caught:
                checked_options(CLASSES[name], {option: value}, f"the optimizer {name!r}")
            told = str(caught.value)
            assert told.startswith(f"option {option}={value} of the optimizer {name!r}: ")
            assert "\n" not in told
            if value == "surely-none-of-them":
                choices = [
                    one for kind, _ in alternatives(hint) if get_origin(kind) is Literal for one in get_args(kind)
                ]
                assert all(str(choice) in told for choice in choices)
        default = inspect.signature(CLASSES[name]).parameters[option].default
        given = {option: "none" if default is None else str(default)}
        assert checked_options(CLASSES[name], given, name) == {option: default}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_unknown_options_are_refused_with_the_nearest(name: str) -> None:
    for option in options_of(name):
        with pytest.raises(UsageError, match=f"did you mean '{option}'"):
            checked_options(CLASSES[name], {f"{option}x": "1"}, name)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_missing_library_is_named_with_the_command(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    cls = CLASSES[name]
    for package in cls.packages:
        monkeypatch.setattr(
            importlib.util, "find_spec", lambda one, hidden=package: None if one == hidden else find(one)
        )
        command = as_installed(cls.install or f"pip install {package}")
        with pytest.raises(
            MissingDependency, match=re.escape(f"the optimizer '{name}' needs the package '{package}': {command}")
        ):
            choose_optimizer(name)
    named = {extra for group in re.findall(r"optathlon\[([\w,-]+)\]", cls.install) for extra in group.split(",")}
    assert named <= EXTRAS
    assert named or not set(cls.packages) - CORE, "its packages come with an extra"


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_nothing_public_but_the_interface(name: str) -> None:
    public = {key for key in dir(CLASSES[name]) if not key.startswith("_")}
    assert public == {key for key in dir(Optimizer) if not key.startswith("_")}


def test_the_readme_names_no_optimizer_that_is_not_there() -> None:
    table = README.read_text().partition("| optimizers | from |")[2].partition("\n\n")[0]
    named = set(re.findall(r"`([\w-]+)`", table))
    assert named and named <= set(CLASSES)
