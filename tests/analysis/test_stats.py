from __future__ import annotations

import math
from itertools import product

import numpy as np
import pandas as pd
import pytest
import scikit_posthocs
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import friedmanchisquare, rankdata, wilcoxon
from simulation import BLACKBOX, MULTI_OBJECTIVE, SimulatedOptimizer, SimulatedTask, shuffled, simulate, together

from optathlon.analysis import (
    bootstrap_ranks,
    comparable,
    comparisons,
    incumbents_at,
    mean_ranks,
    ranks,
    significance,
    trajectories,
)
from optathlon.analysis.stats.comparison import Comparison, without_results
from optathlon.analysis.stats.ranking import task_ranks
from optathlon.analysis.stats.significance import critical_difference
from optathlon.results.frames import Results


def compare(results: Results) -> list[Comparison]:
    results = comparable(results)
    return comparisons(incumbents_at(trajectories(results), results.runs), results.tasks["type"])


def losses_of(present: dict[str, list[str]], seeds: int = 2) -> pd.DataFrame:
    cells = [(o, t, s) for o, tasks in present.items() for t in tasks for s in range(seeds)]
    index = pd.MultiIndex.from_tuples(cells, names=["optimizer", "task", "seed"]).sort_values()
    return pd.DataFrame({1.0: np.arange(len(index), dtype=float)}, index=index)


def test_ranks_are_scipys(messy: Results) -> None:
    comparison = compare(messy)[0]
    found = ranks(comparison)
    for (task, seed), block in comparison.losses.groupby(level=["task", "seed"]):
        for fraction in (0.02, 0.1, 1.0):
            expected = rankdata(block[fraction].fillna(np.inf).to_numpy())
            assert found.loc[(task, seed), fraction].tolist() == expected.tolist()


def test_mean_ranks_weigh_tasks_equally() -> None:
    losses = losses_of({"a": ["t", "u"], "b": ["t", "u"]}, seeds=3).drop([("a", "u", 1), ("a", "u", 2)])
    losses.loc[:] = 0.0
    losses.loc[[("a", "t", 0), ("a", "t", 1), ("a", "t", 2), ("b", "u", 0)]] = -1.0
    comparison = comparisons(losses, pd.Series("x", index=["t", "u"]))[0]
    assert comparison.dropped_pairs == 2
    assert mean_ranks(ranks(comparison))[1.0].to_dict() == {"a": 1.5, "b": 1.5}


def test_runs_without_incumbent_share_the_last_ranks() -> None:
    losses = losses_of({name: ["t"] for name in "abcd"}, seeds=1)
    losses[1.0] = [np.nan, 5.0, np.nan, 7.0]
    elsewhere = losses_of({"a": ["u"], "c": ["u"]}, seeds=1)
    losses = pd.concat([losses, elsewhere]).sort_index()
    found = ranks(comparisons(losses, pd.Series("x", index=["t", "u"]))[0])
    assert found[1.0].tolist() == [3.5, 1.0, 3.5, 2.0]


def test_reordering_changes_nothing(messy: Results) -> None:
    first, second = (ranks(compare(results)[0]) for results in (messy, shuffled(messy, 3)))
    pd.testing.assert_frame_equal(first, second)
    pd.testing.assert_frame_equal(bootstrap_ranks(first), bootstrap_ranks(second))


@pytest.mark.parametrize(
    "failing", [SimulatedOptimizer("aaa", failures=1.0), SimulatedOptimizer("zzz", skips=(BLACKBOX,))]
)
def test_an_optimizer_that_never_succeeds_changes_nothing(failing: SimulatedOptimizer) -> None:
    tasks = [SimulatedTask(f"toy/f{i}", constrained=True) for i in range(6)]
    others = [SimulatedOptimizer(f"o{i}", 1 + i / 2, failures=0.6) for i in range(4)]
    before = simulate(others, tasks, seeds=3, budget=4)
    extended = simulate([*others, failing], tasks, seeds=3, budget=4)
    first, second = ranks(compare(before)[0]), ranks(compare(extended)[0])
    assert compare(before)[0].losses[1.0].isna().any()
    pd.testing.assert_frame_equal(first, second)
    losses = incumbents_at(trajectories(extended), extended.runs)
    assert without_results(losses) == ([] if failing.skips else [failing.id])


def test_all_are_compared_on_the_tasks_that_all_have() -> None:
    losses = losses_of({"a": ["t", "u", "v"], "b": ["t", "u"], "c": ["t", "u", "v"]})
    (found,) = comparisons(losses, pd.Series("x", index=["t", "u", "v"]))
    assert (found.optimizers, found.tasks) == (["a", "b", "c"], ["t", "u"])
    assert (found.dropped_tasks, found.left_out) == (("v",), {})


