"""All of COCO's suites: ids, facts, values, optima, constraints."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cocoex
import moocore
import numpy as np
import pytest
from ConfigSpace import ConfigurationSpace, UniformFloatHyperparameter, UniformIntegerHyperparameter

from optathlon.facts import Facts
from optathlon.problem import TaskType
from optathlon.space import active_checker, probes
from optathlon.task import Task
from optathlon.tasks.coco import functions
from optathlon.tasks.coco.biobjective import PAIRS, BiObjective, BiObjectiveExtension, MixedIntegerBiObjective
from optathlon.tasks.coco.constrained import Constrained
from optathlon.tasks.coco.continuous import Boxed, Largescale
from optathlon.tasks.coco.mixed_integer import MixedInteger
from optathlon.tasks.coco.noisy import Noisy
from optathlon.tasks.coco.suite import Suite, box

COUNTS: dict[type[Suite], int] = {
    BiObjective: 4950,
    BiObjectiveExtension: 3330,
    MixedIntegerBiObjective: 8280,
    Boxed: 2160,
    Constrained: 4860,
    Largescale: 2160,
    MixedInteger: 2160,
    Noisy: 2700,
}
"""The numbers of problems of COCO's suites; both bi-objective ones together are its bbob-biobj-ext."""

NOISELESS = [suite for suite in COUNTS if suite is not Noisy]
ONE_OBJECTIVE = [Boxed, Constrained, Largescale, MixedInteger]
TWO_OBJECTIVES = [BiObjective, BiObjectiveExtension, MixedIntegerBiObjective]

Best = Callable[[Any], np.ndarray]


def at(point: Any) -> dict[str, float]:
    return {f"x{index}": float(value) for index, value in enumerate(point)}


def task_of(problem: Any, suite: type[Suite]) -> Task:
    function, dimension, instance = problem.id_triple
    return suite().make(f"{suite.name}/f{function}/d{dimension}/i{instance}")


def random_point(problem: Any, rng: np.random.Generator) -> np.ndarray:
    """Uniform within COCO's bounds, with integers where COCO has them."""
    point = rng.uniform(problem.lower_bounds, problem.upper_bounds)
    whole = problem.number_of_integer_variables
    point[:whole] = rng.integers(problem.lower_bounds[:whole], problem.upper_bounds[:whole], endpoint=True)
    return point


def agree(problem: Any, suite: type[Suite], rng: np.random.Generator) -> None:
    """The task has COCO's bounds, and its values and constraints at a random point."""
    task, point = task_of(problem, suite), random_point(problem, rng)
    config = at(point)
    result = task.evaluate(config, fidelity=None, seed=0)
    assert list(result.values) == np.atleast_1d(problem(point)).tolist()
    assert list(result.constraints) == ([] if problem.constraint(point) is None else problem.constraint(point).tolist())
    space: Any = task.problem.space
    hyperparameters = [space[f"x{index}"] for index in range(problem.dimension)]
    assert [hp.lower for hp in hyperparameters] == problem.lower_bounds.tolist()
    assert [hp.upper for hp in hyperparameters] == problem.upper_bounds.tolist()


