from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import bootstrap

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


def test_the_interval_is_scipys() -> None:
    rng = np.random.default_rng(5)
    inside, outside = rng.normal(0, 1, 15), rng.normal(1, 2, 25)
    ranks = pd.DataFrame({"a": [*inside, *outside]}, index=[f"t{i:02}" for i in range(40)])
    features = pd.DataFrame({"kind": ["in"] * 15 + ["out"] * 25}, index=ranks.index)
    row = strengths(ranks, features, resamples=20_000).loc[("kind", "in", "a")]

    def difference(first: np.ndarray, second: np.ndarray, axis: int) -> np.ndarray:
        return first.mean(axis=axis) - (15 * first.mean(axis=axis) + 25 * second.mean(axis=axis)) / 40

    expected = bootstrap(
        (inside, outside), difference, n_resamples=20_000, method="percentile", vectorized=True, rng=rng
    )
    assert (row["low"], row["high"]) == pytest.approx(tuple(expected.confidence_interval), abs=0.02)


@settings(max_examples=60, deadline=None)
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
