"""The page of one optimizer: where it stands, where it shines, and what it did on each task."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pandas as pd

from optathlon.analysis.metrics.normalisation import BASELINE
from optathlon.analysis.plots.style import looks
from optathlon.analysis.report.charts import Chart, Option, View, control, lines
from optathlon.analysis.report.sentences import counted
from optathlon.analysis.stats.focus import mean_effects
from optathlon.archive.leaderboard.boards import Board
from optathlon.archive.leaderboard.facets import ALL
from optathlon.archive.leaderboard.regime import Regime

REST = "median of the others"
_FEW = 3
"""Kinds of fewer tasks are not named as the best or the worst."""


@dataclass(frozen=True)
class Place:
    """Where an optimizer stands on one board."""

    regime: str
    board: Board
    row: dict[str, Any]


@dataclass(frozen=True)
class Kind:
    """How an optimizer does on a kind of tasks: shares with their intervals, over how many tasks."""

    regime: str
    facet: str
    title: str
    tasks: int
    beaten: tuple[float, float, float]
    random: tuple[float, float, float]


def places(regime: Regime, found: Sequence[Board], name: str) -> list[Place]:
    """The boards on which the optimizer is ranked."""
    ranked = ((board, board.table[board.table["place"].notna()].to_dict("index").get(name)) for board in found)
    return [Place(regime.title, board, {str(key): value for key, value in row.items()}) for board, row in ranked if row]


class Kinds:
    """How all optimizers do on each kind of tasks in one regime."""

    def __init__(self, regime: Regime) -> None:
        self._regime = regime
        self._tables = [*self._made()]

    def of(self, name: str) -> Iterator[Kind]:
        """What is known of one optimizer: all tasks first, then by facet."""
        for facet, title, tasks, share, against in self._tables:
            if name in share.index and tasks[name]:
                yield Kind(self._regime.title, facet, title, int(tasks[name]), _row(share, name), _row(against, name))

    def _made(self) -> Iterator[tuple[str, str, pd.Series, pd.DataFrame, pd.DataFrame]]:
        beaten, chance = self._regime.beaten, self._regime.beats_random
        groups: list[tuple[str, str, pd.Index]] = [("", ALL, beaten.index)]
        for facet in self._regime.facets:
            if facet.group.nunique() > 1:
                members = facet.group.dropna().groupby(facet.group.dropna()).groups
                groups += [(facet.title, title, members[title]) for title in facet.order]
        for facet_title, title, index in groups:
            here = beaten.reindex(beaten.index.intersection(index))
            if len(here):
                against = chance.reindex(here.index)
                seed = self._regime.analysis.seed
                effects = mean_effects(against, seed=seed) if against.shape[1] else pd.DataFrame()
                yield facet_title, title, here.notna().sum(), mean_effects(here, seed=seed), effects


def _row(table: pd.DataFrame, name: str) -> tuple[float, float, float]:
    if name not in table.index:
        return (np.nan, np.nan, np.nan)
    estimate, low, high = table.loc[name, ["estimate", "low", "high"]].to_numpy(dtype=float)
    return (float(estimate), float(low), float(high))


def extremes(kinds: Sequence[Kind]) -> tuple[Kind, Kind] | None:
    """The kinds on which it beats most and fewest of the others; `None` where there aren't two kinds of a few tasks."""
    able = [kind for kind in kinds if kind.facet and kind.tasks >= _FEW]
    if len(able) < 2:
        return None
    ordered = sorted(able, key=lambda kind: -kind.beaten[0])
    return ordered[0], ordered[-1]


@dataclass(frozen=True)
class OnTask:
    """What an optimizer did on a task: its median, its place among all that ran it, and the best median there."""

    task: str
    regime: str
    median: float
    place: int
    of: int
    beaten: float
    regret: float
    rest: float
    runs: int


def on_tasks(regime: Regime, name: str) -> list[OnTask]:
    """Its tasks, those first on which it beats most of the others."""
    if name not in regime.beaten:
        return []
    table = pd.DataFrame(
        {
            "median": regime.medians[name],
            "place": regime.places[name],
            "of": regime.beaten.notna().sum(axis=1),
            "beaten": regime.beaten[name],
            "regret": regime.courses[:, _column(regime, name), -1],
            "rest": _rest(regime, name)[:, -1],
            "runs": regime.ran[name],
        }
    )
    found = [
        OnTask(str(task), regime.title, median, int(place), int(of), beaten, regret, rest, int(runs))
        for task, median, place, of, beaten, regret, rest, runs in table[table["beaten"].notna()].itertuples()
    ]
    return sorted(found, key=lambda one: (-one.beaten, one.task))


