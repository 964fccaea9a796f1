"""pymoo's problems but for ZDT, DTLZ and WFG."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import product
from typing import Any

import moocore
import numpy as np
import pytest
from ConfigSpace import UniformIntegerHyperparameter
from scipy.optimize import minimize

from optathlon.facts import Facts
from optathlon.space import probes
from optathlon.tasks.pymoo.further_fronts import optimal_hypervolume
from optathlon.tasks.pymoo.problems import EQUALITY_TOLERANCE, Pymoo
from optathlon.tasks.pymoo.scalable import NAMES
from optathlon.tasks.pymoo.several_objectives import DIFFICULTIES

pytest.importorskip("pymoo", reason="the extra 'pymoo' is not installed")
from pymoo.problems import get_problem
from pymoo.problems.multi.omnitest import OmniTest
from pymoo.problems.multi.sympart import SYMPART, SYMPARTRotated
from pymoo.problems.multi.wrm import WRM
from pymoo.problems.single.knapsack import create_random_knapsack_problem

PYMOO = Pymoo()
IDS = [id for id in PYMOO.ids() if id.split("/")[1] not in NAMES]
GROUPS = [(facts, list(ids)) for facts, ids in PYMOO.facts()]
WITH_OPTIMUM = [id for facts, (id,) in GROUPS if facts.optimum and facts.objectives == 1]
WITH_FRONT = [id for facts, (id,) in GROUPS if facts.optimum and id in IDS and facts.objectives > 1]
SCALABLE = ("ackley", "griewank", "rastrigin", "rosenbrock", "schwefel", "sphere", "zakharov")


def native(id: str) -> Any:
    """pymoo's own problem, built apart from the task."""
    _, name, objectives, dimension = id.split("/")
    m, d = int(objectives[1:]), int(dimension[1:])
    own = {
        "omnitest": lambda: OmniTest(d),
        "sympart": SYMPART,
        "sympart_rotated": SYMPARTRotated,
        "water_resources": WRM,
        "knapsack": lambda: create_random_knapsack_problem(d),
        "inverted_dtlz1": lambda: get_problem("dtlz1^-1", n_var=d, n_obj=m),
    }
    if name in own:
        return own[name]()
    if name.startswith("dascmop"):
        problem, difficulty = name.split("-")
        return get_problem(problem, int(difficulty))
    if name in SCALABLE or name.startswith(("ctp", "mw")):
        return get_problem(name, n_var=d)
    return get_problem(name, n_var=d, n_obj=m) if "dtlz" in name or name.startswith("zcat") else get_problem(name)


def at(point: Any) -> dict[str, float]:
    return {f"x{index}": value for index, value in enumerate(np.asarray(point).tolist())}


def front_points(id: str) -> np.ndarray:
    """Points of the space among which the Pareto set, or a dense neighbourhood of it, is."""
    _, name, objectives, dimension = id.split("/")
    m, d = int(objectives[1:]), int(dimension[1:])
    match name:
        case "bnh":
            return grid([(0, 5), (0, 3)], 400)
        case "srn":
            return grid([(-6, 2), (2, 15)], 700)
        case "omnitest":
            return np.repeat(np.linspace(1, 1.5, 500)[:, None], d, axis=1)
        case "sympart":
            return np.column_stack([np.linspace(-1, 1, 500), np.zeros(500)])
        case "sympart_rotated":
            return np.column_stack([np.linspace(-1, 1, 500)] * 2) / math.sqrt(2)
    positions = grid([(0, 1)] * (m - 1), 2000 if m == 2 else 60)
    if name in ("convex_dtlz4", "c3dtlz4"):
        positions = positions**0.01  # undoes x^100
    if not name.startswith("c3"):
        return np.column_stack([positions, np.full((len(positions), d - m + 1), 0.5)])
    if name == "c3dtlz1":  # g grows with one distance parameter, and a little change is enough
        distances = 0.5 + np.linspace(0, 0.006, 60)
        points = [np.column_stack([positions, np.full((len(positions), d - m + 1), 0.5)]) for _ in distances]
        for block, distance in zip(points, distances, strict=True):
            block[:, -1] = distance
        return np.vstack(points)
    radii = np.linspace(1, 2, 60)
    shares = np.sqrt((radii - 1) / (d - m + 1))
    return np.vstack(
        [np.column_stack([positions, np.full((len(positions), d - m + 1), 0.5 + share)]) for share in shares]
    )


def grid(bounds: list[tuple[float, float]], count: int) -> np.ndarray:
    axes = [np.linspace(*ends, count) for ends in bounds]
    return np.stack(np.meshgrid(*axes), axis=-1).reshape(-1, len(bounds))


def test_lists_pymoos_problems() -> None:
    assert len(set(IDS)) == len(IDS) == 282
    names = {id.split("/")[1] for id in IDS}
    assert {f"g{number}" for number in range(1, 25)} <= names
    assert {f"zcat{number}" for number in range(1, 21)} <= names
    assert {f"dascmop{number}-{difficulty}" for number in range(1, 10) for difficulty in DIFFICULTIES} <= names
    assert [PYMOO.make(id).id for id in IDS] == IDS


