"""Are optimizers statistically distinguishable? Tasks are the blocks (Demšar 2006, JMLR 7:1-30)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
import scikit_posthocs
from scipy.stats import chi2, friedmanchisquare, rankdata, studentized_range, wilcoxon

ALPHA = 0.05

_RELIABLE_TASKS = 10
"""Up to so many tasks the chi-squared approximation of Friedman's statistic is rough (Demšar 2006, section 3.2.2)."""


@dataclass(frozen=True)
class Significance:
    """The outcome of the tests between optimizers.

    Attributes
    ----------
    test:
        `"Friedman"`, `"Wilcoxon signed-rank"` or, where nothing can be tested, `""`.
    tasks:
        The number of tasks, i.e. of blocks.
    p_value:
        Of the hypothesis that all optimizers perform alike; NaN where nothing can be tested.
    mean_ranks:
        By optimizer: ranks within each task (seeds averaged first), averaged over tasks.
    scores:
        By optimizer, lower is better: what the test orders them by. The mean ranks or, of Wilcoxon's test, the sum of
        the signed ranks of the tasks lost; it need not order two optimizers as their mean ranks do.
    pairwise:
        p-values between pairs (Nemenyi; Wilcoxon for two), optimizers x optimizers; 1 on the diagonal.
    critical_difference:
        The Nemenyi critical difference of mean ranks at `ALPHA`; NaN unless three or more are compared.
    note:
        One or two plain sentences: what the tests say, or why they can't say anything.
    """

    test: str
    tasks: int
    p_value: float
    mean_ranks: pd.Series
    scores: pd.Series
    pairwise: pd.DataFrame
    critical_difference: float
    note: str

    def differ(self, first: str, second: str) -> bool:
        """Whether two optimizers differ significantly; pairs are only looked at where the overall test rejects."""
        return self.p_value < ALPHA and bool(self.pairwise[second].lt(ALPHA)[first])

    def is_better(self, first: str, second: str) -> bool:
        """Whether `first` is significantly better than `second`."""
        return self.differ(first, second) and bool(self.scores[first] < self.scores[second])


def significance(task_ranks: pd.DataFrame) -> Significance:
    """Test the optimizers against each other.

    Three or more: Friedman's test, then Nemenyi's between pairs. Two: Wilcoxon's signed-rank test. Where no outcome at
    all could reach `ALPHA` (too few tasks), nothing is tested and the note says so.

    Parameters
    ----------
    task_ranks:
        Tasks x optimizers: the performance on each task, lower is better; here mean ranks over seeds.
    """
    mean = task_ranks.rank(axis=1).mean(axis=0)
    match task_ranks.shape[1]:
        case 0 | 1:
            return _untested(task_ranks, mean, "There is only one optimizer: nothing to test.")
        case 2:
            return _two(task_ranks, mean)
        case _:
            return _many(task_ranks, mean)


def critical_difference(optimizers: int, tasks: int, alpha: float = ALPHA) -> float:
    """The difference of mean ranks beyond which two of `optimizers` >= 2 differ over `tasks` (Nemenyi)."""
    quantile = studentized_range.ppf(1 - alpha, optimizers, np.inf) / math.sqrt(2)
    return float(quantile * math.sqrt(optimizers * (optimizers + 1) / (6 * tasks)))


def _two(task_ranks: pd.DataFrame, mean: pd.Series) -> Significance:
    difference = np.round((task_ranks.iloc[:, 0] - task_ranks.iloc[:, 1]).to_numpy(), 12)  # so that equal ones tie
    difference = difference[difference != 0]  # Wilcoxon's way with zeros; with them scipy takes no exact distribution
    informative = len(difference)
    smallest = 2.0 ** (1 - informative)
    if smallest >= ALPHA:
        return _untested(
            task_ranks,
            mean,
            f"The two optimizers differ on {informative} {_tasks(informative)}, and Wilcoxon's test needs at least 6 "
            "to tell anything: a difference can be neither shown nor ruled out.",
        )
    p_value = float(wilcoxon(difference).pvalue)
    size = rankdata(np.abs(difference))
    lost = pd.Series([size[difference > 0].sum(), size[difference < 0].sum()], index=task_ranks.columns)
    verdict = "differ significantly" if p_value < ALPHA else "can't be told apart"
    pairwise = _pairwise(task_ranks, p_value)
    note = f"Over {len(task_ranks)} tasks the two optimizers {verdict} (Wilcoxon signed-rank test, {_p(p_value)})."
    return Significance("Wilcoxon signed-rank", len(task_ranks), p_value, mean, lost, pairwise, math.nan, note)


def _many(task_ranks: pd.DataFrame, mean: pd.Series) -> Significance:
    tasks, optimizers = task_ranks.shape
    difference = critical_difference(optimizers, tasks)
    smallest = float(chi2.sf(tasks * (optimizers - 1), optimizers - 1))
    if tasks < 2 or smallest >= ALPHA or difference >= optimizers - 1:
        return _untested(
            task_ranks,
            mean,
            f"With {tasks} {_tasks(tasks)} and {optimizers} optimizers no outcome could reach significance "
            f"(the critical difference would be {difference:.2f} ranks, the largest possible difference is "
            f"{optimizers - 1}): differences can be neither shown nor ruled out.",
        )
    ranked = task_ranks.rank(axis=1).to_numpy()
    all_tied = bool(np.all(ranked == ranked[:, :1]))
    p_value = 1.0 if all_tied else float(friedmanchisquare(*task_ranks.to_numpy().T).pvalue)
    pairwise = scikit_posthocs.posthoc_nemenyi_friedman(task_ranks.to_numpy())
    pairwise = pd.DataFrame(pairwise.to_numpy(), index=task_ranks.columns, columns=task_ranks.columns)
    verdict = (
        f"Friedman's test finds differences between the {optimizers} optimizers over {tasks} tasks ({_p(p_value)}); "
        f"by Nemenyi's test two of them differ when their mean ranks by task are more than {difference:.2f} apart."
        if p_value < ALPHA
        else f"Friedman's test finds no significant difference between the {optimizers} optimizers over {tasks} tasks "
        f"({_p(p_value)})."
    )
    rough = f" With {tasks} tasks the p-values are rough." if tasks <= _RELIABLE_TASKS else ""
    return Significance("Friedman", tasks, p_value, mean, mean, pairwise, difference, verdict + rough)


def _untested(task_ranks: pd.DataFrame, mean: pd.Series, note: str) -> Significance:
    return Significance("", len(task_ranks), math.nan, mean, mean, _pairwise(task_ranks, math.nan), math.nan, note)


def _pairwise(task_ranks: pd.DataFrame, p_value: float) -> pd.DataFrame:
    names = task_ranks.columns
    values = np.full((len(names), len(names)), p_value)
    np.fill_diagonal(values, 1.0)
    return pd.DataFrame(values, index=names, columns=names)


def _tasks(count: int) -> str:
    return "task" if count == 1 else "tasks"


def _p(value: float) -> str:
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"