def test_a_specialist_does_not_shrink_the_comparison() -> None:
    tasks = [f"t{i}" for i in range(9)]
    (found,) = comparisons(losses_of({"a": tasks, "b": tasks, "c": tasks[:1]}), pd.Series("x", index=tasks))
    assert (found.optimizers, found.tasks, found.left_out) == (["a", "b"], tasks, {"c": 1})


def test_a_specialist_for_a_type_confines_nobody_to_it() -> None:
    types = pd.Series({f"b{i}": "blackbox" for i in range(8)} | {f"m{i}": "multi-fidelity" for i in range(3)})
    everything, fidelity = types.index.tolist(), ["m0", "m1", "m2"]
    found = comparisons(losses_of({"a": everything, "b": everything, "mf": fidelity}), types)
    assert [(c.optimizers, len(c.tasks), c.dropped_tasks) for c in found] == [
        (["a", "b"], 8, ()),
        (["a", "b", "mf"], 3, ()),
    ]


def test_optimizers_with_other_seeds_are_left_out() -> None:
    losses = losses_of({"a": ["t", "u"], "b": ["t", "u"], "c": ["t", "u"]}, seeds=4)
    first = losses.index.get_level_values("seed") < 2
    losses = losses[first == (losses.index.get_level_values("optimizer") == "a")]
    types = pd.Series("x", index=["t", "u"])
    (found,) = comparisons(losses, types)
    assert (found.optimizers, found.tasks, found.left_out) == (["b", "c"], ["t", "u"], {"a": 2})
    (alone,) = comparisons(losses.drop(index="c", level="optimizer"), types)
    assert (alone.optimizers, alone.left_out) == (["a"], {"b": 2})


