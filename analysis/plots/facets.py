"""The same chart for several groups of tasks, side by side."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from optathlon.analysis.plots.foremost import cut_note, foremost
from optathlon.analysis.plots.naming import add_legend, legend_height
from optathlon.analysis.plots.style import QUIET, WIDE, Best, Look, new_figure, style

_MOST = 20
"""A small panel with more curves is a tangle."""


def plot_facets(
    groups: Mapping[str, pd.DataFrame],
    looks: Mapping[str, Look],
    *,
    draw: Callable[[Axes, pd.DataFrame], None],
    x_title: str,
    y_title: str,
    best: Best,
) -> Figure:
    """Small multiples: one panel per group of tasks, with a shared legend.

    Of more than 20 optimizers those with the best ends on average are drawn, and the figure says so.

    Parameters
    ----------
    groups:
        By the title of their panel: index (`optimizer`, point); the first column orders the optimizers.
    looks:
        As `optathlon.analysis.plots.style.looks` returns them.
    draw:
        Draws one group.
    x_title, y_title:
        What stands below and beside all panels.
    best:
        Which ends are better.
    """
    columns = 2 if len(groups) == 4 else min(3, len(groups))
    rows = math.ceil(len(groups) / columns)
    ends = pd.concat([bands.iloc[:, 0].groupby(level="optimizer").last() for bands in groups.values()])
    mean = ends.groupby(level="optimizer").mean()
    shown = sorted(foremost(mean, best, most=_MOST))
    with style():
        figure = new_figure(WIDE, 2.3 * rows + legend_height(shown, looks, WIDE) + 0.3)
        panels = figure.subplots(rows, columns, sharex=True, squeeze=False).ravel()
        for axes, (title, bands) in zip(panels, groups.items(), strict=False):
            draw(axes, bands.loc[bands.index.isin(shown, level="optimizer")])
            axes.set_title(title)
        for axes in panels[len(groups) :]:
            axes.set_visible(False)
        for axes in panels[max(0, len(groups) - columns) : len(groups)]:
            axes.tick_params(labelbottom=True)
        figure.supxlabel(x_title + cut_note(len(mean), most=_MOST), fontsize=8.5, color=QUIET)
        figure.supylabel(y_title, fontsize=8.5, color=QUIET)
        add_legend(figure, shown, looks)
    return figure
