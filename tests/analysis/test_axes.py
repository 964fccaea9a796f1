from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from simulation import SimulatedOptimizer, SimulatedTask, simulate

from optathlon.analysis import incumbents_at, overhead, trajectories
from optathlon.analysis.metrics.anytime import anytime_auc
from optathlon.analysis.metrics.axes import AXES, OrderedTrials
from optathlon.analysis.metrics.normalisation import (
    BEST_TO_WORST,
    NORMALISATIONS,
    OPTIMUM,
    QUANTILE,
    RANDOM,
    Normalisation,
    between,
    log_regret,
    normalised_regret,
)
from optathlon.analysis.metrics.targets import PRECISIONS, expected_runtime, runtime_distribution, runtimes
from optathlon.results.frames import Results


def of_cell(frame: pd.DataFrame, key: tuple[str, str, int]) -> pd.DataFrame:
    cells = pd.MultiIndex.from_frame(frame[["optimizer", "task", "seed"]].astype({"optimizer": str, "task": str}))
    return frame[cells == key]


def one_run(**columns: object) -> Results:
    results = simulate([SimulatedOptimizer("a")], [SimulatedTask("toy/f", optimum=0.0)], seeds=1, budget=4)
    trials = results.trials.iloc[:4].assign(value=[4.0, 3.0, 2.0, 1.0], over_budget=False, **columns)
    return replace(results, trials=trials)


def test_each_axis_counts_what_it_says() -> None:
    results = one_run(
        ask_s=[1.0, 1.0, 1.0, 1.0],
        tell_s=[0.5, np.nan, 0.5, 0.5],
        evaluate_s=[2.0, 2.0, 2.0, 2.0],
        cost=[10.0, np.nan, 10.0, 10.0],
        gpu_seconds=[3.0, 3.0, 3.0, 3.0],
        evaluations=[1.0, 0.5, 0.5, 1.0],
    )
    found = trajectories(results)
    assert found["evaluations"].tolist() == [1.0, 1.5, 2.0, 3.0]
    assert found["fraction"].tolist() == [0.25, 0.375, 0.5, 0.75]
    assert found["compute"].tolist() == [3.5, 6.5, 10.0, 13.5]
    assert found["cost"].tolist() == [10.0, 20.0, 30.0, 40.0]
    assert found["gpu_seconds"].tolist() == [3.0, 6.0, 9.0, 12.0]
    assert found["wall_clock"].tolist() == [1.0, 2.0, 3.0, 4.0]
    assert found["full_fidelity_trials"].tolist() == [1.0, 2.0, 3.0, 4.0]
    assert found[["simulated", "tokens"]].isna().all(axis=None)
    virtual = trajectories(replace(results, runs=results.runs.assign(clock="virtual")))
    assert virtual["simulated"].tolist() == [1.0, 2.0, 3.0, 4.0]
    assert virtual["wall_clock"].isna().all()


def test_unknown_seconds_are_not_zero() -> None:
    unknown = one_run(ask_s=np.nan, tell_s=np.nan, evaluate_s=np.nan)
    assert trajectories(unknown)["compute"].isna().all()
    assert overhead(unknown.trials).loc["a", ["median", "mean", "evaluate"]].isna().all()


def test_only_trials_at_full_fidelity_are_counted_as_such(messy: Results) -> None:
    trials = messy.trials[(messy.trials["task"] == "curves/mnist") & (messy.trials["optimizer"] == "random")]
    expected = trials[(trials["fidelity"] == 27) & ~trials["over_budget"]].groupby("seed").size()
    progress = OrderedTrials(replace(messy, runs=messy.runs[messy.runs["run"].isin(trials["run"].unique())]))
    assert progress.of_whole_runs("full_fidelity_trials").tolist() == expected.tolist()


