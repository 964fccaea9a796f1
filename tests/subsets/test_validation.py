from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kendalltau

from optathlon.analysis import mean_ranks
from optathlon.errors import UsageError
from optathlon.installation import as_installed
from optathlon.subsets.baselines import random_subsets, stratified_subsets
from optathlon.subsets.validation import (
    CHOSEN,
    MEDOIDS,
    RANDOM,
    STRATIFIED,
    Agreement,
    agreement_by_size,
    compare_methods,
    smallest_sufficient,
    tau_b,
    validate_subset,
)


def ranked(rows: dict[tuple[str, int], list[float]]) -> pd.Series:
    """Ranks of optimizers a, b, … by (task, seed)."""
    frame = pd.DataFrame(rows).T
    frame.columns = pd.Index(list("abcdefghij")[: frame.shape[1]], name="optimizer")
    frame.index = frame.index.set_names(["task", "seed"])
    return frame.stack()


def simulated(tasks: int = 30, seeds: int = 4, optimizers: int = 6, *, noise: float = 1.0, seed: int = 0) -> pd.Series:
    """Ranks of optimizers of rising skill, whose rankings differ between tasks and seeds."""
    rng = np.random.default_rng(seed)
    skill = np.arange(optimizers) * 0.5 + rng.normal(size=(tasks, 1, optimizers)) * noise
    values = skill + rng.normal(size=(tasks, seeds, optimizers)) * noise
    table = np.argsort(np.argsort(values, axis=2), axis=2) + 1.0
    rows = {(f"t{task:02}", number): table[task, number].tolist() for task in range(tasks) for number in range(seeds)}
    return ranked(rows)


HAND = ranked(
    {
        ("x", 0): [1, 2, 3, 4],
        ("x", 1): [1, 3, 2, 4],
        ("y", 0): [2, 1, 3, 4],
        ("z", 7): [4, 3, 1.5, 1.5],
    }
)
"""Means per task: x 1, 2.5, 2.5, 4; y 2, 1, 3, 4; z 4, 3, 1.5, 1.5. On all three: 7/3, 6.5/3, 7/3, 9.5/3."""


def test_a_hand_computed_example() -> None:
    found = validate_subset(HAND, ["x", "y"])
    assert (found.k, found.tasks, found.seeds) == (2, 3, (1, 2))
    # on x and y: 1.5, 1.75, 2.75, 4, so a < b < c < d; on all: b < a = c < d.
    # pairs: ab discordant, ac tied on all, ad, bc, bd, cd concordant: (4 - 1) / sqrt(6 * 5)
    assert found.tau == pytest.approx(3 / np.sqrt(30))
    assert not found.top1
    assert found.rank_error == pytest.approx((7 / 3 - 1.5 + 6.5 / 3 - 1.75 + 2.75 - 7 / 3 + 4 - 9.5 / 3) / 4)
    assert found.mean_ranks.index.tolist() == ["b", "a", "c", "d"]
    assert found.mean_ranks.loc["a"].tolist() == pytest.approx([7 / 3, 1.5])


def test_the_mean_ranks_are_those_that_the_report_publishes() -> None:
    ranks = simulated()
    ranks = ranks.drop([("t03", 0), ("t07", 2)])
    found = validate_subset(ranks, [f"t{i:02}" for i in range(0, 30, 5)], resamples=10)
    published = mean_ranks(ranks.to_frame())[0]
    assert found.mean_ranks["full"].sort_index().to_numpy() == pytest.approx(published.to_numpy())


def test_all_tasks_agree_with_themselves_whatever_the_resample() -> None:
    ranks = simulated(seed=3)
    found = validate_subset(ranks, ranks.index.unique("task")[::-1])
    assert (found.tau, found.tau_low, found.tau_high) == (1, 1, 1)
    assert (found.rank_error, found.rank_error_low, found.rank_error_high) == (0, 0, 0)
    assert found.top1
    assert found.top1_share == 1


