from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from simulation import (
    BLACKBOX,
    MULTI_FIDELITY,
    MULTI_OBJECTIVE,
    TASKS,
    SimulatedOptimizer,
    SimulatedTask,
    shuffled,
    simulate,
)

from optathlon.analysis import (
    comparable,
    coverage,
    final_values,
    incumbents_at,
    normalised_regret,
    overhead,
    running_hypervolume,
    trajectories,
)
from optathlon.analysis.metrics.coverage import run_failures, trial_failures
from optathlon.analysis.metrics.final import beyond_optimum
from optathlon.analysis.metrics.objectives import optimal_hypervolume
from optathlon.analysis.metrics.references import freeze_references, references
from optathlon.errors import UsageError
from optathlon.results.frames import Results


def rectangles(points: Sequence[tuple[float, ...]], reference: tuple[float, float]) -> float:
    """The area that 2-D points dominate: sweep by the first coordinate, sum rectangles."""
    inside = sorted(point for point in points if point[0] < reference[0] and point[1] < reference[1])
    area, height = 0.0, reference[1]
    for x, y in inside:
        if y < height:
            area += (reference[0] - x) * (height - y)
            height = y
    return area


def counting_trials(results: Results, run: str) -> pd.DataFrame:
    """Brute force: the trials of a run that count, with the budget spent, in order."""
    task = results.tasks.loc[results.runs.set_index("run").loc[run, "task"]]
    spent, rows = 0.0, []
    for trial in results.trials[results.trials["run"] == run].sort_values(["end", "trial"]).itertuples(index=False):
        if trial.over_budget:
            continue
        spent += trial.evaluations
        full = task["fidelity"] is None or math.isnan(trial.fidelity) or trial.fidelity == task["fidelity"]["upper"]
        feasible = not task["constraints"] or trial.constraint_1 <= 0
        rows.append((trial.trial, spent, trial.value, trial.value_2, trial.status == "ok" and full and feasible))
    return pd.DataFrame(rows, columns=["trial", "spent", "value", "value_2", "counts"])


@pytest.mark.parametrize("run_task", [task.id for task in TASKS])
@pytest.mark.parametrize("optimizer", ["tpe", "random"])
def test_trajectory_is_the_brute_force_one(messy: Results, run_task: str, optimizer: str) -> None:
    run = f"{optimizer}|{run_task}|1"
    task = messy.tasks.loc[run_task]
    signs = [-1.0 if o["direction"] == "maximize" else 1.0 for o in task["objectives"]]
    found = trajectories(messy).query("run == @run")
    point = references(messy).query("task == @run_task")["reference"].to_numpy()
    best, expected = math.inf, []
    seen: list[tuple[float, ...]] = []
    for trial in counting_trials(messy, run).itertuples():
        if trial.counts:
            seen.append((signs[0] * trial.value, *([signs[1] * trial.value_2] if len(signs) > 1 else [])))
            loss = min(seen)[0] if len(signs) == 1 else -rectangles(seen, tuple(np.array(signs) * point))
            if loss < best - 1e-12:
                best = loss
                expected.append((trial.trial, trial.spent / 20, signs[0] * loss if len(signs) == 1 else -loss, loss))
    columns = found[["trial", "fraction", "value", "loss"]].to_numpy(dtype=float)
    assert len(found) > 0
    assert columns == pytest.approx(np.array(expected), rel=1e-9)


def test_known_optimal_hypervolume_makes_a_loss(messy: Results) -> None:
    tasks = messy.tasks.copy()
    tasks.at["fronts/a", "metadata"] = {"optimal_hypervolume": 2.25}
    found = trajectories(replace(messy, tasks=tasks)).query("task == 'fronts/a'").dropna()
    assert found["loss"].to_numpy() == pytest.approx(2.25 - found["value"].to_numpy())


def test_missing_reference_is_the_worst_counting_value(messy: Results) -> None:
    found = references(messy).set_index(["task", "objective"])
    trials = messy.trials[
        (messy.trials["task"] == "fronts/b") & (messy.trials["status"] == "ok") & ~messy.trials["over_budget"]
    ]
    assert found.loc[("fronts/b", "latency"), "reference"] == trials["value_2"].max()
    assert found.loc[("fronts/b", "accuracy"), "reference"] == -0.5
    assert found["derived"].to_dict() == {
        ("fronts/a", "error"): False,
        ("fronts/a", "latency"): False,
        ("fronts/b", "accuracy"): False,
        ("fronts/b", "latency"): True,
        ("fronts/c", "error"): True,
        ("fronts/c", "latency"): True,
    }