def test_all_difficulties_of_dascmop_can_be_made() -> None:
    for number, difficulty in product((1, 9), range(1, 17)):
        objectives = 2 if number == 1 else 3
        assert PYMOO.make(f"pymoo/dascmop{number}-{difficulty}/m{objectives}/d30").problem.constraints


@pytest.mark.parametrize(
    "id",
    [
        *("pymoo/g25/m1/d2", "pymoo/g1/m1/d12", "pymoo/g1/m2/d13", "pymoo/ackley/m1/d3", "pymoo/dascmop1-17/m2/d30"),
        *(
            "pymoo/dascmop1/m2/d30",
            "pymoo/inverted_dtlz1/m2/d6",
            "pymoo/mw1/m2/d6\n",
            "pymoo/mw1/m2/d06",
            "pymoo/MW1/m2/d6",
        ),
        *("pymoo/dtlz5/m5/d9", "pymoo/dtlz1/m5/d4", "pymoo/zcat1/m2/d٣"),
    ],
)
def test_other_ids_are_key_errors(id: str) -> None:
    with pytest.raises(KeyError):
        PYMOO.make(id)


def test_facts_are_those_of_the_problems_in_the_order_of_the_ids() -> None:
    assert [id for _, ids in GROUPS for id in ids] == list(PYMOO.ids())
    for facts, (id,) in GROUPS[::3]:
        task = PYMOO.make(id)
        others = {name: getattr(facts, name) for name in ("recommended", "licence", "citation")}
        expected = Facts.of(task.problem, kind=facts.kind, domain=facts.domain, description=facts.description, **others)
        assert facts == replace(expected, optimum=expected.optimum or "optimal_hypervolume" in task.metadata)


def test_real_designs_are_recommended_rather_than_functions() -> None:
    recommended = [facts.domain for facts, (id,) in GROUPS if facts.recommended and id in IDS]
    assert set(recommended) == {"engineering", "combinatorial"}


