from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from score_frames import scores_of, with_seeds
from sklearn.linear_model import LogisticRegression

from optathlon.analysis.stats.elo import elo


def ranked(scores: pd.Series) -> pd.Series:
    return scores.groupby(level=["task", "seed"]).rank()


def by_logistic_regression(ranks: pd.Series) -> np.ndarray:
    """Ratings from the list of all battles, each task with weight 1, and one more task of ties."""
    table = ranks.unstack("optimizer")
    count = table.shape[1]
    rows, outcomes, weights = [], [], []

    def battle(first: int, second: int, won: float, weight: float) -> None:
        for outcome, share in ((1, won), (0, 1 - won)):
            row = np.zeros(count)
            row[first], row[second] = 1, -1
            rows.append(row)
            outcomes.append(outcome)
            weights.append(weight * share)

    for _, runs in table.groupby(level="task"):
        for run in runs.to_numpy():
            for first, second in combinations(range(count), 2):
                battle(first, second, 0.5 + 0.5 * np.sign(run[second] - run[first]), 1 / len(runs))
    for first, second in combinations(range(count), 2):
        battle(first, second, 0.5, 1.0)
    model = LogisticRegression(fit_intercept=False, C=1e9, tol=1e-12, max_iter=10_000)
    model.fit(np.array(rows), outcomes, sample_weight=weights)
    strengths = model.coef_[0]
    rating: np.ndarray = 1000 + 400 / math.log(10) * (strengths - strengths.mean())
    return rating


def test_two_optimizers_have_the_log_odds_of_haldane_and_anscombe() -> None:
    scores = scores_of(np.array([[[0.0, 1.0]], [[0.0, 1.0]], [[1.0, 0.0]], [[1.0, 1.0]]]))  # 2 wins, 1 loss, 1 tie
    found = elo(ranked(scores), anchor="o1")
    assert found.loc["o1"].tolist() == [1000.0, 1000.0, 1000.0]
    assert found.loc["o0", "estimate"] == pytest.approx(1000 + 400 * math.log10((2.5 + 0.5) / (1.5 + 0.5)))


@pytest.mark.parametrize("optimizers", [2, 3, 6])
def test_ratings_are_those_of_a_logistic_regression_on_all_battles(optimizers: int) -> None:
    rng = np.random.default_rng(optimizers)
    values = rng.normal(size=(6, 4, optimizers)).round(1) + 0.3 * np.arange(optimizers)
    ranks = ranked(with_seeds(values, [4, 2, 1, 3, 4, 4]))
    found = elo(ranks, resamples=5)
    np.testing.assert_allclose(found["estimate"], by_logistic_regression(ranks), atol=0.01)
    assert found["estimate"].mean() == pytest.approx(1000)
    pd.testing.assert_frame_equal(found, elo(ranks.sample(frac=1, random_state=1), resamples=5))


def test_ratings_are_in_the_order_of_mean_ranks() -> None:
    ranks = ranked(scores_of(np.random.default_rng(0).normal(size=(9, 3, 8))))
    means = ranks.groupby(level=["task", "optimizer"]).mean().groupby(level="optimizer").mean()
    found = elo(ranks, resamples=5)["estimate"]
    assert found.sort_values(ascending=False).index.tolist() == means.sort_values().index.tolist()


def test_who_always_wins_has_a_finite_rating() -> None:
    ranks = ranked(scores_of(np.arange(10.0).reshape(1, 1, 10)))
    found = elo(ranks)["estimate"]
    assert np.isfinite(found).all()
    assert found.is_monotonic_decreasing


def test_intervals_are_those_of_the_plain_loop() -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(size=(12, 3, 2)) + np.array([0.0, 0.5])
    ranks = ranked(scores_of(values))
    wins = (values[:, :, 0] < values[:, :, 1]).astype(float)
    drawn = []
    for _ in range(4000):
        total = sum(wins[task, rng.integers(0, 3, 3)].mean() for task in rng.integers(0, 12, 12))
        drawn.append(1000 + 400 * math.log10((total + 0.5) / (12 - total + 0.5)))
    found = elo(ranks, anchor="o1", resamples=4000, level=0.8).loc["o0"]
    assert [found["low"], found["high"]] == pytest.approx(np.quantile(drawn, [0.1, 0.9]).tolist(), abs=12)


def test_resamples_of_seeds_that_are_not_shared_converge(monkeypatch: pytest.MonkeyPatch) -> None:
    """One has the same mean rank on each seed, as `final_ranks` gives it, so that ranks of a seed don't add up."""
    from optathlon.analysis.stats import elo as module

    sums: list[np.ndarray] = []
    original = module.bradley_terry

    def spy(wins: np.ndarray) -> np.ndarray:
        sums.append(wins.sum(axis=1))
        return original(wins)

    monkeypatch.setattr(module, "bradley_terry", spy)
    index = pd.MultiIndex.from_product([range(6), range(5), [*"abcd"]], names=["task", "seed", "optimizer"])
    ranks = ranked(pd.Series(np.random.default_rng(0).random(len(index)), index))
    means = ranks.groupby(level=["task", "optimizer"]).transform("mean")
    ragged = ranks.where(ranks.index.get_level_values("optimizer") != "a", means)
    found = elo(ragged, seed=1)
    np.testing.assert_allclose(sums[0], 6.0)  # so many pairs
    assert found["estimate"].tolist() == elo(ranks, seed=1)["estimate"].tolist(), "they depend on mean ranks alone"
