"""Curves of optimizers, with bands: performance over the budget, performance profiles, runtime distributions."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from optathlon.analysis.plots.foremost import cut_note, foremost
from optathlon.analysis.plots.naming import add_legend, label_ends, legend_height, longest_label
from optathlon.analysis.plots.style import WIDE, Best, Look, Scale, figure_of, new_figure, set_scale, style

Shape = Literal["line", "step"]
"""How points are joined: straight, or by keeping the value until the next point."""

_MOST_BANDS = 12
"""Bands of more optimizers are a blur."""

_MOST_LABELS = 20

_MARKERS_PER_LINE = 5

_CHARACTERS_PER_INCH = 12
"""Of titles at the axes, about."""


def plot_curves(
    bands: pd.DataFrame,
    looks: Mapping[str, Look],
    *,
    x_title: str,
    y_title: str,
    title: str = "",
    x_scale: Scale = "linear",
    y_scale: Scale = "linear",
    best: Best = "low",
    shape: Shape = "line",
    width: float = WIDE,
) -> Figure:
    """One curve per optimizer, named at its end or, where that takes too much room, in a legend: the best end first.

    Of more than 60 optimizers those with the best ends are drawn, and the figure says so.

    Parameters
    ----------
    bands:
        Index (`optimizer`, point); the first column is drawn as lines, and `low` and `high`, where it has them, as
        bands (of up to 12 optimizers).
    looks:
        As `optathlon.analysis.plots.style.looks` returns them.
    x_title, y_title, title:
        What stands at the axes and above them.
    x_scale, y_scale:
        Logarithmic axes leave out what is not positive.
    best:
        Which y is better.
    shape:
        How points are joined.
    width:
        In inches: `WIDE` or `COLUMN` of `optathlon.analysis.plots.style`.
    """
    count, bands = len(_names(bands)), foremost_curves(bands, best)
    with style():
        figure = curves_figure(bands, looks, width)
        axes = figure.subplots()
        draw_curves(axes, bands, looks, shape=shape)
        set_scale(axes, "x", x_scale)
        set_scale(axes, "y", y_scale)
        axes.set(xlabel=x_title + cut_note(count), ylabel=_wrapped(f"{y_title} ({best} is best)", figure), title=title)
        axes.margins(x=0)
        name_curves(axes, bands, looks, best=best, number=_number(y_scale))
    return figure


def foremost_curves(bands: pd.DataFrame, best: Best) -> pd.DataFrame:
    """Those of `bands` that a figure draws."""
    ends = bands.iloc[:, 0].groupby(level="optimizer").last()
    return bands.loc[bands.index.isin(foremost(ends, best), level="optimizer")]


def curves_figure(bands: pd.DataFrame, looks: Mapping[str, Look], width: float) -> Figure:
    """An empty figure with room for the curves, and for their labels or legend."""
    names = _names(bands)
    if _has_room(names, looks, width):
        return new_figure(width, max(0.47 * width, 0.17 * len(names) + 0.9))
    return new_figure(width, max(0.6 * width, 2.6) + legend_height(names, looks, width))


def draw_curves(axes: Axes, bands: pd.DataFrame, looks: Mapping[str, Look], *, shape: Shape = "line") -> None:
    """Draw lines and bands, as `plot_curves` describes them."""
    groups = bands.groupby(level="optimizer", sort=True).indices
    points = bands.index.get_level_values(1).to_numpy(dtype=float)
    values = {name: column.to_numpy(dtype=float) for name, column in bands.items()}
    middle = values[bands.columns[0]]
    middle = np.where(np.isfinite(middle), middle, np.nan)
    has_bands, thin = {"low", "high"} <= {*values} and len(groups) <= _MOST_BANDS, len(groups) > _MOST_BANDS
    for position, (name, rows) in enumerate(sorted(groups.items())):
        look, x, y = looks[str(name)], points[rows], middle[rows]
        if has_bands:
            shade = 0.13 * min(1.0, 6 / len(groups))
            step: Literal["post"] | None = "post" if shape == "step" else None
            low, high = values["low"][rows], values["high"][rows]
            axes.fill_between(x, low, high, step=step, color=look.color, alpha=shade, linewidth=0, gid=look.gid)
        every = max(1, len(x) // _MARKERS_PER_LINE)
        axes.plot(
            x,
            y,
            color=look.color,
            linestyle=look.line,
            linewidth=1.0 if thin else 1.7,
            marker=look.marker,
            markersize=3.5 if thin else 4.5,
            markevery=(position % every, every),
            drawstyle="steps-post" if shape == "step" else "default",
            label=str(name),
            gid=look.gid,
        )
    axes.grid(visible=False, axis="x")


def name_curves(
    axes: Axes, bands: pd.DataFrame, looks: Mapping[str, Look], *, best: Best, number: Callable[[float], str]
) -> None:
    """Label the curves at their ends where there is room, else by a legend; all else must be in place."""
    ends = bands.iloc[:, 0].replace([np.inf, -np.inf], np.nan).groupby(level="optimizer", sort=True).last()
    ends = ends.sort_values(ascending=best == "low", kind="stable", na_position="last")
    figure = figure_of(axes)
    if _has_room(_names(bands), looks, figure.get_figwidth()):
        label_ends(axes, ends.dropna(), looks, lambda label, value: f"{label}  {number(value)}")
    else:
        add_legend(figure, [str(name) for name in ends.index], looks)


def _names(bands: pd.DataFrame) -> list[str]:
    return [str(name) for name in bands.index.unique("optimizer")]


def _has_room(names: list[str], looks: Mapping[str, Look], width: float) -> bool:
    """Whether labels at the ends leave the curves about two thirds of the width, and aren't too many for one column."""
    return 0.068 * longest_label(names, looks) + 0.75 <= 0.37 * width and len(names) <= _MOST_LABELS


def _wrapped(title: str, figure: Figure) -> str:
    """Lines that fit beside axes half as high as the figure is wide."""
    return textwrap.fill(title, int(_CHARACTERS_PER_INCH * 0.5 * figure.get_figwidth()))


def _number(scale: Scale) -> Callable[[float], str]:
    return (lambda share: f"{100 * share:.0f} %") if scale == "percent" else "{:.3g}".format
