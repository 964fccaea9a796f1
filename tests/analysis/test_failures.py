"""Failing never pays: an optimizer against its own copy that fails more often, by every measure of the report."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from simulation import TASKS, SimulatedOptimizer, simulate, together

from optathlon.analysis.analysis import Analysis
from optathlon.analysis.report.groups import Group
from optathlon.analysis.report.sections.aggregates import summaries
from optathlon.analysis.report.sections.pairwise import effects_of_pairs, pairs
from optathlon.analysis.report.sections.profiles import profiles
from optathlon.analysis.report.sections.robustness import rankings
from optathlon.analysis.report.sections.runtimes import distribution
from optathlon.results.frames import Results
from optathlon.results.tables import load_table

TEXT = {"run": str, "optimizer": str, "status": str}


def copied(results: Results) -> Results:
    """The runs of `a` as those of `b`."""
    runs, trials = (
        frame[(frame["optimizer"] == "a").to_numpy()].astype(TEXT) for frame in (results.runs, results.trials)
    )
    rename = {"optimizer": "b"}
    return replace(
        results,
        runs=runs.assign(run="copy of " + runs["run"], **rename),
        trials=trials.assign(run="copy of " + trials["run"], **rename),
    )


def with_failed_trials(results: Results) -> Results:
    failed = np.random.default_rng(1).random(len(results.trials)) < 0.4
    values = [name for name in results.trials if name.startswith(("value", "test/"))]
    trials = results.trials.assign(status=results.trials["status"].where(~failed, "crashed"))
    trials.loc[failed, [*values, "cost", "tokens"]] = np.nan
    return replace(results, trials=trials)


def with_runs_cut(results: Results, kept: int) -> Results:
    failed = np.random.default_rng(1).random(len(results.runs)) < 0.4
    gone = results.trials["run"].isin(results.runs.loc[failed, "run"]) & (results.trials["trial"] >= kept)
    runs = results.runs.assign(status=results.runs["status"].where(~failed, "crashed"))
    return replace(results, runs=runs, trials=results.trials[~gone])


@pytest.fixture(params=["trials fail", "runs end early", "runs have no trials"])
def analysis(request: pytest.FixtureRequest) -> Analysis:
    results = simulate([SimulatedOptimizer("a", 2.0), SimulatedOptimizer("c", 1.5)], TASKS, seeds=4)
    results = replace(results, trials=results.trials.assign(tokens=100.0 + 50.0 * (results.trials["trial"] % 3)))
    copy = copied(results)
    match request.param:
        case "trials fail":
            failing = with_failed_trials(copy)
        case "runs end early":
            failing = with_runs_cut(copy, 5)
        case _:
            failing = with_runs_cut(copy, 0)
    return Analysis(together(replace(results, runs=results.runs.astype(TEXT)), failing))


def loss(table: pd.DataFrame, column: str, level: str) -> float:
    """By how much `b` is worse than `a` where it is least so; lower values are better."""
    wide = table[column].unstack(level)
    return float((wide.loc["b"] - wide.loc["a"]).min())


def test_failing_never_pays(analysis: Analysis) -> None:
    (result,) = analysis.comparisons
    assert result.comparison.optimizers == ["a", "b", "c"]
    group = Group(analysis, result.comparison)
    pair = pairs(group, effects_of_pairs(group)).loc[("a", "b")]
    assert result.standings.loc["b", "mean_rank"] > result.standings.loc["a", "mean_rank"]
    for curve in analysis.curves.all(result.comparison):
        slack = 0.05 if curve.axis.name == "tokens" else 1e-9  # what failed trials don't report is estimated
        assert loss(curve.bands, "mean", curve.bands.index.names[1]) > -slack, (curve.measure.name, curve.axis.name)
    for statistic, table in summaries(group).items():
        worse = table.loc["b", "estimate"] - table.loc["a", "estimate"]
        assert (worse if statistic.best == "low" else -worse) > 0, statistic.name
    assert pair["improvement"] > 0.5
    assert loss(-profiles(group), "share", "threshold") > -1e-9
    assert loss(-distribution(group), "share", "evaluations") > -0.01  # it is drawn
    assert pair["bayes_better"] > pair["bayes_worse"]
    scores = rankings(group)["score"].unstack("optimizer")
    assert (scores["b"] >= scores["a"] - 1e-12).all()
    tested = analysis.generalisation.xs("test/error", level="metric")
    assert tested.loc["b", "test_rank"] > tested.loc["a", "test_rank"]


def test_failing_most_of_the_time_is_worse_than_being_bad(tmp_path: Path) -> None:
    """`crashy` is best in one of four runs and fails in three; `poor` is worst in all."""
    rows = [("poor", f"t{task}", seed, 1, 1.0 + task) for task in range(10) for seed in range(4)]
    rows += [("crashy", f"t{task}", seed, 1, 0.0 if seed == 3 else np.nan) for task in range(10) for seed in range(4)]
    table = pd.DataFrame(rows, columns=["optimizer", "task", "seed", "step", "value"])
    table.to_csv(tmp_path / "t.csv", index=False)
    analysis = Analysis(load_table(tmp_path / "t.csv"))
    (result,) = analysis.comparisons
    group = Group(analysis, result.comparison)
    pair = pairs(group, effects_of_pairs(group)).loc[("crashy", "poor")]
    assert result.standings.index[0] == "poor"
    assert pair["improvement"] == pair["a12"] == 0.25
    assert pair["bayes_better"] < 0.05
    assert pair["new_task_better"] < 0.5
