from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import wilcoxon
from score_frames import scores_of

from optathlon.analysis.stats.pairwise import effect_sizes, win_tie_loss


@given(arrays(float, (7, 3), elements=st.integers(0, 4).map(float)))
def test_wins_ties_and_losses_are_counted(values: np.ndarray) -> None:
    found = win_tie_loss(pd.DataFrame(values, columns=list("cab")))
    assert len(found) == 6
    for (first, second), row in found.iterrows():
        own, other = (values[:, "cab".index(name)] for name in (first, second))
        assert row.tolist() == [np.sum(own < other), np.sum(own == other), np.sum(own > other)]


def test_scores_equal_but_for_rounding_tie() -> None:
    table = pd.DataFrame({"a": [0.1 + 0.2, 1e-20, math.inf], "b": [0.3, 2e-20, math.inf]})
    assert table["a"][0] != table["b"][0]
    assert win_tie_loss(table).loc[("a", "b")].tolist() == [1, 2, 0]


@given(arrays(float, (9, 3, 2), elements=st.integers(0, 9).map(float)))
def test_rank_biserial_is_of_wilcoxons_statistic(values: np.ndarray) -> None:
    difference = values.mean(axis=1) @ [-1.0, 1.0]
    informative = np.round(difference, 12)[np.abs(difference) > 1e-9]
    total = len(informative) * (len(informative) + 1) / 2
    won = wilcoxon(informative, alternative="greater", method="asymptotic").statistic if total else 0.0
    expected = (2 * won - total) / total if total else 0.0
    found = effect_sizes(scores_of(values))["rank_biserial"]
    assert found.tolist() == pytest.approx([expected, -expected])


def test_a12_is_counted_and_delta_follows() -> None:
    values = np.random.default_rng(0).integers(0, 5, (6, 4, 2)).astype(float)
    pairs = [np.sign(b - a) for task in values for a in task[:, 0] for b in task[:, 1]]  # of equal number on each task
    found = effect_sizes(scores_of(values)).loc[("o0", "o1")]
    assert found["cliffs_delta"] == pytest.approx(np.mean(pairs))
    assert found["a12"] == pytest.approx(np.mean(pairs) / 2 + 0.5)


@pytest.mark.parametrize(
    ("won", "magnitude"),
    [(573, "negligible"), (574, "small"), (664, "small"), (666, "medium"), (736, "medium"), (738, "large")],
)
def test_magnitudes_are_romanos(won: int, magnitude: str) -> None:
    """On either side of 0.147, 0.33 and 0.474: over 1000 tasks of one seed, Cliff's delta is 2 * won / 1000 - 1."""
    values = np.repeat([[[0.0, 1.0]], [[1.0, 0.0]]], [won, 1000 - won], axis=0)
    found = effect_sizes(scores_of(values))
    assert found["cliffs_delta"]["o0", "o1"] == pytest.approx(2 * won / 1000 - 1)
    assert found["magnitude"].tolist() == [magnitude, magnitude]


def test_order_of_rows_changes_nothing() -> None:
    scores = scores_of(np.random.default_rng(0).random((5, 3, 3)))
    pd.testing.assert_frame_equal(effect_sizes(scores), effect_sizes(scores.sample(frac=1, random_state=0)))
