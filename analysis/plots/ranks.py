"""Mean ranks over the budget."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from optathlon.analysis.plots.style import INK, QUIET, Look, new_figure, percent_axis, short, spread, style

_LABEL_POINTS = 12.0
"""The distance of labels at the end of lines, in points."""


def plot_ranks(bands: pd.DataFrame, looks: Mapping[str, Look]) -> Figure:
    """Mean rank (1 is best and on top) against the share of the budget, with confidence bands and direct labels.

    Parameters
    ----------
    bands:
        As `optathlon.analysis.bootstrap_ranks` returns them.
    looks:
        As `optathlon.analysis.plots.style.looks` returns them.
    """
    optimizers = bands.index.unique("optimizer")
    with style():
        height = max(3.4, 0.24 * len(optimizers) + 1.2)
        figure = new_figure(7.2, height)
        axes = figure.subplots()
        _draw(axes, bands, looks)
        axes.set_xlabel("share of the budget spent")
        axes.set_ylabel("mean rank (1 is best)")
        figure.draw_without_rendering()
        _label_ends(axes, bands, looks)
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
    shown = sorted({name for bands in groups.values() for name in bands.index.unique("optimizer")})
    legend_columns = _legend_columns(shown)
    with style():
        height = 2.3 * rows + 0.22 * math.ceil(len(shown) / legend_columns) + 0.3
        figure = new_figure(7.2, height)
        panels = np.atleast_1d(figure.subplots(rows, columns, sharex=True, squeeze=False).ravel())
        for axes, (title, bands) in zip(panels, groups.items(), strict=False):
            _draw(axes, bands, looks)
            axes.set_title(title)
        for axes in panels[len(groups) :]:
            axes.set_visible(False)
        for axes in panels[max(0, len(groups) - columns) : len(groups)]:
            axes.tick_params(labelbottom=True)
        figure.supxlabel("share of the budget spent", fontsize=8.5, color=QUIET)
        figure.supylabel("mean rank (1 is best)", fontsize=8.5, color=QUIET)
        handles = [_handle(looks[name]) for name in shown]
        labels = [short(name) for name in shown]
        figure.legend(handles, labels, loc="outside upper left", ncols=legend_columns, fontsize=8.0)
    return figure


def _legend_columns(names: list[str]) -> int:
    longest = max(len(short(name)) for name in names)
    return max(1, min(5, int(100 / (longest + 8))))


def _handle(look: Look) -> Line2D:
    return Line2D([], [], color=look.color, linestyle=look.line, marker=look.marker)


def _draw(axes: Axes, bands: pd.DataFrame, looks: Mapping[str, Look]) -> None:
    shade = 0.13 * min(1.0, 6 / len(bands.index.unique("optimizer")))
    for position, (name, rows) in enumerate(bands.groupby(level="optimizer", sort=True)):
        look = looks[str(name)]
        x = rows.index.get_level_values("fraction").to_numpy()
        axes.fill_between(x, rows["low"], rows["high"], color=look.color, alpha=shade, linewidth=0)
        every = max(1, len(x) // 5)
        axes.plot(
            x,
            rows["mean"],
            color=look.color,
            linestyle=look.line,
            marker=look.marker,
            markevery=(position % every, every),
            label=str(name),
        )
    lowest = max(2.0, bands["high"].max())
    ticks = MaxNLocator(integer=True, nbins=8).tick_values(1, lowest)
    axes.set_yticks([1, *(tick for tick in ticks if 1 < tick <= lowest)])
    margin = 0.03 * (lowest - 1)
    axes.set_ylim(lowest + margin, 1 - margin)
    axes.grid(visible=False, axis="x")
    percent_axis(axes)


def _label_ends(axes: Axes, bands: pd.DataFrame, looks: Mapping[str, Look]) -> None:
    """Write each name beside the end of its line, moved apart where they would overlap."""
    last = bands.index.unique("fraction").max()
    ends = bands.xs(last, level="fraction")["mean"]
    to_points = 72 / axes.figure.dpi
    heights = axes.transData.transform([(last, value) for value in ends])[:, 1] * to_points
    placed = spread((-heights).tolist(), _LABEL_POINTS)
    for name, value, height, target in zip(ends.index, ends, -heights, placed, strict=True):
        axes.annotate(
            f"{short(str(name))}  {value:.2f}",
            (last, value),
            xytext=(16, height - target),
            textcoords="offset points",
            color=INK,
            fontsize=8.5,
            va="center",
            arrowprops={
                "arrowstyle": "-",
                "color": looks[name].color,
                "linewidth": 1.2,
                "shrinkA": 1,
                "shrinkB": 3,
                "relpos": (0.0, 0.5),
            },
            annotation_clip=False,
        )
