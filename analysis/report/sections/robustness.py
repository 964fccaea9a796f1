"""Whether the ranking depends on choices that could as well have been made another way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Any, cast

import numpy as np
import pandas as pd
from markupsafe import Markup

from optathlon.analysis.plots.sensitivity import plot_sensitivity
from optathlon.analysis.report.cells import MISSING, Shaded, shade
from optathlon.analysis.report.figures import ReportFigure, suffix
from optathlon.analysis.report.groups import Group
from optathlon.analysis.report.section import Section
from optathlon.analysis.report.sentences import names, on_tasks
from optathlon.analysis.stats.sensitivity import (
    AGGREGATION,
    FAILED_RUNS,
    LEAVE_OUT,
    SEEDS,
    SUBSET,
    LeaderChange,
    flips,
    leader_changes,
    sensitivity,
)

_CHOICES = {
    FAILED_RUNS: "what failed runs count for",
    AGGREGATION: "averages",
    LEAVE_OUT: "without a collection",
    SUBSET: "the subset",
    SEEDS: "half of the seeds",
}

_NONE = Markup(
    "None of the {} other ways to rank{} that were tried ({}) changes who leads, or the order of the first three."
)
_ONLY = Markup(
    "The {} other way to rank{} that was tried ({}) changes neither who leads nor the order of the first three."
)


class Robustness(Section):
    """The ranking under each defensible choice."""

    template = "robustness.html"
    is_filtered = False

    def findings(self) -> Iterator[Markup]:
        """What another choice would change."""
        for name in self.data.ranked:
            yield from robustness(name, self._rankings[name])

    def tables(self) -> Iterator[tuple[str, pd.DataFrame]]:
        """All rankings, of each comparison."""
        for name, table in self._rankings.items():
            yield f"sensitivity{suffix(name)}", table

    def figures(self) -> Iterator[ReportFigure]:
        """The same as places."""
        for name, table in self._rankings.items():
            figure = plot_sensitivity(table, self.data.looks)
            caption = f"Places under other choices, {name}"
            yield ReportFigure(f"sensitivity_of_ranking{suffix(name)}", caption, figure, table)

    def content(self) -> dict[str, Any]:
        """The same as cells."""
        return {
            "comparisons": [{"name": name, "table": sensitivity_table(table)} for name, table in self._rankings.items()]
        }

    @cached_property
    def _rankings(self) -> dict[str, pd.DataFrame]:
        subset = self.data.subset.subset.tasks if self.data.subset else None
        return {name: rankings(self.data.groups[name], subset) for name in self.data.ranked}


def rankings(group: Group, subset: Sequence[str] | None = None) -> pd.DataFrame:
    """Index (`choice`, `scenario`, `optimizer`): the ranking under each choice, also on a `subset` of tasks if any."""
    analysis, runs = group.analysis, group.comparison.runs.unique()
    results = analysis.results
    regrets = {title: regret.loc[runs] for title, regret in analysis.regrets.items()}
    return sensitivity(analysis.final_losses.loc[runs], results.runs, results.tasks, regrets=regrets, subset=subset)


def robustness(title: str, table: pd.DataFrame) -> list[Markup]:
    """Which conclusions another choice would flip, or that none would.

    Parameters
    ----------
    title:
        Of the comparison.
    table:
        As `optathlon.analysis.stats.sensitivity.sensitivity` returns it.
    """
    scope = on_tasks(title)
    changes, reversals = leader_changes(table), flips(table)
    led = {(change.choice, change.scenario) for change in changes}
    sentences = [_change(change, scope) for change in changes]
    others: dict[tuple[str, str], list[Markup]] = {}
    for flip in reversals:
        if (flip.choice, flip.scenario) not in led:
            others.setdefault((flip.first, flip.second), []).append(Markup(flip.reason).format(*flip.names))
    for (first, second), reasons in others.items():
        text = Markup("{} would be ahead of {}{} {}.")
        sentences.append(text.format(names([second]), names([first]), scope, Markup(", or ").join(reasons)))
    tried = cast("pd.MultiIndex", table.index).droplevel(["optimizer"]).unique()
    choices = [text for choice, text in _CHOICES.items() if choice in tried.get_level_values("choice")]
    if not sentences and choices:
        text = _ONLY if len(tried) == 2 else _NONE
        sentences.append(text.format(len(tried) - 1, scope, ", ".join(choices)))
    return sentences


def _change(change: LeaderChange, scope: str) -> Markup:
    reason = Markup(change.reason).format(*change.names)
    verb = "leads" if len(change.after) == 1 else "lead"
    return Markup("Another choice changes who leads{}: {}, {} {}, not {}.").format(
        scope, reason, names(change.after), verb, names(change.before)
    )


@dataclass(frozen=True)
class SensitivityTable:
    """Choices with the number of their scenarios, scenarios, and per optimizer the place in each."""

    choices: list[tuple[str, int]]
    scenarios: list[str]
    rows: list[tuple[str, list[Shaded]]]


def sensitivity_table(table: pd.DataFrame) -> SensitivityTable:
    """Places by scenario; shaded where they are not the reported ones.

    Parameters
    ----------
    table:
        As `optathlon.analysis.stats.sensitivity.sensitivity` returns it.
    """
    positions = table["position"].unstack("optimizer", sort=False)
    reported = positions.iloc[0]
    order = reported.sort_index().sort_values(kind="stable").index
    span = max(1.0, (len(order) - 1) / 2)
    rows = [
        (str(name), [_moved(str(name), place, reported[name], span) for place in positions[name]]) for name in order
    ]
    choices = [str(choice) for choice, _ in positions.index]
    return SensitivityTable(
        choices=[(choice, len(list(scenarios))) for choice, scenarios in groupby(choices)],
        scenarios=[str(scenario) for _, scenario in positions.index],
        rows=rows,
    )


def _moved(name: str, place: float, reported: float, span: float) -> Shaded:
    if np.isnan(place):
        return Shaded(name, MISSING, "")
    return Shaded(name, f"{place:g}", shade((place - reported) / span) if place != reported else "")
