"""Ranks of two among each other, against the plain loop."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from score_frames import scores_of

from optathlon.analysis import rank_differences


def by_hand(losses: pd.Series, task: str, first: str, second: str) -> float:
    one, other = (
        {seed: loss for (t, seed, name), loss in losses.fillna(np.inf).items() if (t, name) == (task, each)}
        for each in (first, second)
    )
    if not one or not other:
        return np.nan
    if one.keys() == other.keys():
        return float(np.mean([float(one[seed] > other[seed]) - float(one[seed] < other[seed]) for seed in one]))
    return float(np.mean([float(a > b) - float(a < b) for a in one.values() for b in other.values()]))


@given(st.integers(2, 4), st.integers(1, 4), st.integers(1, 4), st.sampled_from([0.5, 0.9, 1.0]), st.integers(0, 9999))
def test_differences_are_those_of_the_plain_loop(
    optimizers: int, tasks: int, seeds: int, share: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 4, (tasks, seeds, optimizers)).astype(float)
    losses = scores_of(values).mask(rng.random(values.size) < 0.2)[rng.random(values.size) < share]
    assume(len(losses))
    found = rank_differences(losses.sample(frac=1, random_state=seed))
    names = losses.index.unique("optimizer").sort_values()
    assert found.index.tolist() == sorted(losses.index.unique("task"))
    assert found.shape[1] == len(names) * (len(names) - 1) // 2
    for (first, second), column in found.items():
        expected = [by_hand(losses, task, first, second) for task in found.index]
        assert column.tolist() == pytest.approx(expected, nan_ok=True)


def test_seeds_are_paired_where_both_have_the_same() -> None:
    """Common random numbers: on every seed the first is a little better, though seeds differ much."""
    values = np.array([[[0.0, 0.1], [5.0, 5.1], [9.0, 9.1]]])
    assert rank_differences(scores_of(values)).iloc[0, 0] == -1.0
    unpaired = scores_of(values).rename(index={2: 3}, level="seed").drop(("t000", 3, "o0"))
    assert rank_differences(unpaired).iloc[0, 0] == pytest.approx(-4 / 6)
