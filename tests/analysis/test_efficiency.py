from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from simulation import SimulatedOptimizer, SimulatedTask, shuffled, simulate

from optathlon.analysis.analysis import Analysis
from optathlon.analysis.metrics.overhead import overhead_of_runs
from optathlon.analysis.report.section import ReportData
from optathlon.analysis.report.sections.efficiency import Efficiency
from optathlon.analysis.stats.efficiency import efficient


def test_a_row_is_efficient_if_none_is_better_in_all() -> None:
    rng = np.random.default_rng(0)
    costs = pd.DataFrame(rng.integers(0, 6, size=(30, 2)).astype(float))
    costs.iloc[3, 0] = np.nan
    rows = costs.to_numpy()

    def is_beaten(row: np.ndarray) -> bool:
        return any((other <= row).all() and (other < row).any() for other in rows)

    expected = [not np.isnan(row).any() and not is_beaten(row) for row in rows]
    assert efficient(costs).tolist() == expected


def test_nothing_known_is_not_efficient() -> None:
    assert not efficient(pd.DataFrame({"a": [np.nan], "b": [1.0]})).any()


def test_seconds_of_a_run_are_those_of_its_trials_and_the_mean_where_they_are_not_told() -> None:
    runs = pd.DataFrame({"run": ["a", "b", "c", "d"], "optimizer": "o", "task": "t", "seed": range(4)})
    trials = pd.DataFrame(
        {
            "run": ["b", "a", "a", "a", "b", "unknown", "c"],
            "ask_s": [1.0, 2.0, np.nan, 4.0, np.nan, 9.0, np.nan],
            "tell_s": [0.5, np.nan, np.nan, 1.0, 0.5, 9.0, np.nan],
        }
    )
    found = overhead_of_runs(trials, runs)
    assert found.tolist()[:2] == pytest.approx([3 * (2 + 5) / 2, 2.0])
    assert found.isna().tolist() == [False, False, True, True]


def test_quick_and_good_ones_are_efficient_on_the_page() -> None:
    optimizers = [
        SimulatedOptimizer("quick", 1.0, seconds=1e-4),
        SimulatedOptimizer("good", 5.0, seconds=1e-1),
        SimulatedOptimizer("neither", 0.2, seconds=1.0),
    ]
    results = simulate(optimizers, [SimulatedTask(f"toy/f{i}") for i in range(8)])
    (figure,) = Efficiency(ReportData(Analysis(results))).figures()
    assert figure.data["efficient"].to_dict() == {"quick": True, "good": True, "neither": False}
    seconds = results.trials[["ask_s", "tell_s"]].astype(float).sum(axis=1)
    by_run = seconds.groupby([results.trials["optimizer"].astype(str), results.trials["run"].astype(str)]).sum()
    assert figure.data["optimizer_seconds"].to_dict() == pytest.approx(by_run.groupby(level=0).mean().to_dict())
    (again,) = Efficiency(ReportData(Analysis(shuffled(results)))).figures()
    assert again.svg == figure.svg
