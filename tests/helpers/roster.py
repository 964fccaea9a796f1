"""The optimizers that come with Optathlon, and what of each is cheap, for tests that all of them pass.

A new one is found by its entry point, and needs nothing here where the names of its options say what shortens its
initial design. What it takes is read from `benchmarks/optimizer_overhead.json`.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterable, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
from ConfigSpace import ConfigurationSpace

from optathlon import Budget, Capability, Constraint, Fidelity, Objective, Problem
from optathlon.errors import UsageError
from optathlon.registry.capabilities import mismatch
from optathlon.registry.options import canonical_options, checked_options
from optathlon.registry.tasks import make_task
from optathlon.remote.environments import missing

LISTED: dict[str, Any] = {point.name: point.load() for point in entry_points(group="optathlon.optimizers")}
CLASSES = {name: cls for name, cls in LISTED.items() if name != "portfolio"}
"""Without what needs a file: tests/optimizers/test_portfolio.py."""

_SHORTER = {
    r"init|startup|warmup|min_samples|kernels|generations": 2,
    r"neighbors|sample_size": 3,
    r"elites|offsprings|mutants": 4,
    r"popsize|population": 6,
}
"""Options by which a method learns from its first trials, and the least value that tests give them."""
_EARLY: dict[str, dict[str, Any]] = {
    "hebo": {"n_initial": 2, "model": "rf"},
    "smac-bb": {"initial_per_dimension": 1},
    "smac-hpo": {"initial_per_dimension": 1},
}
"""Where `_SHORTER` doesn't find them, or others are cheaper."""

_MEASURED = Path(__file__).resolve().parents[2] / "benchmarks" / "optimizer_overhead.json"
_EXPENSIVE = 30.0
"""Milliseconds of ask and tell, at 10, 50 or 200 observations."""


def early(name: str) -> dict[str, Any]:
    """Options with which an optimizer leaves its initial design within a few trials."""
    if name in _EARLY:
        return _EARLY[name]
    found: dict[str, Any] = {}
    for option in list(inspect.signature(CLASSES[name]).parameters)[2:]:
        for pattern, least in _SHORTER.items():
            if re.search(pattern, option):
                found |= _least_accepted(CLASSES[name], option, least)
    return found


def _least_accepted(cls: type, option: str, least: int) -> dict[str, Any]:
    """The option with the first whole number from `least` on that it takes; nothing where it takes none."""
    for value in range(least, 10 * least):
        try:
            return checked_options(cls, {option: str(value)}, "it")
        except UsageError:
            continue
    return {}


def early_id(name: str) -> str:
    """The optimizer with those options, as users write it."""
    return name + canonical_options(early(name))


SEEDLESS = frozenset({"nlopt-ags", "scipy-direct", "scipy-shgo"})
"""They draw nothing: every seed gives the same trials."""


def _is_expensive(name: str) -> bool:
    measured = json.loads(_MEASURED.read_text())["milliseconds"].get(name, [None])
    return any(value is None or value > _EXPENSIVE for value in measured)


EXPENSIVE = frozenset(filter(_is_expensive, CLASSES))
"""Those whose trials take long, or were not measured."""


def library(name: str) -> str:
    """What an optimizer comes from."""
    return next(iter(CLASSES[name].packages), name)


HERE = frozenset(name for name in CLASSES if not missing(CLASSES[name].environment))
"""Those that need no environment of their own, or have it."""


def _first_of_each_library() -> frozenset[str]:
    """Names: of each library that is here the first optimizer, a cheap one where it has any."""
    first: dict[str, str] = {}
    for name in sorted(HERE, key=lambda name: (name in EXPENSIVE, name)):
        first.setdefault(library(name), name)
    return frozenset(first.values())


REPRESENTATIVES = _first_of_each_library()
"""One optimizer per library, for tests of what all adapters of a library share."""


def marks_of(name: str) -> list[pytest.MarkDecorator]:
    """The groups that tests of an optimizer belong to; those in an environment of their own are skipped without it."""
    cls = CLASSES[name]
    reason = missing(cls.environment)
    of_environment = [pytest.mark.slow, pytest.mark.skipif(bool(reason), reason=reason)] if cls.environment else []
    return [*of_environment, *([pytest.mark.torch] if "torch" in cls.packages else [])]


def quick(names: Iterable[str]) -> list[Any]:
    """Parameters for all optimizers, of which those that are not among `names` are slow."""
    names = frozenset(names)
    return [
        pytest.param(name, id=name, marks=[*marks_of(name), *([] if name in names else [pytest.mark.slow])])
        for name in CLASSES
    ]


OPTIMIZERS = quick(CLASSES)
"""All names, for tests of a few trials."""
CHEAP = quick(CLASSES.keys() - EXPENSIVE)
"""All names, of which the expensive ones are slow, for tests of many trials."""
AFFORDABLE = quick((CLASSES.keys() - EXPENSIVE) | REPRESENTATIVES)
"""All names, of which the expensive ones are slow unless their library has no cheap one, for tests in between."""


def problem_of(name: str, space: ConfigurationSpace, budget: float = 20, **given: Any) -> Problem:
    """A problem on `space` that is what the optimizer requires: with a fidelity, objectives or constraints."""
    requires = CLASSES[name].requires
    fidelity = Fidelity("epochs", 1, 9, "int", resumable=True)
    wanted: dict[str, Any] = {
        "objectives": tuple(Objective(f"f{i}") for i in range(2 if Capability.MULTI_OBJECTIVE in requires else 1)),
        "fidelity": fidelity if requires & {Capability.MULTI_FIDELITY, Capability.RESUMABLE} else None,
        "constraints": (Constraint("c"),) if Capability.CONSTRAINTS in requires else (),
    }
    return Problem(space, budget=Budget(budget), **wanted | given)


TASKS = ("hpobench/fcnet/naval_propulsion", "bbob/f1/d2/i1", "mfh/h3/good", "pymoo/zdt1/m2/d6")
"""A mixed, a continuous, a multi-fidelity and a two-objective task, all of them cheap."""


def task_of(name: str, tasks: Sequence[str] = TASKS) -> str | None:
    """The first of the tasks that the optimizer can do."""
    return next((task for task in tasks if not mismatch(CLASSES[name], make_task(task).problem)), None)
