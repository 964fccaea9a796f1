from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kendalltau

from optathlon.analysis.stats.task_correlation import task_correlation


def frame(values: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(values, index=[f"t{i}" for i in range(len(values))])


@given(st.integers(1, 7), st.integers(1, 8), st.integers(0, 2**32 - 1), st.sampled_from([2, 5, 1000]))
def test_tau_is_scipys(tasks: int, optimizers: int, seed: int, distinct: int) -> None:
    ranks = frame(np.random.default_rng(seed).integers(0, distinct, (tasks, optimizers)) / 3)
    found = task_correlation(ranks)
    for first in ranks.index:
        for second in ranks.index:
            row, other = ranks.loc[first], ranks.loc[second]
            expected = np.nan if min(np.ptp(row), np.ptp(other)) == 0 else kendalltau(row, other).statistic
            assert found.loc[first, second] == pytest.approx(expected, nan_ok=True)


def test_rounding_makes_no_differences() -> None:
    found = task_correlation(frame(np.array([[0.1 + 0.2, 0.3, 1.0], [1.0, 1.0, 2.0]])))
    assert found.loc["t0", "t1"] == 1.0


def test_alike_tasks_are_next_to_each_other() -> None:
    rng = np.random.default_rng(1)
    kinds = rng.permutation(np.repeat([0, 1, 2], 6))
    orders = np.array([rng.permutation(12) for _ in range(3)], dtype=float)
    ranks = frame(orders[kinds] + rng.normal(0, 0.3, (18, 12)))
    found = [int(kinds[int(name[1:])]) for name in task_correlation(ranks).index]
    assert sum(a != b for a, b in pairwise(found)) == 2


def test_reordering_changes_nothing() -> None:
    ranks = frame(np.random.default_rng(0).integers(0, 9, (12, 6)))
    mixed = ranks.sample(frac=1, random_state=1).sample(frac=1, axis=1, random_state=2)
    pd.testing.assert_frame_equal(task_correlation(ranks), task_correlation(mixed))


def test_a_task_that_tells_none_apart_is_missing() -> None:
    found = task_correlation(frame(np.array([[1.0, 2, 3], [2, 2, 2], [3, 2, 1]])))
    assert found.loc["t1"].isna().all()
    assert found["t1"].isna().all()
    assert found.loc["t0", "t2"] == -1.0


def test_no_tasks() -> None:
    assert task_correlation(frame(np.empty((0, 3)))).shape == (0, 0)
