from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import mannwhitneyu
from score_frames import scores_of, with_seeds

from optathlon.analysis.stats.improvement import probability_of_improvement


@given(arrays(float, (3, 4, 3), elements=st.integers(0, 5).map(float)), st.permutations([4, 2, 1]))
def test_estimates_are_mann_whitneys(values: np.ndarray, counts: list[int]) -> None:
    found = probability_of_improvement(with_seeds(values, counts), resamples=10)["estimate"]
    assert len(found) == 6
    for (first, second), estimate in found.items():
        runs = [task[:count, [int(first[1:]), int(second[1:])]].T for task, count in zip(values, counts, strict=True)]
        shares = [mannwhitneyu(other, own).statistic / len(own) ** 2 for own, other in runs]
        assert estimate == pytest.approx(np.mean(shares))


def test_interval_is_the_bootstrap_over_tasks() -> None:
    rng = np.random.default_rng(0)
    values = np.sort(rng.random((10, 1, 2)), axis=2)
    values[7:] = values[7:, :, ::-1]  # the first optimizer wins 7 of 10 tasks
    drawn = rng.binomial(10, 0.7, size=20000) / 10
    found = probability_of_improvement(scores_of(values), resamples=5000).loc[("o0", "o1")]
    assert found["estimate"] == pytest.approx(0.7)
    assert [found["low"], found["high"]] == pytest.approx(np.quantile(drawn, [0.025, 0.975]).tolist())


def test_the_other_way_round_is_the_complement() -> None:
    scores = scores_of(np.random.default_rng(0).random((8, 3, 3)))
    found = probability_of_improvement(scores.sample(frac=1, random_state=0))
    pd.testing.assert_frame_equal(found, probability_of_improvement(scores))
    swapped = 1 - found.swaplevel().rename_axis(["first", "second"]).loc[found.index]
    assert found[["estimate", "low", "high"]].to_numpy() == pytest.approx(
        swapped[["estimate", "high", "low"]].to_numpy()
    )


@pytest.mark.slow
def test_intervals_cover_the_truth() -> None:
    """A task favours either of two optimizers alike, so that the probability is one half over all tasks."""
    rng = np.random.default_rng(0)
    covered = 0
    for repeat in range(400):
        values = rng.normal(size=(30, 1, 2)) + rng.normal(size=(30, 5, 2))
        found = probability_of_improvement(scores_of(values), resamples=400, seed=repeat).loc[("o0", "o1")]
        covered += found["low"] <= 0.5 <= found["high"]
    assert 0.91 < covered / 400 < 0.98
