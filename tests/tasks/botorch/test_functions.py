"""BoTorch's test functions: ids, facts, values, constraints, fidelities, optima."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from typing import Any

import moocore
import numpy as np
import pytest
from scipy.optimize import minimize

from optathlon.facts import Facts
from optathlon.problem import TaskType
from optathlon.space import probes
from optathlon.tasks.botorch.catalogue import listed
from optathlon.tasks.botorch.entry import Entry
from optathlon.tasks.botorch.functions import Botorch

pytestmark = pytest.mark.torch
torch = pytest.importorskip("torch", reason="the extra 'botorch' is not installed")
pytest.importorskip("botorch", reason="the extra 'botorch' is not installed")

BOTORCH = Botorch()
ENTRIES = list(listed())


def native(entry: Entry) -> Any:
    module, name = entry.source.split(".")
    return getattr(import_module(f"botorch.test_functions.{module}"), name)(**entry.arguments)


def at(point: Any) -> dict[str, float]:
    return {f"x{index}": float(value) for index, value in enumerate(point)}


def random_point(entry: Entry, problem: Any, rng: np.random.Generator) -> np.ndarray:
    point = rng.uniform(*problem.bounds.numpy())
    point[: entry.integers] = point[: entry.integers].round()
    return point


def test_makes_what_it_lists() -> None:
    ids = list(BOTORCH.ids())
    assert len(set(ids)) == len(ids) == 60
    assert [BOTORCH.make(id).id for id in ids] == ids
    types = [BOTORCH.make(id).problem.type for id in ids]
    assert {type: types.count(type) for type in TaskType} == {
        TaskType.BLACKBOX: 41,
        TaskType.MULTI_FIDELITY: 5,
        TaskType.MULTI_OBJECTIVE: 12,
        TaskType.MULTI_FIDELITY_OBJECTIVE: 2,
    }


@pytest.mark.parametrize("id", ["botorch/branin/d3", "botorch/branin", "botorch/dtlz1/d6", "botorch/beale/d2\n", ""])
def test_other_ids_are_key_errors(id: str) -> None:
    with pytest.raises(KeyError) as caught:
        BOTORCH.make(id)
    assert caught.value.args == (id,)


def test_facts_are_those_of_the_problems_in_the_order_of_the_ids() -> None:
    groups = [(facts, list(ids)) for facts, ids in BOTORCH.facts()]
    assert [id for _, ids in groups for id in ids] == list(BOTORCH.ids())
    for facts, (id,) in groups:
        task = BOTORCH.make(id)
        others = {name: getattr(facts, name) for name in ("recommended", "licence", "citation")}
        expected = Facts.of(task.problem, kind=facts.kind, domain=facts.domain, description=facts.description, **others)
        assert facts == replace(expected, optimum=expected.optimum or "optimal_hypervolume" in task.metadata)
        assert not facts.recommended or facts.domain != "synthetic"


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.id)
def test_values_and_constraints_are_those_of_botorch(entry: Entry) -> None:
    problem, task = native(entry), BOTORCH.make(entry.id)
    rng = np.random.default_rng(1)
    fidelity = task.problem.fidelity
    levels: list[Any] = [None] if fidelity is None else [None, fidelity.lower, fidelity.upper]
    for level in levels:
        point = random_point(entry, problem, rng)
        if fidelity is not None:
            inputs = {1.0: 3, 10.0: 2, 100.0: 1, 1000.0: 0} if entry.costs else {}
            full = fidelity.upper if level is None else level
            point[entry.dimension :] = inputs.get(full, full)
        result = task.evaluate(at(point[: entry.dimension]), fidelity=level, seed=0)
        batch = torch.tensor(point, dtype=torch.double)[None]
        assert list(result.values) == problem(batch).reshape(-1).tolist()
        slack = problem.evaluate_slack(batch).reshape(-1).tolist() if entry.constraints else []
        assert [-value for value in result.constraints] == slack
    space: Any = task.problem.space
    bounds = [[space[f"x{index}"].lower, space[f"x{index}"].upper] for index in range(entry.dimension)]
    np.testing.assert_allclose(bounds, problem.bounds.T[: entry.dimension].tolist())
    if entry.objectives == 1:
        assert (entry.direction == "minimize") is problem.is_minimization_problem


def test_the_costs_of_models_are_botorchs() -> None:
    for entry in ENTRIES:
        for cost, model in entry.costs.items():
            assert native(entry).cost(torch.tensor([[0.0] * entry.dimension + [model]])).item() == cost


@pytest.mark.parametrize("entry", [entry for entry in ENTRIES if entry.optimum is not None], ids=lambda one: one.id)
def test_no_local_search_beats_the_optimum_and_one_attains_it(entry: Entry) -> None:
    problem, task = native(entry), BOTORCH.make(entry.id)
    lower, upper = problem.bounds.numpy()[:, : entry.dimension]
    (objective,) = task.problem.objectives

    def result(share: Any) -> Any:
        return task.evaluate(at(np.clip(lower + share * (upper - lower), lower, upper)), fidelity=None, seed=0)

    def loss(share: Any) -> float:
        return objective.loss(result(share).values[0])

    constraints = {"type": "ineq", "fun": lambda share: -np.array(result(share).constraints)}
    starts = [(np.array(one)[: entry.dimension] - lower) / (upper - lower) for one in problem._optimizers or []]
    if entry.name == "michalewicz":  # a sum over hyperparameters
        steps = np.linspace(0, np.pi, 10_001)
        terms = [np.sin(steps) * np.sin(number * steps**2 / np.pi) ** 20 for number in range(1, entry.dimension + 1)]
        starts = [np.array([steps[term.argmax()] / np.pi for term in terms])]
    if entry.constraints or not starts:
        starts += list(np.random.default_rng(4).random((48, entry.dimension)))
    best = np.inf
    for start in starts:
        found = [start]
        if not entry.integers:
            rules: Any = {"constraints": [constraints]} if entry.constraints else {}
            bounds, options = [(0, 1)] * entry.dimension, {"ftol": 1e-14, "maxiter": 200}
            found.append(minimize(loss, start, method="SLSQP", bounds=bounds, options=options, **rules).x)
        best = min([best, *(loss(one) for one in found if max(result(one).constraints, default=0) < 1e-7)])
    assert objective.optimum is not None
    assert best == pytest.approx(objective.loss(objective.optimum), rel=1e-5, abs=1e-6)
    assert best > objective.loss(objective.optimum) - 1e-6 * max(1, abs(best))


@pytest.mark.parametrize("name", ["dh1", "dh2", "dh3"])
def test_the_hypervolume_of_dh_is_that_of_a_dense_pareto_set(name: str) -> None:
    task = BOTORCH.make(f"botorch/{name}/d5")
    second = [0.0] if name != "dh3" else np.linspace(0.849, 0.851, 5)
    firsts = np.linspace(0, 1, 1001)
    values = [
        task.evaluate(at([first, one, 0, 0, 0]), fidelity=None, seed=0).values for first in firsts for one in second
    ]
    volume = moocore.hypervolume(np.array(values), ref=[1.1, 1.1])
    optimal = float(task.metadata["optimal_hypervolume"])
    assert volume <= optimal + 1e-6
    assert volume == pytest.approx(optimal, abs=2e-3)


def test_values_are_the_same_again_and_fingerprints_tell_tasks_apart() -> None:
    ids = ["botorch/branin/d2", "botorch/augmented_branin/d2", "botorch/wing_weight/d10", "botorch/spring/d3"]
    prints = [BOTORCH.make(id).fingerprint() for id in ids]
    assert len(set(prints)) == len(ids)
    assert [BOTORCH.make(id).fingerprint() for id in ids] == prints


def test_probes_are_finite() -> None:
    for entry in ENTRIES:
        task = BOTORCH.make(entry.id)
        for config in probes(task.problem.space, 2):
            result = task.evaluate(config, fidelity=None, seed=0)
            assert np.isfinite([*result.values, *result.constraints]).all()
