"""The fixed splits of the data sets, and nested stratified subsamples of their rows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from optathlon.lazy import lazy_module
from optathlon.tasks.trainings.datasets import DATASETS, Learning

if TYPE_CHECKING:
    import numpy as np
else:
    np = lazy_module("numpy")

SPLIT_SEED = 0
"""The split of every data set is drawn once, with this seed, whatever the trial."""


@dataclass(frozen=True, slots=True)
class Part:
    """Some rows of a data set: their numbers in it (shape (n,)), features (n, features) and targets (n,)."""

    rows: np.ndarray
    x: np.ndarray
    y: np.ndarray

    def take(self, positions: np.ndarray) -> Part:
        """The rows at `positions` of this part."""
        return Part(self.rows[positions], self.x[positions], self.y[positions])


@dataclass(frozen=True, slots=True)
class Split:
    """A data set in three disjoint parts: 60 % to train, 20 % to validate, 20 % to test."""

    train: Part
    validation: Part
    test: Part


@lru_cache
def load_split(dataset: str) -> Split:
    """The fixed split of a data set, stratified by class for classification."""
    from sklearn.model_selection import train_test_split

    x, y = DATASETS[dataset].load()
    whole = Part(np.arange(len(y)), x, y)
    stratified = DATASETS[dataset].learning == "classification"

    def cut(rows: np.ndarray, fraction: float) -> tuple[np.ndarray, np.ndarray]:
        labels = whole.y[rows] if stratified else None
        first, second = train_test_split(rows, train_size=fraction, random_state=SPLIT_SEED, stratify=labels)
        return np.sort(first), np.sort(second)

    train, rest = cut(whole.rows, 0.6)
    validation, test = cut(rest, 0.5)
    return Split(whole.take(train), whole.take(validation), whole.take(test))


def subsample(part: Part, fraction: float, learning: Learning, seed: int) -> Part:
    """`round(fraction * n)` rows of a part, in the order of the part.

    Rows are ordered at random and dealt so that every prefix has each class in proportion; so a larger fraction
    with the same seed contains the smaller one.
    """
    size = round(fraction * len(part.rows))
    order = np.random.default_rng(seed).permutation(len(part.rows))
    if learning == "classification":
        order = order[np.argsort(_shares(part.y[order]), kind="stable")]
    return part.take(np.sort(order[:size]))


def _shares(labels: np.ndarray) -> np.ndarray:
    """For every row, which share of its class has come with it and the rows before it: (k - 1/2) / class size."""
    shares = np.empty(len(labels))
    for label in np.unique(labels):
        mine = labels == label
        shares[mine] = (np.arange(mine.sum()) + 0.5) / mine.sum()
    return shares
