from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import rankdata
from simulation import MULTI_OBJECTIVE, SimulatedOptimizer, SimulatedTask, shuffled, simulate

from optathlon.analysis.metrics.trajectory import trajectories
from optathlon.analysis.report.page import make_page
from optathlon.analysis.report.sections.generalisation import generalisation_tables
from optathlon.analysis.stats.generalisation import generalisation, scored_incumbents, unscored_metrics
from optathlon.results.frames import Results
from optathlon.results.tables import load_table

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


def of(results: Results) -> pd.DataFrame:
    return generalisation(results, trajectories(results)).loc["test/error"]


def without_error(results: Results, *, optimizer: str, task: str | None = None) -> Results:
    """The results with no value of `test/error` by an optimizer, on a task."""
    trials = results.trials
    lacking = (trials["optimizer"] == optimizer) & (True if task is None else trials["task"] == task)
    return replace(results, trials=trials.assign(**{"test/error": trials["test/error"].mask(lacking)}))


def test_an_optimizer_without_the_metric_changes_nothing_for_others(results: Results) -> None:
    trials, runs = (frame[frame["optimizer"] != "b"] for frame in (results.trials, results.runs))
    expected = of(replace(results, trials=trials, runs=runs))
    found = of(without_error(results, optimizer="b"))
    pd.testing.assert_frame_equal(found.loc[["a", "c"]], expected)
    assert found.loc["b", ["runs", "tasks"]].tolist() == [0, 0]
    assert found.loc["b", ["validation_rank", "test_rank", "test"]].isna().all()


def test_a_task_without_the_metric_of_one_optimizer_is_left_out(results: Results) -> None:
    found = of(without_error(results, optimizer="b", task="toy/min"))
    boxes = replace(results, tasks=results.tasks.drop("toy/min"))
    boxes = replace(boxes, **{name: getattr(results, name).query("task != 'toy/min'") for name in ("runs", "trials")})
    pd.testing.assert_frame_equal(found.drop(columns="left_out"), of(boxes).drop(columns="left_out"))
    assert found["left_out"].tolist() == [("toy/min",)] * 3


def test_runs_without_incumbent_rank_last(results: Results) -> None:
    failed = (results.trials["optimizer"] == "a") & (results.trials["task"] == "toy/min")
    changed = {"value": results.trials["value"].mask(failed), "test/error": results.trials["test/error"].mask(failed)}
    status = results.trials["status"].astype(str).mask(failed, "crashed")
    found = of(replace(results, trials=results.trials.assign(**changed, status=status)))
    assert found["tasks"].tolist() == [2, 2, 2]
    assert found.loc["a", "test_rank"] >= 2


def test_what_is_left_out_is_named(results: Results) -> None:
    lacking = without_error(without_error(results, optimizer="b"), optimizer="a", task="toy/box")
    (accuracy, error) = generalisation_tables(generalisation(lacking, trajectories(lacking)))
    assert accuracy.left_out is None
    assert ([row["optimizer"] for row in error.rows], error.tasks) == (["a", "c"], "1 task")
    assert (
        error.left_out == "Left out, as test results are missing: 1 optimizer (<b>b</b>) and 1 task (<b>toy/box</b>)."
    )


def improvements(run: pd.DataFrame) -> pd.DataFrame:
    return run[run["value"] == run["value"].cummin()]


def incumbent_at_each_step(run: pd.DataFrame) -> pd.DataFrame:
    best = run["value"].expanding().apply(np.argmin).astype(int).to_numpy()
    return run.assign(**{name: run[name].to_numpy()[best] for name in ("value", "test_value")})


def every_other(run: pd.DataFrame) -> pd.DataFrame:
    return run[run["step"] % 2 == 0]


def some_tested(run: pd.DataFrame) -> pd.DataFrame:
    return run.assign(test_value=run["test_value"].where(run["value"] == run["value"].cummin()))


