from __future__ import annotations

import math
from typing import Any

import moocore
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optathlon.problem import TaskType
from optathlon.space import probes
from optathlon.tasks.pymoo.fronts import optimal_hypervolume
from optathlon.tasks.pymoo.problems import Pymoo
from optathlon.tasks.pymoo.scalable import NAMES

pytest.importorskip("pymoo", reason="the extra 'pymoo' is not installed")
from pymoo.problems import get_problem

PYMOO = Pymoo()
MANY = ("dtlz1", "dtlz2", "dtlz3", "dtlz4")
IDS = [id for id in PYMOO.ids() if id.split("/")[1] in NAMES]
FRONTS = [(name, 2) for name in NAMES] + [(name, 3) for name in NAMES if not name.startswith("zdt")]
UNKNOWN_FRONT = ("wfg3", 3)


def parts(id: str) -> tuple[str, int, int]:
    _, name, objectives, dimension = id.split("/")
    return name, int(objectives[1:]), int(dimension[1:])


def native(id: str) -> Any:
    name, n_objectives, dimension = parts(id)
    if name == "zdt5":
        return get_problem("zdt5", m=1 + (dimension - 30) // 5)
    return get_problem(name, n_var=dimension, **({} if name.startswith("zdt") else {"n_obj": n_objectives}))


def at(point: Any) -> dict[str, float]:
    return {f"x{index}": value for index, value in enumerate(np.asarray(point).tolist())}


def evaluate(task: Any, point: Any) -> tuple[float, ...]:
    return task.evaluate(at(point), fidelity=None, seed=0).values


def reference(task: Any) -> list[float]:
    return [objective.reference for objective in task.problem.objectives]


def pareto_set(id: str, count: int) -> np.ndarray:
    """Pareto-optimal points, dense in the front, by the papers' descriptions of the problems."""
    name, n_objectives, dimension = parts(id)
    if name == "zdt5":
        return np.array([[1] * ones + [0] * (30 - ones) + [1] * (dimension - 30) for ones in range(31)])
    steps = np.linspace(0, 1, count if n_objectives == 2 else math.isqrt(count))
    if name == "dtlz4":
        steps = steps**0.01  # undoes x^100
    if name == "wfg1":
        steps = steps**50  # undoes x^0.02
    if name in ("wfg5", "wfg9"):
        steps = 0.35 + 0.001 * steps  # deception sends this to [0, 1]
    positions = np.stack(np.meshgrid(*[steps] * (n_objectives - 1)), axis=-1).reshape(-1, n_objectives - 1)
    if name.startswith("wfg"):
        return wfg_points(name, positions, dimension)
    optimal_distance = 0.5 if name in ("dtlz1", "dtlz2", "dtlz3", "dtlz4", "dtlz5") else 0.0
    points = np.full((len(positions), dimension), optimal_distance)
    points[:, : n_objectives - 1] = positions
    return points


def wfg_points(name: str, positions: np.ndarray, dimension: int) -> np.ndarray:
    """Huband et al. (2006): distance parameters are best at 0.35 of their range, after the dependences."""
    unit = np.full((len(positions), dimension), 0.35)
    unit[:, :4] = np.repeat(positions, 4 // positions.shape[1], axis=1)
    if name in ("wfg6", "wfg9"):  # the non-separable reduction of equal values doesn't reach 1
        unit[:, 1:4:2] = 0.0 if name == "wfg6" else 0.35
    if name == "wfg8":
        for index in range(4, dimension):
            unit[:, index] **= 1 / dependence(unit[:, :index].mean(axis=1))
    if name == "wfg9":
        for index in reversed(range(dimension - 1)):
            unit[:, index] **= 1 / dependence(unit[:, index + 1 :].mean(axis=1))
    return unit * 2 * np.arange(1, dimension + 1)


def dependence(mean: np.ndarray) -> np.ndarray:
    """The exponent of the transformation b_param with A = 0.98 / 49.98, B = 0.02, C = 50."""
    a = 0.98 / 49.98
    return 0.02 + 49.98 * (a - (1 - 2 * mean) * np.abs(np.floor(0.5 - mean) + a))


def a_task(name: str, n_objectives: int) -> Any:
    return PYMOO.make(next(id for id in IDS if id.startswith(f"pymoo/{name}/m{n_objectives}/")))


def test_lists_every_problem_with_its_objectives_and_dimensions() -> None:
    assert len(IDS) == len(set(IDS))
    assert {parts(id)[:2] for id in IDS} == {*FRONTS, *((name, 5) for name in MANY)}
    for standard in ("zdt1/m2/d30", "zdt4/m2/d10", "zdt5/m2/d80", "dtlz1/m3/d7", "dtlz2/m3/d12", "dtlz7/m3/d22"):
        assert f"pymoo/{standard}" in IDS
    assert "pymoo/wfg9/m3/d24" in IDS
    assert [PYMOO.make(id).id for id in IDS] == IDS


@pytest.mark.parametrize(
    "id",
    [
        "pymoo/zdt7/m2/d10",
        "pymoo/zdt1/d30",
        "pymoo/zdt1/m3/d30",
        "pymoo/zdt1/m2/d1",
        "pymoo/zdt5/m2/d30",
        "pymoo/zdt5/m2/d36",
        "pymoo/zdt5/m3/d35",
        "pymoo/dtlz2/m1/d6",
        "pymoo/dtlz2/m4/d6",
        "pymoo/dtlz2/m3/d2",
        "pymoo/wfg1/m2/d4",
        "pymoo/wfg2/m2/d7",
        "pymoo/wfg3/m3/d5",
        "pymoo/wfg10/m2/d6",
        "pymoo/dtlz2/m2/d06",
        "pymoo/ZDT1/m2/d6",
        "pymoo/zdt1/m2/d6\n",
        "",
    ],
)
def test_other_ids_are_key_errors(id: str) -> None:
    with pytest.raises(KeyError):
        PYMOO.make(id)


@pytest.mark.parametrize(
    "id",
    [
        *("pymoo/zdt1/m2/d2", "pymoo/zdt5/m2/d40", "pymoo/dtlz1/m2/d2", "pymoo/dtlz7/m3/d3"),
        *("pymoo/wfg1/m2/d5", "pymoo/wfg2/m3/d8"),
    ],
)
def test_unlisted_dimensions_can_be_made(id: str) -> None:
    task = PYMOO.make(id)
    for config in probes(task.problem.space, 3):
        assert all(math.isfinite(value) for value in task.evaluate(config, fidelity=None, seed=0).values)


@pytest.mark.parametrize("id", IDS)
def test_values_are_those_of_pymoo(id: str) -> None:
    task, problem = PYMOO.make(id), native(id)
    points = np.random.default_rng(1).uniform(problem.xl, problem.xu, (5, problem.n_var))
    if parts(id)[0] == "zdt5":
        points = points.round()
    expected = problem.evaluate(points, return_values_of=["F"])
    np.testing.assert_allclose([evaluate(task, point) for point in points], expected, rtol=1e-12)
    assert all(type(value) is float for value in evaluate(task, points[0]))
    shuffled = dict(reversed(at(points[0]).items()))
    assert task.evaluate(shuffled, fidelity=None, seed=9).values == evaluate(task, points[0])


@pytest.mark.parametrize("id", IDS)
def test_spaces_are_pymoos(id: str) -> None:
    problem = native(id)
    space: Any = PYMOO.make(id).problem.space
    assert len(space) == problem.n_var
    assert [space[f"x{index}"].lower for index in range(problem.n_var)] == problem.xl.tolist()
    assert [space[f"x{index}"].upper for index in range(problem.n_var)] == problem.xu.tolist()


def test_zdt5_has_bits() -> None:
    task = PYMOO.make("pymoo/zdt5/m2/d35")
    assert {type(value) for config in probes(task.problem.space, 5) for value in config.values()} == {int}
    # all of the first 30 bits set: f1 is at its worst, f2 at its best; deception: no bit set costs 2, all five 1
    assert evaluate(task, [1] * 35) == pytest.approx((1, 0))
    assert evaluate(task, [0] * 30 + [1] * 5) == pytest.approx((0, 1))
    assert evaluate(task, [0] * 35) == pytest.approx((0, (2 - 1 / 31) / (1 - 1 / 31)))


@given(st.floats(0, 1), st.sampled_from(["zdt1", "zdt2", "zdt3", "zdt4", "zdt6"]))
def test_pareto_set_of_zdt_lies_on_its_front(x: Any, name: str) -> None:
    f1, f2 = evaluate(a_task(name, 2), [x] + [0.0] * 5)
    front = {
        "zdt1": 1 - math.sqrt(f1),
        "zdt2": 1 - f1**2,
        "zdt3": 1 - math.sqrt(f1) - f1 * math.sin(10 * math.pi * f1),
        "zdt4": 1 - math.sqrt(f1),
        "zdt6": 1 - f1**2,
    }
    assert f2 == pytest.approx(front[name], abs=1e-12)
    assert f1 == (pytest.approx(x) if name != "zdt6" else pytest.approx(max(f1, 0.28077)))


@given(st.floats(0, 1), st.floats(0, 1), st.sampled_from(["dtlz1", "dtlz2", "dtlz3", "dtlz4", "dtlz5", "dtlz6"]))
def test_pareto_set_of_dtlz_lies_on_its_front(x: Any, y: Any, name: str) -> None:
    values = evaluate(a_task(name, 3), [x, y] + [0.0 if name == "dtlz6" else 0.5] * 4)
    if name == "dtlz1":
        assert sum(values) == pytest.approx(0.5)
    else:
        assert math.hypot(*values) == pytest.approx(1)
    if name in ("dtlz5", "dtlz6"):
        assert values[0] == pytest.approx(values[1], abs=1e-12)


@pytest.mark.parametrize("name", [f"wfg{number}" for number in range(4, 10)])
@pytest.mark.parametrize("n_objectives", [2, 3])
def test_pareto_set_of_wfg4_to_9_lies_on_its_ellipsoid(name: str, n_objectives: int) -> None:
    task = a_task(name, n_objectives)
    axes = np.arange(2, 2 * n_objectives + 1, 2)
    for point in pareto_set(task.id, 30):
        assert np.linalg.norm(evaluate(task, point) / axes) == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize(("name", "n_objectives"), FRONTS)
def test_optimal_hypervolume_is_the_limit_of_dense_pareto_sets(name: str, n_objectives: int) -> None:
    # WFG1 sends a distance of 1e-17 to 0.46, and in more than 5 dimensions its optimum is not a floating-point number
    task = PYMOO.make(f"pymoo/wfg1/m{n_objectives}/d5") if name == "wfg1" else a_task(name, n_objectives)
    if (name, n_objectives) == UNKNOWN_FRONT:
        assert "optimal_hypervolume" not in task.metadata
        return
    problem = native(task.id)
    nadir_box = np.array(reference(task))

    def gap(count: int) -> float:
        values = problem.evaluate(pareto_set(task.id, count), return_values_of=["F"])
        return task.metadata["optimal_hypervolume"] - moocore.hypervolume(values, ref=nadir_box)

    if name == "zdt5":
        assert gap(31) == pytest.approx(0, abs=1e-9)
        return
    coarse, fine = gap(1_000), gap(16_000)
    rounding = 1e-12 * nadir_box.prod()
    assert -rounding < fine < max(0.5 * coarse, rounding)
    assert fine < 1e-3 if n_objectives == 2 else fine < 1.0


def test_published_hypervolumes() -> None:
    # BoTorch's ZDT1, ZDT2 and ZDT3 against the reference point (11, 11)
    assert optimal_hypervolume("zdt1", (11.0, 11.0)) == pytest.approx(120 + 2 / 3, rel=1e-9)
    assert optimal_hypervolume("zdt2", (11.0, 11.0)) == pytest.approx(120 + 1 / 3, rel=1e-9)
    assert optimal_hypervolume("zdt3", (11.0, 11.0)) == pytest.approx(128.7781161306907606, rel=1e-9)


def test_closed_form_hypervolumes() -> None:
    first = 0.2807753191  # of ZDT6's front
    assert optimal_hypervolume("zdt4", (1.1, 1.1)) == pytest.approx(1.21 - 1 / 3, rel=1e-9)
    assert optimal_hypervolume("zdt6", (11.0, 11.0)) == pytest.approx(
        10 * (1 - first) + (1 - first**3) / 3 + 110, rel=1e-9
    )
    assert optimal_hypervolume("dtlz1", (1.0, 1.0)) == 1 - 1 / 8
    assert optimal_hypervolume("dtlz1", (1.0, 1.0, 1.0)) == pytest.approx(1 - 1 / 48)
    assert optimal_hypervolume("dtlz2", (1.1, 1.1)) == pytest.approx(1.21 - math.pi / 4)
    assert optimal_hypervolume("dtlz2", (1.1, 1.1, 1.1)) == pytest.approx(1.331 - math.pi / 6)
    assert optimal_hypervolume("dtlz1", (1.0,) * 5) == pytest.approx(1 - 1 / 3840)  # 2^5 5!
    assert optimal_hypervolume("dtlz2", (1.1,) * 5) == pytest.approx(1.1**5 - math.pi**2 / 60)  # 8/15 π² / 2^5
    assert optimal_hypervolume("wfg4", (3.0, 5.0, 7.0)) == pytest.approx(105 - 48 * math.pi / 6)
    assert optimal_hypervolume("wfg3", (3.0, 5.0)) == 15 - 8 / 2


def test_reference_points() -> None:
    assert reference(PYMOO.make("pymoo/zdt1/m2/d30")) == [11, 11]
    assert reference(PYMOO.make("pymoo/dtlz1/m3/d7")) == [400] * 3
    assert reference(PYMOO.make("pymoo/dtlz2/m2/d6")) == [1.1] * 2
    assert reference(PYMOO.make("pymoo/wfg4/m3/d10")) == [3, 5, 7]


@settings(max_examples=300)  # each of the problems must come up several times
@given(st.data())
def test_reference_points_set_by_largest_values_bound_every_value(data: st.DataObject) -> None:
    bounded = ("zdt", "dtlz6/", "wfg")
    id = data.draw(st.sampled_from([id for id in IDS if id.split("/", 1)[1].startswith(bounded) and "/d6" in id]))
    task = PYMOO.make(id)
    unit = data.draw(st.lists(st.floats(0, 1), min_size=6, max_size=6))
    space: Any = task.problem.space
    bounds = [(space[f"x{index}"].lower, space[f"x{index}"].upper) for index in range(6)]
    values = evaluate(task, [lower + u * (upper - lower) for u, (lower, upper) in zip(unit, bounds, strict=True)])
    assert all(value <= limit + 1e-9 for value, limit in zip(values, reference(task), strict=True))


def test_problem_and_metadata() -> None:
    task = PYMOO.make("pymoo/dtlz2/m3/d12")
    assert task.metadata == {
        "function": "dtlz2",
        "group": "dtlz",
        "n_objectives": 3,
        "dimension": 12,
        "optimal_hypervolume": pytest.approx(1.1**3 - math.pi / 6),
    }
    assert [objective.name for objective in task.problem.objectives] == ["f1", "f2", "f3"]
    assert {objective.direction for objective in task.problem.objectives} == {"minimize"}
    assert task.problem.type is TaskType.MULTI_OBJECTIVE
    assert task.problem.budget.evaluations == math.ceil(20 + 40 * math.sqrt(12))


def test_fingerprints_tell_tasks_apart_and_are_stable() -> None:
    ids = ("pymoo/zdt1/m2/d6", "pymoo/zdt2/m2/d6", "pymoo/zdt1/m2/d30", "pymoo/dtlz2/m2/d6", "pymoo/dtlz2/m3/d6")
    prints = [PYMOO.make(id).fingerprint() for id in ids]
    assert len(set(prints)) == len(ids)
    assert [PYMOO.make(id).fingerprint() for id in ids] == prints
