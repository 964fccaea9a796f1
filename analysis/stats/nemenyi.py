"""Friedman's test between all optimizers, and Nemenyi's between pairs (Demšar 2006, JMLR 7:1-30)."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pandas as pd
from scipy.special import ndtr
from scipy.stats import chi2, friedmanchisquare, norm, studentized_range

from optathlon.analysis.stats.significance import ALPHA, Significance, against_all, untested


def friedman_nemenyi(task_scores: pd.DataFrame) -> Significance:
    """Test three or more optimizers by the mean of their ranks on tasks.

    Two differ where Friedman's test between all rejects, and their mean ranks are further apart than Nemenyi's critical
    difference. A p-value is the larger one of both tests. Whether two differ depends on who else is compared, as all
    are ranked together (Benavoli et al. 2016, JMLR 17:5): `wilcoxon_holm` compares each pair alone.

    Where no outcome at all could reach `ALPHA` (too few tasks), nothing is tested and the note says so.

    Parameters
    ----------
    task_scores:
        Tasks x optimizers: the performance on each task, lower is better, such as mean ranks over seeds. Each task
        ranks the optimizers once.
    """
    mean = task_scores.rank(axis=1).mean(axis=0)
    tasks, optimizers = task_scores.shape
    if optimizers < 3:
        return untested(mean, tasks, "Friedman's test needs three optimizers.")
    difference = critical_difference(optimizers, tasks)
    smallest = float(chi2.sf(tasks * (optimizers - 1), optimizers - 1))
    if tasks < 2 or smallest >= ALPHA or difference >= optimizers - 1:
        note = (
            f"With {tasks} {'task' if tasks == 1 else 'tasks'} and {optimizers} optimizers no outcome of Nemenyi's "
            f"test could reach significance: the critical difference would be {difference:.2f} ranks, the largest "
            f"possible difference is {optimizers - 1}."
        )
        return untested(mean, tasks, note)
    p_values = np.maximum(_nemenyi(mean.to_numpy(), tasks), _friedman(task_scores))
    np.fill_diagonal(p_values, 1.0)
    found = int((p_values < ALPHA).sum()) // 2
    verb, those = ("differs", "that") if found == 1 else ("differ", "those")
    note = (
        f"By Friedman's and Nemenyi's tests {found} of {math.comb(optimizers, 2)} pairs {verb} over {tasks} tasks: "
        f"{those} whose mean ranks by task are more than {difference:.2f} apart."
        if found
        else f"Friedman's and Nemenyi's tests tell no two of the {optimizers} optimizers apart over {tasks} tasks."
    )
    pairwise = pd.DataFrame(p_values, index=task_scores.columns, columns=task_scores.columns)
    return Significance(
        "Friedman-Nemenyi", tasks, mean, against_all(mean), pairwise, pairwise * np.nan, difference, note
    )


@cache
def critical_difference(optimizers: int, tasks: int, alpha: float = ALPHA) -> float:
    """The difference of mean ranks beyond which two of `optimizers` >= 2 differ over `tasks` (Nemenyi)."""
    quantile = studentized_range.ppf(1 - alpha, optimizers, np.inf) / math.sqrt(2)
    return float(quantile * math.sqrt(optimizers * (optimizers + 1) / (6 * tasks)))


def _nemenyi(mean_ranks: np.ndarray, tasks: int) -> np.ndarray:
    """Optimizers x optimizers, p-values of differences of mean ranks."""
    optimizers = len(mean_ranks)
    unit = math.sqrt(optimizers * (optimizers + 1) / (12 * tasks))
    ranges, places = np.unique(np.abs(np.subtract.outer(mean_ranks, mean_ranks)) / unit, return_inverse=True)
    p_values: np.ndarray = _range_exceeds(ranges, optimizers)[places].reshape(optimizers, optimizers)
    return p_values


def _range_exceeds(ranges: np.ndarray, count: int) -> np.ndarray:
    """The probability that the range of so many standard normal numbers exceeds each of `ranges`.

    As `scipy.stats.studentized_range.sf` with infinite degrees of freedom, in a thousandth of its time: the integral
    over the smallest number, by the trapezoidal rule, which is as good as exact for it.
    """
    smallest = np.linspace(-10, 10, 401)
    within = ndtr(smallest + ranges[:, None]) - ndtr(smallest)
    chances = count * within ** (count - 1) @ norm.pdf(smallest) * (smallest[1] - smallest[0])
    exceeds: np.ndarray = np.clip(1 - chances, 0.0, 1.0)
    return exceeds


def _friedman(task_scores: pd.DataFrame) -> float:
    """The p-value; 1 where all optimizers tie on all tasks."""
    ranked = task_scores.rank(axis=1).to_numpy()
    all_tied = bool(np.all(ranked == ranked[:, :1]))
    return 1.0 if all_tied else float(friedmanchisquare(*task_scores.to_numpy().T).pvalue)
