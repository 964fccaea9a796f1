"""Values that stand for failures are told from results, whichever way the table was logged."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from optathlon.analysis.analysis import Analysis
from optathlon.analysis.metrics.comparable import comparable
from optathlon.analysis.metrics.failure_codes import recurring_extremes
from optathlon.analysis.report.section import ReportData
from optathlon.analysis.report.sections.coverage import Coverage
from optathlon.results.failures import with_failure_values
from optathlon.results.frames import Results
from optathlon.results.tables import load_table


def rows(optimizer: str, values: Sequence[float] | np.ndarray, task: str = "t", seed: int = 0) -> pd.DataFrame:
    frame = pd.DataFrame({"value": values, "step": range(1, len(values) + 1)})
    return frame.assign(optimizer=optimizer, task=task, seed=seed)


def loaded(parts: Sequence[pd.DataFrame], tmp_path: Path, **columns: object) -> Results:
    pd.concat(parts).assign(**columns).to_parquet(tmp_path / "t.parquet", index=False)
    return comparable(load_table(tmp_path / "t.parquet"))


def found(results: Results) -> list[tuple[object, ...]]:
    return [*recurring_extremes(results.trials, results.tasks).itertuples(index=False, name=None)]


def random(size: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random(size)


@pytest.mark.parametrize(("direction", "code"), [("minimize", 100.0), ("maximize", -1.0), ("minimize", 2.288)])
def test_a_recurring_worst_value_is_found_in_raw_trials(direction: str, code: float, tmp_path: Path) -> None:
    values = random(1009)
    values[np.arange(3, 1009, 6)[:162]] = code
    results = loaded([rows("a", values), rows("b", random(50, 1))], tmp_path, direction=direction)
    assert found(results) == [("a", code, 162, 1009)]


def test_a_second_value_is_found_behind_the_first(tmp_path: Path) -> None:
    values = random(1009)
    values[np.arange(3, 1009, 6)[:162]] = 100.0
    values[np.arange(4, 1009, 6)[:151]] = 2.288
    assert found(loaded([rows("a", values)], tmp_path)) == [("a", 100.0, 162, 1009), ("a", 2.288, 151, 1009)]


@pytest.mark.parametrize("code", [-1.0, -999.0])
def test_a_recurring_value_far_beyond_the_best_is_found(code: float, tmp_path: Path) -> None:
    values = random(100)
    values[::9] = code
    assert found(loaded([rows("a", values)], tmp_path)) == [("a", code, 12, 100)]


def test_a_failed_run_of_a_table_of_final_scores_is_found(tmp_path: Path) -> None:
    parts = [rows("b", [value], f"t{task}") for task, value in enumerate(random(20))]
    scores = np.where(np.arange(20) % 3 == 0, 100.0, random(20, 1))
    parts += [rows("a", [value], f"t{task}") for task, value in enumerate(scores)]
    assert found(loaded(parts, tmp_path)) == [("a", 100.0, 7, 20)]


@pytest.mark.parametrize(
    "values",
    [
        np.minimum.accumulate(random(200)),  # incumbents
        np.repeat(0.5, 200),
        random(200).round(1),  # few different values
        np.append(random(20), np.repeat(0.0, 180)),  # has converged
        np.where(np.arange(200) % 50 == 0, 1.0, random(200)),  # too seldom
    ],
)
def test_results_are_not_taken_for_failures(values: np.ndarray, tmp_path: Path) -> None:
    assert found(loaded([rows("a", values), rows("b", random(200, 2))], tmp_path)) == []


def test_deterministic_final_scores_are_not_taken_for_failures(tmp_path: Path) -> None:
    parts = [rows("a", [0.1 * task], f"t{task}", seed) for task in range(4) for seed in range(10)]
    parts += [rows("b", [0.1 * task - 0.05], f"t{task}", seed) for task in range(4) for seed in range(10)]
    assert found(loaded(parts, tmp_path)) == []


@pytest.mark.parametrize(
    ("changes", "is_told"),
    [
        ({}, True),
        ({"space": {"hyperparameters": [{"type": "uniform_float"}, {"type": "ordinal"}]}}, True),
        ({"space": {"hyperparameters": [{"type": "ordinal"}, {"type": "categorical"}, {"type": "constant"}]}}, False),
        ({"space": {"hyperparameters": [{"type": "uniform_float"}]}, "data": {"table.parquet": "0" * 64}}, False),
    ],
)
def test_where_configurations_are_looked_up_nothing_stands_for_failures(
    changes: dict[str, object], is_told: bool, tmp_path: Path
) -> None:
    values = random(60)
    values[2::5] = 100.0
    results = loaded([rows("a", values), rows("b", values)], tmp_path)
    for name, value in changes.items():
        results.tasks[name] = [value] * len(results.tasks)
    told = [sentence for sentence in Coverage(ReportData(Analysis(results))).caveats() if "recur" in sentence]
    assert bool(told) is is_told


def test_the_page_names_them_once_for_all_optimizers_and_the_flag_makes_them_failures(tmp_path: Path) -> None:
    values = random(60)
    values[2::5] = 100.0
    others = np.where(values == 100.0, 1007.0, values)
    parts = [rows(name, values, task) for name in ("a", "b") for task in ("t", "u")]
    parts += [rows("c", others, task) for task in ("t", "u")]
    results = loaded(parts, tmp_path)

    def caveats(shown: Results) -> list[str]:
        return [str(sentence) for sentence in Coverage(ReportData(Analysis(shown))).caveats() if "recur" in sentence]

    (first, second) = caveats(results)
    assert "With <b>a</b> and <b>b</b>, extreme values recur: 100 in 48 of 240 trials." in first
    assert "--failure-value 100<" in first
    assert "With <b>c</b>, extreme values recur: 1007 in 24 of 120 trials." in second
    (marked,) = with_failure_values(results, values=[100, 1007])
    assert caveats(marked) == []
    assert (marked.trials["status"] == "crashed").sum() == 72
