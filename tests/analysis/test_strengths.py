from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import permutation_test

from optathlon.analysis.stats.strengths import strengths

NAMES = [f"t{i:02}" for i in range(12)]
FEATURES = pd.DataFrame(
    {
        "kind": ["mixed"] * 7 + ["numerical"] * 3 + ["categorical"] * 2,
        "noisy": [True] * 4 + [False] * 5 + [None] * 3,
        "type": ["blackbox"] * 12,
        "dimension": [2.0] * 5 + [3.0, 3.0, 3.0, 5.0, 7.0, 7.0, np.nan],
    },
    index=NAMES,
)


@pytest.fixture
def ranks() -> pd.DataFrame:
    values = np.random.default_rng(1).random((12, 3)).argsort(axis=1) + 1.0
    return pd.DataFrame(values, index=NAMES, columns=["a", "b", "c"])


def test_means_are_those_of_a_loop(ranks: pd.DataFrame) -> None:
    table = strengths(ranks, FEATURES)
    members = {
        ("kind", "mixed"): NAMES[:7],
        ("kind", "numerical"): NAMES[7:10],
        ("noisy", "no"): NAMES[4:9],
        ("noisy", "yes"): NAMES[:4],
        ("dimension", "2"): NAMES[:5],
        ("dimension", "3"): NAMES[5:8],
        ("dimension", "5 to 7"): NAMES[8:11],
    }
    assert list(dict.fromkeys(table.index.droplevel("optimizer"))) == list(members)
    for (feature, level), tasks in members.items():
        for name in ranks:
            row = table.loc[(feature, level, name)]
            mean = np.mean([ranks.loc[task, name] for task in tasks])
            assert (row["mean_rank"], row["tasks"]) == (pytest.approx(mean), len(tasks))
            assert row["difference"] == pytest.approx(mean - np.mean([ranks.loc[task, name] for task in NAMES]))


def test_the_p_value_is_scipys() -> None:
    rng = np.random.default_rng(5)
    inside, outside = rng.normal(-0.6, 1, 5), rng.normal(0, 1, 6)
    names = [f"t{i:02}" for i in range(11)]
    features = pd.DataFrame({"kind": ["in"] * 5 + ["out"] * 6}, index=names)
    table = strengths(pd.DataFrame({"a": [*inside, *outside]}, index=names), features, permutations=20_000)

    def distance(first: np.ndarray, second: np.ndarray, axis: int) -> np.ndarray:
        return np.abs(first.mean(axis=axis) - second.mean(axis=axis))

    exact = permutation_test((inside, outside), distance, n_resamples=np.inf, vectorized=True, alternative="greater")
    assert 0.05 < exact.pvalue < 0.5
    assert table.loc[("kind", "in", "a"), "p_value"] == pytest.approx(exact.pvalue, abs=0.01)
    assert table.loc[("kind", "out", "a"), "p_value"] == table.loc[("kind", "in", "a"), "p_value"]


@pytest.mark.parametrize("tasks", [6, 12, 24])
def test_one_in_twenty_is_significant_by_chance(tasks: int) -> None:
    rng = np.random.default_rng(tasks)
    names = [f"t{i:02}" for i in range(tasks)]
    features = pd.DataFrame({"kind": ["in"] * 3 + ["out"] * (tasks - 3)}, index=names)
    found = []
    for _ in range(150):
        skills = rng.normal(scale=0.5, size=6) + rng.normal(size=(tasks, 1, 6))
        drawn = skills + rng.normal(size=(tasks, 5, 6))
        ranks = pd.DataFrame((drawn.argsort(axis=2).argsort(axis=2) + 1.0).mean(axis=1), names, list("abcdef"))
        found.append(strengths(ranks, features, permutations=499).xs("in", level="level")["p_value"] <= 0.05)
    assert np.mean(found) <= 0.06


def test_a_real_difference_is_found(ranks: pd.DataFrame) -> None:
    better = ranks.assign(a=[1.0] * 4 + [3.0] * 8)
    p_values = strengths(better, FEATURES[["noisy"]]).loc[("noisy", "yes"), "p_value"]
    assert p_values["a"] <= 0.01


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([1001.0, 1002.0, 1003.0], ["1001", "1002", "1003"]),
        ([0.12341, 0.12342, 0.12343], ["0.12341", "0.12342", "0.12343"]),
        ([0.25, 1.0, 4096.0], ["0.25", "1", "4096"]),
    ],
)
def test_different_numbers_have_different_labels(values: list[float], labels: list[str]) -> None:
    tasks = [f"t{i:02}" for i in range(12)]
    ranks = pd.DataFrame(1.0, index=tasks, columns=["a"])
    table = strengths(ranks, pd.DataFrame({"size": np.repeat(values, 4)}, index=tasks))
    assert table.index.unique("level").tolist() == labels


@given(st.lists(st.sampled_from([1.0, 2.0, 3.0, 8.0, 20.0, 21.0]), min_size=1, max_size=30))
def test_numbers_are_grouped_in_order_and_equal_ones_together(values: list[float]) -> None:
    tasks = [f"t{i:02}" for i in range(len(values))]
    ranks = pd.DataFrame(1.0, index=tasks, columns=["a"])
    table = strengths(ranks, pd.DataFrame({"size": values}, index=tasks))
    levels = [(float(level.split(" to ")[0]), float(level.split(" to ")[-1])) for level in table.index.unique("level")]
    assert len(levels) in (0, 2, 3)
    assert all(before[1] < after[0] for before, after in pairwise(levels))
    counts = [sum(low <= value <= high for value in values) for low, high in levels]
    assert table["tasks"].tolist() == counts
    assert min(counts, default=3) >= 3


def test_two_values_are_never_grouped() -> None:
    tasks = [f"t{i:02}" for i in range(30)]
    ranks = pd.DataFrame(1.0, index=tasks, columns=["a"])
    for few in range(3, 28):
        features = pd.DataFrame({"size": [1.0] * few + [2.0] * (30 - few)}, index=tasks)
        assert strengths(ranks, features).index.unique("level").tolist() == ["1", "2"]


def test_reordering_changes_nothing(ranks: pd.DataFrame) -> None:
    mixed = ranks.sample(frac=1, random_state=1).sample(frac=1, axis=1, random_state=2)
    found = strengths(mixed, FEATURES.sample(frac=1, random_state=3))
    pd.testing.assert_frame_equal(strengths(ranks, FEATURES), found)


def test_nothing_to_tell(ranks: pd.DataFrame) -> None:
    table = strengths(ranks, FEATURES[["type"]])
    assert (len(table), table.index.names) == (0, ["feature", "level", "optimizer"])