def test_frozen_references_outlive_added_results(messy: Results) -> None:
    frozen = references(messy)
    trials = messy.trials.assign(value_2=messy.trials["value_2"] * 3)
    later = replace(messy, trials=trials)
    assert not references(later)["reference"].equals(frozen["reference"])
    found = references(freeze_references(later, frozen))
    assert found["reference"].tolist() == frozen["reference"].tolist()
    assert not found["derived"].any()
    with pytest.raises(UsageError, match="lacks the column 'reference'"):
        freeze_references(later, frozen.drop(columns="reference"))
    with pytest.raises(UsageError, match="none of the hypervolume references"):
        freeze_references(later, frozen.assign(task="elsewhere"))


def test_another_reference_forgets_the_optimal_hypervolume(messy: Results) -> None:
    tasks = messy.tasks.copy()
    tasks.at["fronts/a", "metadata"] = {"optimal_hypervolume": 2.25, "dimension": 3}
    stated = replace(messy, tasks=tasks)
    same = freeze_references(stated, references(stated))
    assert optimal_hypervolume(same.tasks.loc["fronts/a"]) == 2.25
    other = freeze_references(stated, references(stated).assign(reference=10.0))
    assert math.isnan(optimal_hypervolume(other.tasks.loc["fronts/a"]))
    assert other.tasks.loc["fronts/a", "metadata"] == {"dimension": 3}


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), max_size=12))
def test_running_hypervolume_is_the_area(points: list[tuple[int, int]]) -> None:
    volumes = running_hypervolume(np.array(points, dtype=float).reshape(-1, 2), np.array([7.0, 7.0]))
    assert volumes.tolist() == [rectangles(points[: i + 1], (7, 7)) for i in range(len(points))]


def test_over_budget_trials_are_cut() -> None:
    results = simulate([SimulatedOptimizer("a")], [SimulatedTask("toy/f")], seeds=1, budget=5)
    trials = results.trials.copy()
    assert trials["over_budget"].sum() == 1
    trials.loc[trials["over_budget"], "value"] = -100.0
    found = trajectories(replace(results, trials=trials))
    assert found["trial"].tolist()[-1] < 5
    assert found["loss"].min() >= 0


@pytest.mark.parametrize(
    ("unit", "expected"), [("evaluations", [0.25, 0.5, 1.0]), ("cost", [0.1, 0.3, 0.3]), ("seconds", [0.3, 0.5, 0.9])]
)
def test_fraction_is_in_the_unit_of_the_budget(unit: str, expected: list[float]) -> None:
    results = simulate([SimulatedOptimizer("a")], [SimulatedTask("toy/f")], seeds=1)
    trials = results.trials.iloc[:3].assign(
        value=[3.0, 2.0, 1.0],
        evaluations=[2.5, 2.5, 5.0],
        cost=[1.0, 2.0, np.nan],
        end=[3.0, 5.0, 9.0],
        over_budget=False,
    )
    runs = results.runs.assign(budget=10.0, budget_unit=unit)
    assert trajectories(replace(results, runs=runs, trials=trials))["fraction"].tolist() == pytest.approx(expected)


def test_results_count_in_the_order_they_come() -> None:
    results = simulate([SimulatedOptimizer("a")], [SimulatedTask("toy/f")], seeds=1)
    trials = results.trials.iloc[:3].assign(value=[1.0, 2.0, 3.0], end=[9.0, 5.0, 7.0], over_budget=False)
    found = trajectories(replace(results, trials=trials))
    assert found["trial"].tolist() == [1, 0]
    assert found["loss"].tolist() == [2.0, 1.0]
    assert found["fraction"].tolist() == pytest.approx([1 / 20, 3 / 20])


def test_grid_is_the_brute_force_one(messy: Results) -> None:
    found = trajectories(messy)
    fractions = [0.02, 0.31, 1 / 3, 0.5, 1.0]
    grid = incumbents_at(found, messy.runs, fractions)
    by_run = dict(iter(found.groupby("run", observed=False)))
    expected_rows = 0
    for run in messy.runs[messy.runs["status"] != "skipped"].itertuples():
        rows = by_run.get(run.run, found.iloc[:0])
        for fraction in fractions:
            before = rows[rows["fraction"] <= fraction + 1e-9]["loss"]
            expected = before.iloc[-1] if len(before) else np.nan
            actual = grid.loc[(run.optimizer, run.task, run.seed), fraction]
            assert actual == expected or (math.isnan(actual) and math.isnan(expected))
        expected_rows += 1
    assert len(grid) == expected_rows