@pytest.mark.parametrize(
    ("on_y", "on_x", "agrees"),
    [
        ([1, 2, 3], [1, 3, 2], True),
        ([1, 2, 3], [1.5, 1.5, 3], False),  # on all: 1.25, 1.75, 3, while a and b tie on x
        ([2, 1, 3], [1, 2, 3], False),  # the other way round: they tie on all
        ([1.5, 1.5, 3], [1.5, 1.5, 3], True),
    ],
)
def test_ties_for_the_best_agree_only_as_a_whole(on_y: list[float], on_x: list[float], agrees: bool) -> None:
    assert validate_subset(ranked({("x", 0): on_x, ("y", 0): on_y}), ["x"]).top1 is agrees


def test_a_subset_without_a_ranking_agrees_with_nothing() -> None:
    assert validate_subset(ranked({("x", 0): [2, 2, 2], ("y", 0): [1, 2, 3]}), ["x"]).tau == 0


@given(st.integers(2, 9), st.integers(1, 5), st.integers(0, 10_000))
def test_tau_is_that_of_scipy(optimizers: int, values: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.integers(0, values + 1, (2, 7, optimizers)).astype(float)
    expected = [kendalltau(first, second).statistic for first, second in zip(x, y, strict=True)]
    assert tau_b(x, y) == pytest.approx(np.nan_to_num(expected, nan=0.0), abs=1e-12)


def test_tau_broadcasts() -> None:
    x, y = np.array([1.0, 2, 3]), np.array([[1.0, 2, 3], [3, 2, 1], [1, 3, 2]])
    assert tau_b(x, y) == pytest.approx([1, -1, 1 / 3])


def brute_force(ranks: pd.Series, subset: list[str], resamples: int, seed: int) -> dict[str, list[float]]:
    """The bootstrap with loops, from the same uniform numbers: one per (task, seed), in order."""
    table = ranks.unstack("optimizer").sort_index()
    uniform = np.random.default_rng(seed).random((resamples, len(table)))
    measures: dict[str, list[float]] = {"tau": [], "top1": [], "error": []}
    for row in uniform:
        of_task, position = {}, 0
        for task in table.index.unique("task"):
            runs = table.loc[task].to_numpy()
            drawn = [runs[int(row[position + j] * len(runs))] for j in range(len(runs))]
            of_task[task] = sum(drawn) / len(runs)
            position += len(runs)
        full = np.round(sum(of_task.values()) / len(of_task), 9)
        part = np.round(sum(of_task[task] for task in subset) / len(subset), 9)
        measures["tau"].append(np.nan_to_num(kendalltau(full, part).statistic))
        measures["top1"].append(set(np.flatnonzero(full == full.min())) == set(np.flatnonzero(part == part.min())))
        measures["error"].append(np.abs(full - part).mean())
    return measures


def test_intervals_are_those_of_resampling_with_loops() -> None:
    ranks = simulated(tasks=9, seeds=3).drop([("t02", 1), ("t05", 0), ("t05", 2)])
    subset = ["t01", "t05", "t07", "t02"]
    found = validate_subset(ranks, subset, resamples=230, level=0.8, seed=5)
    expected = brute_force(ranks, subset, 230, 5)
    assert (found.tau_low, found.tau_high) == pytest.approx(tuple(np.quantile(expected["tau"], [0.1, 0.9])))
    assert found.top1_share == pytest.approx(np.mean(expected["top1"]))
    bounds = tuple(np.quantile(expected["error"], [0.1, 0.9]))
    assert (found.rank_error_low, found.rank_error_high) == pytest.approx(bounds, abs=1e-8)
    assert len(set(expected["tau"])) > 3
    assert 0 < found.top1_share < 1


def test_more_seeds_narrow_the_interval() -> None:
    few, many = (
        validate_subset(simulated(tasks=12, seeds=seeds), [f"t{i:02}" for i in range(6)], resamples=300)
        for seeds in (2, 60)
    )
    assert many.rank_error_high - many.rank_error_low < (few.rank_error_high - few.rank_error_low) / 2


def test_one_seed_gives_no_interval() -> None:
    found = validate_subset(simulated(seeds=1), ["t00", "t01", "t05"])
    resampled = (found.tau_low, found.tau_high, found.top1_share, found.rank_error_low, found.rank_error_high)
    assert np.isnan(resampled).all()
    assert -1 <= found.tau <= 1
    only_elsewhere = simulated().drop([(task, seed) for task in ("t00", "t01") for seed in (1, 2, 3)])
    assert np.isnan(validate_subset(only_elsewhere, ["t00", "t01"]).tau_low)


def test_the_order_of_rows_and_of_names_does_not_matter() -> None:
    ranks = simulated()
    found = validate_subset(ranks, ["t04", "t01", "t20"])
    again = validate_subset(
        ranks.sample(frac=1, random_state=1).reorder_levels(["optimizer", "seed", "task"]), ["t20", "t04", "t01"]
    )
    assert plain(found) == plain(again)
    assert plain(found) != plain(validate_subset(ranks, ["t04", "t01", "t20"], seed=1))


def plain(agreement: Agreement) -> dict[str, object]:
    return {name: value for name, value in vars(agreement).items() if name != "mean_ranks"}


@pytest.mark.parametrize(
    ("ranks", "subset", "message"),
    [
        (HAND, [], "the subset is empty"),
        (HAND, ["x", "q", "r"], "2 of the 3 tasks of the subset are not in the full set, the 3 tasks .* first q"),
        (HAND.xs("a", level="optimizer", drop_level=False), ["x"], "at least 2 held-out optimizers .* only a"),
        (ranked({("x", 0): [2, 2, 2], ("y", 0): [2, 2, 2]}), ["x"], "the 3 held-out optimizers all have the same mean"),
        (HAND.iloc[:-1], ["x"], "1 of 4 pairs of task and seed lack some of the optimizers, first z with seed 7"),
    ],
)
def test_bad_input_is_one_clear_line(ranks: pd.Series, subset: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message) as error:
        validate_subset(ranks, subset)
    assert "\n" not in str(error.value)


def points_of(ranks: pd.Series, seed: int = 0) -> pd.DataFrame:
    tasks = ranks.index.unique("task")
    return pd.DataFrame(np.random.default_rng(seed).random((len(tasks), 2)), index=tasks)[::-1]


def test_random_and_stratified_by_brute_force() -> None:
    ranks = simulated()
    subset = ["t03", "t09", "t10", "t17", "t25"]
    tasks = ranks.index.unique("task")
    strata = pd.Series([f"s{i % 3}" for i in range(len(tasks))], index=tasks)
    found = compare_methods(ranks, subset, strata=strata[::-1], draws=60, seed=4)
    chosen = validate_subset(ranks, subset, seed=4)
    drawn = {
        RANDOM: random_subsets(30, 5, draws=60, seed=4),
        STRATIFIED: stratified_subsets(strata.to_numpy(), 5, draws=60, seed=4),
    }
    for method, members in drawn.items():
        each = [validate_subset(ranks, tasks[row], resamples=1) for row in members]
        taus, errors = [a.tau for a in each], [a.rank_error for a in each]
        row = found.measures.loc[method, 5]
        assert row["draws"] == 60
        assert row[["tau", "top1", "rank_error"]].tolist() == pytest.approx(
            [np.mean(taus), np.mean([a.top1 for a in each]), np.mean(errors)]
        )
        assert row[["tau_low", "tau_high"]].tolist() == pytest.approx(np.quantile(taus, [0.05, 0.95]))
        assert row[["rank_error_low", "rank_error_high"]].tolist() == pytest.approx(np.quantile(errors, [0.05, 0.95]))
        below = sum(tau < chosen.tau - 1e-12 for tau in taus) + sum(abs(tau - chosen.tau) <= 1e-12 for tau in taus) / 2
        assert row["tau_percentile"] == pytest.approx(below / 60)
        worse = sum(e > chosen.rank_error + 1e-9 for e in errors)
        same = sum(abs(e - chosen.rank_error) <= 1e-9 for e in errors)
        assert row["rank_error_percentile"] == pytest.approx((worse + same / 2) / 60)
    row = found.measures.loc[CHOSEN, 5]
    assert row[["tau", "tau_low", "tau_high"]].tolist() == [chosen.tau, chosen.tau_low, chosen.tau_high]
    assert row["draws"] == 1
    assert found.left_out == {MEDOIDS: "there are no points to choose by"}


def test_all_tasks_are_in_the_middle_of_their_like() -> None:
    ranks = simulated(tasks=4)
    row = compare_methods(ranks, ranks.index.unique("task"), draws=9).measures.loc[RANDOM, 4]
    assert (row["tau"], row["tau_low"], row["rank_error"]) == (1, 1, 0)
    assert (row["tau_percentile"], row["rank_error_percentile"]) == (0.5, 0.5)


def test_medoids_are_found_by_name_not_by_place() -> None:
    pytest.importorskip("kmedoids")
    ranks = simulated(tasks=6)
    tasks = ranks.index.unique("task")
    points = pd.DataFrame([[0, 0], [1, 1], [0.02, 0], [1, 0.98], [0.04, 0], [1, 0.96]], index=tasks)
    found = compare_methods(ranks, ["t00", "t01"], points=points.sample(frac=1, random_state=3), draws=5)
    expected = validate_subset(ranks, ["t02", "t03"])
    assert found.left_out == {}
    row = found.measures.loc[MEDOIDS, 2]
    assert row[["tau", "tau_low", "rank_error"]].tolist() == [expected.tau, expected.tau_low, expected.rank_error]


def test_without_kmedoids_its_row_is_left_out_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "kmedoids", None)
    ranks = simulated()
    found = compare_methods(ranks, ["t01", "t02"], points=points_of(ranks), draws=5)
    assert found.measures.index.unique("method").tolist() == [CHOSEN, RANDOM]
    assert as_installed("pip install 'optathlon[subsets]'") in found.left_out[MEDOIDS]


