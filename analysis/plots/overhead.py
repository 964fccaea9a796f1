"""Seconds that optimizers take for themselves."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from optathlon.analysis.plots.style import INK, Look, new_figure, short, style

_FLOOR = 1e-7
"""Seconds below which nothing is drawn (a logarithmic axis has no zero)."""


def plot_overhead(overhead: pd.DataFrame, looks: Mapping[str, Look]) -> Figure:
    """Seconds of ask and tell per trial, on a logarithmic axis: median, quartiles, 5 to 95 %, and mean.

    Parameters
    ----------
    overhead:
        As `optathlon.analysis.overhead` returns it.
    looks:
        As `optathlon.analysis.plots.style.looks` returns them.
    """
    rows = overhead.sort_index().sort_values("median", ascending=False, kind="stable")
    seconds = rows[["low", "lower", "median", "upper", "high", "mean"]].clip(lower=_FLOOR)
    with style():
        figure = new_figure(7.2, 0.3 * len(rows) + 1.0)
        axes = figure.subplots()
        for y, (name, row) in enumerate(seconds.iterrows()):
            look = looks[str(name)]
            axes.plot((row["low"], row["high"]), (y, y), color=look.color, linewidth=1.0)
            axes.plot((row["lower"], row["upper"]), (y, y), color=look.color, linewidth=5, alpha=0.45)
            axes.plot(row["median"], y, color=look.color, marker=look.marker, markersize=6.5)
            axes.plot(row["mean"], y, color=look.color, marker="|", markersize=9, markeredgewidth=1.4)
        axes.set_xscale("log")
        _whole_decades(axes, seconds)
        axes.set_yticks(np.arange(len(rows)), [short(str(name)) for name in rows.index], color=INK, fontsize=8.5)
        axes.spines["left"].set_visible(False)
        axes.grid(visible=False, axis="y")
        axes.set_ylim(-0.6, len(rows) - 0.4)
        axes.set_xlabel("ask + tell per trial — marker: median, thick: quartiles, thin: 5 to 95 %, tick: mean")
    return figure


def _whole_decades(axes: Axes, seconds: pd.DataFrame) -> None:
    """Limits and ticks at whole powers of ten, written as times."""
    low = int(np.floor(np.log10(seconds.to_numpy().min())))
    high = max(low + 1, int(np.ceil(np.log10(seconds.to_numpy().max()))))
    axes.set_xlim(10.0**low, 10.0**high)
    exponents = range(low, high + 1)
    axes.set_xticks([10.0**exponent for exponent in exponents], [_time(exponent) for exponent in exponents])
    axes.minorticks_off()


def _time(exponent: int) -> str:
    if exponent < -3:
        return f"{10.0 ** (exponent + 6):g} µs"
    return f"{10.0 ** (exponent + 3):g} ms" if exponent < 0 else f"{10.0**exponent:g} s"
