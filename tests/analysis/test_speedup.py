from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from score_frames import scores_of, with_seeds
from simulation import SimulatedOptimizer, SimulatedTask, simulate

from optathlon.analysis.analysis import Analysis
from optathlon.analysis.metrics.targets import first_hits
from optathlon.analysis.report import write_report
from optathlon.analysis.report.section import ReportData
from optathlon.analysis.report.sections.speedup import Speedup, speedups
from optathlon.analysis.stats.speedup import speedup, targets_of

SEEDS = [4, 2, 5, 3, 4]


@pytest.fixture
def reached() -> pd.Series:
    """Three optimizers on five tasks with several numbers of seeds; `o0` always reaches the target, others often."""
    rng = np.random.default_rng(3)
    values = rng.integers(1, 50, size=(5, 5, 3)).astype(float)
    values[:, :, 1:][rng.random((5, 5, 2)) < 0.4] = np.nan
    return with_seeds(values, SEEDS)


def expected_runtime(runtimes: pd.Series, charged: float) -> float:
    return float(runtimes.fillna(charged).sum() / runtimes.notna().sum()) if runtimes.notna().any() else np.inf


def test_it_is_the_median_over_tasks_of_ratios_of_expected_runtimes(reached: pd.Series) -> None:
    charged = pd.Series(60.0, index=reached.index)
    found = speedup(reached, charged, "o0", resamples=50)
    for name in ("o0", "o1", "o2"):
        ratios = [
            expected_runtime(of_task.xs("o0", level="optimizer"), 60.0)
            / expected_runtime(of_task.xs(name, level="optimizer"), 60.0)
            for _, of_task in reached.groupby(level="task")
        ]
        assert found.loc[name, "estimate"] == pytest.approx(np.median(ratios))
    assert found.loc["o0"].tolist() == [1.0, 1.0, 1.0]
    shuffled = reached.sample(frac=1, random_state=0)
    pd.testing.assert_frame_equal(found, speedup(shuffled, charged, "o0", resamples=50))


def test_intervals_are_those_of_the_plain_loop() -> None:
    rng = np.random.default_rng(0)
    values = rng.integers(1, 30, size=(7, 3, 2)).astype(float)
    values[rng.random((7, 3)) < 0.2, 1] = np.nan
    reached = scores_of(values)
    drawn = []
    for _ in range(4000):
        ratios = []
        chosen = rng.integers(0, 7, 7)
        for task in np.unique(chosen):
            times = int((chosen == task).sum())
            seeds = values[task, rng.integers(0, 3, 3 * times)]
            rates = np.isfinite(seeds).sum(axis=0) / np.where(np.isnan(seeds), 40.0, seeds).sum(axis=0)
            ratios += [rates[1] / rates[0]] * times
        drawn.append(np.median(ratios))
    found = speedup(reached, pd.Series(40.0, index=reached.index), "o0", resamples=4000, level=0.8).loc["o1"]
    assert [found["low"], found["high"]] == pytest.approx(np.quantile(drawn, [0.1, 0.9]).tolist(), abs=0.08)


def test_twice_as_fast_is_two_and_never_is_zero() -> None:
    times = np.random.default_rng(0).integers(1, 20, size=(4, 3)).astype(float)
    reached = scores_of(np.stack([2 * times, times, np.full_like(times, np.nan)], axis=2))
    found = speedup(reached, pd.Series(99.0, index=reached.index), "o0", resamples=20)
    np.testing.assert_allclose(found["estimate"], [1.0, 2.0, 0.0])
    assert found.loc["o2", ["low", "high"]].tolist() == [0.0, 0.0]


def test_a_target_is_the_median_of_the_references_other_runs() -> None:
    losses = {
        "a": [3.0, 1.0, 2.0, 4.0],
        "b": [np.nan, 1.0, np.nan, 5.0],
        "c": [7.0, 7.0],
        "d": [1.0],
        "e": [1, 2, np.nan],
    }
    index = [(task, seed, "o0") for task, ends in losses.items() for seed in range(len(ends))]
    ends = pd.Series(
        [end for ends in losses.values() for end in ends],
        index=pd.MultiIndex.from_tuples(index, names=["task", "seed", "optimizer"]),
    )
    targets = targets_of(ends, "o0")
    assert {task: targets[task].tolist() for task in targets.index.unique("task")} == {
        "a": [2.0, 3.0, 3.0, 2.0],
        "c": [7.0, 7.0],
        "e": [2.0, 1.0, 1.0],
    }


