"""Are optimizers statistically distinguishable? Tasks are the blocks (Demšar 2006, JMLR 7:1-30)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
import scikit_posthocs
from scipy.stats import chi2, friedmanchisquare, studentized_range, wilcoxon

from optathlon.analysis.stats.signed_ranks import signed_rank_p, signed_ranks

ALPHA = 0.05

_RELIABLE_TASKS = 10
"""Up to so many tasks the chi-squared approximation of Friedman's statistic is rough (Demšar 2006, section 3.2.2)."""


@dataclass(frozen=True)
class Significance:
    """The outcome of the tests between optimizers.

    Attributes
    ----------
    test:
        `"Friedman"`, `"Wilcoxon signed-rank"`, `"Wilcoxon-Holm"` or, where nothing can be tested, `""`.
    tasks:
        The number of tasks, i.e. of blocks.
    p_value:
        Of the hypothesis that all optimizers perform alike; NaN where nothing can be tested.
    mean_ranks:
        By optimizer: ranks within each task (seeds averaged first), averaged over tasks.
    scores:
        Optimizers x optimizers, lower is better: what the test orders a pair by, of the row's optimizer against the
        column's. The mean ranks or, of Wilcoxon's test, the sum of the signed ranks of the tasks lost; it need not
        order two optimizers as their mean ranks do.
    pairwise:
        p-values between pairs, optimizers x optimizers; 1 on the diagonal. Of Nemenyi's test, or of Wilcoxon's, which
        for three or more are corrected by Holm's procedure.
    critical_difference:
        The Nemenyi critical difference of mean ranks at `ALPHA`; NaN for any other test.
    note:
        One or two plain sentences: what the tests say, or why they can't say anything.
    """

    test: str
    tasks: int
    p_value: float
    mean_ranks: pd.Series
    scores: pd.DataFrame
    pairwise: pd.DataFrame
    critical_difference: float
    note: str

    def differ(self, first: str, second: str) -> bool:
        """Whether two optimizers differ significantly; pairs are only looked at where the overall test rejects."""
        return self.p_value < ALPHA and bool(self.pairwise[second].lt(ALPHA)[first])

    def is_better(self, first: str, second: str) -> bool:
        """Whether `first` is significantly better than `second`."""
        return self.differ(first, second) and bool(self.scores.lt(self.scores.T)[second][first])


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


def wilcoxon_holm(task_scores: pd.DataFrame) -> Significance:
    """Test the optimizers against each other by Wilcoxon's signed-rank test between pairs.

    Three or more: Friedman's test, then Wilcoxon's between pairs, corrected by Holm's procedure (Holm 1979; García and
    Herrera 2008, JMLR 9:2677-2694). Unlike by Nemenyi's test, whether two differ doesn't depend on who else is compared
    (Benavoli et al. 2016, JMLR 17:5), but for the correction; neither need it follow the mean ranks. Two, as
    `significance`. Where no outcome at all could reach `ALPHA` (too few tasks), nothing is tested and the note says so.

    Parameters
    ----------
    task_scores:
        Tasks x optimizers: the performance on each task, lower is better, on a scale that tasks share (mean ranks over
        seeds, or regret), as the sizes of differences on tasks are compared.
    """
    if task_scores.shape[1] < 3:
        return significance(task_scores)
    mean = task_scores.rank(axis=1).mean(axis=0)
    tasks, optimizers = task_scores.shape
    pairs = math.comb(optimizers, 2)
    if pairs * 2.0 ** (1 - tasks) >= ALPHA:
        return _untested(
            task_scores,
            mean,
            f"With {tasks} {_tasks(tasks)} and {optimizers} optimizers no outcome could reach significance after "
            f"Holm's correction for {pairs} pairs: differences can be neither shown nor ruled out.",
        )
    p_value = _friedman(task_scores)
    pairwise = _wilcoxon_holm(task_scores)
    found = int((pairwise.to_numpy() < ALPHA).sum()) // 2
    verdict = (
        f"Friedman's test finds differences between the {optimizers} optimizers over {tasks} tasks ({_p(p_value)}); "
        f"by Wilcoxon's signed-rank tests with Holm's correction {found} of {pairs} pairs differ."
        if p_value < ALPHA
        else _no_difference(optimizers, tasks, p_value)
    )
    return Significance("Wilcoxon-Holm", tasks, p_value, mean, _lost(task_scores), pairwise, math.nan, verdict)


