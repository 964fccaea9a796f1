from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from score_frames import scores_of
from simulation import SimulatedOptimizer, SimulatedTask, simulate

from optathlon.analysis.analysis import Analysis
from optathlon.analysis.metrics.objectives import ideal_loss
from optathlon.analysis.report.section import ReportData
from optathlon.analysis.report.sections.aggregates import Aggregates
from optathlon.analysis.stats.improvability import improvability


def zeros(*values: float) -> pd.Series:
    return pd.Series(values, index=[f"t{task:03}" for task in range(len(values))])


def test_it_is_the_share_of_the_error_that_the_best_does_not_have() -> None:
    losses = scores_of(np.array([[[1.0, 2.0, 4.0], [3.0, 2.0, 4.0]], [[10.0, 11.0, 14.0], [10.0, 11.0, 14.0]]]))
    found = improvability(losses, zeros(0.0, 9.0))
    # mean errors: 2, 2, 4 and 1, 2, 5
    expected = [0, (0 + 1 / 2) / 2, (1 / 2 + 4 / 5) / 2]
    assert found["estimate"].tolist() == pytest.approx(expected)
    assert (found["low"] <= found["estimate"]).all()
    assert (found["estimate"] <= found["high"]).all()


def test_a_run_without_result_counts_as_all() -> None:
    losses = scores_of(np.array([[[1.0, 2.0, np.nan], [1.0, np.nan, np.nan]]]))
    assert improvability(losses, zeros(0.0))["estimate"].tolist() == [0.0, 0.75, 1.0]


def test_errors_of_zero_and_beyond_are_best() -> None:
    losses = scores_of(np.array([[[-1.0, 0.0, 3.0]]]))
    assert improvability(losses, zeros(0.0))["estimate"].tolist() == [0.0, 0.0, 1.0]


def test_where_nothing_has_a_result_nothing_is_best() -> None:
    losses = scores_of(np.array([[[np.nan, np.nan]]]))
    assert improvability(losses, zeros(0.0))["estimate"].tolist() == [1.0, 1.0]


def test_losses_as_large_as_floats_can_be_have_shares() -> None:
    losses = scores_of(np.array([[[1e308, 1.7e308], [1e308, 1.7e308]]]))
    found = improvability(losses, zeros(-1.7e308))["estimate"]
    assert found.tolist() == pytest.approx([0.0, 1 - 2.7 / 3.4])


def test_tasks_without_a_zero_are_left_out() -> None:
    losses = scores_of(np.array([[[1.0, 2.0]], [[5.0, 1.0]]]))
    assert improvability(losses, zeros(0.0, np.nan))["estimate"].tolist() == [0.0, 0.5]
    assert improvability(losses, zeros(np.nan, np.nan)).empty


def test_no_error_is_the_bound_before_the_optimum() -> None:
    def task(**objective: object) -> pd.Series:
        return pd.Series({"objectives": [{"name": "v", **objective}], "metadata": {}})

    assert ideal_loss(task(direction="maximize", upper=1.0, optimum=0.9)) == -1.0
    assert ideal_loss(task(direction="minimize", lower=0.0, upper=1.0, optimum=None)) == 0.0
    assert ideal_loss(task(direction="minimize", lower=None, upper=1.0, optimum=0.2)) == 0.2
    assert np.isnan(ideal_loss(task(direction="maximize", lower=0.0, optimum=None)))


def test_the_page_shows_ratings_and_improvability_and_says_over_how_many_tasks() -> None:
    optimizers = [SimulatedOptimizer("random"), SimulatedOptimizer("better", 4.0)]
    tasks = [*(SimulatedTask(f"toy/f{i}", optimum=0.0) for i in range(5)), SimulatedTask("toy/unknown")]
    charts = Aggregates(ReportData(Analysis(simulate(optimizers, tasks)))).charts()["aggregates"]
    elo, lacking = (charts["views"][f"{name}|all tasks"] for name in ("elo", "improvability"))
    assert elo["y"]["best"] == "high"
    assert elo["mid"][0] > elo["mid"][1] == 1000
    assert "5 tasks of 6" in lacking["note"]
    assert lacking["y"]["best"] == "low"
    assert lacking["mid"][0] < 0.5 < lacking["mid"][1]