def test_sums_of_fidelity_levels_reach_the_end_of_the_budget() -> None:
    results = simulate([SimulatedOptimizer("a")], [SimulatedTask("toy/f")], seeds=1, budget=3.0)
    trials = pd.concat([results.trials.iloc[:1]] * 30, ignore_index=True)
    trials = trials.assign(
        trial=range(30), end=range(30), evaluations=0.1, value=np.arange(30.0)[::-1], over_budget=False
    )
    assert trials["evaluations"].cumsum().iloc[-1] != 3.0
    changed = replace(results, trials=trials)
    assert incumbents_at(trajectories(changed), changed.runs, [1.0]).iloc[0, 0] == 0.0


def test_crashed_run_keeps_its_trajectory_and_run_without_trials_has_none() -> None:
    results = simulate([SimulatedOptimizer("a")], [SimulatedTask("toy/f")], seeds=2)
    runs = results.runs.assign(status=["crashed", "crashed"])
    trials = results.trials[(results.trials["seed"] == 0) & (results.trials["trial"] < 4)]
    grid = incumbents_at(trajectories(replace(results, runs=runs, trials=trials)), runs, [0.2, 1.0])
    assert grid.loc[("a", "toy/f", 0)].tolist() == [trials["value"].min()] * 2
    assert grid.loc[("a", "toy/f", 1)].isna().all()


def test_row_order_changes_nothing(messy: Results) -> None:
    pd.testing.assert_frame_equal(trajectories(shuffled(messy)), trajectories(messy))
    other = comparable(shuffled(messy))
    pd.testing.assert_frame_equal(
        incumbents_at(trajectories(other), other.runs), incumbents_at(trajectories(messy), messy.runs)
    )


def test_final_values_count_missing_results_as_worst() -> None:
    index = pd.MultiIndex.from_product([["a"], ["t"], range(4)], names=["optimizer", "task", "seed"])
    tasks = pd.DataFrame({"objectives": [[{"name": "acc", "direction": "maximize", "optimum": None}]]}, index=["t"])
    values = pd.Series([0.9, np.nan, 0.7, 0.8], index=index)
    row = final_values(-values, values, tasks).loc[("t", "a")]
    assert row["better"] == pytest.approx(0.825)
    assert row["median"] == pytest.approx(0.75)
    assert math.isnan(row["worse"])
    assert (row["runs"], row["without_result"]) == (4, 1)


def test_final_quartiles_are_numpys(plain: Results) -> None:
    found = trajectories(plain)
    losses, values = (incumbents_at(found, plain.runs, [1.0], column=c).iloc[:, 0] for c in ("loss", "value"))
    table = final_values(losses, values, plain.tasks)
    sample = values.xs("opt-2", level="optimizer").xs("toy/f3", level="task")
    assert table.loc[("toy/f3", "opt-2"), ["better", "median", "worse"]].tolist() == pytest.approx(
        np.quantile(sample, [0.25, 0.5, 0.75]).tolist()
    )


@pytest.mark.parametrize(("optimum", "expected"), [(None, [0.0, 0.5, 1.0, 2.0]), (0.0, [1 / 3, 2 / 3, 1.0, 2.0])])
def test_normalised_regret(optimum: float | None, expected: list[float]) -> None:
    index = pd.MultiIndex.from_product([["a", "b", "c", "d"], ["t"], [0]], names=["optimizer", "task", "seed"])
    tasks = pd.DataFrame(
        {"objectives": [[{"name": "x", "direction": "minimize", "optimum": optimum}]], "metadata": [{}]}, index=["t"]
    )
    losses = pd.Series([1.0, 2.0, 3.0, np.nan], index=index)
    assert normalised_regret(losses, tasks).tolist() == pytest.approx(expected)
    equal = pd.Series([2.0, 2.0, 2.0, np.nan], index=index)
    assert normalised_regret(equal, tasks).tolist() == ([0, 0, 0, 2] if optimum is None else [1, 1, 1, 2])


def test_optimal_hypervolume_needs_a_reference(messy: Results) -> None:
    tasks = messy.tasks.copy()
    tasks.at["fronts/b", "metadata"] = {"optimal_hypervolume": 2.25}
    found = trajectories(replace(messy, tasks=tasks)).query("task == 'fronts/b'").dropna()
    assert (found["loss"] == -found["value"]).all()


