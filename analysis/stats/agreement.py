"""How good a judge is: its agreement with people, theirs with each other, and its own when the answers are swapped.

Labels are 1 (the first answer is better), 2 (the second one is), 0 (tie) and -1 (not understood). What was not
understood is left out of every statistic but the counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pandas as pd

from optathlon.llm import agreement
from optathlon.llm.agreement import cohens_kappa
from optathlon.llm.labelled_pairs import NOT_UNDERSTOOD

NAMES = MappingProxyType({0: "tie", 1: "first better", 2: "second better", NOT_UNDERSTOOD: "not understood"})
"""What the labels mean."""

_DECISIONS = (0, 1, 2)


@dataclass(frozen=True, eq=False)
class JudgeQuality:
    """A judge's labels compared with the true ones.

    Attributes
    ----------
    accuracy:
        The share of items on which they agree, in [0, 1].
    precision, recall, f1:
        In [0, 1]: unweighted means over the labels that anyone gave, as scikit-learn's; one that is never right counts
        as 0.
    kappa:
        Cohen's, in [-1, 1].
    accuracy_interval, kappa_interval:
        The ends of 95 % percentile bootstrap intervals over items.
    confusion:
        Counts: rows are the true labels, columns the judge's.
    """

    accuracy: float
    precision: float
    recall: float
    f1: float
    kappa: float
    accuracy_interval: tuple[float, float]
    kappa_interval: tuple[float, float]
    confusion: pd.DataFrame


@dataclass(frozen=True)
class PositionConsistency:
    """How little a judge cares for the order in which it is shown two answers.

    Attributes
    ----------
    pairs:
        How many pairs were understood in both orders.
    consistent:
        The share of them that both orders decide alike, in [0, 1].
    first_bias:
        How much more often the answer shown first wins than the one shown second: the difference of their shares of
        all judgements (ties included) of these pairs, in [-1, 1].
    """

    pairs: int
    consistent: float
    first_bias: float


def majority(annotations: pd.DataFrame) -> np.ndarray:
    """Shape (items,): the label that most annotators give; of equally many, the one that an earlier column has.

    That is PandaLM's rule (`get_majority_vote` of its `compute_metrics.py`).

    Parameters
    ----------
    annotations:
        Items x annotators: labels 0, 1 or 2.
    """
    return agreement.majority(annotations.to_numpy())


def label_counts(labels: pd.DataFrame) -> pd.DataFrame:
    """How often each one gives each label.

    Parameters
    ----------
    labels:
        Items x annotators or judges.

    Returns
    -------
    Annotators or judges x the names of the labels (`NAMES`).
    """
    counts = {name: (labels == label).sum() for label, name in NAMES.items()}
    return pd.DataFrame(counts, index=labels.columns)


def kappas(labels: pd.DataFrame) -> pd.DataFrame:
    """Cohen's κ between each two columns of `labels` (items x annotators or judges), as a symmetric table."""
    columns = {name: labels[name].to_numpy() for name in labels}
    table = {one: {other: cohens_kappa(columns[one], columns[other]) for other in columns} for one in columns}
    return pd.DataFrame(table)


def judge_quality(judged: np.ndarray, truth: np.ndarray, *, resamples: int = 2000, seed: int = 0) -> JudgeQuality:
    """Compare a judge's labels with the true ones.

    Parameters
    ----------
    judged, truth:
        Shape (items,): labels of the same items.
    resamples:
        Of the bootstrap.
    seed:
        Seeds the bootstrap.

    Returns
    -------
    NaN everywhere where the judge was never understood.
    """
    confusion = agreement.confusion(truth, judged)
    right, given, true = np.diag(confusion), confusion.sum(axis=0), confusion.sum(axis=1)
    occurs = given + true > 0
    drawn = _resampled(confusion, resamples, seed)
    names = [NAMES[label] for label in _DECISIONS]
    return JudgeQuality(
        accuracy=float(_accuracy(confusion)),
        precision=_mean((right / given.clip(1))[occurs]),
        recall=_mean((right / true.clip(1))[occurs]),
        f1=_mean((2 * right / (given + true).clip(1))[occurs]),
        kappa=float(agreement.kappa_of(confusion)),
        accuracy_interval=_interval(_accuracy(drawn)),
        kappa_interval=_interval(agreement.kappa_of(drawn)),
        confusion=pd.DataFrame(confusion, index=names, columns=names),
    )


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else float("nan")


def position_consistency(shown: np.ndarray, swapped: np.ndarray) -> PositionConsistency:
    """Compare a judge's labels in both orders.

    Parameters
    ----------
    shown, swapped:
        Shape (items,): the labels where the answers are shown in their order, and where the second one is shown first.
        In both, 1 means that the first answer of the item is better, wherever it was shown.

    Returns
    -------
    Shares are NaN where nothing was understood in both orders.
    """
    understood = (shown != NOT_UNDERSTOOD) & (swapped != NOT_UNDERSTOOD)
    pairs = int(understood.sum())
    if not pairs:
        return PositionConsistency(0, float("nan"), float("nan"))
    shown, swapped = shown[understood], swapped[understood]
    ahead = (shown == 1).sum() + (swapped == 2).sum() - (shown == 2).sum() - (swapped == 1).sum()
    return PositionConsistency(pairs, float((shown == swapped).mean()), float(ahead / (2 * pairs)))


def _accuracy(confusion: np.ndarray) -> np.ndarray:
    """Of each of the matrices (..., 3, 3)."""
    with np.errstate(invalid="ignore"):
        accuracy: np.ndarray = np.trace(confusion, axis1=-2, axis2=-1) / confusion.sum(axis=(-2, -1))
    return accuracy


def _resampled(confusion: np.ndarray, resamples: int, seed: int) -> np.ndarray:
    """Shape (resamples, 3, 3): matrices of as many items, drawn with replacement."""
    items = int(confusion.sum())
    if not items:
        return np.zeros((1, 3, 3), dtype=int)
    rng = np.random.default_rng(seed)
    return rng.multinomial(items, confusion.ravel() / items, size=resamples).reshape(-1, 3, 3)


def _interval(drawn: np.ndarray) -> tuple[float, float]:
    """The 2.5 and 97.5 % quantiles of what is defined."""
    defined = drawn[~np.isnan(drawn)]
    low, high = np.quantile(defined, [0.025, 0.975]) if len(defined) else (np.nan, np.nan)
    return float(low), float(high)
