from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import rankdata
from simulation import MULTI_OBJECTIVE, SimulatedOptimizer, SimulatedTask, shuffled, simulate

from optathlon.analysis.stats.generalisation import generalisation, scored_incumbents
from optathlon.results import Results

TASKS = [
    SimulatedTask("toy/min"),
    SimulatedTask("toy/acc", direction="maximize"),
    SimulatedTask("toy/box", constrained=True),
    SimulatedTask("fronts/a", MULTI_OBJECTIVE),
]


@pytest.fixture(scope="module")
def results() -> Results:
    optimizers = [SimulatedOptimizer("a", 1.0), SimulatedOptimizer("b", 2.0), SimulatedOptimizer("c", 1.5, 0.6)]
    found = simulate(optimizers, TASKS, seeds=3, budget=8)
    rng = np.random.default_rng(0)
    noisy = found.trials["value"] + rng.normal(0, 0.3, len(found.trials))
    maximised = found.trials["task"] == "toy/acc"
    metrics = {"test/error": noisy.mask(maximised), "test/accuracy": noisy.where(maximised)}
    return replace(found, trials=found.trials.assign(**metrics))


def counted(results: Results, run: str) -> pd.DataFrame:
    """The trials of a run that count."""
    trials = results.trials[(results.trials["run"] == run) & (results.trials["status"] == "ok")]
    trials = trials[~trials["over_budget"]].sort_values("trial")
    return trials[trials["constraint_1"] <= 0] if "toy/box" in run else trials


def incumbents(results: Results) -> pd.DataFrame:
    """Each run's incumbents, by a loop."""
    rows = []
    for run, task in results.runs[["run", "task"]].itertuples(index=False):
        sign, best = -1.0 if task == "toy/acc" else 1.0, np.inf
        for trial in counted(results, run).itertuples():
            if sign * trial.value < best:
                best = sign * trial.value
                rows.append((run, trial.optimizer, task, trial.seed, trial.trial, trial.value, best))
    return pd.DataFrame(rows, columns=["run", "optimizer", "task", "seed", "trial", "value", "loss"])


def test_incumbents_and_regrets_are_those_of_a_loop(results: Results) -> None:
    found = scored_incumbents(results, incumbents(results))
    assert len(found) == 3 * 3 * 3
    for (metric, optimizer, task, seed), row in found.iterrows():
        trials = counted(results, f"{optimizer}|{task}|{seed}")
        assert metric == ("test/accuracy" if task == "toy/acc" else "test/error")
        if trials.empty:
            assert row.isna().all()
            continue
        sign = -1 if task == "toy/acc" else 1
        losses = (sign * trials[metric]).tolist()
        chosen = int(np.argmin(sign * trials["value"]))
        assert (row["test_loss"], sign * row["test"]) == (losses[chosen], losses[chosen])
        assert row["validation"] == trials["value"].iloc[chosen]
        assert row["regret"] == pytest.approx(losses[chosen] - min(losses))
        assert row["overlooked"] == np.mean([loss < losses[chosen] for loss in losses])


def test_ranks_and_means_are_those_of_a_loop(results: Results) -> None:
    runs = scored_incumbents(results, incumbents(results)).loc["test/error"]
    found = generalisation(results, incumbents(results)).loc["test/error"]
    for column, loss in (("validation_rank", "validation_loss"), ("test_rank", "test_loss")):
        wide = runs[loss].fillna(np.inf).unstack("optimizer")
        by_task = [
            np.mean([rankdata(row) for row in wide.loc[task].to_numpy()], axis=0) for task in ("toy/min", "toy/box")
        ]
        assert found[column].tolist() == pytest.approx(np.mean(by_task, axis=0))
    for name in "abc":
        for column in ("test", "regret", "overlooked"):
            means = [np.nanmean(runs.loc[(name, task), column]) for task in ("toy/min", "toy/box")]
            assert found.loc[name, column] == pytest.approx(np.mean(means))
        assert (found.loc[name, "runs"], found.loc[name, "tasks"]) == (runs["test"].loc[name].notna().sum(), 2)


def test_a_perfect_validation_has_no_gap(results: Results) -> None:
    trials = results.trials.assign(**{"test/error": results.trials["value"], "test/accuracy": results.trials["value"]})
    same = replace(results, trials=trials)
    found = generalisation(same, incumbents(same))
    assert found[["regret", "overlooked"]].eq(0).all(axis=None)
    assert found["validation_rank"].equals(found["test_rank"])


def test_only_metrics_of_the_objective_have_a_direction(results: Results) -> None:
    trials = results.trials.rename(columns={"test/accuracy": "test/balanced_accuracy"})
    found = scored_incumbents(replace(results, trials=trials), incumbents(results))
    assert found.index.unique("metric").tolist() == ["test/error"]


def test_val_objectives_meet_their_test_metric(results: Results) -> None:
    objectives = [[row[0] | {"name": f"val_{row[0]['name']}"}, *row[1:]] for row in results.tasks["objectives"]]
    renamed = replace(results, tasks=results.tasks.assign(objectives=objectives))
    expected = generalisation(results, incumbents(results))
    pd.testing.assert_frame_equal(generalisation(renamed, incumbents(results)), expected)


def test_reordering_changes_nothing(results: Results) -> None:
    mixed, rows = shuffled(results), incumbents(results).sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(
        generalisation(results, incumbents(results)).round(12), generalisation(mixed, rows).round(12)
    )


def test_no_test_metric(results: Results) -> None:
    trials = results.trials.drop(columns=["test/error", "test/accuracy"])
    found = generalisation(replace(results, trials=trials), incumbents(results))
    assert (len(found), found.index.names) == (0, ["metric", "optimizer"])
