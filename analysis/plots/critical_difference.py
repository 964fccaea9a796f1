"""The critical-difference diagram (Demšar 2006, JMLR 7:1-30, section 3.2.4)."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import MaxNLocator

from optathlon.analysis.plots.foremost import cut_note, foremost
from optathlon.analysis.plots.naming import longest_label
from optathlon.analysis.plots.style import INK, QUIET, Look, figure_of, new_figure, style
from optathlon.analysis.stats.significance import ALPHA, Significance

_WIDTH = 7.2
_ROW = 0.27
"""Inches per label."""
_CHARACTER = 0.068
"""Inches per character of a label, about."""


def plot_critical_difference(significance: Significance, looks: Mapping[str, Look]) -> Figure:
    """Mean ranks on a line, best on the left; a bar joins optimizers that can't be told apart.

    Of more than 60 optimizers the best are drawn, and the figure says so.

    Parameters
    ----------
    significance:
        As `optathlon.analysis.wilcoxon_holm` or `optathlon.analysis.friedman_nemenyi` returns it.
    looks:
        As `optathlon.analysis.plots.style.looks` returns them.
    """
    count, ranks = len(significance.mean_ranks), significance.mean_ranks.loc[foremost(significance.mean_ranks)]
    bars = _stacked(_among(len(ranks), indistinguishable(significance)))
    half = math.ceil(len(ranks) / 2)
    bar_room = 0.16 * max((level + 1 for _, _, level in bars), default=0) + 0.12
    below = bar_room + _ROW * half
    with style():
        above = 0.3 if math.isnan(significance.critical_difference) and count == len(ranks) else 0.7
        figure = new_figure(_WIDTH, below + above + 0.05)
        figure.set_layout_engine("none")
        left, right = _margin(ranks.index[:half], looks), _margin(ranks.index[half:], looks)
        axes = figure.add_axes((left / _WIDTH, 0.0, 1 - (left + right) / _WIDTH, 1.0))
        axes.set_ylim(-below - 0.05, above)
        start = math.floor(ranks.min())
        ruler = np.nan_to_num(significance.critical_difference)
        _scale(axes, start, max(start + 1, math.ceil(ranks.max()), start + ruler))
        for first, last, level in bars:
            y = -0.16 * (level + 1)
            ends = ranks.iloc[first], ranks.iloc[last]
            axes.plot(ends, (y, y), color=INK, linewidth=3.2, solid_capstyle="round")
        for place, (name, rank) in enumerate(ranks.items()):
            left = place < half
            row = place if left else len(ranks) - 1 - place
            _label(axes, rank, -bar_room - _ROW * (row + 0.4), looks[str(name)], left=left)
        if not math.isnan(significance.critical_difference):
            _ruler(axes, start, ruler)
        axes.text(1, 0.52, cut_note(count), ha="right", va="bottom", fontsize=8, transform=axes.get_yaxis_transform())
    return figure


def indistinguishable(significance: Significance) -> list[tuple[int, int]]:
    """Maximal runs of places, in the order of mean ranks, no two of which differ: first and last places, from 0.

    By Nemenyi's test it would be enough to look at the ends of a run. Tests between pairs needn't follow the mean
    ranks, so all pairs in it are looked at; two that don't differ may then still share no bar.
    """
    names = significance.mean_ranks.sort_index().sort_values(kind="stable").index
    differ = (significance.pairwise.loc[names, names] < ALPHA).to_numpy()
    groups: list[tuple[int, int]] = []
    last = 0
    for first in range(len(names)):
        while last + 1 < len(names) and not differ[first : last + 1, last + 1].any():
            last += 1
        if last > first and (not groups or last > groups[-1][1]):
            groups.append((first, last))
        last = max(last, first + 1)
    return groups


def _among(shown: int, bars: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The parts of bars that join the first places."""
    return [(first, min(last, shown - 1)) for first, last in bars if first < shown - 1]


def _stacked(bars: list[tuple[int, int]]) -> list[tuple[int, int, int]]:
    """Bars with the level, from 0, that each is drawn at: the highest where it meets no other."""
    ends: list[int] = []
    placed = []
    for first, last in bars:
        level = next((level for level, end in enumerate(ends) if end < first), len(ends))
        ends[level : level + 1] = [last]
        placed.append((first, last, level))
    return placed


def _margin(names: pd.Index, looks: Mapping[str, Look]) -> float:
    """Inches for the labels on one side."""
    return _CHARACTER * (longest_label(names, looks) + 6) + 0.3


def _scale(axes: Axes, start: float, end: float) -> None:
    margin = 0.04 * (end - start)
    axes.set_xlim(start - margin, end + margin)
    axes.plot((start, end), (0, 0), color=QUIET, linewidth=0.8)
    for rank in MaxNLocator(nbins=10, integer=True).tick_values(start, end):
        if start <= rank <= end:
            axes.plot((rank, rank), (0, 0.06), color=QUIET, linewidth=0.8)
            axes.text(rank, 0.1, f"{rank:g}", ha="center", va="bottom", fontsize=8, color=QUIET)
    axes.set_axis_off()


def _label(axes: Axes, rank: float, y: float, look: Look, *, left: bool) -> None:
    edge = -0.02 if left else 1.02
    across = axes.get_yaxis_transform()  # x in shares of the axes, y in data
    low, high = axes.get_xlim()
    side = low + edge * (high - low)
    axes.plot((rank, rank, side), (0, y, y), color=look.color, linewidth=0.9, clip_on=False, gid=look.gid)
    axes.plot([rank], [0], color=look.color, marker=look.marker, markersize=6, clip_on=False, zorder=3, gid=look.gid)
    text = f"{look.label}  {rank:.2f}" if left else f"{rank:.2f}  {look.label}"
    align = "right" if left else "left"
    label = axes.text(
        edge + (-0.01 if left else 0.01),
        y,
        text,
        ha=align,
        va="center",
        fontsize=8.5,
        color=INK,
        transform=across,
        gid=look.gid,
    )
    _shrink_into(figure_of(axes), label, left=left)


def _shrink_into(figure: Figure, label: Text, *, left: bool) -> None:
    """Make a label of wide letters as small as the room between the axes and the edge of the figure asks for."""
    box = label.get_window_extent()
    room = box.x1 if left else figure.bbox.width - box.x0
    if box.width > room:
        label.set_fontsize(label.get_fontsize() * room / box.width)


def _ruler(axes: Axes, start: float, difference: float) -> None:
    """The critical difference drawn to scale above the axis."""
    end, y = start + difference, 0.42
    axes.plot((start, start, start, end, end, end), (y - 0.05, y + 0.05, y, y, y - 0.05, y + 0.05), color=INK, lw=1)
    text = f"critical difference {difference:.2f} (α = {ALPHA:g})"
    axes.text(start, y + 0.1, text, ha="left", va="bottom", fontsize=8)
