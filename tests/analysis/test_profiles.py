from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from score_frames import scores_of, with_seeds

from optathlon.analysis.stats.profiles import performance_profiles


def test_shares_are_counted() -> None:
    values = np.random.default_rng(0).random((4, 3, 2)).round(1)
    counts = [3, 1, 2, 3]
    found = performance_profiles(with_seeds(values, counts), (0.0, 0.3, 0.5, 1.0), resamples=10)
    for (name, threshold), share in found["share"].items():
        runs = [task[:count, int(name[1:])] for task, count in zip(values, counts, strict=True)]
        assert share == pytest.approx(np.mean([np.mean(task <= threshold) for task in runs]))


def test_bands_are_those_of_the_plain_loop() -> None:
    rng = np.random.default_rng(0)
    solved = (values := rng.random((6, 3))) <= 0.4
    drawn = [np.mean([rng.choice(solved[task], 3).mean() for task in rng.integers(0, 6, 6)]) for _ in range(10000)]
    found = performance_profiles(scores_of(values[:, :, None]), (0.4,), resamples=10000, level=0.8).loc[("o0", 0.4)]
    assert [found["low"], found["high"]] == pytest.approx(np.quantile(drawn, [0.1, 0.9]).tolist(), abs=0.02)


def test_profiles_end_where_all_is_solved_whatever_the_order_of_rows() -> None:
    regret = scores_of(np.random.default_rng(0).random((4, 2, 3)))
    found = performance_profiles(regret)
    assert (found["share"].unstack("threshold").diff(axis=1).iloc[:, 1:] >= 0).all(axis=None)
    assert (found.xs(1.0, level="threshold") == 1.0).all(axis=None)
    pd.testing.assert_frame_equal(found, performance_profiles(regret.sample(frac=1, random_state=0)))
