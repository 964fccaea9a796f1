"""Seconds that optimizers take for themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from optathlon.analysis.plots.foremost import cut_note, foremost
from optathlon.analysis.plots.naming import name_rows, rows_height
from optathlon.analysis.plots.style import WIDE, Look, new_figure, style

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
    rows = overhead.loc[foremost(overhead["median"])]
    seconds = rows[["low", "lower", "median", "upper", "high", "mean"]].clip(lower=_FLOOR)
    with style():
        figure = new_figure(WIDE, rows_height(len(rows)) + 0.9)
        axes = figure.subplots()
        for y, (name, row) in enumerate(seconds.iterrows()):
            look = looks[str(name)]
            drawn: dict[str, Any] = {"color": look.color, "gid": look.gid}
            axes.plot((row["low"], row["high"]), (y, y), linewidth=1.0, **drawn)
            axes.plot((row["lower"], row["upper"]), (y, y), linewidth=5, alpha=0.45, **drawn)
            axes.plot(row["median"], y, marker=look.marker, markersize=6.5, **drawn)
            axes.plot(row["mean"], y, marker="|", markersize=9, markeredgewidth=1.4, **drawn)
        axes.set_xscale("log")
        _whole_decades(axes, seconds)
        name_rows(axes, [str(name) for name in rows.index], looks)
        legend = "ask + tell per trial — marker: median, thick: quartiles, thin: 5 to 95 %, tick: mean"
        axes.set_xlabel(legend + cut_note(len(overhead), "quickest"))
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
