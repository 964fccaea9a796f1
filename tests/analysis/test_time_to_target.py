from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from score_frames import scores_of
from simulation import MESSY, TASKS, SimulatedOptimizer, SimulatedTask, simulate

from optathlon.analysis.analysis import Analysis
from optathlon.analysis.report.section import ReportData
from optathlon.analysis.report.sections.time_to_target import TimeToTarget
from optathlon.analysis.stats.time_to_target import (
    targets_of_tasks,
    time_ratios,
    time_to_target_profiles,
    time_to_target_scores,
)

RATIOS = pd.DataFrame(
    {"a": [1.0, 1.0, 3.0, 1.0], "b": [2.0, 1.0, 1.0, np.inf], "c": [np.inf, 8.0, 2.5, 1.5]},
    index=[f"t{task}" for task in range(4)],
)


def test_a_target_is_the_median_result_of_all_runs() -> None:
    losses = scores_of(np.array([[[5.0, 1.0], [3.0, 2.0]], [[1.0, np.nan], [np.nan, 4.0]], [[1.0, np.nan]] * 2]))
    assert targets_of_tasks(losses).tolist() == [2.0, 4.0, 1.0]
    assert targets_of_tasks(scores_of(np.full((1, 3, 2), np.nan))).empty


def test_times_are_medians_of_seeds_over_those_of_the_quickest() -> None:
    times = scores_of(
        np.array(
            [
                [[10.0, 30.0, np.inf], [20.0, np.inf, np.inf], [90.0, 40.0, 5.0]],  # medians 20, 40, inf
                [[2.0, 2.0, np.inf], [2.0, np.inf, np.inf], [2.0, np.inf, np.inf]],  # 2, inf, inf
            ]
        )
    )
    assert time_ratios(times).to_numpy().tolist() == [[1.0, 2.0, np.inf], [1.0, np.inf, np.inf]]


def test_no_time_at_all_is_the_quickest() -> None:
    times = scores_of(np.array([[[0.0, 0.0, 1.0]], [[np.inf, np.inf, np.inf]]]))
    assert time_ratios(times).to_numpy().tolist() == [[1.0, 1.0, np.inf], [np.inf, np.inf, np.inf]]


def test_profiles_count_tasks() -> None:
    found = time_to_target_profiles(RATIOS, (1.0, 2.0, 4.0), resamples=20)["share"].unstack("factor")
    assert found.to_numpy().tolist() == [[0.75, 0.75, 1.0], [0.5, 0.75, 0.75], [0.0, 0.25, 0.5]]


def test_the_score_is_the_area_below_the_profile() -> None:
    factors = np.linspace(1, 4, 3001)
    heights = time_to_target_profiles(RATIOS, factors.tolist(), resamples=1)["share"].unstack("factor").to_numpy()
    found = time_to_target_scores(RATIOS, resamples=20)
    np.testing.assert_allclose(found["estimate"], heights[:, :-1].mean(axis=1), atol=1e-3)
    assert found.loc["a", "estimate"] == pytest.approx((3 + 1 / 3) / 4)


def test_intervals_are_those_of_the_plain_loop() -> None:
    rng = np.random.default_rng(0)
    ratios = pd.DataFrame(1 + rng.exponential(2, size=(15, 1)), columns=["a"])
    drawn = [(ratios["a"].to_numpy()[rng.integers(0, 15, 15)] <= 2).mean() for _ in range(4000)]
    found = time_to_target_profiles(ratios, (2.0,), resamples=4000, level=0.8).iloc[0]
    assert [found["low"], found["high"]] == pytest.approx(np.quantile(drawn, [0.1, 0.9]).tolist(), abs=0.07)


def test_who_searches_from_a_power_of_the_loss_is_first_on_the_page() -> None:
    optimizers = [SimulatedOptimizer("random"), SimulatedOptimizer("better", 4.0), SimulatedOptimizer("worse", 0.2)]
    section = TimeToTarget(ReportData(Analysis(simulate(optimizers, [SimulatedTask(f"toy/f{i}") for i in range(9)]))))
    (_, scores), *_ = section.tables()
    assert scores.loc["evaluations", "estimate"].idxmax() == "better"
    assert scores.loc[("evaluations", "worse"), "estimate"] < 0.2
    data = next(iter(section.figures())).data["share"]
    assert data["better"].iloc[-1] == 1.0
    assert data.groupby(level="optimizer").is_monotonic_increasing.all()


def test_a_messy_experiment_has_profiles_of_every_group() -> None:
    data = ReportData(Analysis(simulate(MESSY, TASKS)))
    views = TimeToTarget(data).charts()["time_to_target"]["views"]
    assert {key.split("|")[1] for key in views if key.startswith("evaluations|")} == {*data.groups}
