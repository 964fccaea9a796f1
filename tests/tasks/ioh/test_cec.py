from __future__ import annotations

import math
from typing import Any

import ioh
import numpy as np
import pytest

from optathlon.facts import Facts
from optathlon.task import Collection
from optathlon.tasks.ioh.cec import NICHING, Cec2013, Cec2022

PUBLISHED_2013 = (200, 1, 1, 200, 1.03163, 186.731, 1, 2709.0935, 1, -2, *[0] * 10)
"""Peak heights (Li, Engelbrecht, Epitropakis 2013, table 1)."""

PUBLISHED_2022 = (300, 400, 600, 800, 900, 1800, 2000, 2200, 2300, 2400, 2600, 2700)
"""Optima (Kumar et al. 2021, table 1)."""

NOT_DERIVED = ("kind", "domain", "description", "seconds", "licence", "citation")
"""Facts that don't follow from the problem."""


def at(point: Any) -> dict[str, float]:
    return {f"x{index}": float(value) for index, value in enumerate(point)}


def value(collection: Collection, id: str, point: Any) -> float:
    return collection.make(id).evaluate(at(point), fidelity=None, seed=0).values[0]


@pytest.mark.parametrize(("collection", "count"), [(Cec2013(), 20), (Cec2022(), 33)])
def test_lists_every_function_in_every_dimension(collection: Collection, count: int) -> None:
    ids = list(collection.ids())
    assert len(ids) == len(set(ids)) == count
    assert [collection.make(id).id for id in ids] == ids
    groups = list(collection.facts())
    assert [id for _, group in groups for id in group] == ids
    for facts, group in groups:
        others = {name: getattr(facts, name) for name in NOT_DERIVED}
        assert facts == Facts.of(collection.make(group[0]).problem, **others)


@pytest.mark.parametrize("id", ["cec2013/f0", "cec2013/f21", "cec2013/f1/d2", "cec2013/f1 ", "cec2022/f1/d2"])
def test_other_ids_of_2013_are_key_errors(id: str) -> None:
    with pytest.raises(KeyError, match=id):
        Cec2013().make(id)


@pytest.mark.parametrize("id", ["cec2022/f6/d2", "cec2022/f13/d10", "cec2022/f1/d5", "cec2022/f1", "cec2013/f1"])
def test_other_ids_of_2022_are_key_errors(id: str) -> None:
    with pytest.raises(KeyError, match=id):
        Cec2022().make(id)


@pytest.mark.parametrize("function", range(1, 21))
def test_values_and_bounds_of_2013_are_those_of_ioh(function: int) -> None:
    bounds = NICHING[function - 1].bounds
    native = ioh.get_problem(1100 + function, 1, len(bounds), ioh.ProblemClass.CEC2013)
    if function != 5:  # the published box of the camel back is smaller than ioh's in the second dimension
        assert list(zip(native.bounds.lb, native.bounds.ub, strict=True)) == list(bounds)
    lower, upper = np.array(bounds).T
    for point in np.random.default_rng(function).uniform(lower, upper, (5, len(bounds))):
        assert value(Cec2013(), f"cec2013/f{function}", point) == native(point.tolist())


def test_values_of_2013_are_those_of_the_closed_forms() -> None:
    point = np.array([0.7, 3.1, 5.2])
    camel = -4 * ((4 - 2.1 * 0.25 + 0.0625 / 3) * 0.25 + 0.5 * -0.3 + (4 * 0.09 - 4) * 0.09)
    shubert = math.prod(sum(j * math.cos((j + 1) * x + j) for j in range(1, 6)) for x in point[:2])
    assert value(Cec2013(), "cec2013/f4", (2.5, -1)) == pytest.approx(200 - (6.25 - 1 - 11) ** 2 - (2.5 + 1 - 7) ** 2)
    assert value(Cec2013(), "cec2013/f5", (0.5, -0.3)) == pytest.approx(camel / 4)
    assert value(Cec2013(), "cec2013/f6", point[:2]) == pytest.approx(-shubert)
    assert value(Cec2013(), "cec2013/f9", point) == pytest.approx(np.sin(10 * np.log(point)).mean())


@pytest.mark.parametrize("function", range(1, 21))
def test_the_optimum_of_2013_is_the_published_peak(function: int) -> None:
    (objective,) = Cec2013().make(f"cec2013/f{function}").problem.objectives
    assert objective.direction == "maximize"
    assert objective.optimum == pytest.approx(PUBLISHED_2013[function - 1], abs=5e-4)


def test_nothing_is_better_than_the_optimum_in_one_dimension() -> None:
    for function in (1, 2, 3):
        task = Cec2013().make(f"cec2013/f{function}")
        (low, high), *_ = NICHING[function - 1].bounds
        best = max(value(Cec2013(), task.id, [x]) for x in np.linspace(low, high, 6_001))
        optimum = task.problem.objectives[0].optimum
        assert optimum is not None
        assert optimum - 1e-2 < best <= optimum + 1e-9


@pytest.mark.parametrize("function", range(1, 13))
def test_values_and_optima_of_2022_are_those_of_ioh(function: int) -> None:
    for dimension in (10, 20):
        id = f"cec2022/f{function}/d{dimension}"
        native = ioh.get_problem(1000 + function, 1, dimension, ioh.ProblemClass.CEC2022)
        for point in np.random.default_rng(function).uniform(-100, 100, (3, dimension)):
            assert value(Cec2022(), id, point) == native(point.tolist())
        (objective,) = Cec2022().make(id).problem.objectives
        assert objective.optimum == PUBLISHED_2022[function - 1]
        assert value(Cec2022(), id, native.optimum.x) == pytest.approx(objective.optimum)
