from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta
from scipy.stats import t as student
from score_frames import scores_of, with_seeds

from optathlon.analysis.stats import bayes
from optathlon.analysis.stats.bayes import (
    _by_products,
    _by_sums,
    _shares,
    bayesian_signed_rank,
    chances_below,
    hierarchical,
)
from optathlon.analysis.stats.gibbs import FREEDOM, gibbs
from optathlon.errors import UsageError

COLUMNS = ["better", "equivalent", "worse"]


def pair(differences: np.ndarray) -> pd.Series:
    """Two optimizers, the first better by `differences` of shape (tasks, seeds)."""
    return scores_of(np.stack([-differences, np.zeros_like(differences)], axis=-1))


@pytest.mark.parametrize(
    ("rope", "expected"),
    [
        (0.0301, [0.8081775, 0.19123, 0.0005925]),
        (0.0517, [0.2954175, 0.7045825, 0.0]),
        (0.0, [0.995325, 0.0, 0.004675]),
    ],
)
def test_signed_rank_is_baycomps(rope: float, expected: list[float]) -> None:
    """`baycomp.SignedRankTest.probs(first, second, rope, nsamples=400000, random_state=1)`, reversed; baycomp 1.0.3."""
    first = [0.3117, 0.4203, 0.1851, 0.5562, 0.2719, 0.6438, 0.3904, 0.7123]
    second = [0.3642, 0.4019, 0.3155, 0.5883, 0.3048, 0.6127, 0.5291, 0.7587]
    found = bayesian_signed_rank(pd.DataFrame({"a": first, "b": second}), rope=rope, samples=50000)
    assert found.loc[("a", "b"), COLUMNS].tolist() == pytest.approx(expected, abs=0.008)


@pytest.mark.parametrize("tasks", [1, 3, 10])
def test_signed_rank_in_closed_form(tasks: int) -> None:
    """Only the mean of two pseudo-observations is within the rope; its probability is their weight squared."""
    table = pd.DataFrame({"a": np.zeros(tasks), "b": np.ones(tasks), "c": 9.0})
    found = bayesian_signed_rank(table, rope=0.1, samples=20000)
    expected = beta(0.5, tasks).cdf(math.sqrt(0.5))
    assert found.loc[("a", "b"), COLUMNS].tolist() == pytest.approx([expected, 1 - expected, 0], abs=0.01)
    assert found.loc[("c", "a"), COLUMNS].tolist() == pytest.approx([0, 1 - expected, expected], abs=0.01)


def test_a_tie_is_equivalent_or_divided() -> None:
    table = pd.DataFrame(0.5, index=range(6), columns=["a", "b"])
    assert bayesian_signed_rank(table, rope=0.01).loc[("a", "b"), COLUMNS].tolist() == [0, 1, 0]
    assert bayesian_signed_rank(table, rope=0.0).loc[("a", "b"), COLUMNS].tolist() == [0.5, 0, 0.5]


@given(st.integers(1, 8), st.sampled_from([0.0, 0.5, 1.0]), st.integers(0, 9999))
def test_signed_rank_weighs_every_pair_of_tasks(tasks: int, rope: float, seed: int) -> None:
    """Against the double sum, with ties and sums on the rope."""
    rng = np.random.default_rng(seed)
    differences = rng.integers(-3, 4, tasks + 1) * 0.5
    weights = rng.dirichlet(np.ones(tasks + 1), size=20)
    sums = np.add.outer(differences, differences)
    better, worse = (
        np.einsum("si,sj,ij->s", weights, weights, np.heaviside(side - 2 * rope, 0.5)) for side in (sums, -sums)
    )
    found = _shares(differences, weights.T, rope)
    assert found == pytest.approx(np.array([better, 1 - better - worse, worse]))


