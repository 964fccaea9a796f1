"""Does the order of the optimizers depend on defensible choices?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import cast

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from optathlon.analysis.plots.foremost import cut_note, foremost
from optathlon.analysis.plots.naming import label_ends
from optathlon.analysis.plots.style import INK, QUIET, RULE, WIDE, Look, figure_labels, new_figure, style

_TOP = 10
"""Optimizers that are ever among so many stand out."""


def plot_sensitivity(table: pd.DataFrame, looks: Mapping[str, Look], *, width: float = WIDE) -> Figure:
    """The position of each optimizer (1 on top) in each scenario; those never among the first ten are grey.

    Parameters
    ----------
    table:
        As `optathlon.analysis.stats.sensitivity.sensitivity` returns it.
    looks:
        As `optathlon.analysis.plots.style.looks` returns them.
    width:
        In inches.
    """
    positions = (
        table["position"]
        .unstack(["choice", "scenario"])
        .reindex(columns=cast("pd.MultiIndex", table.index).droplevel(["optimizer"]).unique())
    )
    count = len(positions)
    positions = positions.loc[foremost(positions.mean(axis="columns"))]
    with style():
        figure = new_figure(width, max(3.0, 0.135 * len(positions) + 1.9))
        axes = figure.subplots()
        shown = {str(name): _shown(looks[str(name)], row) for name, row in positions.iterrows()}
        for name, row in positions.sort_index().iterrows():
            _draw(axes, row, shown[str(name)])
        _mark_scenarios(axes, cast("pd.MultiIndex", positions.columns))
        last = max(len(positions), int(positions.to_numpy().max()))
        axes.set_yticks([1, *(tick for tick in MaxNLocator(integer=True).tick_values(1, last) if tick > 1)])
        axes.set_ylim(last + 0.5, 0.5)
        axes.set_ylabel("position (1 is best)" + cut_note(count))
        fontsize = 8.0 if len(positions) <= 25 else 6.8
        label_ends(axes, positions.iloc[:, -1], shown, lambda label, _: label, fontsize=fontsize)
    return figure


def _shown(look: Look, positions: pd.Series) -> Look:
    return look if positions.min() <= _TOP else replace(look, color=QUIET)


def _draw(axes: Axes, positions: pd.Series, look: Look) -> None:
    stands_out = look.color != QUIET
    axes.plot(
        np.arange(len(positions)),
        positions,
        color=look.color,
        linestyle=look.line,
        linewidth=1.3 if stands_out else 0.5,
        alpha=1.0 if stands_out else 0.5,
        marker=look.marker,
        markersize=3.8 if stands_out else 2.0,
        zorder=2.1 if stands_out else 2.0,
        gid=look.gid,
    )


def _mark_scenarios(axes: Axes, scenarios: pd.MultiIndex) -> None:
    """Scenarios below, the choices that they belong to above, and lines between choices."""
    names = [str(name) for name in scenarios.get_level_values("scenario")]
    shown = figure_labels(names, 22)
    axes.set_xticks(
        np.arange(len(scenarios)),
        [shown[name] for name in names],
        rotation=40,
        ha="right",
        rotation_mode="anchor",
        color=INK,
    )
    choices = scenarios.get_level_values("choice").to_numpy()
    for start in np.flatnonzero(np.r_[True, choices[1:] != choices[:-1]]):
        if start:
            axes.axvline(start - 0.5, color=QUIET, linewidth=0.7)
        axes.annotate(
            str(choices[start]),
            (start - 0.35, 1),
            xycoords=axes.get_xaxis_transform(),
            xytext=(0, 5),
            textcoords="offset points",
            rotation=25,
            rotation_mode="anchor",
            fontsize=8.0,
            color=QUIET,
        )
    axes.grid(color=RULE, linewidth=0.5)
    axes.set_xlim(-0.5, len(scenarios) - 0.5)
