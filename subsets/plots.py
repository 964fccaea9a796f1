"""How well subsets of several sizes rank held-out optimizers."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from optathlon.analysis.plots.style import INK, QUIET, figure_labels, looks, new_figure, style
from optathlon.subsets.validation import CHOSEN, MEDOIDS, RANDOM, STRATIFIED, Agreement

_LOOKS = dict(zip((CHOSEN, MEDOIDS, STRATIFIED), looks("abc").values(), strict=True))

_LABELS = {CHOSEN: "star discrepancy", MEDOIDS: "k-medoids", STRATIFIED: "stratified, mean", RANDOM: "random, mean"}


def plot_agreement(
    measures: pd.DataFrame, *, threshold: float, smallest: int | None, parts: Mapping[str, Agreement]
) -> Figure:
    """Kendall's tau against the size of the subset, by the method of choosing it.

    Parameters
    ----------
    measures:
        Of `optathlon.subsets.validation.agreement_by_size`.
    threshold:
        The tau asked for, drawn as a line.
    smallest:
        The smallest sufficient size, marked; `None` marks none.
    parts:
        The parts of the subset at hand by name, drawn as single points.
    """
    with style():
        figure = new_figure(7.2, 3.8)
        axes = figure.subplots()
        methods = measures.index.unique("method")
        _draw_random(axes, _of(measures, RANDOM))
        for method in (STRATIFIED, MEDOIDS, CHOSEN):
            if method in methods:
                _draw_method(axes, _of(measures, method), method)
        _draw_parts(axes, parts)
        _draw_threshold(axes, threshold, smallest)
        _finish(axes, measures, max((agreement.k for agreement in parts.values()), default=0))
        handles, labels = axes.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper left", ncols=4, fontsize=8.0)
    return figure


def _of(measures: pd.DataFrame, method: str) -> pd.DataFrame:
    rows: pd.DataFrame = measures[measures.index.get_level_values("method") == method]
    return rows.droplevel("method").sort_index()


def _draw_random(axes: Axes, rows: pd.DataFrame) -> None:
    sizes = rows.index.to_numpy()
    axes.fill_between(
        sizes, rows["tau_low"], rows["tau_high"], color=QUIET, alpha=0.16, linewidth=0, label="random, 5 to 95 %"
    )
    axes.plot(sizes, rows["tau"], color=QUIET, linewidth=1.2, label=_LABELS[RANDOM])


def _draw_method(axes: Axes, rows: pd.DataFrame, method: str) -> None:
    look = _LOOKS[method]
    sizes = rows.index.to_numpy()
    if method == CHOSEN:
        axes.vlines(sizes, rows["tau_low"], rows["tau_high"], color=look.color, linewidth=1.4, alpha=0.55)
    axes.plot(
        sizes,
        rows["tau"],
        color=look.color,
        marker=look.marker,
        linestyle="--" if method == STRATIFIED else "-",
        linewidth=1.9 if method == CHOSEN else 1.2,
        label=_LABELS[method],
    )


def _draw_parts(axes: Axes, parts: Mapping[str, Agreement]) -> None:
    shown = figure_labels(parts)
    for index, (name, agreement) in enumerate(parts.items()):
        axes.plot(
            agreement.k,
            agreement.tau,
            color=INK,
            marker="*x+"[index % 3],
            markersize=9,
            linestyle="none",
            zorder=3,
            label="the subset" if name == "all" else f"the subset, {shown[name]}",
        )


def _draw_threshold(axes: Axes, threshold: float, smallest: int | None) -> None:
    axes.axhline(threshold, color=INK, linewidth=0.9, linestyle=":")
    axes.annotate(
        f"τ = {threshold:g}",
        (1, threshold),
        xycoords=("axes fraction", "data"),
        xytext=(4, 0),
        textcoords="offset points",
        va="center",
        fontsize=8.0,
    )
    if smallest is not None:
        axes.axvline(smallest, color=_LOOKS[CHOSEN].color, linewidth=0.9, linestyle=":")
        axes.annotate(
            f"{smallest} suffice",
            (smallest, 0),
            xycoords=("data", "axes fraction"),
            xytext=(4, 6),
            textcoords="offset points",
            fontsize=8.0,
        )


def _finish(axes: Axes, measures: pd.DataFrame, widest: int) -> None:
    sizes = sorted(measures.index.unique("k"))
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.set_xlim(0, 1.03 * max(sizes[-1], widest))
    axes.set_ylim(top=1.03)
    axes.grid(visible=False, axis="x")
    axes.set_xlabel("tasks in the subset")
    axes.set_ylabel("Kendall's τ to the ranking on all tasks")
