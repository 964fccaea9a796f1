"""No optimizer is another one under a second name: with one seed, any two propose different trials on each problem.

Compared are the second halves of their sequences, past the initial designs, which variants of a library may share, and
what they propose altogether, in whatever order. Short initial designs and small populations make that affordable.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from ConfigSpace import Categorical, ConfigurationSpace, EqualsCondition, Float, Integer
from roster import CLASSES, EXPENSIVE, early, marks_of

from optathlon import Budget, Capability, Constraint, Fidelity, Objective, Problem, Result
from optathlon.encoding import UnitCube
from optathlon.errors import SearchSpaceExhausted
from optathlon.registry.capabilities import mismatch
from optathlon.space import active_checker

Proposal = tuple[tuple[str, Any], ...]

ALIKE = {
    frozenset({"smac-hb", "smac-sh"}),  # the first bracket of Hyperband is successive halving; they part with the next
}
"""Pairs that may propose the same, each with the reason beside it."""

CHEAP_TRIALS, LEVELLED_TRIALS, EXPENSIVE_TRIALS = 30, 60, 8
"""More where a configuration has a trial per level; few of expensive ones whose initial design can be made short."""


def _numbers() -> Any:
    return ConfigurationSpace({f"x{index}": (-5.0, 5.0) for index in range(4)})


def _mixed() -> Any:
    space = ConfigurationSpace({"kind": ["a", "b", "c"], "x": (-5.0, 5.0)})
    space.add(Float("rate", (1e-4, 1.0), log=True), Integer("n", (1, 40)), Categorical("size", "sml", ordered=True))
    return space


def _conditional() -> Any:
    space = _mixed()
    momentum = Float("momentum", (0.0, 1.0))
    space.add(momentum)
    space.add(EqualsCondition(momentum, space["kind"], "a"))
    return space


PROBLEMS: dict[str, Callable[[], Problem]] = {
    "numbers": lambda: Problem(_numbers()),
    "mixed": lambda: Problem(_mixed()),
    "conditional": lambda: Problem(_conditional()),
    "two objectives": lambda: Problem(_mixed(), objectives=(Objective("a"), Objective("b"))),
    "two objectives of numbers": lambda: Problem(_numbers(), objectives=(Objective("a"), Objective("b"))),
    "constrained": lambda: Problem(_mixed(), constraints=(Constraint("c"),)),
    "constrained numbers": lambda: Problem(_numbers(), constraints=(Constraint("c"),)),
    "fidelity": lambda: Problem(_mixed(), fidelity=Fidelity("epochs", 1, 27, "int", resumable=True)),
    "fidelity and two objectives": lambda: Problem(
        _mixed(), objectives=(Objective("a"), Objective("b")), fidelity=Fidelity("epochs", 1, 27, "int", resumable=True)
    ),
    "fidelity of numbers": lambda: Problem(_numbers(), fidelity=Fidelity("epochs", 1, 27, "int", resumable=True)),
}


def _takes_part(name: str, problem: Problem) -> bool:
    """Whether the optimizer can do it, and learns from its fidelity and its constraints, if there are any."""
    offered = {
        Capability.MULTI_FIDELITY: problem.fidelity is not None,
        Capability.CONSTRAINTS: bool(problem.constraints),
    }
    uses = all(one in CLASSES[name].capabilities for one, is_offered in offered.items() if is_offered)
    return uses and not mismatch(CLASSES[name], problem)


def _proposals(name: str, problem: Problem, trials: int) -> list[Proposal]:
    """What an optimizer proposes, as places in the unit cube, rounded, and levels."""
    problem = replace(problem, budget=Budget(trials))
    cube, check = UnitCube(problem.space), active_checker(problem.space)
    optimizer = CLASSES[name](problem, 1, **early(name))
    found: list[Proposal] = []
    for index in range(trials):
        try:
            proposed = optimizer.ask()
        except SearchSpaceExhausted:
            break
        trial = replace(proposed, id=index, config=check(proposed.config))
        (point,) = cube.encode([trial.config])
        level = 27 if trial.fidelity is None else trial.fidelity
        told = [float(np.sum((point - 0.3 - 0.4 * one) ** 2)) + 1 / level for one in range(len(problem.objectives))]
        constraints = tuple(float(point[0]) - 0.7 for _ in problem.constraints)
        optimizer.tell(trial, Result(tuple(told), losses=tuple(told), cost=1.0, constraints=constraints))
        places = {name: round(float(place), 5) for name, place in zip(cube.names, point, strict=True)}
        active = tuple((name, place) for name, place in places.items() if name in trial.config)
        found.append((*active, ("level", level)))
    return found


def _trials(name: str, problem: Problem) -> int:
    if name in EXPENSIVE and early(name):
        return EXPENSIVE_TRIALS
    return CHEAP_TRIALS if problem.fidelity is None else LEVELLED_TRIALS


def _alike(first: list[Proposal], second: list[Proposal]) -> bool:
    number = min(len(first), len(second))
    first, second = first[:number], second[:number]
    return first[number // 2 :] == second[number // 2 :] or sorted(first) == sorted(second)


def _pairs_alike(kind: str, names: Collection[str]) -> Iterator[tuple[str, str]]:
    found = {}
    for name in sorted(names):
        problem = PROBLEMS[kind]()
        if _takes_part(name, problem):
            found[name] = _proposals(name, problem, _trials(name, problem))
    for first, second in combinations(found, 2):
        if frozenset({first, second}) not in ALIKE and _alike(found[first], found[second]):
            yield first, second


@pytest.mark.parametrize("kind", PROBLEMS)
def test_any_two_cheap_optimizers_differ(kind: str) -> None:
    names = {name for name in CLASSES.keys() - EXPENSIVE if not marks_of(name)}
    assert len(names) > 10
    assert [*_pairs_alike(kind, names)] == []


@pytest.mark.slow
@pytest.mark.torch
@pytest.mark.parametrize("kind", PROBLEMS)
def test_any_two_optimizers_differ(kind: str) -> None:
    assert [*_pairs_alike(kind, CLASSES)] == []


def test_what_may_be_alike_is_there() -> None:
    assert set().union(*ALIKE) <= CLASSES.keys()


def test_one_under_two_names_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CLASSES, "sobol-again", CLASSES["sobol"])
    pairs = [*_pairs_alike("numbers", {"random", "sobol", "sobol-again"})]
    assert pairs == [("sobol", "sobol-again")]


def test_another_order_is_no_difference() -> None:
    places: list[Proposal] = [(("x", one / 7),) for one in range(6)]
    assert _alike(places, places[::-1])
    assert _alike(places, [(("x", 0.9),), *places[1:]]), "only the initial designs differ"
    assert not _alike(places, [*places[:-1], (("x", 0.9),)])
