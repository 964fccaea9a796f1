from __future__ import annotations

import re
import sys
from collections.abc import Callable
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optathlon.errors import MissingDependency, UsageError
from optathlon.installation import as_installed
from optathlon.subsets.baselines import k_medoids, proportional, random_subsets, stratified_subsets


def test_random_subsets_hold_each_task_equally_often_and_once() -> None:
    drawn = random_subsets(10, 4, draws=5000, seed=1)
    assert drawn.shape == (5000, 4)
    assert (np.diff(np.sort(drawn, axis=1), axis=1) > 0).all()
    counts = np.bincount(drawn.ravel(), minlength=10)
    assert len(counts) == 10
    assert np.abs(counts - 2000).max() < 5 * np.sqrt(5000 * 0.4 * 0.6)


def test_seeds_decide() -> None:
    strata = np.array(list("aabbbbcc"))
    assert (random_subsets(8, 3, draws=20, seed=1) == random_subsets(8, 3, draws=20, seed=1)).all()
    assert (random_subsets(8, 3, draws=20, seed=1) != random_subsets(8, 3, draws=20, seed=2)).any()
    assert (stratified_subsets(strata, 4, draws=20, seed=1) == stratified_subsets(strata, 4, draws=20, seed=1)).all()
    assert (stratified_subsets(strata, 4, draws=20, seed=1) != stratified_subsets(strata, 4, draws=20, seed=2)).any()


@pytest.mark.parametrize(
    ("sizes", "k", "expected"),
    [
        ([10, 20, 30], 6, [1, 2, 3]),
        ([10, 20, 30], 5, [1, 2, 2]),  # 0.83, 1.67, 2.5: the largest remainders are those of the first two
        ([50, 30, 15, 5], 10, [5, 3, 2, 0]),  # 5, 3, 1.5, 0.5: equal remainders, so the earlier one
        ([3, 3, 3], 2, [1, 1, 0]),
        ([1, 98, 1], 100, [1, 98, 1]),
        ([7], 3, [3]),
    ],
)
def test_allocation_by_the_largest_remainder(sizes: list[int], k: int, expected: list[int]) -> None:
    assert proportional(np.array(sizes), k).tolist() == expected


@given(st.lists(st.integers(1, 300), min_size=1, max_size=12), st.floats(0, 1))
def test_allocation_is_nearly_proportional(sizes: list[int], share: float) -> None:
    k = round(share * sum(sizes))
    allocated = proportional(np.array(sizes), k)
    assert allocated.sum() == k
    assert (allocated <= sizes).all()
    assert (np.abs(allocated - np.array(sizes) * k / sum(sizes)) < 1).all()


@given(st.lists(st.sampled_from("abcd"), min_size=1, max_size=40), st.floats(0, 1))
def test_stratified_subsets_have_their_shares(labels: list[str], share: float) -> None:
    k = max(1, round(share * len(labels)))
    strata = np.array(labels)
    names, sizes = np.unique(strata, return_counts=True)
    for chosen in stratified_subsets(strata, k, draws=3):
        assert len(set(chosen.tolist())) == k
        assert [(strata[chosen] == name).sum() for name in names] == proportional(sizes, k).tolist()


def test_every_member_of_a_stratum_may_be_drawn() -> None:
    strata = np.array(list("aaaabb"))
    drawn = stratified_subsets(strata, 3, draws=300)
    assert np.bincount(drawn.ravel(), minlength=6).min() > 90


@pytest.mark.parametrize(("seed", "k"), [(0, 1), (0, 4), (1, 7), (2, 15)])
def test_no_exchange_betters_the_medoids(seed: int, k: int) -> None:
    pytest.importorskip("kmedoids")
    points = np.random.default_rng(seed).random((40, 3)) ** 2
    distances = np.linalg.norm(points[:, None] - points[None], axis=2)
    chosen = k_medoids(points, k, seed=seed).tolist()
    assert len(set(chosen)) == k
    assert chosen == sorted(chosen)
    cost = distances[:, chosen].min(axis=1).sum()
    for out in chosen:
        for instead in set(range(40)) - set(chosen):
            swapped = [instead, *(member for member in chosen if member != out)]
            assert distances[:, swapped].min(axis=1).sum() >= cost - 1e-9


def test_several_starts_reach_the_best_of_all_subsets() -> None:
    pytest.importorskip("kmedoids")
    reached = 0
    for seed in range(20):
        points = np.random.default_rng(seed).random((14, 2))
        distances = np.linalg.norm(points[:, None] - points[None], axis=2)
        least = min(distances[:, chosen].min(axis=1).sum() for chosen in combinations(range(14), 4))
        reached += distances[:, k_medoids(points, 4, seed=seed)].min(axis=1).sum() <= least + 1e-9
    assert reached >= 19


def test_medoids_of_obvious_clusters() -> None:
    pytest.importorskip("kmedoids")
    points = np.array([[0, 0], [0.02, 0], [0.04, 0], [1, 1], [1, 0.98], [1, 0.96]])
    assert k_medoids(points, 2).tolist() == [1, 4]
    assert k_medoids(points, 6).tolist() == [0, 1, 2, 3, 4, 5]


def test_without_its_package_k_medoids_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "kmedoids", None)
    with pytest.raises(MissingDependency, match=re.escape(as_installed("pip install 'optathlon[subsets]'"))):
        k_medoids(np.eye(3), 2)


@pytest.mark.parametrize("k", [0, 4])
def test_sizes_that_cannot_be_are_refused(k: int) -> None:
    message = f"a subset of {k} tasks can't be chosen among 3: give a size from 1 to 3"
    choices: list[Callable[[], object]] = [
        lambda: random_subsets(3, k, draws=1),
        lambda: stratified_subsets(np.array(list("abc")), k, draws=1),
        lambda: k_medoids(np.eye(3), k),
    ]
    for choose in choices:
        with pytest.raises(UsageError, match=message):
            choose()
