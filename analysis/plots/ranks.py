"""Mean ranks over the budget."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from optathlon.analysis.plots.curves import curves_figure, draw_curves, foremost_curves, name_curves
from optathlon.analysis.plots.facets import plot_facets
from optathlon.analysis.plots.foremost import cut_note
from optathlon.analysis.plots.style import WIDE, Look, set_scale, style


def plot_ranks(bands: pd.DataFrame, looks: Mapping[str, Look], *, width: float = WIDE) -> Figure:
    """Mean rank (1 is best and on top) against the share of the budget, with confidence bands.

    Parameters
    ----------
    bands:
        As `optathlon.analysis.bootstrap_ranks` returns them.
    looks:
        As `optathlon.analysis.plots.style.looks` returns them.
    width:
        In inches.
    """
    count, bands = len(bands.index.unique("optimizer")), foremost_curves(bands, "low")
    with style():
        figure = curves_figure(bands, looks, width)
        axes = figure.subplots()
        _draw(axes, bands, looks)
        axes.set(xlabel="share of the budget spent" + cut_note(count), ylabel="mean rank (1 is best)")
        name_curves(axes, bands, looks, best="low", number="{:.2f}".format)
    return figure


def plot_rank_facets(groups: Mapping[str, pd.DataFrame], looks: Mapping[str, Look]) -> Figure:
    """Small multiples of `plot_ranks` (see `plot_facets`).

    Parameters
    ----------
    groups:
        Bands by the title of their panel.
    looks:
        As `optathlon.analysis.plots.style.looks` returns them.
    """
    return plot_facets(
        groups,
        looks,
        draw=lambda axes, bands: _draw(axes, bands, looks),
        x_title="share of the budget spent",
        y_title="mean rank (1 is best)",
        best="low",
    )


def _draw(axes: Axes, bands: pd.DataFrame, looks: Mapping[str, Look]) -> None:
    draw_curves(axes, bands, looks, shape="step")
    drawn = bands.to_numpy(dtype=float) if len(axes.collections) else bands["mean"].to_numpy(dtype=float)
    lowest = max(2.0, float(np.max(drawn)))
    ticks = MaxNLocator(integer=True, nbins=8).tick_values(1, lowest)
    axes.set_yticks([1, *(tick for tick in ticks if 1 < tick <= lowest)])
    margin = 0.03 * (lowest - 1)
    axes.set_ylim(lowest + margin, 1 - margin)
    set_scale(axes, "x", "percent")
