"""Failing never pays: an optimizer against its own copy that fails more often, by every measure of the report."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from simulation import TASKS, SimulatedOptimizer, simulate, together

from optathlon.analysis.report.evidence import Evidence
from optathlon.analysis.study import Study
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
def study(request: pytest.FixtureRequest) -> Study:
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
    return Study(together(replace(results, runs=results.runs.astype(TEXT)), failing))


def loss(table: pd.DataFrame, column: str, level: str) -> float:
    """By how much `b` is worse than `a` where it is least so; lower values are better."""
    wide = table[column].unstack(level)
    return float((wide.loc["b"] - wide.loc["a"]).min())


def test_failing_never_pays(study: Study) -> None:
    (verdict,) = study.verdicts
    assert verdict.comparison.optimizers == ["a", "b", "c"]
    evidence = Evidence(study, verdict.comparison)
    assert verdict.standings.loc["b", "mean_rank"] > verdict.standings.loc["a", "mean_rank"]
    for curve in study.curves.all(verdict.comparison):
        slack = 0.05 if curve.axis.name == "tokens" else 1e-9  # what failed trials don't report is estimated
        assert loss(curve.bands, "mean", curve.bands.index.names[1]) > -slack, (curve.measure.name, curve.axis.name)
    for statistic, table in evidence.summaries.items():
        assert table.loc["b", "estimate"] > table.loc["a", "estimate"], statistic.name
    assert evidence.improvement.loc[("a", "b"), "estimate"] > 0.5
    assert loss(-evidence.profiles, "share", "threshold") > -1e-9
    assert loss(-evidence.runtime_distribution, "share", "evaluations") > -0.01  # it is drawn
    assert evidence.equivalence.loc[("a", "b"), "better"] > evidence.equivalence.loc[("a", "b"), "worse"]
    scores = evidence.sensitivity["score"].unstack("optimizer")
    assert (scores["b"] >= scores["a"] - 1e-12).all()
    tested = study.generalisation.xs("test/error", level="metric")
    assert tested.loc["b", "test_rank"] > tested.loc["a", "test_rank"]


def test_failing_most_of_the_time_is_worse_than_being_bad(tmp_path: Path) -> None:
    """`crashy` is best in one of four runs and fails in three; `poor` is worst in all."""
    rows = [("poor", f"t{task}", seed, 1, 1.0 + task) for task in range(10) for seed in range(4)]
    rows += [("crashy", f"t{task}", seed, 1, 0.0 if seed == 3 else np.nan) for task in range(10) for seed in range(4)]
    table = pd.DataFrame(rows, columns=["optimizer", "task", "seed", "step", "value"])
    table.to_csv(tmp_path / "t.csv", index=False)
    study = Study(load_table(tmp_path / "t.csv"))
    (verdict,) = study.verdicts
    pair = Evidence(study, verdict.comparison).pairs.loc[("crashy", "poor")]
    assert verdict.standings.index[0] == "poor"
    assert pair["improvement"] == pair["a12"] == 0.25
    assert pair["bayes_better"] < 0.05
    assert pair["new_task_better"] < 0.5