def test_axes_never_fall_and_end_where_the_run_ends(messy: Results) -> None:
    progress = OrderedTrials(messy)
    same_run = progress.run[1:] == progress.run[:-1]
    for axis in AXES:
        spent = progress.spent(axis.name)
        assert not (np.diff(spent) < 0)[same_run].any()
    inside = messy.trials[~messy.trials["over_budget"]]
    expected = inside.groupby(inside["run"].astype(str))["evaluations"].sum()
    found = progress.of_whole_runs("evaluations").dropna()
    assert len(found) == len(expected)
    assert found.to_numpy() == pytest.approx(expected[found.index].to_numpy())


def test_incumbents_on_another_axis_are_the_brute_force_ones(messy: Results) -> None:
    found = trajectories(messy)
    ends = found.groupby("task", observed=True)["compute"].max()
    ends.index = ends.index.astype(str)
    points = [0.1, 0.5, 1.0]
    grid = incumbents_at(found, messy.runs, points, axis="compute", ends=ends)
    for key, losses in list(grid.iterrows())[::7]:
        rows = of_cell(found, key)
        for point in points:
            before = rows["loss"][rows["compute"] <= point * ends[key[1]] * (1 + 1e-9)]
            expected = before.iloc[-1] if len(before) else math.nan
            assert losses[point] == expected or (math.isnan(losses[point]) and math.isnan(expected))


def frame(losses: dict[str, list[list[float]]]) -> pd.DataFrame:
    """By optimizer: one row per seed, one column per point, on the one task `t`."""
    rows = {(name, "t", seed): row for name, seeds in losses.items() for seed, row in enumerate(seeds)}
    index = pd.MultiIndex.from_tuples(list(rows), names=["optimizer", "task", "seed"])
    return pd.DataFrame(list(rows.values()), index=index).sort_index()


def tasks(optimum: float | None) -> pd.DataFrame:
    objective = {"name": "error", "direction": "minimize", "optimum": optimum}
    return pd.DataFrame({"objectives": [[objective]], "metadata": [{}]}, index=["t"])


NOTHING = [np.nan, np.nan]
LOSSES = frame({"a": [[np.nan, 2.0], [6.0, 3.0]], "random": [[5.0, 5.0], [8.0, 7.0]], "z": [NOTHING, [12.0, 12.0]]})


