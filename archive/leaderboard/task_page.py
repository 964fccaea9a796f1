"""The page of one task: who wins, the trajectories, the best known value and the search space."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from optathlon.analysis.metrics.axes import BUDGET
from optathlon.analysis.metrics.final import is_maximised
from optathlon.analysis.metrics.normalisation import BASELINE
from optathlon.analysis.metrics.objectives import objective_label, row_of
from optathlon.analysis.report.charts import Chart, Option, View, control, rounded
from optathlon.analysis.report.packing import is_wide, pack
from optathlon.analysis.report.task_curves import optimum_of
from optathlon.archive.leaderboard.regime import Regime

_CURVES = 8
"""Optimizers whose trajectories are shown: the best ones, and random search beside them."""

_CHOICES = 6
"""Choices of a hyperparameter that are listed."""


@dataclass(frozen=True)
class Best:
    """The best value that is known of a task: stated as possible, or found by whom."""

    value: float
    is_stated: bool
    optimizer: str


@dataclass(frozen=True)
class Hyperparameter:
    """A row of the table of the search space."""

    name: str
    kind: str
    values: str


def best_known(found: Sequence[Regime], task: str) -> Best:
    """The stated optimum, or the best value that any run ended with."""
    stated, best = math.nan, Best(math.nan, is_stated=False, optimizer="")
    for regime in found:
        tasks = regime.analysis.results.tasks
        if task not in tasks.index:
            continue
        row = row_of(tasks, task)
        stated = optimum_of(row)
        finals = regime.curves.finals.get(task, {})
        for optimizer, values in finals.items():
            known = values[np.isfinite(values)]
            value = float((known.max() if is_maximised(row) else known.min()) if len(known) else math.nan)
            if math.isnan(best.value) or (value > best.value if is_maximised(row) else value < best.value):
                best = Best(value, is_stated=False, optimizer=optimizer)
    return Best(stated, is_stated=True, optimizer="") if math.isfinite(stated) else best


def results_on(regime: Regime, task: str) -> list[dict[str, Any]]:
    """A row for each optimizer with runs on the task, the best median first."""
    if task not in regime.beaten.index:
        return []
    medians = regime.analysis.final_values
    values = medians[medians.index.get_level_values("task") == task].droplevel(["task"]).to_dict("index")
    shares = regime.beaten.xs(task).to_dict()
    return [
        {"optimizer": name, "regime": regime.title, "beaten": float(shares[name])}
        | {str(column): value for column, value in values[name].items()}
        for name in regime.curves.best_first(task)
    ]


def curve_chart(found: Sequence[Regime], task: str) -> tuple[Chart, list[str]]:
    """Medians over the budget of the best optimizers and of random search; and whose these are."""
    views: dict[str, View] = {}
    leading = {regime.name: _leading(regime, task) for regime in found}
    shown = [*dict.fromkeys(name for names in leading.values() for name in names)]
    for regime in found:
        curve = regime.curves.curves.get((task, BUDGET))
        if curve is None:
            continue
        rows = [curve.optimizers.index(name) for name in leading[regime.name]]
        row = row_of(regime.analysis.results.tasks, task)
        known = np.stack([curve.median, curve.lower, curve.upper])[:, rows]
        scale = "log" if is_wide(known) else "linear"
        best = "high" if is_maximised(row) else "low"
        views[regime.name] = {
            "kind": "lines",
            "x": {"label": "share of the budget", "scale": "percent", "values": rounded(curve.points)},
            "y": {"label": objective_label(row), "scale": scale, "best": best},
            "shape": "step",
            "optimizers": [shown.index(name) for name in leading[regime.name]],
            "mid": pack(known[0]),
            "low": pack(known[1]),
            "high": pack(known[2]),
            "note": f"Median and quartiles over seeds of the {_CURVES} best, and of random search.",
        }
    controls = [control("Budget", [Option(regime.name, regime.title) for regime in found], "regime")]
    return {"controls": controls, "views": views, "absence": "Nothing is drawn of this task."}, shown


def _leading(regime: Regime, task: str) -> list[str]:
    if task not in regime.curves.finals:
        return []
    names = regime.curves.best_first(task)
    return [*names[:_CURVES], *([BASELINE] if BASELINE in names[_CURVES:] else [])]


def search_space(task: pd.Series) -> list[Hyperparameter]:
    """Its hyperparameters; none where the space is not stored."""
    space = task["space"] if isinstance(task["space"], Mapping) else {}
    return [_hyperparameter(one) for one in space.get("hyperparameters", ())]


def _hyperparameter(one: Mapping[str, Any]) -> Hyperparameter:
    kind = str(one["type"]).replace("uniform_", "").replace("categorical", "choice")
    listed = one.get("choices") or one.get("sequence")
    if listed:
        more = f", … ({len(listed)})" if len(listed) > _CHOICES else ""
        values = ", ".join(map(str, listed[:_CHOICES])) + more
    elif "lower" in one:
        values = f"{one['lower']:g} to {one['upper']:g}{', log' if one.get('log') else ''}"
    else:
        values = str(one.get("value", ""))
    return Hyperparameter(str(one["name"]), kind, values)
