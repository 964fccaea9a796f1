"""Power: how small a difference the tasks and seeds can detect, and how many would be needed."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import nctdtr, nctdtrinc, stdtrit

from optathlon.analysis.stats.block import Block, block
from optathlon.errors import UsageError

_MOST = 10_000
"""More tasks, or seeds, than this are no option."""


@dataclass(frozen=True)
class Power:
    """What a two-sided paired t-test between an optimizer and the leader detects, on the mean ranks of tasks.

    Attributes
    ----------
    tasks:
        How many tasks there are.
    seeds:
        The harmonic mean of the seeds per task (what counts for the variance of means).
    between:
        The variance of a pair's rank difference between tasks, seeds aside; median over pairs of optimizers. Where
        every task has one seed, that of both together.
    within:
        The variance of a pair's rank difference between the seeds of a task; median over pairs, NaN where every task
        has one seed.
    alpha:
        The error of the first kind of one comparison, after Bonferroni's correction for those with the leader.
    power:
        The probability of detection aimed at, in (0, 1).
    """

    tasks: int
    seeds: float
    between: float
    within: float
    alpha: float
    power: float

    @property
    def difference(self) -> float:
        """The difference of two optimizers' mean ranks that is detected with the probability `power`."""
        return _noncentrality(self.tasks, self.alpha, self.power) * math.sqrt(self._variance(self.seeds) / self.tasks)

    def tasks_needed(self, difference: float) -> int | None:
        """The least number of tasks like these, with as many seeds, that detect `difference`; None above 10 000."""
        _check(difference)
        return _least(2, lambda tasks: self._detects(difference, tasks, self.seeds))

    def seeds_needed(self, difference: float) -> int | None:
        """The least number of seeds on each of these tasks that detect `difference`; None if more seeds can't.

        Means over ever more seeds still vary between tasks; then only more tasks help.

        Raises
        ------
        UsageError
            Where every task has one seed, as then how seeds vary isn't known.
        """
        _check(difference)
        if math.isnan(self.within):
            raise UsageError("every task has one seed, so how much seeds vary isn't known: run two seeds or more")
        return _least(1, lambda seeds: self._detects(difference, self.tasks, seeds))

    def _variance(self, seeds: float) -> float:
        """Of a task's mean difference over `seeds`."""
        return self.between if math.isnan(self.within) else self.between + self.within / seeds

    def _detects(self, difference: float, tasks: int, seeds: float) -> bool:
        variance = self._variance(seeds)
        if variance == 0:
            return True
        return _chance(difference / math.sqrt(variance / tasks), tasks, self.alpha) >= self.power


def power(ranks: pd.Series, *, level: float = 0.95, power: float = 0.8) -> Power:
    """The power of the comparison of each optimizer with the leader.

    A pair's rank differences have a variance between tasks and one between the seeds of a task, by the analysis of
    variance of one random factor, for unequal numbers of seeds (Searle et al. 1992, "Variance components", section
    3.6; a negative variance counts as 0). The medians over all pairs of optimizers stand for any pair.

    The mean differences on tasks are tested by Student's t, whose power is that of the noncentral t distribution where
    they are normal (Cohen 1988, chapter 2). The level is divided by the number of optimizers other than the leader
    (Bonferroni): Holm's procedure rejects whatever that rejects, so it detects no less.

    Parameters
    ----------
    ranks:
        Index (`task`, `seed`, `optimizer`), every optimizer on every (task, seed): a column of what
        `optathlon.analysis.ranks` returns.
    level:
        One less the probability of any false detection, in (0, 1).
    power:
        The probability of detection aimed at, in (0, 1).

    Raises
    ------
    UsageError
        With fewer than two optimizers or tasks, or where `level` or `power` is none.
    """
    runs = block(ranks)
    tasks, optimizers = len(runs.seeds_per_task), len(runs.optimizers)
    if min(tasks, optimizers) < 2:
        raise UsageError(
            f"power needs two optimizers and two tasks, and there are {optimizers} and {tasks}: run more of them"
        )
    if not 0 < 1 - level < power < 1:
        raise UsageError(
            f"level {level} and power {power} make no test: give both in (0, 1), and power above 1 - level"
        )
    between, within = _variances(runs)
    return Power(
        tasks=tasks,
        seeds=float(1 / np.mean(1 / runs.seeds_per_task)),
        between=between,
        within=within,
        alpha=(1 - level) / (optimizers - 1),
        power=power,
    )


def _variances(runs: Block) -> tuple[float, float]:
    """Between and within tasks: medians over pairs of optimizers; with one seed per task, of both together and NaN."""
    seeds = runs.seeds_per_task
    tasks, count = len(seeds), int(seeds.sum())
    first, second = np.triu_indices(len(runs.optimizers), k=1)
    differences = [cells[:, first] - cells[:, second] for cells in runs.by_task]
    means = np.array([task.mean(axis=0) for task in differences])
    if count == tasks:
        return float(np.median(means.var(axis=0, ddof=1))), math.nan
    within = np.sum([task.var(axis=0) * len(task) for task in differences], axis=0) / (count - tasks)
    grand = seeds @ means / count
    mean_square = seeds @ (means - grand) ** 2 / (tasks - 1)
    per_task = (count - (seeds**2).sum() / count) / (tasks - 1)
    return float(np.median(np.maximum((mean_square - within) / per_task, 0))), float(np.median(within))


def _chance(noncentrality: float, tasks: int, alpha: float) -> float:
    """The probability that the two-sided t-test on `tasks` differences rejects in favour of the better optimizer."""
    return float(1 - nctdtr(tasks - 1, noncentrality, _critical(tasks, alpha)))


def _noncentrality(tasks: int, alpha: float, power: float) -> float:
    """That at which the test rejects with the probability `power`."""
    return float(nctdtrinc(tasks - 1, 1 - power, _critical(tasks, alpha)))


def _critical(tasks: int, alpha: float) -> float:
    """What Student's t exceeds with the probability `alpha / 2` where two optimizers perform alike."""
    return float(-stdtrit(tasks - 1, alpha / 2))


def _least(start: int, detects: Callable[[int], bool]) -> int | None:
    """The least number from `start` that detects, as all above do; None where not even `_MOST` does."""
    numbers = range(start, _MOST + 1)
    place = bisect_left(numbers, True, key=detects)
    return numbers[place] if place < len(numbers) else None


def _check(difference: float) -> None:
    if not difference > 0:
        raise UsageError(f"the difference to detect is {difference}: give one above 0")
