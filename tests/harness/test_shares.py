from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optathlon.errors import UsageError
from optathlon.shares import numbers_of, shares_of

UNIT = st.floats(0, 1)


@given(st.lists(UNIT, min_size=1, max_size=8))
def test_shares_are_of_a_whole(numbers: list[float]) -> None:
    shares = shares_of(numbers)
    assert len(shares) == len(numbers) + 1
    assert min(shares) >= 0
    assert math.fsum(shares) == pytest.approx(1, abs=1e-12)


@given(st.lists(st.floats(0.001, 1), min_size=2, max_size=8))
def test_numbers_stand_for_their_shares(weights: list[float]) -> None:
    shares = [weight / math.fsum(weights) for weight in weights]
    assert shares_of(numbers_of(shares)) == pytest.approx(shares, abs=1e-9)


def test_two_shares_are_their_number_and_its_rest() -> None:
    assert shares_of([0.3]) == pytest.approx([0.3, 0.7])
    assert shares_of([0.0, 1.0]) == [0.0, 1.0, 0.0]
    assert shares_of([1.0, 0.2]) == [1.0, 0.0, 0.0]
    assert numbers_of([1.0, 0.0, 0.0]) == [1.0, 0.5]


def test_uniform_numbers_are_uniform_mixtures() -> None:
    """Each share of a uniform mixture of n has the distribution Beta(1, n - 1)."""
    points = np.random.default_rng(0).random((20_000, 3))
    shares = np.array([shares_of(point) for point in points.tolist()])
    variance = 3 / (4**2 * 5)
    np.testing.assert_allclose(shares.mean(axis=0), 0.25, atol=0.005)
    np.testing.assert_allclose(shares.var(axis=0), variance, atol=0.002)
    correlations = np.corrcoef(shares.T)[np.triu_indices(4, 1)]
    np.testing.assert_allclose(correlations, -1 / 3, atol=0.03)


@pytest.mark.parametrize("shares", [[0.5, 0.6], [1.5, -0.5], [1.0], []])
def test_what_are_not_shares_is_refused(shares: list[float]) -> None:
    with pytest.raises(UsageError, match="are not shares of a whole"):
        numbers_of(shares)
