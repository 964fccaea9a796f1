"""Agreement of judges and annotators against scikit-learn, counts by hand, and enumeration."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from optathlon.analysis import (
    cohens_kappa,
    judge_quality,
    kappas,
    label_counts,
    majority,
    position_consistency,
)

Pairs = list[tuple[int, int]]

label_pairs = st.lists(st.tuples(st.sampled_from([-1, 0, 1, 2]), st.sampled_from([0, 1, 2])), min_size=1, max_size=60)


def columns(pairs: Pairs) -> tuple[np.ndarray, np.ndarray]:
    first, second = np.array(pairs).T
    return first, second


@given(pairs=label_pairs)
def test_statistics_are_those_of_scikit_learn(pairs: Pairs) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    judged, truth = columns(pairs)
    found = judge_quality(judged, truth, resamples=10)
    known = judged != -1
    if not known.any():
        assert all(map(math.isnan, (found.accuracy, found.precision, found.recall, found.f1, found.kappa)))
        return
    judged, truth = judged[known], truth[known]
    expected = metrics.precision_recall_fscore_support(truth, judged, average="macro", zero_division=0)
    assert (found.precision, found.recall, found.f1) == pytest.approx(expected[:3])
    assert found.accuracy == pytest.approx(metrics.accuracy_score(truth, judged))
    assert (found.confusion.to_numpy() == metrics.confusion_matrix(truth, judged, labels=[0, 1, 2])).all()
    if len({*judged, *truth}) > 1:
        assert found.kappa == pytest.approx(metrics.cohen_kappa_score(truth, judged))
    else:
        assert math.isnan(found.kappa)


@given(pairs=label_pairs)
def test_tables_of_kappas_are_symmetric(pairs: Pairs) -> None:
    one, other = columns(pairs)
    table = kappas(pd.DataFrame({"one": one, "other": other, "again": one}))
    assert table.loc["one", "other"] == pytest.approx(cohens_kappa(one, other), nan_ok=True)
    assert np.allclose(table, table.T, equal_nan=True)
    varied = len({*one} - {-1}) > 1
    assert table.loc["one", "again"] == pytest.approx(1 if varied else math.nan, nan_ok=True)


def test_kappa_by_hand() -> None:
    """Two raters of 50 items: both say 1 on 20, both 2 on 15, and 5 and 10 times they differ (κ = 0.4)."""
    first = np.repeat([1, 1, 2, 2], [20, 5, 10, 15])
    second = np.repeat([1, 2, 1, 2], [20, 5, 10, 15])
    assert cohens_kappa(first, second) == pytest.approx(0.4)
    assert cohens_kappa(np.append(first, [-1, 0]), np.append(second, [1, -1])) == pytest.approx(0.4)


@given(
    rows=st.integers(1, 5).flatmap(lambda n: st.lists(st.lists(st.integers(0, 2), min_size=n, max_size=n), min_size=1))
)
def test_the_majority_is_the_most_frequent_label_and_then_the_earliest(rows: list[list[int]]) -> None:
    assert majority(pd.DataFrame(rows)).tolist() == [Counter(row).most_common(1)[0][0] for row in rows]


def test_labels_are_counted() -> None:
    counts = label_counts(pd.DataFrame({"one": [0, 1, 1, 2, -1], "other": [2, 2, 2, 2, 2]}))
    assert counts.loc["one"].to_dict() == {"first better": 2, "second better": 1, "tie": 1, "not understood": 1}
    assert counts.loc["other"].to_dict() == {"first better": 0, "second better": 5, "tie": 0, "not understood": 0}


def test_what_was_not_understood_is_left_out() -> None:
    judged, truth = np.array([-1, 1, 2, -1]), np.array([0, 1, 1, 2])
    assert judge_quality(judged, truth).accuracy == 1 / 2


def test_intervals_are_those_of_the_binomial_distribution() -> None:
    """The bootstrap distribution of an accuracy is binomial; that of κ is symmetric where the table is."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 400)
    judged = np.where(np.arange(400) < 280, truth, (truth + 1) % 3)
    found = judge_quality(judged, truth, resamples=20_000)
    expected = binom.ppf([0.025, 0.975], 400, 0.7) / 400
    assert found.accuracy_interval == pytest.approx(expected, abs=0.004)
    low, high = found.kappa_interval
    assert low < found.kappa < high
    # with even margins κ is (accuracy - 1/3) / (2/3)
    assert (low, high) == pytest.approx((expected - 1 / 3) * 1.5, abs=0.01)
    assert judge_quality(judged, truth, seed=3).kappa_interval == judge_quality(judged, truth, seed=3).kappa_interval


def test_a_judge_that_only_looks_at_the_position() -> None:
    found = position_consistency(np.full(10, 1), np.full(10, 2))
    assert (found.pairs, found.consistent, found.first_bias) == (10, 0, 1)


def test_a_judge_that_never_looks_at_the_position() -> None:
    labels = np.array([0, 1, 2, 1, 1])
    found = position_consistency(labels, labels)
    assert (found.pairs, found.consistent, found.first_bias) == (5, 1, 0)


def test_position_consistency_by_hand() -> None:
    """Shown first: 1 wins, 2 loses, tie; swapped: the second (shown first) wins twice, then a tie; two don't count."""
    found = position_consistency(np.array([1, 2, 0, -1, 1]), np.array([2, 2, 0, 1, -1]))
    assert found.pairs == 3
    assert found.consistent == pytest.approx(2 / 3)
    assert found.first_bias == pytest.approx((3 - 1) / 6)
    nothing = position_consistency(np.array([-1]), np.array([1]))
    assert nothing.pairs == 0
    assert math.isnan(nothing.consistent)
