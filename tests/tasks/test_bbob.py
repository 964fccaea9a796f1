from __future__ import annotations

import math
from typing import Any

import ioh
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optathlon.facts import Facts
from optathlon.problem import TaskType
from optathlon.space import active_checker, probes
from optathlon.tasks.bbob import DIMENSIONS, Bbob
from optathlon.trial import Result

BBOB = Bbob()


def at(point: Any) -> dict[str, float]:
    return {f"x{index}": float(value) for index, value in enumerate(point)}


def value(task: Any, point: Any) -> float:
    result = task.evaluate(at(point), fidelity=None, seed=0)
    (number,) = result.values
    return number


def uniform(count: int, seed: int) -> np.ndarray:
    """BBOB-2009's generator of uniform numbers (RR-6829, `benchmarks.py: unif`): a shuffled Lehmer generator."""

    def step(state: int) -> int:
        state = 16807 * (state % 127773) - 2836 * (state // 127773)
        return state + 2147483647 if state < 0 else state

    state, shuffle = max(1, abs(seed)), [0] * 32
    for index in reversed(range(40)):
        state = step(state)
        if index < 32:
            shuffle[index] = state
    drawn, numbers = shuffle[0], []
    for _ in range(count):
        state = step(state)
        slot = drawn // 67108865
        drawn, shuffle[slot] = shuffle[slot], state
        numbers.append(drawn / 2147483647)
    return np.array(numbers)


def gauss(seed: int) -> float:
    first, second = uniform(2, seed)
    return math.sqrt(-2 * math.log(first)) * math.cos(2 * math.pi * second)


def seed_of(function: int, instance: int) -> int:
    return {4: 3, 18: 17}.get(function, function) + 10_000 * instance


def optimal_value(function: int, instance: int) -> float:
    """RR-6829: a rounded Cauchy number within ±1000."""
    seed = seed_of(function, instance)
    return min(1000.0, max(-1000.0, math.floor(100 * 100 * gauss(seed) / gauss(seed + 1) + 0.5) / 100))


def optimal_point(function: int, dimension: int, instance: int) -> np.ndarray:
    return 8 * np.floor(1e4 * uniform(dimension, seed_of(function, instance))) / 1e4 - 4


def test_lists_24_functions_in_6_dimensions_and_15_instances_in_natural_order() -> None:
    ids = list(BBOB.ids())
    assert len(ids) == len(set(ids)) == 24 * 6 * 15
    assert ids[:2] == ["bbob/f1/d2/i1", "bbob/f1/d2/i2"]
    assert ids[-1] == "bbob/f24/d40/i15"
    keys = [tuple(int(part[1:]) for part in id.split("/")[1:]) for id in ids]
    assert keys == sorted(keys)


def test_makes_what_it_lists() -> None:
    for id in BBOB.ids():
        assert BBOB.make(id).id == id


@pytest.mark.parametrize(
    "id",
    [
        "bbob/f0/d2/i1",
        "bbob/f25/d2/i1",
        "bbob/f1/d1/i1",
        "bbob/f1/d0/i1",
        "bbob/f1/d2/i00",
        "bbob/f1/d2/i214749",
        "bbob/f01/d2/i1",
        "bbob/f1/d2/i-1",
        "bbob/f1/d2/i1\n",
        "bbob/f1/d2",
        "bbob/f1/d2/i1/",
        "other/f1/d2/i1",
        "bbob/f1/d٣/i1",
        "",
    ],
)
def test_other_ids_are_key_errors(id: str) -> None:
    with pytest.raises(KeyError) as caught:
        BBOB.make(id)
    assert caught.value.args == (id,)


@pytest.mark.parametrize(
    "id", ["bbob/f1/d7/i1", "bbob/f3/d4/i0", "bbob/f24/d4/i16", "bbob/f9/d64/i99", "bbob/f24/d2/i214748"]
)
def test_unlisted_dimensions_and_instances_can_be_made(id: str) -> None:
    task = BBOB.make(id)
    assert math.isfinite(value(task, np.zeros(task.metadata["dimension"])))


@pytest.mark.parametrize("function", range(1, 25))
@pytest.mark.parametrize("dimension", [2, 5, 40])
def test_the_optimum_is_attained_at_the_best_point(function: Any, dimension: int) -> None:
    task = BBOB.make(f"bbob/f{function}/d{dimension}/i1")
    best = ioh.get_problem(function, 1, dimension, ioh.ProblemClass.BBOB).optimum.x
    (objective,) = task.problem.objectives
    assert value(task, best) == pytest.approx(objective.optimum, abs=1e-6)
    assert active_checker(task.problem.space)(at(best)) == at(best)


@pytest.mark.parametrize("function", range(1, 25))
def test_optima_are_those_of_the_published_generator(function: Any) -> None:
    for instance in (*range(1, 16), 1000):
        (objective,) = BBOB.make(f"bbob/f{function}/d2/i{instance}").problem.objectives
        assert objective.optimum == pytest.approx(optimal_value(function, instance), abs=1e-12)
        assert objective.direction == "minimize"


@pytest.mark.parametrize("function", range(1, 25))
def test_the_optimum_is_that_of_the_function_in_its_own_dimension(function: Any) -> None:
    for dimension, instance in ((3, 0), (10, 4), (41, 15)):
        (objective,) = BBOB.make(f"bbob/f{function}/d{dimension}/i{instance}").problem.objectives
        native = ioh.get_problem(function, instance, dimension, ioh.ProblemClass.BBOB)
        assert objective.optimum == native.optimum.y


def test_a_problem_and_a_plan_build_no_function(monkeypatch: pytest.MonkeyPatch, in_process: Any) -> None:
    monkeypatch.setattr(ioh, "get_problem", None)
    assert BBOB.make("bbob/f1/d640/i1").problem.objectives[0].has_optimum
    plan = in_process("run", "-o", "random", "-o", "optuna-tpe", "-t", "bbob/f1/d640/i1", "--dry-run")
    assert "2 optimizers x 1 tasks: 2 runs" in plan.stdout
    assert plan.returncode == 0


def test_facts_are_those_of_the_problems_in_the_order_of_the_ids() -> None:
    groups = list(BBOB.facts())
    assert [id for _, ids in groups for id in ids] == list(BBOB.ids())
    assert [id for facts, ids in groups if facts.recommended for id in ids] == [
        f"bbob/f{function}/d5/i1" for function in range(1, 25)
    ]
    for facts, ids in groups[::13]:
        names = ("kind", "domain", "description", "recommended", "seconds", "licence", "citation")
        assert facts == Facts.of(BBOB.make(ids[-1]).problem, **{name: getattr(facts, name) for name in names})


@pytest.mark.slow
def test_values_are_those_of_coco() -> None:
    from cocoex.bare_problem import BareProblem

    rng = np.random.default_rng(0)
    for id in BBOB.ids():
        function, dimension, instance = (int(part[1:]) for part in id.split("/")[1:])
        native, task = BareProblem("bbob", function, dimension, instance), BBOB.make(id)
        assert task.problem.objectives[0].optimum == pytest.approx(native.best_value(), rel=1e-12)
        for point in rng.uniform(-5, 5, (3, dimension)):
            assert value(task, point) == pytest.approx(native(point), rel=1e-9, abs=1e-9)


def test_the_first_sphere_has_its_published_optimum() -> None:
    assert BBOB.make("bbob/f1/d10/i1").problem.objectives[0].optimum == 79.48


@given(st.integers(1, 30), st.lists(st.floats(-5, 5), min_size=2, max_size=12))
def test_sphere_is_its_closed_form(instance: int, point: Any) -> None:
    task = BBOB.make(f"bbob/f1/d{len(point)}/i{instance}")
    squares = (np.array(point) - optimal_point(1, len(point), instance)) ** 2
    assert value(task, point) == pytest.approx(squares.sum() + optimal_value(1, instance), rel=1e-12, abs=1e-9)


@given(st.integers(1, 30), st.lists(st.floats(-5, 5), min_size=2, max_size=12))
def test_rosenbrock_is_its_closed_form(instance: int, point: Any) -> None:
    dimension = len(point)
    task = BBOB.make(f"bbob/f8/d{dimension}/i{instance}")
    z = max(1, math.sqrt(dimension) / 8) * (np.array(point) - 0.75 * optimal_point(8, dimension, instance)) + 1
    expected = (100 * (z[:-1] ** 2 - z[1:]) ** 2 + (z[:-1] - 1) ** 2).sum() + optimal_value(8, instance)
    assert value(task, point) == pytest.approx(expected, rel=1e-12, abs=1e-9)


@pytest.mark.parametrize("function", range(1, 25))
def test_values_are_those_of_ioh_whatever_was_evaluated_before(function: Any) -> None:
    points = np.random.default_rng(function).uniform(-5, 5, (20, 5))
    task = BBOB.make(f"bbob/f{function}/d5/i3")
    native = [ioh.get_problem(function, 3, 5, ioh.ProblemClass.BBOB)(point.tolist()) for point in points]
    assert [value(task, point) for point in points] == native
    assert [value(task, point) for point in points[::-1]] == native[::-1]


def test_the_order_of_names_in_a_configuration_is_of_no_consequence() -> None:
    task = BBOB.make("bbob/f2/d5/i1")
    config = at([1, -2, 3, -4, 0.5])
    backwards = dict(reversed(config.items()))
    assert task.evaluate(config, fidelity=None, seed=0) == task.evaluate(backwards, fidelity=None, seed=0)


def test_results_are_plain_numbers_without_cost() -> None:
    result = BBOB.make("bbob/f3/d2/i1").evaluate(at([0, 1]), fidelity=None, seed=5)
    assert type(result.values[0]) is float
    assert result == Result(result.values)


def test_problem_and_metadata() -> None:
    task = BBOB.make("bbob/f13/d20/i4")
    assert task.metadata == {
        "function": 13,
        "function_name": "Sharp Ridge",
        "group": "high conditioning and unimodal",
        "dimension": 20,
        "instance": 4,
    }
    space = task.problem.space
    assert set(space) == {f"x{index}" for index in range(20)}
    hyperparameters: list[Any] = list(space.values())
    assert all((hp.lower, hp.upper) == (-5, 5) for hp in hyperparameters)
    assert task.problem.type is TaskType.BLACKBOX


def test_groups_are_cocos() -> None:
    groups = [BBOB.make(f"bbob/f{function}/d2/i1").metadata["group"] for function in range(1, 25)]
    assert [groups.count(group) for group in dict.fromkeys(groups)] == [5, 4, 5, 5, 5]


@pytest.mark.parametrize(("dimension", "budget"), [(2, 77), (3, 90), (5, 110), (10, 147), (20, 199), (40, 273)])
def test_default_budgets(dimension: int, budget: Any) -> None:
    assert dimension in DIMENSIONS
    assert BBOB.make(f"bbob/f1/d{dimension}/i1").problem.budget.evaluations == budget


def test_fingerprints_tell_tasks_apart_and_are_stable() -> None:
    prints = {
        id: BBOB.make(id).fingerprint() for id in ("bbob/f1/d2/i1", "bbob/f1/d2/i2", "bbob/f2/d2/i1", "bbob/f1/d3/i1")
    }
    assert len(set(prints.values())) == 4
    assert all(BBOB.make(id).fingerprint() == fingerprint for id, fingerprint in prints.items())


def test_probes_are_legal() -> None:
    task = BBOB.make("bbob/f20/d10/i7")
    for config in probes(task.problem.space, 5):
        assert math.isfinite(task.evaluate(config, fidelity=None, seed=0).values[0])
