"""Performance over the budget: what is measured, on which axis, over which tasks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from optathlon.analysis.metrics.anytime import GRID, incumbents_at
from optathlon.analysis.metrics.axes import AXES, BUDGET, Axis
from optathlon.analysis.metrics.normalisation import (
    BEST_TO_WORST,
    NORMALISATIONS,
    OPTIMUM,
    RANDOM,
    Normalisation,
    log_regret,
)
from optathlon.analysis.stats.bootstrap import Resampling, bootstrap_means
from optathlon.analysis.stats.comparison import Comparison
from optathlon.analysis.stats.ranking import ranks

COARSE = tuple(np.round(np.arange(1, 26) / 25, 10).tolist())
"""Points on axes other than the budget."""

_SAME = 1e-3
"""Axes whose shares differ by less from those of the budget show nothing new."""


@dataclass(frozen=True)
class PerformanceMeasure:
    """What stands on the y-axis of curves, averaged over seeds, then tasks."""

    name: str
    title: str
    explanation: str
    normalisation: Normalisation | None
    logarithmic: bool = False


RANK = PerformanceMeasure(
    "rank",
    "mean rank",
    "On each task and seed the optimizers are ranked by their incumbents; 1 is best, and ties share their mean rank.",
    None,
)
MEASURES = (
    RANK,
    *(PerformanceMeasure(each.name, each.title, each.explanation, each) for each in NORMALISATIONS),
    *(
        PerformanceMeasure(
            f"log-{each.name}",
            f"{each.title}, log",
            f"{each.explanation} Averaged as decimal logarithms, so small differences near the best count as much.",
            each,
            logarithmic=True,
        )
        for each in (BEST_TO_WORST, OPTIMUM, RANDOM)
    ),
)


@dataclass(frozen=True)
class Curve:
    """A measure on an axis: index (`optimizer`, point); `mean`, `low`, `high`; and over how many tasks that is."""

    measure: PerformanceMeasure
    axis: Axis
    bands: pd.DataFrame
    tasks: int


class Curves:
    """Curves of all measures and axes.

    Parameters
    ----------
    trajectories, runs, tasks:
        As `optathlon.analysis.trajectories` returns them, and the frames of the results.
    ends:
        What each run has spent in all: index run, one column per axis.
    losses:
        Incumbents over the budget, of all runs.
    seed:
        Seeds the bootstrap.
    """

    def __init__(
        self,
        trajectories: pd.DataFrame,
        runs: pd.DataFrame,
        tasks: pd.DataFrame,
        ends: pd.DataFrame,
        losses: pd.DataFrame,
        *,
        seed: int = 0,
    ) -> None:
        self._trajectories = trajectories
        self._runs = runs
        self._tasks = tasks
        self._losses = {BUDGET.name: losses}
        self._seed = seed
        self._spent = ends
        self._regrets: dict[tuple[str, str], pd.DataFrame] = {}
        self._resamplings: dict[bytes, Resampling] = {}
        self._curves: dict[object, Curve | None] = {}
        self._rows: dict[object, np.ndarray] = {}

    @cached_property
    def ends(self) -> pd.DataFrame:
        """Index task, one column per axis: the most that a run spent there; NaN where one with trials doesn't tell."""
        run = self._runs.set_index("run")
        task = run["task"].astype(str).reindex(self._spent.index)
        ran = self._spent["evaluations"].notna() & (run["trials"].reindex(self._spent.index) > 0)
        spent = self._spent[ran.to_numpy()]
        by_task = spent.groupby(task[ran.to_numpy()].to_numpy())
        return by_task.max().where(spent.isna().groupby(task[ran.to_numpy()].to_numpy()).sum() == 0)

    @cached_property
    def axes(self) -> list[Axis]:
        """The axes that some tasks have, beside the budget those on which curves can differ from it."""
        return [BUDGET, *(axis for axis in AXES[1:] if self._is_informative(axis))]

    def losses_on(self, axis: Axis) -> pd.DataFrame:
        """Incumbents' losses of all runs at shares of the most that any run on the task spent on `axis`."""
        if axis.name not in self._losses:
            known = self.ends[axis.name].dropna()
            known = known[known > 0]
            kept = self._trajectories["task"].astype(str).isin(known.index).to_numpy()
            runs = self._runs[self._runs["task"].astype(str).isin(known.index)]
            self._losses[axis.name] = incumbents_at(self._trajectories[kept], runs, COARSE, axis=axis.name, ends=known)
        return self._losses[axis.name]

    def curve(self, measure: PerformanceMeasure, axis: Axis, comparison: Comparison) -> Curve | None:
        """Over the compared tasks that have the measure and the axis; `None` where none has."""
        key = measure.name, axis.name, comparison.block
        if key not in self._curves:
            self._curves[key] = self._drawn(measure, axis, comparison)
        return self._curves[key]

    def _drawn(self, measure: PerformanceMeasure, axis: Axis, comparison: Comparison) -> Curve | None:
        cells = self._cells(measure, axis, comparison)
        if cells.empty:
            return None
        bands = bootstrap_means(cells, self.resampling(cells))
        return Curve(measure, axis, bands, len(cells.index.unique("task")))

    def all(self, comparison: Comparison) -> Iterator[Curve]:
        """Every measure on every axis that some compared task has."""
        curves = (self.curve(measure, axis, comparison) for axis in self.axes for measure in MEASURES)
        yield from (curve for curve in curves if curve is not None)

    def _cells(self, measure: PerformanceMeasure, axis: Axis, comparison: Comparison) -> pd.DataFrame:
        """Index (`task`, `seed`, `optimizer`), a column per point, on the compared tasks that have measure and axis."""
        losses = self.losses_on(axis)
        rows = self._rows_of(axis, comparison)
        cells = comparison.losses.index[rows >= 0]
        rows = rows[rows >= 0]
        if measure.normalisation is None:
            compared = losses.iloc[rows].set_axis(cells)
            return ranks(replace(comparison, losses=compared)) if len(compared) else compared
        regret = self._regret(measure.normalisation, axis).iloc[rows].set_axis(cells)
        regret = regret[regret.iloc[:, -1].notna()]
        return log_regret(regret) if measure.logarithmic else regret

    def _rows_of(self, axis: Axis, comparison: Comparison) -> np.ndarray:
        """Shape (compared runs,): the row of each in the losses on `axis`; -1 where it has none."""
        key = axis.name, comparison.block
        if key not in self._rows:
            self._rows[key] = self.losses_on(axis).index.get_indexer(comparison.runs)
        return self._rows[key]

    def _regret(self, normalisation: Normalisation, axis: Axis) -> pd.DataFrame:
        key = normalisation.name, axis.name
        if key not in self._regrets:
            self._regrets[key] = normalisation(self.losses_on(axis), self._tasks)
        return self._regrets[key]

    def resampling(self, cells: pd.DataFrame) -> Resampling:
        """Resamples of the (task, seed) pairs of `cells`: index (`task`, `seed`, `optimizer`)."""
        found = Resampling.like(cells, seed=self._seed)
        return self._resamplings.setdefault(found.seeds_per_task.tobytes(), found)

    def _is_informative(self, axis: Axis) -> bool:
        end = self.ends[axis.name].reindex(self._trajectories["task"].astype(str)).to_numpy(dtype=float)
        with np.errstate(divide="ignore", invalid="ignore"):
            share = self._trajectories[axis.name].to_numpy(dtype=float) / end
        known = np.isfinite(share)
        budget = self._trajectories["fraction"].to_numpy(dtype=float)
        return bool(known.any() and np.abs(share - budget)[known].max() > _SAME)


def grid_of(axis: Axis) -> tuple[float, ...]:
    """The points of curves on an axis, as shares."""
    return GRID if axis.name == BUDGET.name else COARSE
