"""What each optimizer did on each task: its trajectory, and where its runs ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from typing import cast

import numpy as np
import pandas as pd

from optathlon.analysis.analysis import Analysis
from optathlon.analysis.metrics.anytime import incumbents_at
from optathlon.analysis.metrics.attainment import median_attainment, objective_points
from optathlon.analysis.metrics.axes import BUDGET, Axis
from optathlon.analysis.metrics.final import grouped_quantiles, is_maximised
from optathlon.analysis.metrics.objectives import (
    is_multi_objective,
    optimal_hypervolume,
    optimal_loss,
    row_of,
    signs,
)

_MOST_NUMBERS = 400_000
"""Numbers that all trajectories together may have: 1.6 to 2.1 MB of the page."""

_POINTS = (8, 40)
"""The fewest and the most points of a trajectory."""

_FRONT_POINTS = 80


@dataclass(frozen=True)
class TaskCurve:
    """Median and quartiles (as values: `lower` <= `upper`) over seeds on one task; shape (optimizers, points)."""

    optimizers: list[str]
    points: np.ndarray
    median: np.ndarray
    lower: np.ndarray
    upper: np.ndarray


@dataclass(frozen=True)
class Front:
    """Median attainment surfaces on one task: at each of `points` of the first objective the second one's value.

    `surface` has shape (optimizers, points); NaN where at least half of the runs attain nothing.
    """

    optimizers: list[str]
    points: np.ndarray
    surface: np.ndarray


def optimum_of(task: pd.Series) -> float:
    """The best value that is possible on a task, as it is reported; NaN where it is unknown."""
    if is_multi_objective(task):
        return optimal_hypervolume(task)
    return float(signs(task)[0]) * optimal_loss(task)


class TaskCurves:
    """The curves of all tasks or, where the page would grow too large, of every second, third, … one."""

    def __init__(self, analysis: Analysis) -> None:
        self._analysis = analysis

    @cached_property
    def axes(self) -> list[Axis]:
        """The axes that trajectories are shown on."""
        return self._analysis.curves.axes[: 3 if self._fits(3) else 1]

    @cached_property
    def stride(self) -> int:
        """One of so many tasks is shown."""
        return next(stride for stride in count(1) if self._fits(1, stride))

    @cached_property
    def tasks(self) -> list[str]:
        """The tasks that are shown."""
        names: list[str] = self._losses.index.unique("task").sort_values().tolist()
        return names[:: self.stride]

    @cached_property
    def curves(self) -> Mapping[tuple[str, Axis], TaskCurve]:
        """By task and axis."""
        found: dict[tuple[str, Axis], TaskCurve] = {}
        for axis in self.axes:
            found |= {(task, axis): curve for task, curve in self._on(axis)}
        return found

    @cached_property
    def finals(self) -> Mapping[str, Mapping[str, np.ndarray]]:
        """By task and optimizer: the value with which each seed ended; NaN where it has none."""
        values = self._values.sort_index()
        shown = values[values.index.get_level_values("task").isin(self.tasks)]
        found: dict[str, dict[str, np.ndarray]] = {}
        for key, group in shown.groupby(level=["task", "optimizer"], sort=True):
            task, optimizer = cast("tuple[str, str]", key)
            found.setdefault(task, {})[optimizer] = group.to_numpy(dtype=float)
        return found

    @cached_property
    def fronts(self) -> Mapping[str, Front]:
        """By task with two objectives on which some optimizer attains something in half of its runs."""
        tasks = self._analysis.results.tasks
        two = [task for task in self.tasks if len(row_of(tasks, task)["objectives"]) == 2]
        found = {task: self._front(task) for task in two}
        return {task: front for task, front in found.items() if front is not None}

    def best_first(self, task: str) -> list[str]:
        """The optimizers with runs on a task by the median of how they ended; last, by name, those without one."""
        sign = self._signs[task]
        median = {name: sign * self.median(task, name) for name in self.finals[task]}
        return sorted(median, key=lambda name: (np.nan_to_num(median[name], nan=np.inf), name))

    def median(self, task: str, optimizer: str) -> float:
        """The median with which an optimizer ended; NaN where that run has no result."""
        return self._medians[task, optimizer]

    @cached_property
    def _medians(self) -> dict[tuple[str, str], float]:
        return cast("dict[tuple[str, str], float]", self._analysis.final_values["median"].to_dict())

    def _on(self, axis: Axis) -> list[tuple[str, TaskCurve]]:
        """By task: curves at even steps up to the most that a run on the task spent on `axis`."""
        ends = self._ends(axis)
        runs = self._analysis.results.runs
        runs = runs[runs["task"].isin(ends.index)]
        of_runs = self._analysis.trajectories["task"].isin(ends.index).to_numpy()
        grid = np.arange(1, self._points + 1) / self._points
        values = incumbents_at(
            self._analysis.trajectories[of_runs], runs, grid.tolist(), column="value", axis=axis.name, ends=ends
        ).reorder_levels(["task", "optimizer", "seed"])
        values = values.sort_index()
        cells = cast("pd.MultiIndex", values.index).droplevel(["seed"])
        codes, uniques = pd.factorize(cells)
        uniques = pd.MultiIndex.from_tuples(uniques, names=cells.names)
        sign = cells.get_level_values("task").map(self._signs).to_numpy(dtype=float)[:, None]
        better, middle, worse = grouped_quantiles(values.to_numpy(dtype=float) * sign, codes, (0.25, 0.5, 0.75))
        task_of = uniques.get_level_values("task")
        found = []
        for task, rows in pd.Series(range(len(uniques))).groupby(task_of, sort=True):
            quartiles = [self._signs[task] * part[rows.to_numpy()] for part in (better, middle, worse)]
            optimizers = uniques[rows.to_numpy()].get_level_values("optimizer").tolist()
            low, high = (quartiles[0], quartiles[2]) if self._signs[task] > 0 else (quartiles[2], quartiles[0])
            found.append((task, TaskCurve(optimizers, grid * ends[task], quartiles[1], low, high)))
        return found

    def _front(self, task: str) -> Front | None:
        corners = median_attainment(objective_points(self._analysis.results, task))
        if corners.empty:
            return None
        first, second = (column for column in corners.columns if column != "optimizer")
        flip = signs(row_of(self._analysis.results.tasks, task))
        points = np.linspace(corners[first].min(), corners[first].max(), _FRONT_POINTS)
        surfaces = {}
        for name, own in corners.groupby("optimizer", sort=True):
            place = np.searchsorted(own[first].to_numpy(), points, side="right")
            surfaces[str(name)] = np.append(np.nan, own[second].to_numpy())[place]
        order = np.argsort(flip[0] * points)
        return Front(list(surfaces), (flip[0] * points)[order], flip[1] * np.array([*surfaces.values()])[:, order])

    def _ends(self, axis: Axis) -> pd.Series:
        """By shown task: what the axis ends at; tasks that don't have the axis are left out."""
        if axis == BUDGET:
            return pd.Series(1.0, index=self.tasks)
        known = self._analysis.curves.ends[axis.name].reindex(self.tasks).dropna()
        return known[known > 0]

    @cached_property
    def _points(self) -> int:
        fewest, most = _POINTS
        cells = len(self._losses.groupby(level=["task", "optimizer"]).size()) * len(self.tasks)
        cells //= max(1, self._losses.index.get_level_values("task").nunique())
        return int(np.clip(_MOST_NUMBERS / (3 * max(1, cells * len(self.axes))), fewest, most))

    @cached_property
    def _signs(self) -> dict[str, float]:
        """By task: -1 where larger values are better."""
        return {str(name): -1.0 if is_maximised(row) else 1.0 for name, row in self._analysis.results.tasks.iterrows()}

    @property
    def _losses(self) -> pd.Series:
        return self._analysis.final_losses

    @cached_property
    def _values(self) -> pd.Series:
        return incumbents_at(self._analysis.trajectories, self._analysis.results.runs, [1.0], column="value").iloc[:, 0]

    def _fits(self, axes: int, stride: int = 1) -> bool:
        cells = len(self._losses.groupby(level=["task", "optimizer"]).size())
        return 3 * axes * cells / stride * _POINTS[0] <= _MOST_NUMBERS
