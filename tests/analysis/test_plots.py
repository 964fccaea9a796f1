from __future__ import annotations

from itertools import pairwise

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optathlon.analysis import friedman_nemenyi
from optathlon.analysis.plots.critical_difference import indistinguishable, plot_critical_difference
from optathlon.analysis.plots.overhead import plot_overhead
from optathlon.analysis.plots.ranks import plot_rank_facets, plot_ranks
from optathlon.analysis.plots.style import looks, spread


def bands(count: int) -> pd.DataFrame:
    index = pd.MultiIndex.from_product(
        [[f"optimizer-{i:02}" for i in range(count)], np.arange(1, 11) / 10], names=["optimizer", "fraction"]
    )
    mean = np.random.default_rng(0).uniform(1, count, len(index))
    return pd.DataFrame({"mean": mean, "low": mean - 0.2, "high": mean + 0.2}, index=index)


@given(st.lists(st.floats(-100, 100), max_size=12), st.floats(0.1, 20))
def test_spread_keeps_order_and_distance(positions: list[float], gap: float) -> None:
    placed = spread(positions, gap)
    order = np.argsort(positions, kind="stable")
    assert (np.diff(np.array(placed)[order]) >= gap - 1e-6).all()
    if (np.diff(np.sort(positions)) >= gap).all():
        assert placed == positions


def test_looks_are_distinct_and_depend_on_names_only() -> None:
    names = [f"o{i}" for i in range(20)]
    found = looks(names)
    assert found == looks(reversed(names))
    assert len({(look.color, look.marker) for look in found.values()}) == 20
    assert len({(look.color, str(look.line)) for look in found.values()}) == 20


@pytest.mark.parametrize("count", [2, 5, 20])
def test_rank_labels_do_not_overlap(count: int) -> None:
    data = bands(count)
    figure = plot_ranks(data, looks(data.index.unique("optimizer")))
    figure.draw_without_rendering()
    boxes = sorted((text.get_window_extent() for text in figure.axes[0].texts), key=lambda box: box.y0)
    assert len(boxes) == count
    assert all(upper.y0 > lower.y0 + 0.6 * lower.height for lower, upper in pairwise(boxes))


@given(st.integers(3, 7), st.integers(4, 25), st.integers(0, 1000))
def test_bars_join_exactly_what_cannot_be_told_apart(optimizers: int, tasks: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores = pd.DataFrame(
        rng.random((tasks, optimizers)) + np.linspace(0, 1.2, optimizers), columns=list("abcdefg")[:optimizers]
    )
    tested = friedman_nemenyi(scores)
    names = tested.mean_ranks.sort_index().sort_values(kind="stable").index
    joined = {
        (i, j)
        for first, last in indistinguishable(tested)
        for i in range(first, last + 1)
        for j in range(first, last + 1)
    }
    for i in range(optimizers):
        for j in range(i + 1, optimizers):
            assert ((i, j) in joined) == (not tested.differ(names[i], names[j]))


@pytest.mark.parametrize("count", [2, 5, 20, 50])
def test_rank_axis_starts_at_one(count: int) -> None:
    data = bands(count)
    ticks = plot_ranks(data, looks(data.index.unique("optimizer"))).axes[0].get_yticks()
    assert ticks[0] == 1
    assert all(tick == int(tick) for tick in ticks)


def test_global_style_is_left_alone() -> None:
    before = dict(mpl.rcParams)
    data = bands(4)
    seen = looks(data.index.unique("optimizer"))
    plot_ranks(data, seen)
    plot_rank_facets({"one · 1 task": data, "two · 2 tasks": data}, seen)
    scores = pd.DataFrame(np.random.default_rng(0).random((9, 4)), columns=list(seen))
    plot_critical_difference(friedman_nemenyi(scores), seen)
    columns = dict.fromkeys(("low", "lower", "median", "upper", "high", "mean"), 0.01)
    plot_overhead(pd.DataFrame(columns, index=pd.Index(list(seen), name="optimizer")), seen)
    assert dict(mpl.rcParams) == before
