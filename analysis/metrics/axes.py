"""The x-axes: what a run has spent when each of its results comes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from optathlon.analysis.metrics.columns import require_columns
from optathlon.analysis.metrics.countable import at_full_fidelity
from optathlon.results.schema import SPENT

if TYPE_CHECKING:
    from optathlon.results.frames import Results


@dataclass(frozen=True)
class Axis:
    """What may stand on the x-axis: its name (a column of `trajectories`), what it is called, and its unit."""

    name: str
    title: str
    unit: str


BUDGET = Axis("fraction", "share of the budget", "")

AXES = (
    BUDGET,
    Axis("evaluations", "full evaluations", "evaluations"),
    Axis("full_fidelity_trials", "trials at full fidelity", "trials"),
    Axis("wall_clock", "wall-clock time", "s"),
    Axis("simulated", "simulated time", "s"),
    Axis("compute", "optimizer and evaluation time", "s"),
    Axis("cost", "reported cost", "s"),
    Axis("gpu_seconds", "GPU time", "s"),
    Axis("tokens", "tokens", "tokens"),
)
"""GPU time and tokens are the sums of the metrics `gpu_seconds` and `tokens` that trials report."""


class OrderedTrials:
    """The trials of all runs, run by run in the order in which their results came, and what they have spent.

    Trials beyond the budget are part of it, but spend nothing.

    Parameters
    ----------
    results:
        Runs and their trials, in any order.

    Attributes
    ----------
    runs:
        The runs, ordered by task, optimizer and seed.
    rows:
        Shape (trials,): positions in `results.trials`, ordered by run, end and trial.
    run:
        Shape (trials,): the position of each trial's run in `runs`.
    """

    def __init__(self, results: Results) -> None:
        self._trials = results.trials
        self._tasks = results.tasks
        runs = results.runs.astype({"task": str, "optimizer": str, "run": str})
        order = ["task", "optimizer", "seed", "run"]
        self.runs = runs.sort_values(order, kind="stable").reset_index(drop=True)
        run = positions_of_runs(results.trials, self.runs)
        self.rows = _order(run, self._trials)
        self.run = run[self.rows]

    def __len__(self) -> int:
        return len(self.rows)

    def column(self, name: str) -> np.ndarray:
        """Shape (trials,): a numeric column of the trials in this order; `UsageError` where they lack it."""
        require_columns(self._trials, [name])
        values: np.ndarray = self._trials[name].to_numpy(dtype=float, na_value=np.nan)[self.rows]
        return values

    def metric(self, name: str) -> np.ndarray:
        """Shape (trials,): a metric in this order; NaN where a trial, or every one, doesn't report it."""
        return self.column(name) if name in self._trials else np.full(len(self), np.nan)

    def spent(self, axis: str) -> np.ndarray:
        """Shape (trials,), never decreasing within a run: what the run has spent on an axis when each trial ends.

        NaN where the run or the trial doesn't tell; a trial that doesn't report its cost, GPU time or tokens, as failed
        ones often don't, is taken to have spent the mean of its run. The share of the budget is counted in the unit of
        the run's budget, as the budget itself was, and lies in [0, 1].
        """
        match axis:
            case "fraction":
                spent = self._fraction()
            case "wall_clock":
                spent = np.where(self._of_run("clock") == "real", self._clock, np.nan)
            case "simulated":
                spent = np.where(self._of_run("clock") == "real", np.nan, self._clock)
            case "full_fidelity_trials":
                counted = self._total(at_full_fidelity(self._trials, self._tasks)[self.rows].astype(float))
                spent = self._told(axis, counted)
            case "compute":
                parts = np.array([self.column(name) for name in ("ask_s", "tell_s", "evaluate_s")])
                known = ~np.isnan(parts).all(axis=0)
                spent = self._total(np.where(known, np.nansum(parts, axis=0), np.nan))
            case "evaluations":
                spent = self._told(axis, self._total(np.nan_to_num(self.column("evaluations"))))
            case "cost":
                spent = self._total(self._with_failed(self.column("cost")))
            case _:
                spent = self._total(self._with_failed(self.metric(axis)))
        return spent

    def of_whole_runs(self, axis: str) -> pd.Series:
        """What each of `runs` has spent in all, by run id; NaN where it has no trials or doesn't tell."""
        last = np.flatnonzero(np.append(self.run[1:] != self.run[:-1], True)[: len(self)])
        totals = np.full(len(self.runs), np.nan)
        totals[self.run[last]] = self.spent(axis)[last]
        return pd.Series(totals, index=self.runs["run"], name=axis)

    @cached_property
    def _inside(self) -> np.ndarray:
        inside: np.ndarray = ~self._trials["over_budget"].to_numpy(dtype=bool)[self.rows]
        return inside

    @cached_property
    def _clock(self) -> np.ndarray:
        ends = pd.Series(np.where(self._inside, self.column("end"), np.nan))
        return ends.groupby(self.run).ffill().to_numpy()

    def _fraction(self) -> np.ndarray:
        unit = self._of_run("budget_unit")
        budget = self._of_run("budget").astype(float)
        spent = np.full(len(self), np.nan)
        for name in ("evaluations", "cost"):
            if (unit == name).any():
                total = self._told(name, self._total(self.column(name)))
                spent = np.where(unit == name, np.nan_to_num(total), spent)
        spent = np.where(np.isin(unit, ["evaluations", "cost"]), spent, self._clock)
        fraction: np.ndarray = np.clip(spent / budget, 0.0, 1.0)
        return fraction

    def _with_failed(self, amounts: np.ndarray) -> np.ndarray:
        """The amounts; trials that don't tell theirs, as failed ones often don't, have their run's mean."""
        if not np.isnan(amounts).any():
            return amounts
        means = pd.Series(np.where(self._inside, amounts, np.nan)).groupby(self.run).transform("mean").to_numpy()
        return np.where(np.isnan(amounts), means, amounts)

    def _total(self, amounts: np.ndarray) -> np.ndarray:
        """The sum within the run so far; NaN throughout a run in which no trial has an amount."""
        kept = np.where(self._inside, amounts, 0.0)
        totals = pd.Series(np.nan_to_num(kept)).groupby(self.run).cumsum().to_numpy()
        if not np.isnan(amounts).any():
            return totals
        known = pd.Series(np.isfinite(amounts)).groupby(self.run).transform("any").to_numpy()
        return np.where(known, totals, np.nan)

    def _told(self, axis: str, counted: np.ndarray) -> np.ndarray:
        """What was counted, or what trials say themselves where others of their run are not there."""
        told = self.metric(f"{SPENT}{axis}")
        return np.where(np.isnan(told), counted, told)

    def _of_run(self, column: str) -> np.ndarray:
        values = self.runs[column]
        whole = values.astype(str) if isinstance(values.dtype, pd.CategoricalDtype) else values
        of_run: np.ndarray = whole.to_numpy()[self.run]
        return of_run


def positions_of_runs(trials: pd.DataFrame, runs: pd.DataFrame) -> np.ndarray:
    """Shape (trials,): the position in `runs` of each trial's run; -1 where it isn't there."""
    labels = trials["run"].astype("category").cat
    positions = pd.Index(runs["run"].astype(str)).get_indexer(labels.categories.astype(str))
    of_trials: np.ndarray = positions[labels.codes.to_numpy()]
    return of_trials


def _order(run: np.ndarray, trials: pd.DataFrame) -> np.ndarray:
    """Positions of the trials by run, end and number; those of unknown runs are left out."""
    end, trial = trials["end"].to_numpy(dtype=float), trials["trial"].to_numpy()
    here = np.arange(len(run))
    same = run[1:] == run[:-1]
    later = (end[1:] > end[:-1]) | (~(end[1:] < end[:-1]) & (trial[1:] > trial[:-1]))
    if (run >= 0).all() and np.all((run[1:] > run[:-1]) | (same & later)):
        return here
    order = np.lexsort((trial, end, run))
    return order[run[order] >= 0]