@given(st.integers(2, 5), st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_compared_optimizers_have_every_pair(optimizers: int, tasks: int, seed: int) -> None:
    losses = losses_of({f"o{i}": [f"t{j}" for j in range(tasks)] for i in range(optimizers)}, seeds=3)
    losses = losses[np.random.default_rng(seed).random(len(losses)) < 0.5]
    types = pd.Series([f"type {j % 2}" for j in range(tasks)], index=[f"t{j}" for j in range(tasks)])
    for found in comparisons(losses, types):
        pairs = found.losses.groupby(level=["task", "seed"]).size()
        assert len(pairs) > 0
        assert (pairs == len(found.optimizers)).all()
        group = (
            losses
            if found.name == "all tasks"
            else losses[losses.index.get_level_values("task").map(types) == found.name]
        )
        seen = group.reset_index()[["optimizer", "task", "seed"]]
        assert len(found.optimizers) > 1 or not seen.duplicated(["task", "seed"]).any()
        assert {*found.optimizers, *found.left_out} == {*seen["optimizer"]}
        assert {*found.tasks, *found.dropped_tasks} == {*seen["task"]}


def test_without_common_tasks_types_are_compared_separately() -> None:
    types = pd.Series({"t": "blackbox", "u": "blackbox", "v": "multi-objective"})
    found = comparisons(losses_of({"a": ["t", "u"], "b": ["t", "u"], "c": ["v"]}), types)
    assert [(c.name, c.optimizers, c.tasks) for c in found] == [
        ("blackbox", ["a", "b"], ["t", "u"]),
        ("multi-objective", ["c"], ["v"]),
    ]


def test_disjoint_optimizers_within_a_type_leave_the_largest_block() -> None:
    losses = losses_of({"a": ["t"], "b": ["u"], "c": ["u"], "d": ["v"]})
    (found,) = comparisons(losses, pd.Series("x", index=["t", "u", "v"]))
    assert (found.optimizers, found.tasks, found.left_out) == (["b", "c"], ["u"], {"a": 1, "d": 1})
    assert found.dropped_tasks == ("t", "v")


def test_skipped_optimizer_is_compared_where_it_ran(messy: Results) -> None:
    (found,) = compare(messy)
    assert "smac-bb" in found.optimizers
    assert "broken" not in found.optimizers
    assert found.dropped_tasks == ("fronts/a", "fronts/b", "fronts/c")


def test_no_results_no_comparison() -> None:
    assert compare(simulate([SimulatedOptimizer("a", failures=1.0)], [SimulatedTask("toy/f")])) == []


@given(st.integers(3, 6), st.integers(5, 30), st.integers(0, 2**32 - 1))
def test_friedman_and_nemenyi_are_the_libraries(optimizers: int, tasks: int, seed: int) -> None:
    scores = np.random.default_rng(seed).integers(0, 6, (tasks, optimizers)).astype(float)
    frame = pd.DataFrame(scores, columns=[f"o{i}" for i in range(optimizers)])
    found = significance(frame)
    if not found.test or math.isnan(friedman := friedmanchisquare(*scores.T).pvalue):
        return
    assert found.p_value == pytest.approx(friedman)
    expected = scikit_posthocs.posthoc_nemenyi_friedman(scores).to_numpy()
    assert found.pairwise.to_numpy() == pytest.approx(expected)
    assert found.mean_ranks.to_numpy() == pytest.approx(np.mean([rankdata(row) for row in scores], axis=0))
    difference = np.abs(np.subtract.outer(found.mean_ranks.to_numpy(), found.mean_ranks.to_numpy()))
    clear = np.abs(difference - found.critical_difference) > 1e-9
    assert ((expected < 0.05) == (difference > found.critical_difference))[clear].all()


@pytest.mark.parametrize(("optimizers", "q"), [(2, 1.960), (3, 2.343), (4, 2.569), (5, 2.728), (10, 3.164)])
def test_critical_difference_is_demsars(optimizers: int, q: float) -> None:
    """Critical values of Demšar (2006), table 5a, at 0.05."""
    assert critical_difference(optimizers, 14) == pytest.approx(
        q * math.sqrt(optimizers * (optimizers + 1) / 84), abs=2e-3
    )


def test_demsars_example() -> None:
    """Demšar (2006), section 3.2.2: table 6, four variants of C4.5 on 14 data sets.

    The paper ranks unrounded scores, which tell the two printed as 0.975 apart.
    """
    scores = [
        [0.763, 0.768, 0.771, 0.798], [0.599, 0.591, 0.590, 0.569], [0.954, 0.971, 0.968, 0.967],
        [0.628, 0.661, 0.654, 0.657], [0.882, 0.888, 0.886, 0.898], [0.936, 0.931, 0.916, 0.931],
        [0.661, 0.668, 0.609, 0.685], [0.583, 0.583, 0.563, 0.625], [0.775, 0.838, 0.866, 0.875],
        [1.000, 1.000, 1.000, 1.000], [0.940, 0.962, 0.965, 0.962], [0.619, 0.666, 0.614, 0.669],
        [0.972, 0.981, 0.9751, 0.975], [0.957, 0.978, 0.946, 0.970],
    ]  # fmt: skip
    found = significance(-pd.DataFrame(scores, columns=["C4.5", "+m", "+cf", "+m+cf"]))
    assert found.mean_ranks.to_numpy() == pytest.approx([3.143, 2.000, 2.893, 1.964], abs=1e-3)
    assert found.critical_difference == pytest.approx(1.25, abs=0.01)
    assert found.p_value < 0.05


def test_two_optimizers_take_wilcoxon() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.random(12), "b": rng.random(12) + 0.5})
    found = significance(frame)
    assert found.p_value == wilcoxon(frame["a"], frame["b"]).pvalue
    assert found.differ("a", "b") == (found.p_value < 0.05)


def test_tasks_that_tie_do_not_count_for_wilcoxon() -> None:
    first = np.array([0.1, 0.2, 0.3, -0.4, 0.5, 0.6, 0.7, 0.8])
    tied = pd.DataFrame({"a": np.concatenate([first, np.zeros(12)]), "b": 0.0})
    signs = np.array(list(product([-1, 1], repeat=8)))
    sums = signs @ rankdata(abs(first))  # all outcomes that are equally likely if the optimizers perform alike
    observed = abs(np.sign(first) @ rankdata(abs(first)))
    assert significance(tied).p_value == pytest.approx(np.mean(abs(sums) >= observed))


def test_differences_equal_but_for_rounding_tie() -> None:
    steps = pd.DataFrame({"a": [1.2, 1.4, 1.6, 1.8, 2.0, 1.4, 1.6], "b": [1.0, 1.2, 1.4, 1.6, 1.8, 1.2, 1.4]})
    assert (steps["a"] - steps["b"]).nunique() > 1
    steps.iloc[0] = steps.iloc[0, ::-1].to_numpy()
    assert significance(steps).p_value == pytest.approx(16 / 2**7)  # a sign test: 6 or more of 7 on one side


def test_the_better_of_two_is_the_one_of_wilcoxons_ranks() -> None:
    """`a` wins more tasks and has the lower mean, but only by few large wins; Wilcoxon's ranks favour `b`."""
    difference = np.concatenate([np.full(112, -0.01), np.full(20, -1.0), np.full(108, 0.1)])
    found = significance(pd.DataFrame({"a": difference, "b": 0.0}))
    assert difference.mean() < 0
    assert found.mean_ranks["a"] < found.mean_ranks["b"]
    assert wilcoxon(difference, alternative="greater").pvalue < 0.01
    assert found.differ("a", "b")
    assert found.is_better("b", "a")
    assert not found.is_better("a", "b")