def logged(folder: Path, log: Callable[[pd.DataFrame], pd.DataFrame]) -> Results:
    """A table in which optimizer c is logged so, and the others in full."""
    rng = np.random.default_rng(0)
    steps = [(o, t, s, k) for o in "abc" for t in ("t0", "t1") for s in (0, 1) for k in range(1, 21)]
    table = pd.DataFrame(steps, columns=["optimizer", "task", "seed", "step"])
    table["value"] = rng.random(len(table))
    table["test_value"] = table["value"] + rng.normal(0, 0.2, len(table))
    runs = [log(run) if key[0] == "c" else run for key, run in table.groupby(["optimizer", "task", "seed"])]
    pd.concat(runs).to_csv(folder / "table.csv", index=False)
    return load_table(folder / "table.csv")


@pytest.mark.parametrize("log", [improvements, incumbent_at_each_step, every_other, some_tested])
def test_regret_needs_all_evaluations(log: Callable[[pd.DataFrame], pd.DataFrame], tmp_path: Path) -> None:
    full, partial = (logged(tmp_path, each) for each in (pd.DataFrame.copy, log))
    before, after = (generalisation(each, trajectories(each)) for each in (full, partial))
    assert before.notna().all(axis=None)
    assert after[["regret", "overlooked"]].isna().all(axis=None)
    if log is not every_other:
        same = ["validation_rank", "test_rank", "test", "runs", "tasks"]
        pd.testing.assert_frame_equal(before[same], after[same])


def test_one_task_logged_otherwise_is_enough(tmp_path: Path) -> None:
    def on_one_task(run: pd.DataFrame) -> pd.DataFrame:
        return incumbent_at_each_step(run) if run["task"].iloc[0] == "t1" else run

    found = scored_incumbents(mixed := logged(tmp_path, on_one_task), trajectories(mixed)).loc["test/value"]
    lacking = found["regret"].isna()
    assert set(lacking[lacking].index.droplevel("seed")) == {("c", "t1")}
    assert generalisation(mixed, trajectories(mixed))["regret"].isna().all()


def test_the_page_says_what_regret_is_and_what_is_left_out(tmp_path: Path) -> None:
    untested = logged(tmp_path, lambda run: run.assign(test_value=np.nan))
    page = make_page(untested).html("Report")
    assert "Left out, as test results are missing: 1 optimizer (<b>c</b>)." in page
    assert "Regret: by how much the run’s best trial by test does better than the chosen one" in page


def test_no_test_metric(results: Results) -> None:
    trials = results.trials.drop(columns=["test/error", "test/accuracy"])
    found = generalisation(replace(results, trials=trials), incumbents(results))
    assert (len(found), found.index.names) == (0, ["metric", "optimizer"])


def test_metrics_that_fit_no_objective_are_named(results: Results) -> None:
    assert unscored_metrics(results) == {}
    misnamed = replace(results, trials=results.trials.rename(columns={"test/error": "test/mistakes"}))
    named_after = {str(task): row["objectives"][0]["name"] for task, row in results.tasks.iterrows()}
    expected = sorted(task for task in ("toy/min", "toy/box") if f"test/{named_after[task]}" != "test/mistakes")
    assert unscored_metrics(misnamed) == {"test/mistakes": expected}
    page = make_page(misnamed).html("Report")
    assert "test/mistakes is reported on 2 tasks" in page


def test_a_further_test_metric_beside_the_scored_one_is_fine(results: Results) -> None:
    more = results.trials.assign(**{"test/length": results.trials["test/error"]})
    assert unscored_metrics(replace(results, trials=more)) == {}


def test_runs_are_counted_once_where_optimizers_have_seeds_of_their_own(tmp_path: Path) -> None:
    runs = [("a", task, seed) for task in "tuv" for seed in (0, 1, 2)]
    runs += [("b", task, seed) for task in "tuv" for seed in (7, 8)]
    table = pd.DataFrame(runs, columns=["optimizer", "task", "seed"]).assign(step=1)
    table["value"] = table["test_value"] = np.arange(len(table), dtype=float)
    table.to_csv(tmp_path / "t.csv", index=False)
    results = load_table(tmp_path / "t.csv")
    found = generalisation(results, trajectories(results)).loc["test/value"]
    assert found["runs"].to_dict() == {"a": 9, "b": 6}
