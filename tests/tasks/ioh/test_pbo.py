from __future__ import annotations

import itertools
import math

import ioh
import numpy as np
import pytest
from ConfigSpace import ConfigurationSpace, UniformIntegerHyperparameter

from optathlon.facts import Facts
from optathlon.tasks.ioh.pbo import DIMENSIONS, NAMES, Pbo
from optathlon.tasks.ioh.task import bits

PBO = Pbo()

NOT_DERIVED = ("kind", "domain", "description", "seconds", "licence", "citation")
"""Facts that don't follow from the problem."""


def at(point: list[int]) -> dict[str, int]:
    return {f"x{index}": value for index, value in enumerate(point)}


def value(id: str, point: list[int]) -> float:
    return PBO.make(id).evaluate(at(point), fidelity=None, seed=0).values[0]


def test_lists_25_functions_of_3_numbers_of_bits_in_15_instances() -> None:
    ids = list(PBO.ids())
    assert len(ids) == len(set(ids)) == 25 * 3 * 15
    assert all(PBO.make(id).id == id for id in ids[::7])


@pytest.mark.parametrize(
    "id",
    [
        *("pbo/f0/d16/i1", "pbo/f26/d16/i1", "pbo/f1/d17/i1", "pbo/f1/d16/i0", "pbo/f1/d16/i101"),
        *("pbo/f1/d16", "pbo/f1/d16/i1/", "pbo/f1/d16/i٣", "other/f1/d16/i1", ""),
    ],
)
def test_other_ids_are_key_errors(id: str) -> None:
    with pytest.raises(KeyError) as caught:
        PBO.make(id)
    assert caught.value.args == (id,)


@pytest.mark.parametrize("function", range(1, 26))
def test_values_are_those_of_ioh(function: int) -> None:
    rng = np.random.default_rng(function)
    for dimension, instance in itertools.product((*DIMENSIONS, 625), (1, 2, 60)):
        native = ioh.get_problem(function, instance, dimension, ioh.ProblemClass.PBO)
        point = rng.integers(0, 2, dimension).tolist()
        assert value(f"pbo/f{function}/d{dimension}/i{instance}", point) == native(point)


def test_values_are_those_of_the_closed_forms() -> None:
    point = np.random.default_rng(0).integers(0, 2, 64)
    point[:3] = 1, 1, 0
    assert value("pbo/f1/d64/i1", point.tolist()) == point.sum()
    assert value("pbo/f2/d64/i1", point.tolist()) == 2
    assert value("pbo/f3/d64/i1", point.tolist()) == np.arange(1, 65) @ point
    assert value("pbo/f19/d64/i1", point.tolist()) == (point == np.roll(point, 1)).sum()
    signs = 2 * point - 1
    energy = sum(int(signs[:-lag] @ signs[lag:]) ** 2 for lag in range(1, 64))
    assert value("pbo/f18/d64/i1", point.tolist()) == pytest.approx(64**2 / 2 / energy)


@pytest.mark.parametrize("function", range(1, 26))
def test_the_stated_optimum_is_the_best_of_all_values(function: int) -> None:
    (objective,) = PBO.make(f"pbo/f{function}/d16/i1").problem.objectives
    assert objective.direction == "maximize"
    if objective.optimum is None:
        assert function in (18, 22, 24, 25)
        return
    native = ioh.get_problem(function, 1, 16, ioh.ProblemClass.PBO)
    chosen = itertools.product((0, 1), repeat=16)
    assert objective.optimum == max(native(list(point)) for point in chosen)


@pytest.mark.parametrize("function", [function for function in range(1, 26) if function not in (18, 22, 24, 25)])
@pytest.mark.slow
def test_the_stated_optimum_of_other_instances_is_the_best_of_all_values(function: int) -> None:
    for instance in (2, 60):
        (objective,) = PBO.make(f"pbo/f{function}/d16/i{instance}").problem.objectives
        native = ioh.get_problem(function, instance, 16, ioh.ProblemClass.PBO)
        assert objective.optimum == pytest.approx(max(map(native, map(list, itertools.product((0, 1), repeat=16)))))


def test_no_infinite_optimum_is_published() -> None:
    for id in list(PBO.ids())[::15]:
        optimum = PBO.make(id).problem.objectives[0].optimum
        assert optimum is None or math.isfinite(optimum)


def test_bits_are_integers() -> None:
    space = PBO.make("pbo/f1/d16/i1").problem.space
    assert len(space) == 16
    assert all(isinstance(one, UniformIntegerHyperparameter) for one in space.values())
    assert bits(["a", "b"]) == ConfigurationSpace({"a": (0, 1), "b": (0, 1)})


def test_facts_are_those_of_the_problems_in_the_order_of_the_ids() -> None:
    groups = list(PBO.facts())
    assert [id for _, ids in groups for id in ids] == list(PBO.ids())
    assert len(groups) == len(NAMES) * len(DIMENSIONS)
    for facts, ids in groups[::9]:
        others = {name: getattr(facts, name) for name in NOT_DERIVED}
        assert facts == Facts.of(PBO.make(ids[0]).problem, **others)
