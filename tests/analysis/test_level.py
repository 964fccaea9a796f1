"""The level of the report's tests, by the simulation of `benchmarks/significance.py`."""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    spec = importlib.util.spec_from_file_location("significance_levels", ROOT / "benchmarks" / "significance.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def highest(repeats: int) -> float:
    """5 % and three standard errors of the simulation."""
    return 0.05 + 3 * math.sqrt(0.05 * 0.95 / repeats)


@pytest.mark.parametrize(("tasks", "seeds", "ties"), [(16, 1, False), (12, 3, True)])
def test_alike_optimizers_rarely_differ(benchmark: ModuleType, tasks: int, seeds: int, ties: bool) -> None:
    found = benchmark.levels(tasks, seeds, ties=ties, repeats=300)
    assert all(share <= highest(300) for shares in found.values() for share in shares), found


@pytest.mark.slow
@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seeds", [1, 2, 5])
@pytest.mark.parametrize("tasks", [5, 9, 16, 50])
def test_the_level_of_tests_is_what_they_say(benchmark: ModuleType, tasks: int, seeds: int, ties: bool) -> None:
    found = benchmark.levels(tasks, seeds, ties=ties, repeats=2000)
    assert all(share <= highest(2000) for shares in found.values() for share in shares), found


@pytest.mark.slow
@pytest.mark.parametrize(("tasks", "optimizers"), [(10, 3), (30, 5)])
def test_the_level_of_bold_cells_is_what_they_say(benchmark: ModuleType, tasks: int, optimizers: int) -> None:
    assert benchmark.strengths_level(tasks, optimizers, repeats=1000) <= highest(1000)


def test_what_is_done_is_not_done_again(benchmark: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"TASKS": (5, 6), "SEEDS": (1,), "TIES": (False,), "REPEATS": 3, "CELL_REPEATS": 2}.items():
        monkeypatch.setattr(benchmark, name, value)
    found = benchmark.measure(tmp_path / "levels.json")
    monkeypatch.setattr(benchmark, "levels", pytest.fail)
    assert benchmark.measure(tmp_path / "levels.json") == found
    assert benchmark.table(found, "primary").splitlines()[2].startswith("| 5 tasks, 1 seed, no ties | ")