def _column(regime: Regime, name: str) -> int:
    """The place of an optimizer among those of `Regime.courses`."""
    return regime.beaten.columns.tolist().index(name)


def _rest(regime: Regime, name: str) -> np.ndarray:
    """Shape (tasks, points): the median regret of the other optimizers that ran a task."""
    others = regime.courses[:, regime.beaten.columns != name]
    with np.errstate(invalid="ignore"), warnings.catch_warnings(action="ignore", category=RuntimeWarning):
        median: np.ndarray = np.nanmedian(others, axis=1)
    return median


def course_chart(found: Sequence[Regime], name: str) -> tuple[Chart, list[str]]:
    """Its mean regret over the budget, beside the median of the others and random search; and whose lines these are."""
    shown = [name, REST, *([BASELINE] if name != BASELINE and any(regime.has_random for regime in found) else [])]
    numbers = {each: number for number, each in enumerate(shown)}
    views: dict[str, View] = {}
    for regime in found:
        courses = _courses(regime, name)
        for title, tasks in _groups(regime, name):
            views[f"{regime.name}|{title}"] = _view(regime, courses, tasks, numbers)
    titles = dict.fromkeys(key.partition("|")[2] for key in views)
    controls = [
        control("Budget", [Option(regime.name, regime.title) for regime in found], "regime"),
        control("Tasks", [Option(title, title) for title in titles], "tasks"),
    ]
    return {"controls": controls, "views": views, "absence": "It has no runs there."}, shown


def _groups(regime: Regime, name: str) -> Iterator[tuple[str, pd.Index]]:
    if name not in regime.beaten:
        return
    own = regime.beaten.index[regime.beaten[name].notna()]
    yield ALL, own
    for facet in regime.facets[:2]:
        group = facet.group.reindex(own).dropna()
        if facet.group.nunique() > 1:
            members = group.groupby(group).groups
            yield from ((title, members[title]) for title in facet.order if title in members)


def _courses(regime: Regime, name: str) -> dict[str, np.ndarray]:
    """By line, shape (tasks, points): the optimizer itself, the median of the others, and random search."""
    if name not in regime.beaten:
        return {}
    found = {name: regime.courses[:, _column(regime, name)], REST: _rest(regime, name)}
    if regime.has_random:
        found[BASELINE] = regime.courses[:, _column(regime, BASELINE)]
    return found


def _view(regime: Regime, courses: dict[str, np.ndarray], tasks: pd.Index, numbers: dict[str, int]) -> View:
    rows = regime.beaten.index.isin(tasks)
    points = pd.Index(regime.points, name="fraction")
    means = {each: pd.DataFrame(courses[each][rows], columns=points).mean() for each in numbers if each in courses}
    means = {each: mean for each, mean in means.items() if mean.notna().any()}
    bands = pd.concat(means, names=["optimizer"]).rename("mean").to_frame()
    return {
        "kind": "lines",
        "x": {"label": "share of the budget", "scale": "percent", "values": regime.points},
        "y": {"label": "mean regret", "scale": "linear", "best": "low"},
        "shape": "step",
        "note": "Regret: 0 is the best loss with which any run on the task ended, 1 the worst, 2 without a result. "
        f"Mean over the {counted(len(tasks), 'task')} that it ran.",
        **lines(bands, "mean", numbers),
    }


def chart_data(chart: Chart, shown: Sequence[str], id: str) -> dict[str, Any]:
    """The page's data, as the report's scripts read it (`analysis/report/assets/page.js`)."""
    known = looks(shown)  # in another order, while the chart has numbers by the places in `shown`
    optimizers = [
        {"name": name, "color": look.color, "marker": look.marker, "dashed": look.line == "--"}
        for name, look in ((name, known[name]) for name in shown)
    ]
    return {"optimizers": optimizers, "controls": {}, "charts": {id: chart}}


def failures(found: Sequence[Regime], name: str) -> list[dict[str, Any]]:
    """Its runs that failed or were skipped, by cause."""
    parts = [regime.failures[regime.failures["optimizer"] == name].assign(regime=regime.title) for regime in found]
    return cast("list[dict[str, Any]]", pd.concat(parts).to_dict("records"))
