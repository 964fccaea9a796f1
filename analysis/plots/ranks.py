"""Mean ranks over the budget."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from optathlon.analysis.plots.curves import curves_figure, draw_curves, foremost_curves, name_curves
from optathlon.analysis.plots.foremost import cut_note, foremost
from optathlon.analysis.plots.naming import add_legend, legend_height
from optathlon.analysis.plots.style import QUIET, WIDE, Look, new_figure, set_scale, style


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
    """Small multiples of `plot_ranks`: one panel per group of tasks, with a shared legend.

    Parameters
    ----------
    groups:
        Bands by the title of their panel.
    looks:
        As `optathlon.analysis.plots.style.looks` returns them.
    """
    columns = 2 if len(groups) == 4 else min(3, len(groups))
    rows = math.ceil(len(groups) / columns)
    ends = pd.concat([bands["mean"].groupby(level="optimizer").last() for bands in groups.values()])
    mean = ends.groupby(level="optimizer").mean()
    shown = sorted(foremost(mean))
    with style():
        figure = new_figure(WIDE, 2.3 * rows + legend_height(shown, looks, WIDE) + 0.3)
        panels = figure.subplots(rows, columns, sharex=True, squeeze=False).ravel()
        for axes, (title, bands) in zip(panels, groups.items(), strict=False):
            _draw(axes, bands.loc[bands.index.isin(shown, level="optimizer")], looks)
            axes.set_title(title)
        for axes in panels[len(groups) :]:
            axes.set_visible(False)
        for axes in panels[max(0, len(groups) - columns) : len(groups)]:
            axes.tick_params(labelbottom=True)
        figure.supxlabel("share of the budget spent" + cut_note(len(mean)), fontsize=8.5, color=QUIET)
        figure.supylabel("mean rank (1 is best)", fontsize=8.5, color=QUIET)
        add_legend(figure, shown, looks)
    return figure


def _draw(axes: Axes, bands: pd.DataFrame, looks: Mapping[str, Look]) -> None:
    draw_curves(axes, bands, looks, shape="step")
    drawn = bands.to_numpy(dtype=float) if len(axes.collections) else bands["mean"].to_numpy(dtype=float)
    lowest = max(2.0, float(np.max(drawn)))
    ticks = MaxNLocator(integer=True, nbins=8).tick_values(1, lowest)
    axes.set_yticks([1, *(tick for tick in ticks if 1 < tick <= lowest)])
    margin = 0.03 * (lowest - 1)
    axes.set_ylim(lowest + margin, 1 - margin)
    set_scale(axes, "x", "percent")
