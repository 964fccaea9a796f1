"""Matrices as heat maps: optimizers two by two, and tasks two by two."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from optathlon.analysis.plots.style import INK, QUIET, WIDE, figure_labels, figure_of, new_figure, style

_COLORS = ("#a63d00", "#e58e4c", "#f4f1ee", "#5aa3d0", "#00507f")
"""Vermilion to blue through near white: tells apart for colour-blind readers too."""

_LEVELS = 33

_PALE = "#000000"
_DARK = "#ffffff"
"""Numbers on pale and dark cells: not the ink, as cells keep their colour on dark screens."""

_NUMBER_SIZES = (7.5, 6.5, 5.5)
_WIDTH_PER_POINT = 0.64
"""Of a digit, about, by the size of the font."""
_MOST_NAMES = 70
_LARGEST_CELL = 0.6
"""Inches."""
_SCALE_ROOM = 0.7
"""Inches at the right for the scale of the colours."""


def plot_pairs(
    table: pd.DataFrame, column: str, *, title: str, center: float, fmt: str = ".2f", width: float = WIDE
) -> Figure:
    """How each optimizer (rows) fares against each other (columns), sorted by the row's mean, highest on top.

    Parameters
    ----------
    table:
        Index (`first`, `second`), all ordered pairs of different optimizers.
    column:
        What is drawn.
    title:
        What stands above.
    center:
        The value of the palest colour; below it is orange, above it blue.
    fmt:
        The format of numbers, which stand in cells where they fit.
    width:
        In inches.
    """
    matrix = table[column].unstack("second").sort_index(axis=0).sort_index(axis=1)
    order = matrix.mean(axis=1).round(12).sort_values(ascending=False, kind="stable").index
    ordered = matrix.loc[order, order]
    with style():
        figure, axes = _heat_map(ordered, center, _span(ordered, center), title, width)
        _write_numbers(axes, ordered, center, fmt)
    return figure


def plot_task_correlation(matrix: pd.DataFrame, *, width: float = WIDE) -> Figure:
    """Kendall's τ between tasks; NaN stays blank, and so do names beyond 70.

    Parameters
    ----------
    matrix:
        As `optathlon.analysis.stats.task_correlation.task_correlation` returns it.
    width:
        In inches.
    """
    with style():
        figure, _ = _heat_map(matrix, 0.0, 1.0, "Kendall's τ between the rankings on two tasks", width)
    return figure


def _heat_map(matrix: pd.DataFrame, center: float, span: float, title: str, width: float) -> tuple[Figure, Axes]:
    figure = new_figure(width, width)
    figure.set_layout_engine("none")
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    cells = _draw_cells(axes, matrix, center, span)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.set_title(title)
    _place(figure, axes, _name_cells(axes, matrix, width), len(matrix))
    _, bottom, right, top = axes.get_position().extents
    scale = figure.add_axes((right + 0.12 / width, bottom + 0.25 * (top - bottom), 0.12 / width, 0.5 * (top - bottom)))
    bar = figure.colorbar(cells, cax=scale)
    bar.outline.set_edgecolor(QUIET)
    return figure, axes


def _draw_cells(axes: Axes, matrix: pd.DataFrame, center: float, span: float) -> ScalarMappable:
    """Cell (i, j) between j and j + 1 across and i and i + 1 down: shapes, or one image where they are many."""
    known = np.ma.masked_invalid(matrix.to_numpy(dtype=float))
    colors = LinearSegmentedColormap.from_list("pairs", _COLORS, N=_LEVELS)
    low, high = center - span, center + span
    if len(matrix) > _MOST_NAMES:
        edges = (0, len(matrix), len(matrix), 0)
        return axes.imshow(
            known, cmap=colors, vmin=low, vmax=high, extent=edges, interpolation="nearest", aspect="auto"
        )
    cells = axes.pcolormesh(known, cmap=colors, vmin=low, vmax=high)
    axes.invert_yaxis()
    return cells


def _name_cells(axes: Axes, matrix: pd.DataFrame, width: float) -> float:
    """Name rows and columns where the names aren't too many; returns the inches that they take."""
    axes.set(xticks=[], yticks=[])
    if len(matrix) > _MOST_NAMES:
        return 0.0
    shown, middles = figure_labels(matrix.index, 20), np.arange(len(matrix)) + 0.5
    names = [shown[name] for name in matrix.index]
    fontsize = float(np.clip(45 * (width - 1.8) / len(names), 3.5, 8.5))
    axes.set_xticks(middles, names, rotation=90, fontsize=fontsize, color=INK)
    axes.set_yticks(middles, names, fontsize=fontsize, color=INK)
    return max(float(label.get_window_extent().width) for label in axes.get_yticklabels()) / figure_of(axes).dpi


def _place(figure: Figure, axes: Axes, names: float, count: int) -> None:
    """Make the cells square, with room for `names` inches at the left and below, a title, and a scale at the right."""
    width, edge = figure.get_figwidth(), names + 0.12
    side = min(width - edge - _SCALE_ROOM, _LARGEST_CELL * count)
    height = edge + side + 0.3
    figure.set_figheight(height)
    axes.set_position((edge / width, edge / height, side / width, side / height))


def _span(matrix: pd.DataFrame, center: float) -> float:
    far = np.abs(matrix.to_numpy(dtype=float) - center)
    return float(np.max(far, initial=0.0, where=np.isfinite(far))) or 1.0


def _write_numbers(axes: Axes, matrix: pd.DataFrame, center: float, fmt: str) -> None:
    values = matrix.to_numpy(dtype=float)
    texts = {(row, column): f"{values[row, column]:{fmt}}" for row, column in np.argwhere(np.isfinite(values))}
    room = axes.bbox.width * 72 / figure_of(axes).dpi / len(values) - 2
    longest = max((len(text) for text in texts.values()), default=1)
    fitting = [size for size in _NUMBER_SIZES if _WIDTH_PER_POINT * size * longest <= room]
    if not fitting:
        return
    dark = 0.6 * _span(matrix, center)
    for (row, column), text in texts.items():
        color = _DARK if abs(values[row, column] - center) > dark else _PALE
        axes.text(column + 0.5, row + 0.5, text, ha="center", va="center", fontsize=fitting[0], color=color)
