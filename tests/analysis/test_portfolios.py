"""Portfolios against brute force: all subsets, all orders, all draws."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from optathlon.analysis.stats.portfolios import expected_best, greedy_portfolio, leave_one_out, scaled

LOSSES = arrays(
    float,
    array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=7),
    elements=st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]),
)


def mean_best(losses: np.ndarray, chosen: list[int]) -> float:
    return float(np.mean([min(losses[place, task] for place in chosen) for task in range(losses.shape[1])]))


@given(LOSSES, st.integers(1, 7))
def test_each_step_is_the_best_addition_that_there_is(losses: np.ndarray, size: int) -> None:
    chosen = greedy_portfolio(losses, size)
    for step in range(len(chosen)):
        best = min(mean_best(losses, [*chosen[:step], other]) for other in range(len(losses)))
        assert mean_best(losses, chosen[: step + 1]) == best
    assert 1 <= len(chosen) <= size
    if len(chosen) < min(size, len(losses)):
        left = [mean_best(losses, [*chosen, other]) for other in range(len(losses))]
        assert min(left) == mean_best(losses, chosen), "it ends only where nothing helps"


@given(LOSSES, st.integers(1, 7))
def test_it_is_as_good_as_theory_says(losses: np.ndarray, size: int) -> None:
    """Greedy gains at least 1 - 1/e of what the best subset gains over the worst loss (Nemhauser et al. 1978)."""
    size = min(size, len(losses))
    optimum = min(mean_best(losses, [*some]) for some in combinations(range(len(losses)), size))
    assert 1 - mean_best(losses, greedy_portfolio(losses, size)) >= (1 - np.exp(-1)) * (1 - optimum) - 1e-12


@given(arrays(float, st.integers(1, 8), elements=st.floats(-5, 5)), st.data())
def test_the_expected_best_is_that_of_all_draws(losses: np.ndarray, data: st.DataObject) -> None:
    draws = data.draw(st.integers(1, len(losses)))
    every = [min(some) for some in combinations(losses.tolist(), draws)]
    assert expected_best(losses, draws) == pytest.approx(np.mean(every), abs=1e-9)


def test_losses_are_scaled_on_each_task_by_itself() -> None:
    losses = np.array([[10.0, 3.0, np.nan, 1.0], [20.0, 3.0, np.nan, np.nan], [15.0, np.nan, np.nan, 2.0]])
    expected = [[0.0, 0.0, 0.0, 0.0], [1.0, 0.0, 0.0, 1.0], [0.5, 1.0, 0.0, 1.0]]
    assert scaled(losses).tolist() == expected


def test_a_task_that_is_left_out_has_no_say() -> None:
    """Its own losses, and configurations that were found on it alone, change nothing of what is judged on it."""
    rng = np.random.default_rng(4)
    losses = rng.random((9, 3))
    found_on = np.repeat(np.eye(3, dtype=bool), 3, axis=0)
    first = leave_one_out(losses, found_on, 2)[0]
    assert first is not None
    able, others = np.arange(3, 9), [1, 2]
    part = losses[3:][:, others]
    part = (part - part.min(axis=0)) / (part.max(axis=0) - part.min(axis=0))
    judged = (losses[:, 0] - losses[:, 0].min()) / np.ptp(losses[:, 0])
    best = int(np.argmin(part.mean(axis=1)))
    second = int(np.argmin(np.minimum(part, part[best]).mean(axis=1)))
    assert first.first == pytest.approx(judged[able[best]])
    assert first.portfolio == pytest.approx(min(judged[able[best]], judged[able[second]]))
    assert first.drawn == pytest.approx(np.mean([min(pair) for pair in combinations(judged[able], 2)]))


def test_what_was_found_on_one_task_alone_leaves_nothing_to_judge_there() -> None:
    assert leave_one_out(np.array([[0.0], [1.0]]), np.ones((2, 1), dtype=bool), 2) == [None]
