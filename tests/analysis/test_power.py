from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import f_oneway, ttest_1samp
from score_frames import scores_of, with_seeds
from statsmodels.stats.power import TTestPower

from optathlon.analysis.stats.power import Power, power
from optathlon.errors import UsageError

CASE = Power(tasks=20, seeds=5.0, between=1.0, within=4.0, alpha=0.05, power=0.8)


def nested(rng: np.random.Generator, between: float, within: float, shape: tuple[int, int]) -> np.ndarray:
    """Two optimizers whose differences vary by these standard deviations; shape (tasks, seeds, 2)."""
    difference = between * rng.normal(size=(shape[0], 1)) + within * rng.normal(size=shape)
    return np.stack([difference, np.zeros(shape)], axis=-1)


@given(st.integers(3, 200), st.integers(1, 20), st.floats(0.001, 0.05), st.floats(0.5, 0.95))
def test_difference_is_statsmodels(tasks: int, seeds: int, alpha: float, chance: float) -> None:
    found = Power(tasks, seeds, 1.0, 4.0, alpha, chance).difference
    effect = found / math.sqrt(1 + 4 / seeds)
    assert TTestPower().power(effect, tasks, alpha / 2, alternative="larger") == pytest.approx(chance, abs=1e-6)


@pytest.mark.parametrize("difference", [0.3, 1.0, 2.5])
def test_tasks_needed_are_just_enough(difference: float) -> None:
    needed = CASE.tasks_needed(difference)
    assert needed is not None
    enough, too_few = (TTestPower().power(difference / math.sqrt(1.8), tasks, 0.05) for tasks in (needed, needed - 1))
    assert too_few < 0.8 <= enough


def test_seeds_needed_are_just_enough() -> None:
    needed = CASE.seeds_needed(0.8)
    assert needed is not None
    chances = [TTestPower().power(0.8 / math.sqrt(1 + 4 / seeds), 20, 0.05) for seeds in (needed - 1, needed)]
    assert chances[0] < 0.8 <= chances[1]


def test_seeds_cannot_make_up_for_tasks() -> None:
    limit = TTestPower().solve_power(nobs=20, alpha=0.05, power=0.8)  # of infinitely many seeds
    assert CASE.seeds_needed(0.99 * limit) is None
    assert CASE.seeds_needed(1.01 * limit) is not None
    assert CASE.tasks_needed(0.99 * limit) is not None
    assert CASE.tasks_needed(1e-6) is None


def test_without_variance_anything_is_detected() -> None:
    same = replace(CASE, between=0.0, within=0.0)
    assert (same.difference, same.tasks_needed(0.1), same.seeds_needed(0.1)) == (0.0, 2, 1)


def test_variances_are_those_of_the_analysis_of_variance() -> None:
    values = np.random.default_rng(0).normal(size=(10, 4, 2)) + np.random.default_rng(1).normal(size=(10, 1, 2))
    found = power(scores_of(values))
    difference = values[:, :, 0] - values[:, :, 1]
    within = difference.var(axis=1, ddof=1).mean()
    assert found.within == pytest.approx(within)
    assert found.between == pytest.approx((f_oneway(*difference).statistic - 1) * within / 4)
    assert (found.tasks, found.seeds) == (10, 4)
    assert found.alpha == pytest.approx(0.05)


def test_variances_are_found_from_unequal_seeds() -> None:
    rng = np.random.default_rng(0)
    counts = [1, 2, 5, 8] * 500
    found = power(with_seeds(nested(rng, 1.0, 2.0, (2000, 8)), counts))
    assert found.between == pytest.approx(1.0, abs=0.15)
    assert found.within == pytest.approx(4.0, abs=0.15)
    assert found.seeds == pytest.approx(4 / (1 + 1 / 2 + 1 / 5 + 1 / 8))


def test_comparisons_with_the_leader_share_the_level() -> None:
    scores = scores_of(np.random.default_rng(0).normal(size=(10, 3, 6)))
    assert power(scores, level=0.9).alpha == pytest.approx(0.1 / 5)
    assert power(scores) == power(scores.sample(frac=1, random_state=0))


def test_one_seed_tells_nothing_of_seeds() -> None:
    values = np.random.default_rng(0).normal(size=(10, 1, 2))
    found = power(scores_of(values))
    assert found.between == pytest.approx(np.var(values[:, 0, 0] - values[:, 0, 1], ddof=1))
    assert found.difference > 0
    with pytest.raises(UsageError, match="every task has one seed"):
        found.seeds_needed(1.0)


@pytest.mark.parametrize(
    ("scores", "options", "words"),
    [
        (scores_of(np.zeros((1, 3, 2))), {}, "two optimizers and two tasks"),
        (scores_of(np.zeros((3, 3, 1))), {}, "two optimizers and two tasks"),
        (scores_of(np.zeros((3, 3, 2))), {"level": 95}, "in \\(0, 1\\)"),
        (scores_of(np.zeros((3, 3, 2))), {"power": 0.01}, "above 1 - level"),
    ],
)
def test_what_has_no_power_is_said(scores: pd.Series, options: dict[str, float], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        power(scores, **options)


def test_nothing_detects_no_difference() -> None:
    with pytest.raises(UsageError, match="above 0"):
        CASE.tasks_needed(0.0)


def test_the_difference_is_detected_that_often() -> None:
    rng = np.random.default_rng(0)
    population = power(scores_of(nested(rng, 1.0, 1.5, (3000, 4))))
    difference = replace(population, tasks=15).difference
    samples = difference + np.array([nested(rng, 1.0, 1.5, (15, 4))[:, :, 0].mean(axis=1) for _ in range(4000)])
    assert np.mean(ttest_1samp(samples, 0, axis=1).pvalue < 0.05) == pytest.approx(0.8, abs=0.03)
