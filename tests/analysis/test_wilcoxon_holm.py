"""Wilcoxon's tests of pairs against enumeration, scipy and statsmodels, and what third optimizers must not change."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import binomtest, rankdata, wilcoxon
from score_frames import scores_of
from statsmodels.stats.multitest import multipletests

from optathlon.analysis import wilcoxon_holm, wilcoxon_of_scores
from optathlon.analysis.stats.signed_ranks import signed_rank_p, signed_ranks
from optathlon.analysis.stats.significance import Significance, holm


def p_value(difference: np.ndarray) -> float:
    return float(signed_rank_p(signed_ranks(difference)[:, None])[0])


def outcome(losses: pd.Series) -> Significance:
    """With mean ranks that are no one's business here."""
    names = losses.index.unique("optimizer").sort_values()
    return wilcoxon_holm(losses, pd.Series(np.arange(len(names), dtype=float), index=names))


@given(arrays(float, st.integers(1, 30), elements=st.floats(0, 1)))
def test_holm_is_statsmodels(p_values: np.ndarray) -> None:
    assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1])


@given(arrays(float, st.integers(1, 14), elements=st.sampled_from([-3.0, -1.0, 0.0, 1.0, 2.0, math.nan])))
def test_ties_and_zeros_are_exact(difference: np.ndarray) -> None:
    informative = difference[(difference != 0) & ~np.isnan(difference)]
    ranks = rankdata(np.abs(informative))
    signs = np.array(list(product([-1, 1], repeat=len(informative))))  # all equally likely if optimizers perform alike
    observed = np.abs(np.sign(informative) @ ranks)
    assert p_value(difference) == pytest.approx(np.mean(np.abs(signs @ ranks) >= observed))