def test_tasks_without_point_or_label_are_counted() -> None:
    ranks = simulated()
    points = points_of(ranks)
    with pytest.raises(UsageError, match="2 of 30 tasks have no point, first t04"):
        compare_methods(ranks, ["t01"], points=points.drop(["t04", "t05"]))
    with pytest.raises(UsageError, match="1 of 30 tasks have no stratum, first t07"):
        compare_methods(ranks, ["t01"], strata=points[0].drop("t07"))


def test_agreement_by_size_measures_what_is_selected() -> None:
    ranks = simulated()
    points = points_of(ranks)
    seen = []

    def select(array: np.ndarray, k: int) -> list[int]:
        seen.append(array)
        return list(range(29, 29 - k, -1))

    found = agreement_by_size(ranks, points, [12, 3, 3], draws=7, seed=2, select=select)
    assert (seen[0] == points.sort_index().to_numpy()).all()
    assert len(seen) == 2
    for k in (3, 12):
        expected = validate_subset(ranks, [f"t{i:02}" for i in range(30 - k, 30)], seed=2)
        row = found.measures.loc[CHOSEN, k]
        assert row[["tau", "tau_low", "tau_high"]].tolist() == [expected.tau, expected.tau_low, expected.tau_high]
        by_name = compare_methods(ranks, [f"t{i:02}" for i in range(30 - k, 30)], points=points, draws=7, seed=2)
        for method in by_name.measures.index.unique("method"):
            pd.testing.assert_series_equal(found.measures.loc[method, k], by_name.measures.loc[method, k])


