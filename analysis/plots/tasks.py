"""One task: the trajectories of its runs, and where they end."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from optathlon.analysis.plots.curves import plot_curves
from optathlon.analysis.plots.naming import name_rows, rows_height
from optathlon.analysis.plots.style import INK, QUIET, WIDE, Best, Look, Scale, new_figure, set_scale, style


def plot_task(
    median: pd.DataFrame,
    lower: pd.DataFrame,
    upper: pd.DataFrame,
    looks: Mapping[str, Look],
    *,
    title: str,
    x_title: str,
    y_title: str,
    x_scale: Scale = "linear",
    y_scale: Scale = "linear",
    best: Best = "low",
    width: float = WIDE,
) -> Figure:
    """Trajectories as steps: median and quartiles over seeds.

    Parameters
    ----------
    median, lower, upper:
        Optimizers x points, in the user's units; NaN where there is no result yet.
    looks, title, x_title, y_title, x_scale, y_scale, best, width:
        As of `optathlon.analysis.plots.curves.plot_curves`.
    """
    parts = {"median": median, "low": lower, "high": upper}
    long = {
        name: part.rename_axis(index="optimizer", columns="point").stack(future_stack=True)
        for name, part in parts.items()
    }
    return plot_curves(
        pd.DataFrame(long),
        looks,
        title=title,
        x_title=x_title,
        y_title=y_title,
        x_scale=x_scale,
        y_scale=y_scale,
        best=best,
        shape="step",
        width=width,
    )


def plot_finals(
    values: Mapping[str, np.ndarray],
    looks: Mapping[str, Look],
    *,
    title: str,
    x_title: str,
    x_scale: Scale = "linear",
    best: Best = "low",
    width: float = WIDE,
) -> Figure:
    """Where runs end: one row per optimizer, the best median on top, a mark per seed and a tick at the median.

    Parameters
    ----------
    values:
        By optimizer, shape (seeds,): final values in the user's units; NaN where a run has no result, which counts as
        worse than any. How many there are of those is told beside the row.
    looks:
        As `optathlon.analysis.plots.style.looks` returns them.
    title, x_title:
        What stands above, and at the axis.
    x_scale:
        A logarithmic axis leaves out what is not positive.
    best:
        Which values are better.
    width:
        In inches.
    """
    sign = 1 if best == "low" else -1
    medians = {name: sign * _median(sign * ends) for name, ends in values.items()}
    order = sorted(values, key=lambda name: (sign * medians[name], name))
    with style():
        figure = new_figure(width, rows_height(len(order)) + 0.9)
        axes = figure.subplots()
        for y, name in enumerate(order):
            look, ends = looks[name], values[name]
            axes.plot(ends, np.full(len(ends), y), look.marker, color=look.color, alpha=0.75, gid=look.gid)
            if np.isfinite(medians[name]):
                axes.plot(medians[name], y, "|", color=INK, markersize=9, markeredgewidth=1.4, gid=look.gid)
            if missing := int(np.isnan(ends).sum()):
                axes.annotate(
                    f"{missing} of {len(ends)} without result",
                    (1, y),
                    xycoords=axes.get_yaxis_transform(),
                    xytext=(6, 0),
                    textcoords="offset points",
                    va="center",
                    fontsize=7.0,
                    color=QUIET,
                    gid=look.gid,
                )
        set_scale(axes, "x", x_scale)
        name_rows(axes, order, looks)
        axes.set(title=title, xlabel=f"{x_title} ({best} is best)")
    return figure


def _median(losses: np.ndarray) -> float:
    """The median where NaN is worse than any; infinite where that falls on one."""
    return float(np.median(np.where(np.isnan(losses), np.inf, losses)))
