from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata

from optathlon.analysis.stats.midranks import midranks


@given(st.lists(st.integers(0, 5), min_size=3, max_size=3), st.integers(0, 2), st.integers(1, 9), st.integers(0, 9999))
def test_midranks_are_scipys(shape: list[int], axis: int, different: int, seed: int) -> None:
    values = np.random.default_rng(seed).integers(0, different, shape).astype(float)
    values[values == 3] = np.inf
    assert midranks(values, axis=axis) == pytest.approx(rankdata(values, axis=axis))
    assert midranks(values, axis=axis).shape == tuple(shape)
