"""Agreement of labels: 1 (the first answer is better), 2 (the second one is), 0 (tie) and -1 (not understood)."""

from __future__ import annotations

import numpy as np

from optathlon.llm.labelled_pairs import NOT_UNDERSTOOD


def majority(labels: np.ndarray) -> np.ndarray:
    """Shape (items,): the label that most annotators give; of equally many, the one that an earlier one has.

    That is PandaLM's rule (`get_majority_vote` of its `compute_metrics.py`).

    Parameters
    ----------
    labels:
        Shape (items, annotators): 0, 1 or 2.
    """
    votes = (labels[:, :, None] == labels[:, None, :]).sum(axis=2)
    chosen: np.ndarray = labels[np.arange(len(labels)), votes.argmax(axis=1)]
    return chosen


def cohens_kappa(first: np.ndarray, second: np.ndarray) -> float:
    """Cohen's κ (1960): agreement beyond chance, in [-1, 1]; NaN where both always give the same single label.

    Parameters
    ----------
    first, second:
        Shape (items,): labels of the same items. What either has not understood is left out.
    """
    return float(kappa_of(confusion(first, second)))


def confusion(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Shape (3, 3): how often each two labels, 0 to 2, occur together; what was not understood is left out."""
    known = (rows != NOT_UNDERSTOOD) & (columns != NOT_UNDERSTOOD)
    counts: np.ndarray = np.bincount(3 * rows[known] + columns[known], minlength=9).reshape(3, 3)
    return counts


def kappa_of(matrices: np.ndarray) -> np.ndarray:
    """Cohen's κ of each of the matrices (..., 3, 3)."""
    total = matrices.sum(axis=(-2, -1))
    by_chance = (matrices.sum(axis=-1) * matrices.sum(axis=-2)).sum(axis=-1)
    with np.errstate(invalid="ignore"):
        kappa: np.ndarray = (np.trace(matrices, axis1=-2, axis2=-1) * total - by_chance) / (total**2 - by_chance)
    return kappa
