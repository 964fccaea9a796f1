"""Quality against what it costs."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from optathlon.analysis.plots.foremost import cut_note, foremost
from optathlon.analysis.plots.intervals import draw_interval
from optathlon.analysis.plots.naming import add_legend, legend_height
from optathlon.analysis.plots.style import QUIET, WIDE, Look, new_figure, set_scale, style
from optathlon.analysis.stats.efficiency import efficient

_FLOOR = 1e-7
"""Seconds below which nothing is drawn (a logarithmic axis has no zero)."""


def plot_efficiency(
    quality: pd.DataFrame, costs: Mapping[str, pd.Series], looks: Mapping[str, Look], *, y_title: str
) -> Figure:
    """A panel for each kind of cost, on a logarithmic axis; a line joins those that no other one beats in both.

    Parameters
    ----------
    quality:
        Index `optimizer`; `estimate`, `low`, `high`, lower is better.
    costs:
        By title: seconds of each optimizer; NaN is left out.
    looks:
        As `optathlon.analysis.plots.style.looks` returns them.
    y_title:
        What the quality is.
    """
    shown = foremost(quality["estimate"])
    with style():
        figure = new_figure(WIDE, 2.9 + legend_height(shown, looks, WIDE))
        panels = figure.subplots(1, len(costs), sharey=True, squeeze=False)[0]
        for axes, (title, seconds) in zip(panels, costs.items(), strict=True):
            _draw(axes, quality.loc[shown].assign(seconds=seconds.clip(lower=_FLOOR)).dropna(), looks)
            axes.set_xlabel(title)
        panels[0].set_ylabel(f"{y_title} (low is best){cut_note(len(quality))}")
        add_legend(figure, shown, looks)
    return figure


def _draw(axes: Axes, table: pd.DataFrame, looks: Mapping[str, Look]) -> None:
    front = table[efficient(table[["seconds", "estimate"]])].sort_values("seconds", kind="stable")
    axes.plot(front["seconds"], front["estimate"], drawstyle="steps-post", color=QUIET, linewidth=1.0, zorder=1)
    for name, row in table.iterrows():
        x, y = (row["seconds"],) * 3, (row["low"], row["high"], row["estimate"])
        draw_interval(axes, x, y, looks[str(name)], linewidth=1.6, alpha=0.4, markersize=6.0)
    set_scale(axes, "x", "log")
