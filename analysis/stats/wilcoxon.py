"""Wilcoxon's signed-rank test of each pair of optimizers by itself (Wilcoxon 1945; Benavoli et al. 2016, JMLR 17:5)."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd

from optathlon.analysis.stats.rank_differences import rank_differences
from optathlon.analysis.stats.signed_ranks import signed_rank_p, signed_ranks
from optathlon.analysis.stats.significance import ALPHA, Significance, holm, untested

SIGN_TEST = "sign test"
WILCOXON = "Wilcoxon signed-rank"


def wilcoxon_holm(losses: pd.Series, mean_ranks: pd.Series) -> Significance:
    """Test the optimizers two by two, on the ranks of the two among each other.

    On each task a pair has one difference of mean ranks (see `rank_differences`). Wilcoxon's signed-rank test of these
    is exact, given ties. With one seed per optimizer the ranks say only who wins a task, so it is the sign test. Three
    or more optimizers: corrected for the number of pairs by Holm's procedure (Holm 1979; García and Herrera 2008, JMLR
    9:2677-2694). But for this correction, whether two differ doesn't depend on who else is compared; nor need it follow
    the mean ranks.

    Where no outcome at all could reach `ALPHA` (too few tasks on which two differ), nothing is tested and the note says
    so.

    Parameters
    ----------
    losses:
        Index (`task`, `seed`, `optimizer`); NaN is a run without a result. Optimizers may lack tasks and seeds.
    mean_ranks:
        By optimizer: what they are ordered by in a diagram.
    """
    ranked = losses[losses.index.get_level_values("optimizer").isin(mean_ranks.index)]
    test = SIGN_TEST if ranked.groupby(level=["task", "optimizer"]).size().max() == 1 else WILCOXON
    return _tested(rank_differences(ranked), mean_ranks, test)


def wilcoxon_of_scores(task_scores: pd.DataFrame) -> Significance:
    """As `wilcoxon_holm`, on the differences of scores that are comparable between tasks.

    Parameters
    ----------
    task_scores:
        Tasks x optimizers: the performance on each task, lower is better, on a scale that tasks share, such as regret,
        as the sizes of differences on tasks are compared.
    """
    scores = task_scores.to_numpy(dtype=float)
    first, second = np.triu_indices(scores.shape[1], k=1)
    columns = pd.MultiIndex.from_arrays([task_scores.columns[first], task_scores.columns[second]])
    differences = pd.DataFrame(scores[:, first] - scores[:, second], task_scores.index, columns)
    return _tested(differences, task_scores.rank(axis=1).mean(axis=0), WILCOXON)


def _tested(differences: pd.DataFrame, mean_ranks: pd.Series, test: str) -> Significance:
    """From `differences` of shape (tasks, pairs), NaN where not both have the task."""
    compared = differences.notna()
    tasks, pairs = int(compared.any(axis=1).sum()), differences.shape[1]
    if not pairs:
        return untested(mean_ranks, tasks, "There is only one optimizer: nothing to test.")
    signed = signed_ranks(differences.to_numpy(dtype=float))
    alone = signed_rank_p(signed)
    matrix = partial(_matrix, differences.columns, mean_ranks.index)
    uncorrected = matrix(alone, alone, diagonal=1.0)
    most = int((signed != 0).sum(axis=0).max(initial=0))
    if pairs * 2.0 ** (1 - most) >= ALPHA:
        note = _too_few(most, len(mean_ranks), pairs)
        return replace(untested(mean_ranks, tasks, note), uncorrected=uncorrected)
    corrected = holm(alone)
    lost, won = np.maximum(signed, 0).sum(axis=0), np.maximum(-signed, 0).sum(axis=0)
    return Significance(
        test=test,
        tasks=tasks,
        mean_ranks=mean_ranks,
        scores=matrix(lost, won, diagonal=0.0),
        pairwise=matrix(corrected, corrected, diagonal=1.0),
        uncorrected=uncorrected,
        critical_difference=math.nan,
        note=_verdict(test, corrected, _range(compared.sum().to_numpy())),
    )


def _verdict(test: str, p_values: np.ndarray, tasks: str) -> str:
    why = " With one seed each, only who wins a task counts." if test == SIGN_TEST else ""
    if len(p_values) == 1:
        verdict = "differ significantly" if p_values[0] < ALPHA else "can't be told apart"
        name = SIGN_TEST if test == SIGN_TEST else "Wilcoxon's signed-rank test"
        return f"Over {tasks} the two optimizers {verdict} ({name}, {_p(p_values[0])}).{why}"
    name = "the sign test" if test == SIGN_TEST else "Wilcoxon's signed-rank test"
    found, verb = int((p_values < ALPHA).sum()), "differs" if (p_values < ALPHA).sum() == 1 else "differ"
    return (
        f"By {name} of each pair by itself, with Holm's correction, {found} of {len(p_values)} pairs {verb} over "
        f"{tasks}.{why}"
    )


def _too_few(most: int, optimizers: int, pairs: int) -> str:
    needed = math.floor(math.log2(pairs / ALPHA)) + 2
    if not most:
        who = "The two" if optimizers == 2 else f"All {optimizers}"
        return f"{who} optimizers tie on every task: there is no difference to test."
    if optimizers == 2:
        return (
            f"The two optimizers differ on {_tasks(most)}, and it takes at least {needed} for the test to tell "
            "anything: a difference can be neither shown nor ruled out."
        )
    return (
        f"No two of the {optimizers} optimizers differ on more than {_tasks(most)}, and with Holm's correction for "
        f"{pairs} pairs it takes at least {needed}: differences can be neither shown nor ruled out."
    )


def _range(counts: np.ndarray) -> str:
    low, high = int(counts.min()), int(counts.max())
    return _tasks(high) if low == high else f"{low:,} to {_tasks(high)}"


def _tasks(count: int) -> str:
    return f"{count:,} {'task' if count == 1 else 'tasks'}"


def _p(value: float) -> str:
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"


def _matrix(pairs: pd.Index, names: pd.Index, upper: np.ndarray, lower: np.ndarray, *, diagonal: float) -> pd.DataFrame:
    """Optimizers x optimizers: `upper` of the first of each pair against the second, `lower` the other way round."""
    first, second = (names.get_indexer(pairs.get_level_values(level)) for level in (0, 1))
    values = np.full((len(names),) * 2, diagonal)
    values[first, second], values[second, first] = upper, lower
    return pd.DataFrame(values, index=names, columns=names)