@pytest.mark.parametrize("id", IDS)
def test_values_and_constraints_are_those_of_pymoo(id: str) -> None:
    task, problem = PYMOO.make(id), native(id)
    whole = sum(isinstance(one, UniformIntegerHyperparameter) for one in task.problem.space.values())
    points = np.random.default_rng(1).uniform(problem.xl, problem.xu, (4, problem.n_var))
    points[:, :whole] = points[:, :whole].round()
    found = problem.evaluate(points, return_values_of=["F", "G", "H"], return_as_dictionary=True)
    for row, point in enumerate(points):
        result = task.evaluate(at(point), fidelity=None, seed=0)
        np.testing.assert_allclose(result.values, found["F"][row], rtol=1e-12)
        inequalities, equalities = np.split(np.array(result.constraints), [problem.n_ieq_constr])
        np.testing.assert_allclose(inequalities, found["G"][row], rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(equalities, np.abs(found["H"][row]) - EQUALITY_TOLERANCE, rtol=1e-9, atol=1e-9)
    space: Any = task.problem.space
    bounds = np.array([(space[f"x{index}"].lower, space[f"x{index}"].upper) for index in range(problem.n_var)])
    np.testing.assert_allclose(bounds, np.column_stack([problem.xl, problem.xu]), rtol=1e-9, atol=1e-15)
    assert len(task.problem.constraints) == problem.n_ieq_constr + problem.n_eq_constr


@pytest.mark.parametrize("id", [id for id in WITH_OPTIMUM if not id.startswith(("pymoo/knapsack", "pymoo/pressure"))])
def test_the_optimum_is_attained_at_or_near_pymoos_best_point(id: str) -> None:
    """pymoo's points are rounded, and some are not the best ones; a local search goes on from there."""
    task, problem = PYMOO.make(id), native(id)
    (optimum,) = [objective.optimum for objective in task.problem.objectives]
    start = np.atleast_2d(np.squeeze(problem.pareto_set())).astype(float)[0]
    scale = np.maximum(np.abs(start), 1e-3)

    def value(share: Any) -> float:
        return float(task.evaluate(at(share * scale), fidelity=None, seed=0).values[0])

    def slack(share: Any) -> Any:
        return -np.array(task.evaluate(at(share * scale), fidelity=None, seed=0).constraints)

    constraints = [{"type": "ineq", "fun": slack}] if task.problem.constraints else []
    bounds = list(zip(problem.xl / scale, problem.xu / scale, strict=True))
    points = [start / scale]
    for begin in (start / scale, (problem.xl + problem.xu) / 2 / scale):
        options = {"ftol": 1e-12}
        points.append(minimize(value, begin, method="SLSQP", bounds=bounds, constraints=constraints, options=options).x)
    points = [point for point in points if not constraints or slack(point).min() > -1e-6]
    best = min(value(point) for point in points)
    assert best == pytest.approx(optimum, rel=1e-6, abs=1e-8)


def test_the_optimum_of_the_pressure_vessel_is_the_best_over_all_thicknesses() -> None:
    task = PYMOO.make("pymoo/pressure_vessel/m1/d4")
    best: tuple[float, dict[str, float]] = (math.inf, {})
    for shell, head in product(range(1, 40), range(1, 40)):
        radius = np.linspace(10, max(10, min(shell * 0.0625 / 0.0193, head * 0.0625 / 0.00954)), 300)
        length = np.maximum(10, (1_296_000 - 4 / 3 * math.pi * radius**3) / (math.pi * radius**2))
        first, second = shell * 0.0625, head * 0.0625
        cost = 0.6224 * first * radius * length + 1.7781 * second * radius**2
        cost = np.where(length <= 200, cost + 3.1661 * first**2 * length + 19.84 * first**2 * radius, math.inf)
        place = int(cost.argmin())
        point = {"x0": shell, "x1": head, "x2": float(radius[place]), "x3": float(length[place])}
        best = min(best, (float(cost[place]), point), key=lambda one: one[0])
    result = task.evaluate(best[1], fidelity=None, seed=0)
    assert max(result.constraints) < 1e-12
    assert result.values[0] == pytest.approx(task.problem.objectives[0].optimum, rel=1e-12)


def test_the_optimum_of_the_knapsack_is_that_of_integer_programming() -> None:
    from scipy.optimize import Bounds, LinearConstraint, milp

    for items in (20, 50, 100):
        task, problem = PYMOO.make(f"pymoo/knapsack/m1/d{items}"), create_random_knapsack_problem(items)
        capacity = LinearConstraint(problem.W[None], ub=problem.C)
        solved = milp(-problem.P, integrality=np.ones(items), bounds=Bounds(0, 1), constraints=capacity)
        chosen = {f"x{index}": round(value) for index, value in enumerate(solved.x)}
        result = task.evaluate(chosen, fidelity=None, seed=0)
        assert result.values[0] == task.problem.objectives[0].optimum
        assert max(result.constraints) <= 0


@pytest.mark.parametrize("id", WITH_FRONT)
def test_optimal_hypervolume_is_nearly_attained_and_never_exceeded(id: str) -> None:
    task, problem = PYMOO.make(id), native(id)
    reference = np.array([objective.reference for objective in task.problem.objectives])
    points = front_points(id)
    found = problem.evaluate(points, return_values_of=["F", "G"], return_as_dictionary=True)
    feasible = np.all(found["G"] <= 1e-12, axis=1)
    front = found["F"][feasible]
    ideal, nadir = front.min(axis=0), front.max(axis=0)
    optimal, name = task.metadata["optimal_hypervolume"], id.split("/")[1]
    if "dtlz" in name:  # close to the front, where hypervolumes tell fronts apart
        assert optimal == optimal_hypervolume(name, tuple(reference.tolist()))
        reference = nadir * 1.1
        optimal = optimal_hypervolume(name, tuple(reference.tolist()))
    gap = optimal - moocore.hypervolume(front, ref=reference)
    assert -1e-9 * abs(reference.prod()) <= gap < 0.05 * np.prod(nadir - ideal)


@pytest.mark.parametrize("id", [id for id in WITH_FRONT if "/m2/d2" in id])
def test_no_random_point_dominates_a_known_front(id: str) -> None:
    task, problem = PYMOO.make(id), native(id)
    reference = np.array([objective.reference for objective in task.problem.objectives])
    points = np.random.default_rng(2).uniform(problem.xl, problem.xu, (20_000, problem.n_var))
    found = problem.evaluate(points, return_values_of=["F", "G"], return_as_dictionary=True)
    feasible = np.all(found["G"] <= 0, axis=1)
    assert moocore.hypervolume(found["F"][feasible], ref=reference) <= task.metadata["optimal_hypervolume"]


@pytest.mark.parametrize("name", ["zcat", "ctp", "dascmop"])
def test_reference_points_bound_all_values_of_the_box(name: str) -> None:
    for id in [id for id in IDS if id.startswith(f"pymoo/{name}")][::3]:
        task, problem = PYMOO.make(id), native(id)
        rng = np.random.default_rng(3)
        corners = np.where(rng.random((50, problem.n_var)) < 0.5, problem.xl, problem.xu)
        points = np.vstack([corners, rng.uniform(problem.xl, problem.xu, (50, problem.n_var))])
        largest = problem.evaluate(points, return_values_of=["F"]).max(axis=0)
        assert np.all(largest <= [objective.reference for objective in task.problem.objectives])


def test_fingerprints_tell_tasks_apart() -> None:
    ids = [id for id in IDS if id.startswith(("pymoo/g", "pymoo/mw", "pymoo/c"))][:40]
    assert len({PYMOO.make(id).fingerprint() for id in ids}) == len(ids)


def test_trials_of_the_recommended_are_finite() -> None:
    for facts, (id,) in GROUPS:
        if facts.recommended:
            task = PYMOO.make(id)
            for config in probes(task.problem.space, 3):
                result = task.evaluate(config, fidelity=None, seed=0)
                assert np.isfinite([*result.values, *result.constraints]).all()
