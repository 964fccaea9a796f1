from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata
from simulation import BLACKBOX, MULTI_OBJECTIVE, SimulatedOptimizer, SimulatedTask, shuffled, simulate, together

from optathlon.analysis import (
    bootstrap_ranks,
    comparable,
    comparisons,
    incumbents_at,
    mean_ranks,
    ranks,
    trajectories,
)
from optathlon.analysis.stats.comparison import Comparison, by_group, without_results
from optathlon.analysis.stats.ranking import task_ranks
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


@given(st.integers(0, 2**32 - 1))
def test_comparisons_with_the_same_block_compare_the_same_runs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    tasks = list("tuvw")
    index = pd.MultiIndex.from_product([list("abc"), tasks, range(4)], names=["optimizer", "task", "seed"])
    index = index[rng.random(len(index)) < rng.choice([0.5, 0.9])]
    losses = pd.DataFrame({1.0: rng.random(len(index))}, index=index)
    groupings = [pd.Series(rng.choice(["x", "y"], 4), index=tasks) for _ in range(6)]
    found = [comparison for groups in groupings for comparison in by_group(losses, groups)]
    for one, other in combinations(found, 2):
        if one.block == other.block:
            pd.testing.assert_frame_equal(one.losses, other.losses)
            assert one.runs.equals(other.runs)
            assert one.unpaired_tasks == other.unpaired_tasks


def test_mean_ranks_weigh_tasks_equally() -> None:
    losses = losses_of({"a": ["t", "u"], "b": ["t", "u"]}, seeds=3).drop([("a", "u", 1)])
    losses.loc[:] = 0.0
    losses.loc[[("a", "t", 0), ("a", "t", 1), ("a", "t", 2), ("b", "u", 0), ("b", "u", 2)]] = -1.0
    comparison = comparisons(losses, pd.Series("x", index=["t", "u"]))[0]
    assert comparison.dropped_pairs == 1
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


def own_seeds(losses: pd.DataFrame, seeds: dict[str, list[int]]) -> pd.DataFrame:
    """Only these seeds of each optimizer."""
    kept = [seed in seeds[optimizer] for optimizer, _, seed in losses.index]
    return losses[kept]


def test_optimizers_with_seeds_of_their_own_are_compared_unpaired() -> None:
    losses = losses_of({"a": ["t", "u"], "b": ["t", "u"], "c": ["t", "u"]}, seeds=6)
    losses = own_seeds(losses, {"a": [0, 1], "b": [2, 3], "c": [4, 5]})
    (found,) = comparisons(losses, pd.Series("x", index=["t", "u"]))
    assert (found.optimizers, found.left_out, found.dropped_pairs) == (["a", "b", "c"], {}, 0)
    assert found.unpaired_tasks == ("t", "u")
    assert sorted(found.runs) == sorted(losses.index)
    assert found.losses.index.unique("seed").tolist() == [0, 1]
    assert found.losses[1.0].tolist() == losses.loc[found.runs, 1.0].tolist()


def test_how_seeds_are_called_changes_no_unpaired_rank() -> None:
    rng = np.random.default_rng(0)
    losses = losses_of({name: ["t", "u"] for name in "abc"}, seeds=9)
    losses[1.0] = rng.integers(0, 4, len(losses)).astype(float)
    losses = own_seeds(losses, {"a": [0, 1, 2], "b": [3, 4, 5], "c": [6, 7, 8]})
    renamed = losses.rename(index={3: 8, 8: 3, 4: 6, 6: 4, 0: 7, 7: 0}, level="seed")
    types = pd.Series("x", index=["t", "u"])
    found, again = (mean_ranks(ranks(comparisons(each, types)[0])) for each in (losses, renamed))
    pd.testing.assert_frame_equal(found, again)


def test_unpaired_ranks_are_means_over_all_ways_to_pair() -> None:
    losses = losses_of({name: ["t"] for name in "abc"}, seeds=6)
    losses[1.0] = np.random.default_rng(1).integers(0, 4, len(losses)).astype(float)
    losses = own_seeds(losses, {"a": [0, 1], "b": [2, 3], "c": [4, 5]})
    a, b, c = (losses.loc[name, 1.0].to_numpy() for name in "abc")
    expected = np.mean([rankdata(runs) for runs in product(a, b, c)], axis=0)
    found = mean_ranks(ranks(comparisons(losses, pd.Series("x", index=["t"]))[0]))
    assert found[1.0].tolist() == pytest.approx(expected.tolist())


def test_an_optimizer_with_few_seeds_takes_none_from_the_others() -> None:
    everyone = losses_of({name: ["t", "u"] for name in "abc"}, seeds=10)
    losses = own_seeds(everyone, {"a": [*range(10)], "b": [*range(10)], "c": [0]})
    (found,) = comparisons(losses, pd.Series("x", index=["t", "u"]))
    assert (found.dropped_pairs, found.unpaired_tasks) == (0, ("t", "u"))
    assert {*found.runs} == {*losses.index}
    assert (found.losses.groupby(level=["task", "seed"]).size() == 3).all()
    means = found.losses.groupby(level=["task", "optimizer"]).mean()
    assert means.loc[("u", "c"), 1.0] == losses.loc[("c", "u", 0), 1.0]
    assert means.loc[("u", "a"), 1.0] == losses.loc["a"].loc["u"][1.0].mean()


def test_a_missing_seed_is_dropped_from_the_pairs_but_not_from_the_runs_tested() -> None:
    losses = losses_of({name: ["t", "u"] for name in "ab"}, seeds=4).drop([("b", "u", 3)])
    (found,) = comparisons(losses, pd.Series("x", index=["t", "u"]))
    assert (found.dropped_pairs, found.unpaired_tasks) == (1, ())
    assert len(found.runs) == 14
    assert len(found.all_final_losses) == 15


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
