"""Runs of one budget: they are compared with each other only."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

import numpy as np
import pandas as pd

from optathlon.analysis.analysis import Analysis
from optathlon.analysis.metrics.coverage import run_failures
from optathlon.analysis.metrics.normalisation import BASELINE, BEST_TO_WORST
from optathlon.analysis.report.task_curves import TaskCurves
from optathlon.archive.leaderboard.beaten import beaten, beats_random
from optathlon.archive.leaderboard.facets import Facet, facets
from optathlon.results.frames import Results

_MOST = 4
"""Different budgets that are told apart; where there are more, each task has its own, and all are one regime."""


class Regime:
    """The runs of one budget, and what is derived from them.

    Attributes
    ----------
    name, title:
        For addresses, and for readers: `"50"`, `"50 evaluations"`.
    """

    def __init__(self, name: str, title: str, results: Results, seed: int) -> None:
        self.name = name
        self.title = title
        self.analysis = Analysis(results, seed)

    @cached_property
    def facets(self) -> list[Facet]:
        """The ways to divide its tasks."""
        return facets(self.analysis.features)

    @cached_property
    def ran(self) -> pd.DataFrame:
        """Tasks x optimizers: how many runs there are that were not skipped."""
        losses = self.analysis.final_losses
        return losses.groupby(level=["task", "optimizer"]).size().unstack("optimizer", fill_value=0)

    @cached_property
    def beaten(self) -> pd.DataFrame:
        """Tasks x optimizers: the share of the others that each beats (see `beaten`)."""
        return beaten(self.analysis.final_losses)

    @cached_property
    def beats_random(self) -> pd.DataFrame:
        """Tasks x optimizers: the chance of beating random search (see `beats_random`)."""
        return beats_random(self.analysis.final_losses)

    @property
    def points(self) -> list[float]:
        """The shares of the budget at which `courses` are known."""
        return [*map(float, self.analysis.losses.columns)]

    @cached_property
    def courses(self) -> np.ndarray:
        """Shape (tasks, optimizers, points), as `beaten` has them: mean regret over seeds; NaN without runs."""
        regret = BEST_TO_WORST(self.analysis.losses, self.analysis.results.tasks)
        means = regret.groupby(level=["task", "optimizer"]).mean()
        cells = pd.MultiIndex.from_product([self.beaten.index, self.beaten.columns])
        return means.reindex(cells).to_numpy().reshape(*self.beaten.shape, -1)

    @cached_property
    def medians(self) -> pd.DataFrame:
        """Tasks x optimizers: the median over seeds at the end, in the user's units."""
        return self.analysis.final_values["median"].unstack("optimizer").reindex_like(self.beaten)

    @cached_property
    def places(self) -> pd.DataFrame:
        """Tasks x optimizers: 1 for who beats most of the others, and so on; NaN without runs."""
        return self.beaten.round(12).rank(axis=1, ascending=False, method="min")

    @cached_property
    def failures(self) -> pd.DataFrame:
        """Runs that failed or were skipped, by optimizer and cause (see `run_failures`)."""
        return run_failures(self.analysis.results.runs)

    @cached_property
    def curves(self) -> TaskCurves:
        """Medians and quartiles on each task."""
        return TaskCurves(self.analysis)

    @property
    def has_random(self) -> bool:
        """Whether random search is there to compare with."""
        return BASELINE in self.analysis.optimizers


def regimes(results: Results, seed: int) -> list[Regime]:
    """The results by budget, the smallest first; one regime where nearly every task has its own."""
    runs = results.runs
    kinds = [*zip(runs["budget_unit"].astype(str), runs["budget"].astype(float), strict=True)]
    known = sorted({*kinds})
    if len(known) > _MOST:
        return [Regime("own", "budgets of their own", results, seed)]
    return [
        Regime(*_names(unit, budget), replace(results, runs=runs[[kind == (unit, budget) for kind in kinds]]), seed)
        for unit, budget in known
    ]


def _names(unit: str, budget: float) -> tuple[str, str]:
    """What a budget is called in addresses, and what readers see."""
    if unit == "evaluations":
        return f"{budget:g}", f"{budget:g} full evaluations"
    return f"{budget:g}-{unit}", f"{budget:g} {unit}"
