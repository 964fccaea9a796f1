from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import friedmanchisquare, rankdata, studentized_range

from optathlon.analysis import friedman_nemenyi
from optathlon.analysis.stats.nemenyi import critical_difference


@given(st.integers(3, 6), st.integers(5, 30), st.integers(0, 2**32 - 1))
def test_friedman_and_nemenyi_are_scipys(optimizers: int, tasks: int, seed: int) -> None:
    scores = np.random.default_rng(seed).integers(0, 6, (tasks, optimizers)).astype(float)
    frame = pd.DataFrame(scores, columns=[f"o{i}" for i in range(optimizers)])
    found = friedman_nemenyi(frame)
    if not found.test or math.isnan(friedman := friedmanchisquare(*scores.T).pvalue):
        return
    ranks = np.mean([rankdata(row) for row in scores], axis=0)
    difference = np.abs(np.subtract.outer(ranks, ranks))
    unit = math.sqrt(optimizers * (optimizers + 1) / (12 * tasks))
    nemenyi = studentized_range.sf(difference / unit, optimizers, np.inf)
    expected = np.where(np.eye(optimizers), 1.0, np.maximum(nemenyi, friedman))
    assert found.pairwise.to_numpy() == pytest.approx(expected)
    assert found.mean_ranks.to_numpy() == pytest.approx(ranks)
    clear = np.abs(difference - found.critical_difference) > 1e-9
    assert ((nemenyi < 0.05) == (difference > found.critical_difference))[clear].all()


@pytest.mark.parametrize(("optimizers", "q"), [(2, 1.960), (3, 2.343), (4, 2.569), (5, 2.728), (10, 3.164)])
def test_critical_difference_is_demsars(optimizers: int, q: float) -> None:
    """Critical values of Demšar (2006), table 5a, at 0.05."""
    assert critical_difference(optimizers, 14) == pytest.approx(
        q * math.sqrt(optimizers * (optimizers + 1) / 84), abs=2e-3
    )


def test_demsars_example() -> None:
    """Demšar (2006), section 3.2.2: table 6, four variants of C4.5 on 14 data sets.

    The paper ranks unrounded scores, which tell the two printed as 0.975 apart.
    """
    scores = [
        [0.763, 0.768, 0.771, 0.798], [0.599, 0.591, 0.590, 0.569], [0.954, 0.971, 0.968, 0.967],
        [0.628, 0.661, 0.654, 0.657], [0.882, 0.888, 0.886, 0.898], [0.936, 0.931, 0.916, 0.931],
        [0.661, 0.668, 0.609, 0.685], [0.583, 0.583, 0.563, 0.625], [0.775, 0.838, 0.866, 0.875],
        [1.000, 1.000, 1.000, 1.000], [0.940, 0.962, 0.965, 0.962], [0.619, 0.666, 0.614, 0.669],
        [0.972, 0.981, 0.9751, 0.975], [0.957, 0.978, 0.946, 0.970],
    ]  # fmt: skip
    found = friedman_nemenyi(-pd.DataFrame(scores, columns=["C4.5", "+m", "+cf", "+m+cf"]))
    assert found.mean_ranks.to_numpy() == pytest.approx([3.143, 2.000, 2.893, 1.964], abs=1e-3)
    assert found.critical_difference == pytest.approx(1.25, abs=0.01)
    # scikit-posthocs 0.17.1, posthoc_nemenyi_friedman
    expected = {
        ("C4.5", "+m"): 0.08867270928888271, ("C4.5", "+cf"): 0.9561771752218107,
        ("C4.5", "+m+cf"): 0.07418479506874454,
        ("+m", "+cf"): 0.2592280701547286, ("+m", "+m+cf"): 0.999859449385133, ("+cf", "+m+cf"): 0.22669688602641525,
    }  # fmt: skip
    assert {pair: found.pairwise.loc[pair] for pair in expected} == pytest.approx(expected)
    assert "tell no two of the 4 optimizers apart" in found.note


def test_better_by_nemenyi_is_lower_in_rank() -> None:
    found = friedman_nemenyi(pd.DataFrame([[1.0, 2.0, 3.0, 4.0]] * 12, columns=list("abcd")))
    assert found.is_better("a", "d")
    assert not found.is_better("d", "a")
    assert not found.is_better("a", "b")


def test_no_pair_differs_without_friedmans_test() -> None:
    samples = [np.random.default_rng(seed).random((12, 6)) for seed in range(100)]
    friedman = np.array([friedmanchisquare(*scores.T).pvalue for scores in samples])
    p_values = np.array([friedman_nemenyi(pd.DataFrame(scores)).p_value for scores in samples])
    assert (friedman < 0.05).any()
    assert (p_values >= friedman - 1e-12).all()


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (pd.DataFrame({"a": [1.0, 2.0], "b": [2.0, 1.0]}), "needs three"),
        (pd.DataFrame({"a": [1.0], "b": [2.0], "c": [3.0]}), "no outcome of Nemenyi's test could reach"),
        (pd.DataFrame({"a": [1.0] * 2, "b": [2.0] * 2, "c": [3.0] * 2}), "no outcome of Nemenyi's test could reach"),
    ],
)
def test_what_cannot_be_tested_is_said(frame: pd.DataFrame, words: str) -> None:
    found = friedman_nemenyi(frame)
    assert words in found.note
    assert (found.test, math.isnan(found.p_value)) == ("", True)
    assert not found.differ("a", str(frame.columns[-1]))


def test_one_pair_differs() -> None:
    ranks = np.array([[1, 2, 3], [1, 2, 3], [1, 2, 3], [1, 2, 3], [2, 1, 3], [1, 3, 2]])
    assert "1 of 3 pairs differs over 6 tasks: that whose" in friedman_nemenyi(pd.DataFrame(ranks)).note


def test_all_tied_do_not_differ() -> None:
    found = friedman_nemenyi(pd.DataFrame(1.0, index=range(20), columns=list("abc")))
    assert found.p_value == 1.0
    assert not found.differ("a", "b")