@pytest.mark.parametrize("seeds", [2, 3, 6])
def test_a_twin_of_the_reference_is_about_as_fast_as_it(seeds: int) -> None:
    found = np.minimum.accumulate(np.random.default_rng(0).random((400, seeds, 2, 30)), axis=-1)
    targets = targets_of(scores_of(found[..., -1]), "o0").to_numpy().reshape(400, seeds, 1, 1)
    hit = found <= targets
    reached = scores_of(np.where(hit.any(axis=-1), hit.argmax(axis=-1) + 1.0, np.nan))
    twin = speedup(reached, pd.Series(30.0, index=reached.index), "o0", resamples=200).loc["o1"]
    assert twin["estimate"] == pytest.approx(1.0, abs=0.15)


def test_a_target_is_reached_by_the_first_incumbent_that_is_good_enough() -> None:
    rows = [("a", "t", 0, 3.0, 1.0), ("a", "t", 0, 2.0, 4.0), ("a", "t", 0, 1.0, 9.0), ("a", "t", 1, 3.0, 1.0)]
    trajectories = pd.DataFrame(
        [*rows, ("a", "other", 0, 0.0, 1.0)], columns=["optimizer", "task", "seed", "loss", "evaluations"]
    )
    targets = pd.Series([2.0, 2.0], index=pd.MultiIndex.from_tuples([("t", 0), ("t", 1)], names=["task", "seed"]))
    assert first_hits(trajectories, targets).to_dict() == {("a", "t", 0): 4.0}


def test_searching_from_a_power_of_the_loss_is_as_much_faster_in_the_report(tmp_path: Path) -> None:
    """Where `u` is uniform, `u ** skill` comes below random search's median in about a share of its evaluations."""
    optimizers = [SimulatedOptimizer("random"), SimulatedOptimizer("better", 3.0), SimulatedOptimizer("worse", 0.2)]
    results = simulate(optimizers, [SimulatedTask(f"toy/f{i}") for i in range(8)], seeds=5)
    (group,) = ReportData(Analysis(results)).groups.values()
    found = speedups(group)
    assert found is not None
    assert found.loc["random"].tolist() == [1.0, 1.0, 1.0]
    assert found.loc["better", "low"] > 1.5
    assert found.loc["worse", "high"] < 0.5
    page = write_report(results, tmp_path)
    text = page.read_text(encoding="utf-8")
    assert re.search(r'>Speed-up over random search<a .*</h3>\s*<figure data-chart="speedup">', text)
    written = pd.read_csv(tmp_path / "figures" / "speedup.csv", index_col="optimizer")
    pd.testing.assert_frame_equal(written, found)


def test_there_is_none_without_random_search_or_its_results(plain_without_random: Analysis) -> None:
    section = Speedup(ReportData(plain_without_random))
    assert [*section.figures()] == []
    assert section.charts()["speedup"]["views"] == {}


@pytest.fixture(params=["not run", "no results"])
def plain_without_random(request: pytest.FixtureRequest) -> Analysis:
    names = ["a", "b", "random"] if request.param == "no results" else ["a", "b", "c"]
    results = simulate([SimulatedOptimizer(name) for name in names], [SimulatedTask(f"toy/f{i}") for i in range(3)])
    failed = results.trials["optimizer"].astype(str) == "random"
    trials = results.trials.assign(value=results.trials["value"].where(~failed))
    status = trials["status"].astype(str).where(~failed, "crashed")
    return Analysis(replace(results, trials=trials.assign(status=status)))


def test_draws_in_which_the_reference_misses_every_target_are_left_out() -> None:
    reached = scores_of(np.array([[[4.0, 2.0], [np.nan, 2.0]]]))
    found = speedup(reached, pd.Series(10.0, index=reached.index), "o0", resamples=200)
    assert found.loc["o1"].tolist() == [7.0, 2.0, 7.0]
