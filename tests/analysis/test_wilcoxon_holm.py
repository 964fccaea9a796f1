from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import friedmanchisquare, rankdata, wilcoxon
from statsmodels.stats.multitest import multipletests

from optathlon.analysis.stats.signed_ranks import signed_rank_p, signed_ranks
from optathlon.analysis.stats.significance import Significance, holm, significance, wilcoxon_holm


def p_value(difference: np.ndarray) -> float:
    return signed_rank_p(signed_ranks(difference))


@given(arrays(float, st.integers(1, 30), elements=st.floats(0, 1)))
def test_holm_is_statsmodels(p_values: np.ndarray) -> None:
    assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1])


@given(st.integers(3, 6), st.integers(10, 50), st.integers(0, 2**32 - 1))
def test_pairs_and_overall_are_the_libraries(optimizers: int, tasks: int, seed: int) -> None:
    scores = np.random.default_rng(seed).normal(size=(tasks, optimizers)) + np.linspace(0, 1, optimizers)
    found = wilcoxon_holm(pd.DataFrame(scores, columns=[f"o{i}" for i in range(optimizers)]))
    assert found.test == "Wilcoxon-Holm"
    assert np.isnan(found.critical_difference)
    assert found.p_value == pytest.approx(friedmanchisquare(*scores.T).pvalue)
    first, second = np.triu_indices(optimizers, k=1)
    raw = [wilcoxon(scores[:, a], scores[:, b]).pvalue for a, b in zip(first, second, strict=True)]
    pairwise = found.pairwise.to_numpy()
    assert pairwise[first, second] == pytest.approx(multipletests(raw, method="holm")[1])
    assert (pairwise == pairwise.T).all()
    assert (np.diag(pairwise) == 1).all()


@given(arrays(float, st.integers(1, 10), elements=st.integers(-3, 3).map(float)))
def test_ties_and_zeros_are_exact(difference: np.ndarray) -> None:
    informative = difference[difference != 0]
    ranks = rankdata(np.abs(informative))
    signs = np.array(list(product([-1, 1], repeat=len(informative))))  # all equally likely if optimizers perform alike
    observed = np.abs(np.sign(informative) @ ranks)
    assert p_value(difference) == pytest.approx(np.mean(np.abs(signs @ ranks) >= observed))


@pytest.mark.parametrize("tasks", [50, 51, 120])
def test_many_tasks_are_scipys(tasks: int) -> None:
    difference = np.random.default_rng(tasks).normal(0.2, size=tasks)
    assert p_value(difference) == pytest.approx(wilcoxon(difference).pvalue)


def test_two_are_tested_as_ever() -> None:
    frame = pd.DataFrame(np.random.default_rng(0).random((12, 2)), columns=["a", "b"])
    found, expected = wilcoxon_holm(frame), significance(frame)
    assert (found.test, found.p_value, found.note) == (expected.test, expected.p_value, expected.note)
    pd.testing.assert_frame_equal(found.scores, expected.scores)


def cycle() -> Significance:
    """`a` beats `b` by Wilcoxon's ranks though its mean rank is worse; `c` is last everywhere."""
    difference = np.concatenate([np.full(112, -0.01), np.full(20, -1.0), np.full(108, 0.1)])
    return wilcoxon_holm(pd.DataFrame({"b": difference, "a": 0.0, "c": 9.0}))


def test_a_pair_is_ordered_by_its_own_ranks() -> None:
    found = cycle()
    assert found.mean_ranks["b"] < found.mean_ranks["a"]
    assert found.is_better("a", "b")
    assert not found.is_better("b", "a")
    assert found.is_better("a", "c")
    assert found.is_better("b", "c")


def test_too_few_tasks_are_said() -> None:
    frame = pd.DataFrame(np.arange(10.0) + np.zeros((9, 10)), columns=list("abcdefghij"))
    found = wilcoxon_holm(frame)
    assert found.test == ""
    assert "correction for 45 pairs" in found.note
    assert not found.differ("a", "j")
    longer = pd.concat([frame, frame.iloc[:2]])
    assert wilcoxon_holm(longer).differ("a", "j")  # 45 / 2^10 < 0.05 < 45 / 2^9


def test_all_tied_do_not_differ() -> None:
    found = wilcoxon_holm(pd.DataFrame(1.0, index=range(20), columns=list("abc")))
    assert found.p_value == 1.0
    assert (found.pairwise == 1.0).all(axis=None)


@pytest.mark.slow
@pytest.mark.parametrize("test", [significance, wilcoxon_holm])
@pytest.mark.parametrize("tasks", [12, 30])
def test_identical_optimizers_rarely_differ(test: Callable[[pd.DataFrame], Significance], tasks: int) -> None:
    """Friedman's test and any pair after it: at most 5 % of the time, but for the simulation's error (3 of its SDs)."""
    rng = np.random.default_rng(tasks)
    names = list("abcdef")
    rejected = []
    for _ in range(500):
        found = test(pd.DataFrame(rng.normal(size=(tasks, 6)) + rng.normal(size=(tasks, 1)), columns=names))
        differ = [found.differ(a, b) for a in names for b in names]
        rejected.append((found.p_value < 0.05, any(differ)))
    assert (np.mean(rejected, axis=0) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 500)).all()