@given(st.integers(1, 12), st.sampled_from([0.0, 0.5, 1.0]), st.integers(0, 9999))
def test_products_of_weights_and_sorted_sums_agree(tasks: int, rope: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    observations = np.vstack([np.zeros(5), rng.integers(-3, 4, (tasks, 5)) * 0.5])
    weights = rng.dirichlet(np.ones(tasks + 1), size=40)
    assert _by_products(observations, weights, rope).tolist() == _by_sums(observations, weights, rope).tolist()


def test_many_tasks_and_optimizers_take_fewer_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    table = pd.DataFrame(np.random.default_rng(0).random((200, 4)), columns=list("abcd"))
    exact = bayesian_signed_rank(table, rope=0.01)
    monkeypatch.setattr(bayes, "_WORK", 1_000_000)
    found = bayesian_signed_rank(table, rope=0.01)
    assert ((found * 829).round(6) % 0.5 == 0).all(axis=None)  # 1,000,000 // (201 * 6) draws
    assert found.to_numpy() == pytest.approx(exact.to_numpy(), abs=0.08)
    pd.testing.assert_frame_equal(found, bayesian_signed_rank(table, rope=0.01))
    monkeypatch.setattr(bayes, "_WORK", 1)
    assert ((bayesian_signed_rank(table, rope=0.01) * 500).round(6) % 0.5 == 0).all(axis=None)


def test_hierarchical_of_a_tie() -> None:
    scores = pair(np.zeros((6, 3)))
    assert hierarchical(scores, rope=0.01).loc[("o0", "o1"), "equivalent"] == pytest.approx(1, abs=0.001)
    assert hierarchical(scores, rope=0.0).loc[("o0", "o1"), COLUMNS].tolist() == pytest.approx([0.5, 0, 0.5], abs=0.05)


def test_order_of_rows_and_seed() -> None:
    scores = scores_of(np.random.default_rng(0).random((5, 3, 3)))
    means = scores.groupby(level=["task", "optimizer"]).mean().unstack("optimizer")
    shuffled = means.sample(frac=1, random_state=0)[["o2", "o0", "o1"]]
    found = bayesian_signed_rank(means, rope=0.1, seed=1)
    pd.testing.assert_frame_equal(found, bayesian_signed_rank(shuffled, rope=0.1, seed=1))
    assert not found.equals(bayesian_signed_rank(means, rope=0.1, seed=2))
    found = hierarchical(scores, rope=0.1, seed=1)
    pd.testing.assert_frame_equal(found, hierarchical(scores.sample(frac=1, random_state=0), rope=0.1, seed=1))
    assert not found.equals(hierarchical(scores, rope=0.1, seed=2))
    assert found.sum(axis=1).to_numpy() == pytest.approx(1)
    assert found["better"]["o0", "o2"] == found["worse"]["o2", "o0"]


def test_many_data_tell_the_distribution_over_tasks() -> None:
    rng = np.random.default_rng(0)
    means = 0.2 + 0.5 * rng.standard_t(5, size=(2000, 1))
    found = hierarchical(pair(means + 0.3 * rng.normal(size=(2000, 10))), rope=0.1).loc[("o0", "o1")]
    truth = student(5, 0.2, 0.5)
    expected = [truth.sf(0.1), truth.cdf(0.1) - truth.cdf(-0.1), truth.cdf(-0.1)]
    assert found[COLUMNS].tolist() == pytest.approx(expected, abs=0.03)


def importance_sampling(differences: list[np.ndarray], rope: float, draws: int) -> list[float]:
    """The posterior by draws from the prior, weighted by the likelihood, the centre integrated out."""
    rng = np.random.default_rng(0)
    unit = math.sqrt(np.mean([np.mean(task**2) for task in differences]))
    tasks = len(differences)
    scale = np.abs(rng.standard_cauchy(draws))
    level = rng.gamma(0.5, 2.0, size=draws)
    within = level[:, None] / rng.gamma(2.0, size=(draws, tasks))
    mixing = rng.gamma(2.5, 1 / 2.5, size=(draws, tasks))
    log_weight = np.zeros(draws)
    for place, task in enumerate(differences):
        free = len(task) - 1
        log_weight -= free / 2 * np.log(within[:, place]) + task.var() * len(task) / unit**2 / 2 / within[:, place]
    means = np.array([task.mean() for task in differences]) / unit
    variance = scale[:, None] ** 2 / mixing + within / np.array([len(task) for task in differences])
    precision = (1 / variance).sum(axis=1)
    centre = (means / variance).sum(axis=1) / precision
    log_weight -= (np.log(variance) + (means - centre[:, None]) ** 2 / variance).sum(axis=1) / 2 + np.log(precision) / 2
    new = centre + rng.normal(size=draws) / np.sqrt(precision) + scale * rng.standard_t(5, size=draws)
    weight = np.exp(log_weight - log_weight.max())
    better, worse = (np.average(side > rope / unit, weights=weight) for side in (new, -new))
    return [better, 1 - better - worse, worse]


@pytest.mark.parametrize("spread", [0.0, 1.0])
@pytest.mark.parametrize("counts", [[2, 2, 2], [3, 1, 2, 4]])
def test_hierarchical_is_the_posterior_by_importance_sampling(counts: list[int], spread: float) -> None:
    rng = np.random.default_rng(1)
    values = spread * rng.normal(size=(len(counts), 1)) + rng.normal(0.3, 0.4, size=(len(counts), 4))
    scores = with_seeds(np.stack([-values, np.zeros_like(values)], axis=-1), counts)
    found = hierarchical(scores, rope=0.1, samples=10000).loc[("o0", "o1"), COLUMNS]
    differences = [task[:count] for task, count in zip(values, counts, strict=True)]
    assert found.tolist() == pytest.approx(importance_sampling(differences, 0.1, 300_000), abs=0.015)


@pytest.mark.parametrize("spread", [0.0, 0.3, 10.0])
def test_chains_converge(spread: float) -> None:
    """R-hat (Gelman et al. 2013, section 11.4) of four chains, with tasks that differ not at all, little and a lot."""
    rng = np.random.default_rng(0)
    differences = [spread * rng.normal() + rng.normal(size=(3, 1)) for _ in range(12)]
    chains = [gibbs(differences, least_scale=0.0, samples=2000, rng=np.random.default_rng(seed)) for seed in range(4)]
    for draws in (
        np.array([chain.centres[:, 0] for chain in chains]),
        np.log([chain.scales[:, 0] for chain in chains]),
    ):
        within = draws.var(axis=1, ddof=1).mean()
        assert np.sqrt((within + draws.mean(axis=1).var(ddof=1)) / within) < 1.02


def test_one_seed_per_task_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="two seeds on some task"):
        hierarchical(pair(np.zeros((5, 1))), rope=0.1)


