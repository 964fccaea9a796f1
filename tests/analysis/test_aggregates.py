from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import trim_mean
from score_frames import scores_of, with_seeds

from optathlon.analysis.stats.aggregates import aggregates
from optathlon.errors import UsageError

REGRET = st.sampled_from([step / 8 for step in range(9)])


@given(arrays(float, (6, 4, 2), elements=REGRET))
def test_estimates_are_those_of_agarwal(values: np.ndarray) -> None:
    found = aggregates(scores_of(values), resamples=10, target=0.2)["estimate"].unstack("statistic")
    assert found["IQM"].to_numpy() == pytest.approx(trim_mean(values.reshape(24, 2), 0.25, axis=0))
    assert found["median"].to_numpy() == pytest.approx(np.median(values.mean(axis=1), axis=0))
    assert found["mean"].to_numpy() == pytest.approx(values.mean(axis=(0, 1)))
    gap = 0.8 - np.minimum(1 - values, 0.8).mean(axis=(0, 1))  # of scores 1 - regret with gamma 0.8
    assert found["optimality gap"].to_numpy() == pytest.approx(gap)


@given(arrays(float, (4, 6, 1), elements=REGRET))
def test_tasks_weigh_the_same_whatever_their_seeds(values: np.ndarray) -> None:
    counts = [6, 3, 2, 1]
    tasks = zip(values[:, :, 0], counts, strict=True)
    repeated = np.concatenate([np.repeat(task[:count], 6 // count) for task, count in tasks])
    found = aggregates(with_seeds(values, counts), resamples=10)["estimate"].xs("o0")
    assert found["IQM"] == pytest.approx(trim_mean(repeated, 0.25))
    assert found["mean"] == pytest.approx(repeated.mean())
    assert found["median"] == pytest.approx(np.median(repeated.reshape(4, 6).mean(axis=1)))


def test_intervals_are_those_of_the_plain_loop() -> None:
    """Same distribution as drawing tasks, then seeds of each drawn task, one by one."""
    rng = np.random.default_rng(0)
    values = rng.random((8, 4)) ** 2
    draws = [np.sort(rng.integers(0, 8, 8)) for _ in range(5000)]
    runs = np.array([rng.choice(values[task], 4) for tasks in draws for task in tasks]).reshape(5000, 32)
    tasks = [
        [row[np.repeat(drawn == task, 4)].mean() for task in drawn] for row, drawn in zip(runs, draws, strict=True)
    ]
    expected = {
        "IQM": trim_mean(runs, 0.25, axis=1),
        "median": np.median(tasks, axis=1),
        "mean": runs.mean(axis=1),
        "optimality gap": np.maximum(runs - 0.05, 0).mean(axis=1),
    }
    found = aggregates(scores_of(values[:, :, None]), resamples=5000, level=0.9).loc["o0"]
    for name, sample in expected.items():
        ends = np.quantile(sample, [0.05, 0.95])
        assert found.loc[name, ["low", "high"]].tolist() == pytest.approx(ends.tolist(), abs=0.015)


def test_order_of_rows_and_seed() -> None:
    regret = scores_of(np.random.default_rng(0).random((5, 3, 3)))
    found = aggregates(regret, seed=1)
    pd.testing.assert_frame_equal(found, aggregates(regret.sample(frac=1, random_state=1), seed=1))
    shuffled = regret.reorder_levels(["optimizer", "task", "seed"]).sample(frac=1, random_state=2)
    pd.testing.assert_frame_equal(found, aggregates(shuffled, seed=1))
    assert not found.equals(aggregates(regret, seed=2))


def test_every_optimizer_needs_every_pair() -> None:
    regret = scores_of(np.zeros((3, 2, 2)))
    with pytest.raises(UsageError, match="lack 'o1'"):
        aggregates(regret.drop(index=("t001", 1, "o1")))
    with pytest.raises(UsageError, match="NaN"):
        aggregates(regret.where(regret.index.get_level_values("optimizer") == "o0"))


@pytest.mark.slow
def test_intervals_cover_the_truth() -> None:
    """Regret is symmetric around 0.5, over tasks and over seeds, so this is the mean, the median and the IQM."""
    rng = np.random.default_rng(0)
    covered = []
    for repeat in range(300):
        values = 0.5 + 0.1 * rng.normal(size=(30, 1, 1)) + 0.1 * rng.normal(size=(30, 5, 1))
        found = aggregates(scores_of(values), resamples=400, seed=repeat).loc["o0"].loc[["IQM", "median", "mean"]]
        covered.append((found["low"] <= 0.5) & (found["high"] >= 0.5))
    share = np.mean(covered, axis=0)
    assert (share > 0.91).all()
    assert (share < 0.99).all()
