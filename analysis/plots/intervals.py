"""Estimates with their intervals, one row per optimizer."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from optathlon.analysis.plots.foremost import cut_note, foremost
from optathlon.analysis.plots.naming import name_rows, rows_height
from optathlon.analysis.plots.style import QUIET, WIDE, Best, Look, new_figure, style


def plot_intervals(
    panels: Mapping[str, pd.DataFrame], looks: Mapping[str, Look], *, best: Best, width: float = WIDE
) -> Figure:
    """One row per optimizer, the best by the first panel on top; panels stand side by side.

    Parameters
    ----------
    panels:
        By title: index `optimizer`, the same in all; `estimate`, `low`, `high`. NaN is left out.
    looks:
        As `optathlon.analysis.plots.style.looks` returns them.
    best:
        Which estimates are better.
    width:
        In inches.
    """
    first = next(iter(panels.values()))["estimate"]
    order = foremost(first, best)
    with style():
        figure = new_figure(width, rows_height(len(order)) + 0.8)
        for axes, (title, table) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True):
            _draw(axes, table.loc[order], looks)
            axes.set_title(title)
            axes.locator_params(axis="x", nbins=max(3, int(1.4 * width / len(panels))))
        name_rows(figure.axes[0], order, looks)
        for axes in figure.axes[1:]:
            axes.spines["left"].set_visible(False)
            axes.set(yticks=[], ylim=figure.axes[0].get_ylim())
        figure.supxlabel(f"{best} is best{cut_note(len(first))}", fontsize=8.5, color=QUIET)
    return figure


def _draw(axes: Axes, table: pd.DataFrame, looks: Mapping[str, Look]) -> None:
    for y, (name, row) in enumerate(table.iterrows()):
        x = row["low"], row["high"], row["estimate"]
        draw_interval(axes, x, (y, y, y), looks[str(name)], linewidth=2.2, alpha=0.6, markersize=5.0)


def draw_interval(
    axes: Axes,
    x: tuple[float, float, float],
    y: tuple[float, float, float],
    look: Look,
    *,
    linewidth: float,
    alpha: float,
    markersize: float,
) -> None:
    """A line from the first point to the second, and a marker at the third, which is not joined to them: one artist."""
    axes.plot(
        (*x[:2], np.nan, x[2]),
        (*y[:2], np.nan, y[2]),
        color=(look.color, alpha),
        linewidth=linewidth,
        marker=look.marker,
        markersize=markersize,
        markerfacecolor=look.color,
        markeredgecolor=look.color,
        markevery=[3],
        gid=look.gid,
    )
