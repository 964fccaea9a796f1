"""What is whose: labels at the ends of lines, legends, and names of rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import cast

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.transforms import Affine2D, ScaledTranslation, Transform, blended_transform_factory

from optathlon.analysis.plots.labels import columns
from optathlon.analysis.plots.measuring import POINTS_PER_INCH
from optathlon.analysis.plots.style import INK, Look, figure_of, spread

_LABEL_GAP = 1.4
"""The distance of labels at the end of lines, by the size of their font."""

_LEGEND_ROW = 1.35
"""The distance of rows of a legend, by the size of its font."""
_LEGEND_EDGE = 3.0
"""Points between a legend and the edge of the figure."""

_MANY_ROWS = 20


def label_ends(
    axes: Axes,
    ends: pd.Series,
    looks: Mapping[str, Look],
    text: Callable[[str, float], str],
    *,
    fontsize: float = 8.5,
) -> None:
    """Write at the right edge whose line ends there, moved apart where labels would overlap.

    Parameters
    ----------
    axes:
        With all that determines its height in place.
    ends:
        By optimizer: the y at which its line ends; where it lies outside the axes it is moved to their edge.
    looks:
        As `optathlon.analysis.plots.style.looks` returns them.
    text:
        From label and end to text.
    fontsize:
        In points.
    """
    figure = figure_of(axes)
    lay_out(figure)
    points = axes.bbox.height * POINTS_PER_INCH / figure.dpi
    inside = ends.clip(*sorted(axes.get_ylim()))
    across = [(axes.get_xlim()[0], value) for value in inside]
    heights = axes.transAxes.inverted().transform(axes.transData.transform(across))[:, 1]
    placed = spread((-heights * points).tolist(), _LABEL_GAP * fontsize)
    beside = _beside(axes)
    for (name, end), height, target in zip(ends.items(), heights, placed, strict=True):
        look, y = looks[str(name)], -target / points
        axes.plot((1, 13), (height, y), color=look.color, linewidth=1.2, clip_on=False, transform=beside, gid=look.gid)
        axes.text(
            16,
            y,
            text(look.label, end),
            color=INK,
            fontsize=fontsize,
            va="center_baseline",
            transform=beside,
            gid=look.gid,
        )


def _beside(axes: Axes) -> Transform:
    """Coordinates: points to the right of the axes, and the share of their height."""
    edge = ScaledTranslation(1, 0, cast("Affine2D", axes.transAxes))
    return blended_transform_factory(_points(figure_of(axes)) + edge, axes.transAxes)


def _points(figure: Figure) -> Transform:
    return Affine2D().scale(1 / POINTS_PER_INCH) + figure.dpi_scale_trans


def add_legend(figure: Figure, names: Sequence[str], looks: Mapping[str, Look]) -> None:
    """A legend above all else in the figure, in the order of `names`, down the columns.

    Matplotlib's own legend packs boxes in boxes, each measured several times: with 60 names it takes longer than their
    curves.
    """
    fontsize = _legend_font(names)
    columns = legend_columns(names, looks, figure.get_figwidth())
    rows = math.ceil(len(names) / columns)
    height = (2 * _LEGEND_EDGE + (0.4 + _LEGEND_ROW * rows) * fontsize) / POINTS_PER_INCH
    engine = cast("ConstrainedLayoutEngine", figure.get_layout_engine())
    engine.set(rect=(0.0, 0.0, 1.0, 1.0 - height / figure.get_figheight()))
    corner = _points(figure) + ScaledTranslation(0, 1, cast("Affine2D", figure.transFigure))
    x = _LEGEND_EDGE + 0.4 * fontsize
    for first in range(0, len(names), rows):
        texts = []
        for row, name in enumerate(names[first : first + rows]):
            y = -_LEGEND_EDGE - (1.2 + _LEGEND_ROW * row) * fontsize
            look = looks[name]
            line = handle(look, (x, x + fontsize, x + 2 * fontsize), y + 0.35 * fontsize)
            line.set(transform=corner, gid=look.gid)
            figure.add_artist(line)
            texts.append(
                figure.text(x + 2.8 * fontsize, y, look.label, fontsize=fontsize, transform=corner, gid=look.gid)
            )
        widest = max(text.get_window_extent().width for text in texts) * POINTS_PER_INCH / figure.dpi
        x += widest + 4 * fontsize


def legend_height(names: Sequence[str], looks: Mapping[str, Look], width: float) -> float:
    """Inches that the legend of a figure of some inches' width takes."""
    rows = math.ceil(len(names) / legend_columns(names, looks, width))
    return _legend_font(names) * 1.42 / 72 * rows + 0.15


def legend_columns(names: Iterable[str], looks: Mapping[str, Look], width: float) -> int:
    """How many columns fit into some inches."""
    return max(1, min(5, int(14 * width / (longest_label(names, looks) + 8))))


def longest_label(names: Iterable[str], looks: Mapping[str, Look]) -> int:
    """The width of the longest label, in letters; 0 for none."""
    return max((columns(looks[name].label) for name in names), default=0)


def handle(look: Look, x: tuple[float, float, float], y: float) -> Line2D:
    """A piece of an optimizer's line, with a marker at the middle x, for a legend."""
    return Line2D(x, (y, y, y), color=look.color, linestyle=look.line, marker=look.marker, markevery=[1])


def name_rows(axes: Axes, names: Sequence[str], looks: Mapping[str, Look]) -> None:
    """Make y rows, the first of `names` on top, at 0, 1, …"""
    fontsize = 8.5 if len(names) <= _MANY_ROWS else 7.0
    axes.set_yticks(np.arange(len(names)), [looks[name].label for name in names], color=INK, fontsize=fontsize)
    for name, label in zip(names, axes.get_yticklabels(), strict=True):
        label.set_gid(looks[name].gid)
    axes.spines["left"].set_visible(False)
    axes.grid(visible=False, axis="y")
    axes.set_ylim(len(names) - 0.4, -0.6)


def rows_height(count: int) -> float:
    """Inches that some rows take."""
    return (0.24 if count <= _MANY_ROWS else 0.16) * count


def lay_out(figure: Figure) -> None:
    """Give the axes of a figure the place that they will have, as far as it is known yet."""
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)


def _legend_font(names: Sequence[str]) -> float:
    return 8.0 if len(names) <= _MANY_ROWS else 7.0
