"""Names of hyperparameters that few expect: every optimizer asks what it asks under plain names."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import count, cycle
from typing import Any

import pytest
from ConfigSpace import Categorical, ConfigurationSpace, Float, Integer, OrdinalHyperparameter
from roster import CLASSES, EXPENSIVE, early_id, marks_of, problem_of

from optathlon import Problem, Status, as_task
from optathlon.registry.capabilities import mismatch
from optathlon.registry.optimizers import choose_optimizer
from optathlon.running.accounting import RunOutcome
from optathlon.running.evaluation import SequentialEvaluator
from optathlon.running.loop import run_loop

MANY, FEW = 8, 4
"""Trials, more than the first ones that `early_id` gives; few of what takes long."""
ODD = (
    "learning rate",
    " ",
    "it's",
    'say "x"',
    "`x`",
    "1",
    "2nd",
    "1e-3",
    "class",
    "lambda",
    "None",
    "self",
    "config",
    "trial",
    "Rate",
    "rate",
    "RATE",
    "caf\N{LATIN SMALL LETTER E WITH ACUTE}",
    "cafe\N{COMBINING ACUTE ACCENT}",
    "\N{GREEK SMALL LETTER LAMDA}",
    "\N{ROCKET}",
    "long" * 100,
    "100%",
    "%s",
    "{0}",
    "{x}",
    "a:b",
    "a/b",
    "a\\b",
    "../a",
    "a.b",
    "x[0]",
    "a|b",
    "e,f=g",
    "$x",
    "#x",
    "*",
    "-",
    "--help",
    "_",
    "__class__",
    "tab\there",
    "line\nbreak",
)
"""Not identifiers, words of Python and of libraries, formats, paths, and names that are one to who ignores case, or
how letters are composed."""

NOT_OF_NEVERGRAD = ("self",)
"""Its dictionaries of parameters take names as keywords of a method."""
BY_HASH = ("smac-ac", "smac-bb", "smac-hpo", "smac-mf")
"""SMAC's local search goes through sets of configurations, in an order that any other names change."""
AT_ONCE = {"nlopt-ags": 5, "nlopt-crs2": 5}
"""Who takes few hyperparameters, or with the options of these tests: a population must be larger than their number."""


def spaces(names: Sequence[str]) -> Mapping[str, list[Any]]:
    """A hyperparameter for each name: of all kinds by turns, or numbers only."""
    numbers: list[Callable[[str], Any]] = [
        lambda name: Float(name, (0.0, 1.0)),
        lambda name: Float(name, (0.001, 1.0), log=True),
        lambda name: Integer(name, (1, 9)),
    ]
    others: list[Callable[[str], Any]] = [
        lambda name: Categorical(name, ["on", "off", "auto"]),
        lambda name: OrdinalHyperparameter(name, ["low", "middle", "high"]),
    ]
    floats = [make(name) for make, name in zip(cycle(numbers[:2]), names, strict=False)]
    mixed = [make(name) for make, name in zip(cycle([*numbers, *others]), names, strict=False)]
    return {"mixed": mixed, "floats": floats}


def plain(names: Sequence[str]) -> list[str]:
    """Names that sort as these do."""
    places = {name: place for place, name in enumerate(sorted(names))}
    return [f"h{places[name]:03}" for name in names]


def loss(values: Sequence[Any]) -> float:
    """Of the values, in the order of their names."""
    return sum(
        (place + 1) * (value if isinstance(value, int | float) else len(value)) for place, value in enumerate(values)
    )


def outcome(name: str, space: Sequence[Any], names: Sequence[str]) -> RunOutcome | None:
    """Of a short run; `None` where the plan skips it."""
    found = ConfigurationSpace()
    found.add(*space)
    problem: Problem = problem_of(name, found)
    constraints = [constraint.name for constraint in problem.constraints]
    values = [*(objective.name for objective in problem.objectives), *constraints]
    task = as_task(
        "odd/names",
        space=found,
        objectives=problem.objectives,
        fidelity=problem.fidelity,
        constraints=constraints,
        budget=FEW if name in EXPENSIVE else MANY,
    )(lambda config: dict.fromkeys(values, loss([config[one] for one in names])))
    choice = choose_optimizer(early_id(name))
    if mismatch(choice.cls, task.problem):
        return None
    return run_loop(task.problem, lambda problem: choice.start(problem, 0), SequentialEvaluator(task), count())


def asked(found: RunOutcome, names: Sequence[str]) -> list[list[Any]]:
    """What was asked, in the order of the names."""
    return [[trial.config[one] for one in names] for trial in found.trials]


OPTIMIZERS = [pytest.param(name, id=name, marks=[pytest.mark.slow, *marks_of(name)]) for name in CLASSES]


def known_to(name: str) -> list[list[str]]:
    """The odd names that an optimizer takes, in as few groups as it takes hyperparameters at once."""
    names = [one for one in ODD if not (name.startswith("nevergrad-") and one in NOT_OF_NEVERGRAD)]
    size = AT_ONCE.get(name, len(names))
    return [names[start : start + size] for start in range(0, len(names), size)]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_odd_names_change_nothing(name: str) -> None:
    for names in known_to(name):
        simple = plain(names)
        for kind in ("mixed", "floats"):
            odd = outcome(name, spaces(names)[kind], names)
            if odd is not None:
                break
        assert odd is not None
        expected = outcome(name, spaces(simple)[kind], simple)
        assert expected is not None
        assert odd.status is expected.status is Status.OK, f"{odd.reason}\n{odd.error}"
        assert {trial.status for trial in odd.trials} == {Status.OK}
        assert len(odd.trials) == len(expected.trials)
        compared = 1 if name in BY_HASH else len(odd.trials)
        assert asked(odd, names)[:compared] == asked(expected, simple)[:compared]


@pytest.mark.parametrize("odd", NOT_OF_NEVERGRAD)
def test_what_a_library_can_not_take_ends_the_run_in_one_line(odd: str) -> None:
    pytest.importorskip("nevergrad")
    names = [odd, "rate"]
    found = outcome("nevergrad-de", spaces(names)["floats"], names)
    assert found is not None
    assert found.status is Status.CRASHED
    assert "\n" not in found.reason and repr(odd) in found.reason