@given(st.integers(1, 3000), st.floats(0, 1))
def test_equal_differences_are_a_sign_test(tasks: int, share: float) -> None:
    wins = round(share * tasks)
    found = p_value(np.repeat([1.0, -1.0], [wins, tasks - wins]))
    assert found == pytest.approx(binomtest(wins, tasks).pvalue, rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("tasks", [14, 50, 190])
def test_without_ties_the_p_value_is_scipys_exact_one(tasks: int) -> None:
    difference = np.random.default_rng(tasks).normal(0.2, size=tasks)
    assert p_value(difference) == pytest.approx(wilcoxon(difference, method="exact").pvalue)


def test_beyond_the_exact_ones_the_normal_distribution_is_as_good() -> None:
    rng = np.random.default_rng(4)
    difference = rng.permuted(np.arange(1.0, 401.0)) * np.where(rng.random(400) < 0.57, 1, -1)
    assert 0.001 < p_value(difference) < 0.5
    assert p_value(difference) == pytest.approx(wilcoxon(difference, method="exact").pvalue, rel=0.01)
    tied = np.sign(difference) * rng.integers(1, 6, 400)
    drawn = rng.choice([-1, 1], size=(20_000, 400)) @ rankdata(np.abs(tied))
    observed = abs(np.sign(tied) @ rankdata(np.abs(tied)))
    assert p_value(tied) == pytest.approx(np.mean(np.abs(drawn) >= observed), abs=0.01)


def test_two_optimizers_with_one_seed_take_a_sign_test_and_it_is_said() -> None:
    """15 tasks of 20 won: by the normal approximation of tied ranks p = 0.025, exactly 0.041; of 16, 12: 0.077."""
    for tasks, won, expected in ((20, 15, 0.0414), (16, 12, 0.0768), (13, 11, 0.0225)):
        values = np.random.default_rng(tasks).random((tasks, 1, 1)) + np.arange(2)
        values[won:] = values[won:, :, ::-1]
        found = outcome(scores_of(values))
        assert found.test == "sign test"
        assert found.p_value == pytest.approx(binomtest(won, tasks).pvalue)
        assert found.p_value == pytest.approx(expected, abs=1e-4)
        assert f"(sign test, p = {expected:.3f}). With one seed each, only who wins a task counts." in found.note
        assert found.is_better("o0", "o1") == (expected < 0.05)


def test_several_seeds_are_one_difference_per_task() -> None:
    values = np.random.default_rng(3).integers(0, 5, (15, 3, 2)).astype(float)
    values[:, :, 1] += 1
    mean_ranks = rankdata(values, axis=2).mean(axis=1)
    found = outcome(scores_of(values))
    assert found.test == "Wilcoxon signed-rank"
    assert found.p_value == pytest.approx(p_value(mean_ranks[:, 0] - mean_ranks[:, 1]))
    assert "Wilcoxon's signed-rank test, p" in found.note


@given(st.integers(8, 14), st.integers(1, 3), st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_no_third_optimizer_changes_a_pair(tasks: int, seeds: int, others: int, seed: int) -> None:
    """Whatever the others are: better, worse, tied, with fewer tasks or seeds, or without results."""
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 6, (tasks, seeds, 2 + others)).astype(float)
    everyone = scores_of(values).mask(rng.random(values.size) < 0.1)
    names = everyone.index.get_level_values("optimizer")
    alone = outcome(everyone[names.isin(["o0", "o1"])])
    partly = everyone[names.isin(["o0", "o1"]) | (rng.random(len(everyone)) < 0.7)]
    for together in (outcome(everyone), outcome(partly)):
        assert together.uncorrected.loc["o0", "o1"] == alone.uncorrected.loc["o0", "o1"]
        if together.test and alone.test:
            assert together.pairwise.loc["o0", "o1"] >= alone.pairwise.loc["o0", "o1"]
            assert together.scores.loc["o0", "o1"] == alone.scores.loc["o0", "o1"]


def test_pairs_are_corrected_by_holm() -> None:
    values = np.random.default_rng(0).normal(size=(20, 3, 4)) + np.linspace(0, 1.5, 4)
    found = outcome(scores_of(values))
    upper = np.triu_indices(4, k=1)
    raw, corrected = found.uncorrected.to_numpy(), found.pairwise.to_numpy()
    assert corrected[upper] == pytest.approx(multipletests(raw[upper], method="holm")[1])
    assert found.p_value == corrected.min()
    for table in (raw, corrected):
        assert (table == table.T).all()
        assert (np.diag(table) == 1).all()
    differing = int((corrected[upper] < 0.05).sum())
    assert f"with Holm's correction, {differing} of 6 pairs" in found.note


@given(st.integers(3, 6), st.integers(10, 50), st.integers(0, 2**32 - 1))
def test_scores_are_tested_as_by_the_libraries(optimizers: int, tasks: int, seed: int) -> None:
    scores = np.random.default_rng(seed).normal(size=(tasks, optimizers)) + np.linspace(0, 1, optimizers)
    found = wilcoxon_of_scores(pd.DataFrame(scores, columns=[f"o{i}" for i in range(optimizers)]))
    first, second = np.triu_indices(optimizers, k=1)
    raw = [wilcoxon(scores[:, a], scores[:, b], method="exact").pvalue for a, b in zip(first, second, strict=True)]
    assert found.pairwise.to_numpy()[first, second] == pytest.approx(multipletests(raw, method="holm")[1])


def test_differences_equal_but_for_rounding_tie() -> None:
    steps = pd.DataFrame({"a": [1.2, 1.4, 1.6, 1.8, 2.0, 1.4, 1.6], "b": [1.0, 1.2, 1.4, 1.6, 1.8, 1.2, 1.4]})
    assert (steps["a"] - steps["b"]).nunique() > 1
    steps.iloc[0] = steps.iloc[0, ::-1].to_numpy()
    assert wilcoxon_of_scores(steps).p_value == pytest.approx(16 / 2**7)  # a sign test: 6 or more of 7 on one side


def test_the_better_of_two_is_the_one_of_wilcoxons_ranks() -> None:
    """`a` wins more tasks and has the lower mean, but only by few large wins; Wilcoxon's ranks favour `b`."""
    difference = np.concatenate([np.full(112, -0.01), np.full(20, -1.0), np.full(108, 0.1)])
    found = wilcoxon_of_scores(pd.DataFrame({"a": difference, "b": 0.0, "c": 9.0}))
    assert found.mean_ranks["a"] < found.mean_ranks["b"]
    assert found.is_better("b", "a")
    assert not found.is_better("a", "b")
    assert found.is_better("a", "c")
    assert found.is_better("b", "c")


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((9, 2, 1), "only one optimizer"),
        ((5, 1, 2), "differ on 5 tasks, and it takes at least 6"),
        ((6, 1, 3), "No two of the 3 optimizers differ on more than 6 tasks, and with Holm's correction for 3 pairs"),
        ((9, 1, 10), "for 45 pairs it takes at least 11"),
    ],
)
def test_too_few_tasks_are_said(shape: tuple[int, int, int], words: str) -> None:
    found = outcome(scores_of(np.zeros(shape) + np.arange(shape[2])))
    assert words in found.note
    assert found.test == ""
    assert math.isnan(found.p_value)
    assert not found.differ("o0", f"o{shape[2] - 1}")


def test_just_enough_tasks_are_tested() -> None:
    assert outcome(scores_of(np.zeros((6, 1, 2)) + np.arange(2))).is_better("o0", "o1")
    assert outcome(scores_of(np.zeros((11, 1, 10)) + np.arange(10))).is_better("o0", "o9")


@pytest.mark.parametrize(("optimizers", "who"), [(2, "The two"), (3, "All 3")])
def test_ties_on_all_tasks_tell_nothing(optimizers: int, who: str) -> None:
    found = outcome(scores_of(np.zeros((20, 2, optimizers))))
    assert found.note == f"{who} optimizers tie on every task: there is no difference to test."
    assert not found.differ("o0", "o1")
    assert (found.uncorrected == 1.0).all(axis=None)