@pytest.mark.parametrize("size", [0, 31])
def test_sizes_that_cannot_be_are_refused(size: int) -> None:
    ranks = simulated()
    with pytest.raises(UsageError, match=f"a subset of {size} tasks can't be chosen among 30"):
        agreement_by_size(ranks, points_of(ranks), [5, size], select=lambda points, k: range(k))


@pytest.mark.parametrize(
    ("low", "expected"),
    [
        ([0.9, 0.5, 0.81, 0.85], 20),
        ([0.9, 0.85, 0.81, 0.95], 5),
        ([0.9, 0.9, 0.9, 0.8], None),  # not above
        ([0.9, 0.9, 0.9, np.nan], None),
        ([0.9, np.nan, 0.9, 0.9], 20),
        ([0.1, 0.2, 0.3, 0.9], 40),
    ],
)
def test_the_smallest_size_that_suffices_from_there_on(low: list[float], expected: int | None) -> None:
    index = pd.MultiIndex.from_tuples([(CHOSEN, 40), (CHOSEN, 5), (CHOSEN, 20), (CHOSEN, 10)], names=["method", "k"])
    by_size = dict(zip((5, 10, 20, 40), low, strict=True))
    measures = pd.DataFrame({"tau_low": [by_size[k] for _, k in index]}, index=index)
    assert smallest_sufficient(measures, 0.8) == expected
