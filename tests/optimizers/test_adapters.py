"""What holds for every registered optimizer; a new one is found by its entry point."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any, Literal, get_origin, get_type_hints

import pytest
from roster import CLASSES, OPTIMIZERS, marks_of

from optathlon import Capability, Optimizer
from optathlon.testing.conformance import NonConformance, optimizer_checks

EARLY_MODEL: dict[str, dict[str, Any]] = {
    "ax": {"n_initial": 2},
    "botorch-gibbon": {"n_initial": 2, "num_restarts": 2},
    "botorch-jes": {"n_initial": 2, "num_restarts": 2},
    "botorch-lognehvi": {"n_initial": 2, "num_restarts": 2},
    "botorch-lognei": {"n_initial": 2, "num_restarts": 2},
    "botorch-mapsaas": {"n_initial": 2, "num_restarts": 2},
    "botorch-mes": {"n_initial": 2, "num_restarts": 2},
    "botorch-parego": {"n_initial": 2, "num_restarts": 2},
    "botorch-turbo": {"n_initial": 2},
    "hebo": {"n_initial": 2, "model": "rf"},  # the Gaussian process repeats itself in test_hebo.py
    "optuna-gp": {"n_startup_trials": 2},
    "smac-bb": {"initial_per_dimension": 1},
    "smac-hpo": {"initial_per_dimension": 1},
}
EXPENSIVE = {"ax", "hebo", "optuna-gp", "smac-bb", "smac-hpo", "smac-mf"} | {
    name for name in CLASSES if name.startswith("botorch-")
}
"""Their conformance takes minutes: `-m slow`. `test_same_seed_same_sequence` is what is always run of it."""

DOCS = Path(__file__).resolve().parents[2] / "docs"
MISSING = {
    Capability.CATEGORICALS: "categoricals",
    Capability.CONDITIONS: "conditions",
    Capability.FORBIDDENS: "forbidden configurations",
    Capability.MULTI_OBJECTIVE: "several objectives",
    Capability.CONSTRAINTS: "constraints",
    Capability.CONSTANT_SPACES: "constant spaces",
}
"""What the roster calls a capability that an optimizer doesn't declare, in this order."""


NEEDED = {
    Capability.MULTI_FIDELITY: "tasks without fidelity",
    Capability.MULTI_OBJECTIVE: "tasks with one objective",
}
"""What the roster says of a capability that a task must call for."""


def problem_for(kit: Any, cls: type[Optimizer], space: Any) -> Any:
    """With a fidelity or two objectives where the optimizer needs them."""
    fidelity = kit.levels if Capability.MULTI_FIDELITY in cls.requires else None
    return kit.problem(space, budget=8, fidelity=fidelity, objectives=objectives_of(cls))


def objectives_of(cls: type[Optimizer]) -> int:
    return 2 if Capability.MULTI_OBJECTIVE in cls.requires else 1


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_same_seed_same_sequence(kit: Any, name: str) -> None:
    optimizer_class = CLASSES[name]

    def sequence(seed: int, trials: int) -> Any:
        problem = problem_for(kit, optimizer_class, kit.numeric_space())  # two initial trials, then the model
        optimizer = optimizer_class(problem, seed, **EARLY_MODEL.get(name, {}))
        loss = kit.two_losses if len(problem.objectives) > 1 else kit.flat_loss
        return kit.configs(kit.drive(optimizer, problem, loss, trials))

    first = sequence(1, 3)
    assert sequence(1, 3) == first
    assert sequence(2, 2) != first[:2]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_conditional_spaces_where_declared(kit: Any, name: str) -> None:
    optimizer_class = CLASSES[name]
    if Capability.CONDITIONS not in optimizer_class.capabilities:
        pytest.skip(f"{name} does not declare conditions")
    problem = problem_for(kit, optimizer_class, kit.conditional_space())
    kit.drive(optimizer_class(problem, 0), problem, kit.conditional_loss, 3)  # `drive` checks every proposal


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[*marks_of(name), *([pytest.mark.slow] if name in EXPENSIVE else [])])
        for name in CLASSES
    ],
)
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


def roster(page: str) -> dict[str, str]:
    """Of each row of the table of optimizers: the id, and what the optimizer can't do."""
    rows = re.findall(r"^\| `([\w-]+)` \|[^|]*\|([^|]*)\|", page, re.MULTILINE)
    assert len(rows) == len(dict(rows)), "an optimizer stands there twice"
    return {name: cell.strip() for name, cell in rows}


def test_the_roster_says_what_each_optimizer_declares(kit: Any) -> None:
    declared = {}
    for name in CLASSES:
        cls = CLASSES[name]
        cells = [text for one, text in NEEDED.items() if one in cls.requires]
        declared[name] = ", ".join(cells + [text for one, text in MISSING.items() if one not in cls.capabilities])
    assert roster((DOCS / "optimizers.md").read_text()) == declared


def test_the_readme_names_no_optimizer_that_is_not_there() -> None:
    readme = (DOCS.parent / "README.md").read_text()
    table = readme.partition("| optimizers | from |")[2].partition("\n\n")[0]
    named = set(re.findall(r"`([\w-]+)`", table))
    assert named and named <= set(CLASSES)