def test_results_beyond_the_optimum_are_found() -> None:
    tasks = pd.DataFrame(
        {
            "objectives": [
                [{"name": "x", "direction": "maximize", "optimum": optimum}] for optimum in (0.9, 0.9, 1e6, None)
            ],
            "metadata": [{}] * 4,
        },
        index=["noisy", "attained", "rounded", "unknown"],
    )
    index = pd.MultiIndex.from_tuples([("a", task, 0) for task in tasks.index], names=["optimizer", "task", "seed"])
    losses = pd.Series([-0.95, -0.9, -1e6 - 1e-6, -7.0], index=index)
    assert beyond_optimum(losses, tasks) == ["noisy"]
    assert normalised_regret(losses, tasks).tolist() == [0.0] * 4


def test_coverage_and_failures(messy: Results) -> None:
    runs = messy.runs[~((messy.runs["optimizer"] == "random") & (messy.runs["task"] == "toy/f0"))]
    table = coverage(runs)
    assert table.loc[("random", "toy")].to_dict() == {"ok": 24, "failed": 0, "skipped": 0, "missing": 4}
    assert table.loc[("smac-bb", "fronts")].to_dict() == {"ok": 0, "failed": 0, "skipped": 12, "missing": 0}
    assert table.loc[("broken", "curves")].to_dict() == {"ok": 0, "failed": 8, "skipped": 0, "missing": 0}
    failures = run_failures(runs).set_index("optimizer")
    assert failures.loc["smac-bb", ["status", "reason", "runs", "tasks"]].tolist() == [
        "skipped",
        "can't do multi-objective",
        12,
        3,
    ]
    trials = trial_failures(messy.trials).set_index("optimizer")
    assert (
        trials.loc["tpe", "trials"] == ((messy.trials["optimizer"] == "tpe") & (messy.trials["status"] != "ok")).sum()
    )
    assert trials.loc["tpe", "reason"] == "RuntimeError: diverged"


def test_overhead_adds_ask_and_tell(messy: Results) -> None:
    trials = messy.trials[messy.trials["optimizer"] == "tpe"].reset_index(drop=True)
    trials.loc[0, "tell_s"] = np.nan
    seconds = np.nan_to_num(trials["ask_s"].to_numpy(float)) + np.nan_to_num(trials["tell_s"].to_numpy(float))
    row = overhead(trials).loc["tpe"]
    assert row["median"] == pytest.approx(np.median(seconds))
    assert row["mean"] == pytest.approx(seconds.mean())
    assert row["trials"] == len(trials)


def test_different_conditions_are_told_apart() -> None:
    tasks = [SimulatedTask("toy/f"), SimulatedTask("toy/g", MULTI_OBJECTIVE), SimulatedTask("toy/h", MULTI_FIDELITY)]
    results = simulate([SimulatedOptimizer("a"), SimulatedOptimizer("b")], tasks, seeds=2)
    again = results.runs.assign(run=results.runs["run"].astype(str) + "'", budget=40.0)
    again = again[again["task"] == "toy/f"]
    both = replace(results, runs=pd.concat([results.runs, again]).astype({"run": "category"}))
    found = comparable(both)
    assert sorted(found.runs["task"].unique()) == ["toy/f (budget 20)", "toy/f (budget 40)", "toy/g", "toy/h"]
    assert found.tasks.index.tolist() == ["toy/f (budget 20)", "toy/f (budget 40)", "toy/g", "toy/h"]
    assert set(found.trials["task"]) == {"toy/f (budget 20)", "toy/g", "toy/h"}
    assert found.tasks.loc["toy/f (budget 40)", "type"] == BLACKBOX


def test_seeds_of_different_roots_are_told_apart() -> None:
    results = simulate([SimulatedOptimizer("a")], [SimulatedTask("toy/f")], seeds=2)
    again = results.runs.assign(run=results.runs["run"].astype(str) + "'", root_seed=7)
    found = comparable(replace(results, runs=pd.concat([results.runs.astype({"run": str}), again])))
    assert sorted(found.runs["seed"]) == [0, 1, 2, 3]


def test_the_same_run_twice_is_refused() -> None:
    results = simulate([SimulatedOptimizer("a")], [SimulatedTask("toy/f")], seeds=1)
    again = results.runs.assign(run="other")
    with pytest.raises(UsageError, match="two runs of 'a' on task 'toy/f' with seed 0"):
        comparable(replace(results, runs=pd.concat([results.runs.astype({"run": str}), again])))