def test_better_by_nemenyi_is_lower_in_rank() -> None:
    found = significance(pd.DataFrame([[1.0, 2.0, 3.0, 4.0]] * 12, columns=list("abcd")))
    assert found.is_better("a", "d")
    assert not found.is_better("d", "a")
    assert not found.is_better("a", "b")


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (pd.DataFrame({"a": [1.0, 2.0]}), "only one optimizer"),
        (pd.DataFrame({"a": [1.0] * 5, "b": [2.0] * 5}), "at least 6"),
        (pd.DataFrame({"a": [1.0] * 9, "b": [1.0] * 9}), "at least 6"),
        (pd.DataFrame({"a": [1.0], "b": [2.0], "c": [3.0]}), "no outcome could reach"),
        (pd.DataFrame({"a": [1.0] * 2, "b": [2.0] * 2, "c": [3.0] * 2}), "no outcome could reach"),
    ],
)
def test_what_cannot_be_tested_is_said(frame: pd.DataFrame, words: str) -> None:
    found = significance(frame)
    assert words in found.note
    assert found.test == ""
    assert not found.differ("a", frame.columns[-1])


def test_all_tied_do_not_differ() -> None:
    found = significance(pd.DataFrame(1.0, index=range(20), columns=list("abc")))
    assert found.p_value == 1.0
    assert not found.differ("a", "b")


def test_bootstrap_mean_and_seed(plain: Results) -> None:
    found = ranks(compare(plain)[0])
    bands = bootstrap_ranks(found, seed=1)
    expected = mean_ranks(found)
    assert bands["mean"].unstack("fraction").to_numpy() == pytest.approx(expected.to_numpy())
    assert (bands["low"] <= bands["mean"]).all()
    assert (bands["mean"] <= bands["high"]).all()
    pd.testing.assert_frame_equal(bands, bootstrap_ranks(found, seed=1))
    assert not bands.equals(bootstrap_ranks(found, seed=2))


def test_bootstrap_is_the_plain_loop() -> None:
    """Same distribution as drawing tasks, then seeds of each drawn task, one by one."""
    rng = np.random.default_rng(0)
    cells = [
        (task, seed, name) for task, seeds in (("t", 3), ("u", 5), ("v", 2)) for seed in range(seeds) for name in "ab"
    ]
    index = pd.MultiIndex.from_tuples(cells, names=["task", "seed", "optimizer"])
    first = rng.random(10)
    frame = pd.DataFrame({1.0: np.column_stack([first, 3 - first]).ravel()}, index=index)
    by_task = [frame.loc[(task, slice(None), "a"), 1.0].to_numpy() for task in "tuv"]
    drawn = [
        np.mean([rng.choice(by_task[t], len(by_task[t])).mean() for t in rng.integers(0, 3, 3)]) for _ in range(20000)
    ]
    band = bootstrap_ranks(frame, resamples=20000).loc[("a", 1.0)]
    assert [band["low"], band["high"]] == pytest.approx(np.quantile(drawn, [0.025, 0.975]).tolist(), abs=0.01)


def test_bootstrap_covers_the_truth() -> None:
    """Tasks drawn from a population with mean rank 1.5: about 95 % of the intervals hold it."""
    rng = np.random.default_rng(0)
    index = pd.MultiIndex.from_product([range(25), range(4), ["a", "b"]], names=["task", "seed", "optimizer"])
    covered = 0
    for repeat in range(200):
        chance = rng.beta(2, 2, size=(25, 1))
        first = np.where(rng.random((25, 4)) < chance, 1.0, 2.0).ravel()
        frame = pd.DataFrame({1.0: np.column_stack([first, 3 - first]).ravel()}, index=index)
        band = bootstrap_ranks(frame, resamples=300, seed=repeat).loc[("a", 1.0)]
        covered += band["low"] <= 1.5 <= band["high"]
    assert 0.9 <= covered / 200 <= 1.0


def test_task_ranks_are_means_over_seeds(messy: Results) -> None:
    found = ranks(compare(messy)[0])
    assert task_ranks(found).loc[("toy/f0", "tpe"), 1.0] == found.loc[("toy/f0", slice(None), "tpe"), 1.0].mean()


def test_results_of_more_optimizers_can_be_merged() -> None:
    tasks = [SimulatedTask("toy/f"), SimulatedTask("toy/g", MULTI_OBJECTIVE)]
    both = together(*(simulate([SimulatedOptimizer(name)], tasks) for name in "ab"))
    assert compare(both)[0].optimizers == ["a", "b"]