@pytest.mark.parametrize(
    ("normalisation", "expected"),
    [
        (BEST_TO_WORST, [[2, 0], [0.4, 0.1], [0.3, 0.3], [0.6, 0.5], [2, 2], [1, 1]]),
        (OPTIMUM, [[2, 1 / 11], [5 / 11, 2 / 11], [4 / 11, 4 / 11], [7 / 11, 6 / 11], [2, 2], [1, 1]]),
        (RANDOM, [[3, 0], [1, 0.25], [0.75, 0.75], [1.5, 1.25], [3, 3], [2, 2]]),
        (QUANTILE, [[1, 1 / 12], [0.5, 3 / 12], [5 / 12, 5 / 12], [4 / 6, 7 / 12], [1, 1], [9 / 12, 9 / 12]]),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_normalisations_by_hand(normalisation: Normalisation, expected: list[list[float]]) -> None:
    assert normalisation(LOSSES, tasks(1.0)).to_numpy() == pytest.approx(np.array(expected))


def test_undefined_normalisations_are_missing() -> None:
    assert OPTIMUM(LOSSES, tasks(None)).isna().all(axis=None)
    assert RANDOM(LOSSES.drop("random"), tasks(None)).isna().all(axis=None)


def test_a_task_without_any_result_is_as_bad_as_can_be() -> None:
    nothing = pd.concat({"u": LOSSES.droplevel("task") * np.nan}, names=["task"]).reorder_levels(LOSSES.index.names)
    both = pd.concat([tasks(1.0), tasks(1.0).set_axis(["u"])])
    for normalisation in NORMALISATIONS:
        found = normalisation(pd.concat([LOSSES, nothing]).sort_index(), both)
        assert (found.xs("u", level="task") == normalisation.upper).all(axis=None)
        pd.testing.assert_frame_equal(
            found.xs("t", level="task"), normalisation(LOSSES, tasks(1.0)).xs("t", level="task")
        )
    assert RANDOM(pd.concat([LOSSES, nothing]).drop("random"), both).isna().all(axis=None)


def test_the_final_regret_is_the_best_to_worst_one(messy: Results) -> None:
    grid = incumbents_at(trajectories(messy), messy.runs)
    unknown = messy.tasks.assign(
        objectives=[[o | {"optimum": None} for o in objectives] for objectives in messy.tasks["objectives"]]
    )
    expected = normalised_regret(grid.iloc[:, -1], unknown)
    pd.testing.assert_series_equal(BEST_TO_WORST(grid, unknown).iloc[:, -1], expected, check_names=False)


@given(st.permutations(range(6)), st.floats(0.1, 100), st.floats(-50, 50))
def test_scales_do_not_depend_on_units_or_order(order: list[int], factor: float, shift: float) -> None:
    moved = (LOSSES * factor + shift).iloc[order]
    for normalisation in NORMALISATIONS:
        expected = normalisation(LOSSES, tasks(1.0)).iloc[order]
        found = normalisation(moved, tasks(factor + shift))
        assert found.to_numpy() == pytest.approx(expected.to_numpy(), abs=1e-9)


def test_a_failing_optimizer_changes_nobody_elses_regret() -> None:
    extended = pd.concat([LOSSES, frame({"failing": [NOTHING, NOTHING]})])
    for normalisation in (BEST_TO_WORST, OPTIMUM, RANDOM):
        found = normalisation(extended, tasks(1.0)).loc[LOSSES.index]
        pd.testing.assert_frame_equal(found, normalisation(LOSSES, tasks(1.0)))


def test_noise_of_rounding_is_no_difference() -> None:
    noisy = frame({"a": [[0.3, 0.3]], "b": [[0.1 + 0.2, 0.1 + 0.2]]})
    assert noisy.iloc[0, 0] != noisy.iloc[1, 0]
    assert (BEST_TO_WORST(noisy, tasks(None)) == 0).all(axis=None)
    assert (normalised_regret(noisy[1], tasks(None)) == 0).all()


def test_an_optimum_beyond_the_worst_result_leaves_no_regret() -> None:
    assert (OPTIMUM(LOSSES.dropna(), tasks(50.0)) == 0).all(axis=None)


def test_who_fails_does_not_gain_on_who_ends_badly() -> None:
    """Half of the runs of `flaky` are the best and half end as badly as can be, or fail."""
    good, best = [[1.9], [1.9], [1.9], [1.9]], [[1.5], [1.5]]
    for half in ([100.0], [np.nan]):
        both = frame({"good": good, "flaky": [*best, half, half]})
        found = BEST_TO_WORST(both, tasks(None))[0].groupby("optimizer").mean()
        assert found["flaky"] >= found["good"]
        assert (BEST_TO_WORST(both, tasks(None)).loc["flaky"].iloc[2:] >= 1).all(axis=None)


def test_between_equal_anchors() -> None:
    scaled = between(LOSSES, pd.Series({"t": 5.0}), pd.Series({"t": 5.0}))
    assert scaled[1].tolist()[:4] == [0, 0, 0, 1]
    assert math.isnan(scaled.iloc[4, 1])


def test_log_regret_has_a_floor() -> None:
    assert log_regret(pd.DataFrame([[1.0, 0.01, 0.0]])).iloc[0].tolist() == [0.0, -2.0, -4.0]


def test_auc_is_the_integral_of_the_steps(messy: Results) -> None:
    found = trajectories(messy)
    losses = incumbents_at(found, messy.runs)
    areas = anytime_auc(found, losses, messy.runs, messy.tasks)
    first = found.groupby(found["task"].astype(str))["fraction"].min()
    scale = BEST_TO_WORST(losses, messy.tasks).iloc[:, -1]
    assert areas.loc[("broken", "toy/f0", 0)].tolist() == [2.0, 2.0]
    for key in [("tpe", "toy/f0", 1), ("random", "curves/mnist", 2), ("hebo[acq=ei]", "toy/acc", 0)]:
        rows, task = of_cell(found, key), key[1]
        final = losses.iloc[:, -1].xs(task, level="task")
        x = np.linspace(0, 1, 200_001)[1:]
        before = np.searchsorted(rows["fraction"].to_numpy(), x, "right")
        loss = np.append(np.nan, rows["loss"].to_numpy())[before]
        regret = np.where(np.isnan(loss), 2.0, np.clip((loss - final.min()) / (final.max() - final.min()), 0, 1))
        assert areas.loc[key, "linear"] == pytest.approx(regret.mean(), abs=1e-4)
        late = x >= first[task]
        weights = np.diff(np.log(np.append(first[task], x[late])))
        assert areas.loc[key, "log"] == pytest.approx(np.average(regret[late], weights=weights), abs=1e-3)
        assert regret[-1] == pytest.approx(scale[key])


def of_targets(results: Results) -> pd.DataFrame:
    found = trajectories(results)
    losses = incumbents_at(found, results.runs, [1.0]).iloc[:, 0]
    spent = OrderedTrials(results).of_whole_runs("evaluations")
    return runtimes(found, results.runs, spent, losses, results.tasks)


def test_runtimes_are_first_hits(plain: Results) -> None:
    table = of_targets(plain)
    for key in [("opt-1", "toy/f3", 0), ("opt-4", "toy/f7", 2)]:
        trials = of_cell(plain.trials, key)
        trials = trials[~trials["over_budget"]]
        for number, precision in enumerate(PRECISIONS):
            hits = np.flatnonzero(trials["value"].to_numpy() <= precision)
            expected = hits[0] + 1 if len(hits) else math.nan
            found = table.loc[key, number]
            assert found == expected or (math.isnan(found) and math.isnan(expected))
        assert table.loc[key, "spent"] == 20


def test_expected_runtime_is_evaluations_per_success() -> None:
    index = pd.MultiIndex.from_product([["a"], ["t"], range(3)], names=["optimizer", "task", "seed"])
    table = pd.DataFrame({"spent": [100.0, 100.0, 50.0], 0: [10.0, np.nan, 20.0], 1: [np.nan] * 3}, index=index)
    assert expected_runtime(table).loc[("a", "t")].tolist() == [(10 + 100 + 20) / 2, math.inf]


def test_runtime_distribution_without_failures_is_the_empirical_one() -> None:
    index = pd.MultiIndex.from_product([["a"], ["t", "u"], range(2)], names=["optimizer", "task", "seed"])
    table = pd.DataFrame({"spent": 9.0, 0: [1.0, 1.0, 2.0, 2.0], 1: [4.0, 4.0, np.nan, np.nan]}, index=index)
    shares = runtime_distribution(table, np.array([0.5, 1.0, 2.0, 5.0, 1e9]))["share"]
    assert shares.tolist() == [0.0, 0.25, 0.5, 0.75, 0.75]
    halved = runtime_distribution(table, np.array([0.5, 1.0]), scale=pd.Series({"t": 2.0, "u": 1.0}))["share"]
    assert halved.tolist() == [0.25, 0.25]


def test_other_optimizers_change_nobodys_runtimes(messy: Results) -> None:
    table, points = of_targets(messy), np.array([2.0, 10.0, 50.0])
    found = runtime_distribution(table, points)
    alone = runtime_distribution(table.drop("<script>alert(1)</script> $x$"), points)
    pd.testing.assert_frame_equal(found.loc[alone.index], alone)


def test_simulated_restarts_have_the_expected_runtime() -> None:
    index = pd.MultiIndex.from_product([["a"], ["t"], range(4)], names=["optimizer", "task", "seed"])
    table = pd.DataFrame({"spent": 10.0, 0: [3.0, np.nan, np.nan, 5.0]}, index=index)
    points = np.arange(1.0, 400.0)
    shares = runtime_distribution(table, points, restarts=20_000)["share"].to_numpy()
    mean = 1 + np.sum(1 - shares)  # the mean of a whole number of evaluations
    assert mean == pytest.approx(expected_runtime(table).iloc[0, 0], rel=0.02)
    assert shares[2] == pytest.approx(0.25, abs=0.02)