@pytest.mark.parametrize("rope", [-0.1, math.nan])
def test_rope_is_not_negative(rope: float) -> None:
    with pytest.raises(UsageError, match="rope is"):
        hierarchical(pair(np.zeros((5, 2))), rope=rope)
    with pytest.raises(UsageError, match="rope is"):
        bayesian_signed_rank(pd.DataFrame({"a": [1.0], "b": [2.0]}), rope=rope)


@pytest.mark.slow
def test_hierarchical_is_calibrated() -> None:
    """Of what it says about a new task as much comes true, whatever it says."""
    rng = np.random.default_rng(0)
    said, true = [], []
    for repeat in range(600):
        centre, scale = rng.normal(0, 0.5), rng.uniform(0, 1)
        tasks = centre + scale * rng.normal(size=(10, 1))
        scores = pair(tasks + rng.uniform(0.2, 1) * rng.normal(size=(10, 4)))
        said.append(hierarchical(scores, rope=0.2, samples=200, seed=repeat).loc[("o0", "o1"), COLUMNS])
        new = centre + scale * rng.normal()
        true.append([new > 0.2, abs(new) <= 0.2, new < -0.2])
    chances, outcomes = np.array(said, dtype=float).ravel(), np.array(true).ravel()
    for low, high in [(0, 0.1), (0.1, 0.3), (0.3, 0.6), (0.6, 0.9), (0.9, 1.0)]:
        within = (chances > low) & (chances <= high)
        error = 3 * math.sqrt(0.25 / within.sum()) if 0.1 < high <= 0.9 else 0.05
        assert outcomes[within].mean() == pytest.approx(chances[within].mean(), abs=error)


@pytest.mark.slow
def test_identical_optimizers_are_rarely_told_apart() -> None:
    """The signed-rank test with a rope that hardly matters, where 0.99 is asked for, and the hierarchical one."""
    rng = np.random.default_rng(0)
    found = []
    for repeat in range(300):
        scores = pair(rng.normal(size=(15, 4)))
        means = scores.groupby(level=["task", "optimizer"]).mean().unstack("optimizer")
        signed_rank = bayesian_signed_rank(means, rope=0.05, samples=1000, seed=repeat)
        tables = {0.99: signed_rank, 0.95: hierarchical(scores, rope=0.05, samples=200, seed=repeat)}
        found.append([(table[["better", "worse"]] > sure).any(axis=None) for sure, table in tables.items()])
    assert (np.mean(found, axis=0) <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 300)).all()


def test_optimizers_that_differ_less_than_the_rope_are_equivalent() -> None:
    rng = np.random.default_rng(0)
    scores = pair(0.05 + 0.1 * rng.normal(size=(40, 5)))
    means = scores.groupby(level=["task", "optimizer"]).mean().unstack("optimizer")
    assert bayesian_signed_rank(means, rope=0.3).loc[("o0", "o1"), "equivalent"] > 0.99
    assert hierarchical(scores, rope=0.3).loc[("o0", "o1"), "equivalent"] > 0.95


def test_chances_below_are_those_of_scipy() -> None:
    values = np.r_[-1e12, np.linspace(-50, 50, 2001), 1e12]
    assert chances_below(values) == pytest.approx(student.cdf(values, FREEDOM), rel=0, abs=1e-15)