def holm(p_values: np.ndarray) -> np.ndarray:
    """Of shape (tests,): p-values corrected by Holm's step-down procedure (Holm 1979)."""
    order = np.argsort(p_values, kind="stable")
    stepped = np.maximum.accumulate(p_values[order] * np.arange(len(p_values), 0, -1))
    corrected = np.empty(len(p_values))
    corrected[order] = np.minimum(stepped, 1.0)
    return corrected


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
    verdict = "differ significantly" if p_value < ALPHA else "can't be told apart"
    pairwise = _pairwise(task_ranks, p_value)
    note = f"Over {len(task_ranks)} tasks the two optimizers {verdict} (Wilcoxon signed-rank test, {_p(p_value)})."
    return Significance(
        "Wilcoxon signed-rank", len(task_ranks), p_value, mean, _lost(task_ranks), pairwise, math.nan, note
    )


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
    p_value = _friedman(task_ranks)
    pairwise = scikit_posthocs.posthoc_nemenyi_friedman(task_ranks.to_numpy())
    pairwise = pd.DataFrame(pairwise.to_numpy(), index=task_ranks.columns, columns=task_ranks.columns)
    verdict = (
        f"Friedman's test finds differences between the {optimizers} optimizers over {tasks} tasks ({_p(p_value)}); "
        f"by Nemenyi's test two of them differ when their mean ranks by task are more than {difference:.2f} apart."
        if p_value < ALPHA
        else _no_difference(optimizers, tasks, p_value)
    )
    rough = f" With {tasks} tasks the p-values are rough." if tasks <= _RELIABLE_TASKS else ""
    return Significance("Friedman", tasks, p_value, mean, _against_all(mean), pairwise, difference, verdict + rough)


def _friedman(task_scores: pd.DataFrame) -> float:
    """The p-value; 1 where all optimizers tie on all tasks."""
    ranked = task_scores.rank(axis=1).to_numpy()
    all_tied = bool(np.all(ranked == ranked[:, :1]))
    return 1.0 if all_tied else float(friedmanchisquare(*task_scores.to_numpy().T).pvalue)


def _wilcoxon_holm(task_scores: pd.DataFrame) -> pd.DataFrame:
    """Corrected p-values, optimizers x optimizers; 1 on the diagonal."""
    names, scores = task_scores.columns, task_scores.to_numpy(dtype=float)
    first, second = np.triu_indices(len(names), k=1)
    signed = signed_ranks(scores[:, first] - scores[:, second])
    values = np.ones((len(names), len(names)))
    values[first, second] = values[second, first] = holm(np.array([signed_rank_p(pair) for pair in signed.T]))
    return pd.DataFrame(values, index=names, columns=names)


def _lost(task_scores: pd.DataFrame) -> pd.DataFrame:
    """Optimizers x optimizers: the sum of the signed ranks of the tasks that the row's loses against the column's."""
    names, scores = task_scores.columns, task_scores.to_numpy(dtype=float)
    lost = np.maximum(signed_ranks(scores[:, :, None] - scores[:, None, :]), 0).sum(axis=0)
    return pd.DataFrame(lost, index=names, columns=names)


def _against_all(mean: pd.Series) -> pd.DataFrame:
    """Optimizers x optimizers: the mean rank of the row's, whoever it is compared with."""
    return pd.DataFrame(dict.fromkeys(mean.index, mean))


def _no_difference(optimizers: int, tasks: int, p_value: float) -> str:
    return (
        f"Friedman's test finds no significant difference between the {optimizers} optimizers over {tasks} tasks "
        f"({_p(p_value)})."
    )


def _untested(task_ranks: pd.DataFrame, mean: pd.Series, note: str) -> Significance:
    pairwise = _pairwise(task_ranks, math.nan)
    return Significance("", len(task_ranks), math.nan, mean, _against_all(mean), pairwise, math.nan, note)


def _pairwise(task_ranks: pd.DataFrame, p_value: float) -> pd.DataFrame:
    names = task_ranks.columns
    values = np.full((len(names), len(names)), p_value)
    np.fill_diagonal(values, 1.0)
    return pd.DataFrame(values, index=names, columns=names)


def _tasks(count: int) -> str:
    return "task" if count == 1 else "tasks"


def _p(value: float) -> str:
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"