@pytest.fixture
def best(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Best:
    """COCO's own best parameters, which it writes to a file in the working folder: one row for each objective."""
    monkeypatch.chdir(tmp_path)

    def found(problem: Any) -> np.ndarray:
        problem._best_parameter("print")
        (path,) = tmp_path.glob("._bbob*")
        return np.atleast_2d(np.loadtxt(path))

    return found


def sampled(suite: type[Suite]) -> Iterator[Any]:
    """The suite's problems of the first and the fourth dimension and of the second instance."""
    few = ",".join(str(suite.dimensions[place]) for place in (0, 3))
    first, last = suite.functions[0], suite.functions[-1]
    chosen = f"function_indices:{first}-{last} dimensions:{few} instance_indices:2"
    yield from cocoex.Suite(suite.name, "", chosen)


@pytest.mark.parametrize("suite", COUNTS)
def test_lists_as_many_tasks_as_coco(suite: type[Suite]) -> None:
    ids = list(suite().ids())
    assert len(ids) == len(set(ids)) == COUNTS[suite]
    keys = [tuple(int(part[1:]) for part in id.split("/")[1:]) for id in ids]
    assert keys == sorted(keys)
    assert {id.split("/")[0] for id in ids} == {suite.name}


@pytest.mark.parametrize("suite", COUNTS)
def test_makes_what_it_lists(suite: type[Suite]) -> None:
    for id in list(suite().ids())[::29]:
        task = suite().make(id)
        assert task.id == id
        assert f"/d{task.metadata['dimension']}/" in id


@pytest.mark.parametrize("suite", COUNTS)
def test_other_ids_are_key_errors(suite: type[Suite]) -> None:
    name, first, last = suite.name, suite.functions[0], suite.functions[-1]
    dimension = suite.dimensions[0]
    beyond = suite.instances[-1] + 1
    for id in (
        f"{name}/f{100 if suite is Noisy else 0}/d{dimension}/i1",
        f"{name}/f{last + 1}/d{dimension}/i1",
        f"{name}/f{first}/d7/i1",
        f"{name}/f{first}/d{dimension}/i0",
        f"{name}/f{first}/d{dimension}/i{beyond}",
        f"{name}/f{first}/d0{dimension}/i1",
        f"{name}/f{first}/d{dimension}/i1\n",
        f"{name}/f{first}/d{dimension}",
        f"{name}/f{first}/d{dimension}/i٣",
        f"{name}x/f{first}/d{dimension}/i1",
        "",
    ):
        with pytest.raises(KeyError) as caught:
            suite().make(id)
        assert caught.value.args == (id,)


@pytest.mark.parametrize("suite", COUNTS)
def test_facts_are_those_of_the_problems_in_the_order_of_the_ids(suite: type[Suite]) -> None:
    groups = [(facts, list(ids)) for facts, ids in suite().facts()]
    assert [id for _, ids in groups for id in ids] == list(suite().ids())
    for facts, ids in groups[::31]:
        task = suite().make(ids[-1])
        others = {name: getattr(facts, name) for name in ("noisy", "recommended", "seconds", "licence", "citation")}
        expected = Facts.of(task.problem, kind=facts.kind, domain=facts.domain, description=facts.description, **others)
        assert facts == replace(expected, optimum=expected.optimum or "optimal_hypervolume" in task.metadata)
        assert facts.licence == "BSD-3-Clause"


@pytest.mark.parametrize("suite", COUNTS)
def test_a_few_first_instances_are_recommended(suite: type[Suite]) -> None:
    recommended = [id for facts, ids in suite().facts() if facts.recommended for id in ids]
    assert len(recommended) <= 10
    assert all(id.endswith("/i1") for id in recommended)


@pytest.mark.parametrize("suite", NOISELESS)
def test_values_are_those_of_coco_whatever_was_evaluated_before(suite: type[Suite]) -> None:
    rng = np.random.default_rng(1)
    for problem in sampled(suite):
        agree(problem, suite, rng)


@pytest.mark.parametrize("suite", COUNTS)
def test_names_of_functions_and_instances_are_those_of_the_id(suite: type[Suite]) -> None:
    function, dimension = suite.functions[2], suite.dimensions[1]
    task = suite().make(f"{suite.name}/f{function}/d{dimension}/i9")
    assert task.metadata["function"] == function
    assert task.metadata["function_name"]
    assert task.metadata["dimension"] == len(task.problem.space)
    assert task.metadata["instance"] == 9


@pytest.mark.parametrize("suite", ONE_OBJECTIVE)
def test_the_optimum_is_attained_at_cocos_best_point(suite: type[Suite], best: Best) -> None:
    for problem in sampled(suite):
        (point,) = best(problem)
        task = task_of(problem, suite)
        (objective,) = task.problem.objectives
        result = task.evaluate(at(point), fidelity=None, seed=0)
        assert result.values[0] == pytest.approx(objective.optimum, rel=1e-12, abs=1e-9)
        assert max(result.constraints, default=0.0) == pytest.approx(0, abs=1e-9)
        assert active_checker(task.problem.space)(at(point)) == at(point)


@pytest.mark.parametrize("suite", TWO_OBJECTIVES)
def test_the_ideal_and_the_nadir_point_are_those_of_cocos_best_points(suite: type[Suite], best: Best) -> None:
    for problem in sampled(suite):
        points = best(problem)
        task = task_of(problem, suite)
        values = np.array([task.evaluate(at(point), fidelity=None, seed=0).values for point in points])
        objectives = task.problem.objectives
        assert [one.optimum for one in objectives] == pytest.approx(values.min(axis=0), rel=1e-12, abs=1e-9)
        assert [one.reference for one in objectives] == pytest.approx(values.max(axis=0), rel=1e-12, abs=1e-9)


def test_the_normalised_hypervolume_of_two_spheres_is_that_of_their_front(best: Best) -> None:
    """Between the optima, in shares of nadir - ideal, the front is f₂ = (1 - √f₁)², above which lie 5/6."""
    problem = cocoex.Suite("bbob-biobj", "", "function_indices:1 dimensions:5 instance_indices:1")[0]
    first, second = best(problem)
    task = BiObjective().make("bbob-biobj/f1/d5/i1")
    shares = np.linspace(0, 1, 4001)[:, None]
    front = [task.evaluate(at(point), fidelity=None, seed=0).values for point in first + shares * (second - first)]
    ideal = np.array([one.optimum for one in task.problem.objectives])
    nadir = np.array([one.reference for one in task.problem.objectives])
    volume = moocore.hypervolume(np.array(front), ref=nadir)
    assert volume / np.prod(nadir - ideal) == pytest.approx(5 / 6, abs=1e-3)
    assert volume < task.metadata["optimal_hypervolume"] == pytest.approx(volume, rel=1e-3)


def test_problems_ask_for_neither_optimum_nor_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    made = [suite().make(next(suite().ids())) for suite in NOISELESS if suite is not Constrained]
    for name in ("optathlon.tasks.coco.suite.coco_function", "cocoex.Suite", "cocoex.bare_problem.BareProblem"):
        monkeypatch.setattr(name, None)
    for task in made:
        assert all(objective.has_optimum for objective in task.problem.objectives)


def test_the_default_configuration_of_constrained_tasks_is_cocos_and_feasible() -> None:
    for problem in sampled(Constrained):
        task = task_of(problem, Constrained)
        (default, *_) = probes(task.problem.space, 1)
        assert list(default.values()) == pytest.approx(problem.initial_solution, abs=1e-9)
        result = task.evaluate(default, fidelity=None, seed=0)
        assert max(result.constraints) <= 0
        assert len(result.constraints) == len(task.problem.constraints) == problem.number_of_constraints


def test_four_fifths_of_a_mixed_integer_space_are_integers_of_growing_ranges() -> None:
    space = MixedInteger().make("bbob-mixint/f1/d10/i1").problem.space
    *integers, first, second = space.values()
    assert [hp.upper for hp in integers if isinstance(hp, UniformIntegerHyperparameter)] == [1, 1, 3, 3, 7, 7, 15, 15]
    assert isinstance(first, UniformFloatHyperparameter)
    assert isinstance(second, UniformFloatHyperparameter)
    problem = MixedIntegerBiObjective().make("bbob-biobj-mixint/f1/d10/i1").problem
    assert problem.type is TaskType.MULTI_OBJECTIVE
    assert [hp.upper for hp in problem.space.values() if isinstance(hp, UniformIntegerHyperparameter)][-1] == 15


def test_functions_of_the_smaller_suite_are_made_by_its_name() -> None:
    assert BiObjectiveExtension().make("bbob-biobj-ext/f55/d2/i3").id == "bbob-biobj/f55/d2/i3"


def test_pairs_are_those_that_coco_combines() -> None:
    suite = cocoex.Suite("bbob-biobj-ext", "", "dimensions:2 instance_indices:1")
    combined = [tuple(int(part.split("_")[1][1:]) for part in problem.name.split("__")) for problem in suite]
    assert combined == PAIRS
    assert (len(BiObjective.functions), len(PAIRS)) == (55, 92)


def test_boxes_are_as_if_each_hyperparameter_were_made() -> None:
    names = ["x0", "x1", "x2"]
    assert box(names, 5.0) == ConfigurationSpace(dict.fromkeys(names, (-5.0, 5.0)))


def test_fingerprints_tell_tasks_apart() -> None:
    ids = [f"bbob-boxed/f{function}/d2/i{instance}" for function in (1, 2) for instance in (1, 2)]
    assert len({Boxed().make(id).fingerprint() for id in ids}) == 4


def test_groups_are_cocos() -> None:
    groups = [functions.group(function) for function in functions.NUMBERS]
    assert [groups.count(group) for group in dict.fromkeys(groups)] == [5, 4, 5, 5, 5]


@pytest.mark.slow
@pytest.mark.parametrize("suite", NOISELESS)
def test_values_of_whole_suites_are_those_of_coco(suite: type[Suite]) -> None:
    rng = np.random.default_rng(2)
    first, last = suite.functions[0], suite.functions[-1]
    problems = cocoex.Suite(suite.name, "", f"function_indices:{first}-{last} instance_indices:1,3,5")
    count = 0
    for problem in problems:
        agree(problem, suite, rng)
        count += 1
    assert count == len(suite.functions) * len(suite.dimensions) * 3


@pytest.mark.slow
def test_coco_has_no_other_problems() -> None:
    sizes = {suite.name: COUNTS[suite] for suite in COUNTS} | {"bbob": 2160}
    sizes["bbob-biobj-ext"] += sizes["bbob-biobj"]
    assert {name: len(cocoex.Suite(name, "", "")) for name in cocoex.known_suite_names} == sizes


@pytest.mark.slow
def test_the_first_functions_of_the_extended_suite_are_those_of_the_smaller_one() -> None:
    rng = np.random.default_rng(3)
    smaller = cocoex.Suite("bbob-biobj", "", "dimensions:2,5 instance_indices:1,9,15")
    extended = cocoex.Suite("bbob-biobj-ext", "", "function_indices:1-55 dimensions:2,5 instance_indices:1,9,15")
    for one, other in zip(smaller, extended, strict=True):
        point = random_point(one, rng)
        assert one(point).tolist() == other(point).tolist()


@pytest.mark.slow
def test_boxed_functions_are_those_of_sbox_cost() -> None:
    import ioh

    rng = np.random.default_rng(4)
    for id in list(Boxed().ids())[::7]:
        task = Boxed().make(id)
        function, dimension, instance = (int(part[1:]) for part in id.split("/")[1:])
        native = ioh.get_problem(function, instance, dimension, ioh.ProblemClass.SBOX)
        point = rng.uniform(-5, 5, dimension)
        assert task.evaluate(at(point), fidelity=None, seed=0).values[0] == pytest.approx(native(point), rel=1e-9)
        assert task.problem.objectives[0].optimum == pytest.approx(native.optimum.y, rel=1e-12)


@pytest.mark.slow
def test_functions_in_20_and_40_dimensions_are_those_of_bbob_but_for_f9() -> None:
    from cocoex.bare_problem import BareProblem

    rng = np.random.default_rng(5)
    for function in functions.NUMBERS:
        for dimension in (20, 40):
            point = rng.uniform(-5, 5, dimension)
            task = Largescale().make(f"bbob-largescale/f{function}/d{dimension}/i4")
            (value,) = task.evaluate(at(point), fidelity=None, seed=0).values
            same = value == pytest.approx(BareProblem("bbob", function, dimension, 4)(point), rel=1e-9)
            assert same is (function != 9)
