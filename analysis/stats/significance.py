"""What tests between optimizers say; tasks are the blocks (Demšar 2006, JMLR 7:1-30)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
import pandas as pd

ALPHA = 0.05


@dataclass(frozen=True)
class Significance:
    """The outcome of the tests between optimizers.

    Attributes
    ----------
    test:
        `"Wilcoxon signed-rank"`, `"sign test"`, `"Friedman-Nemenyi"` or, where nothing can be tested, `""`.
    tasks:
        The number of tasks, i.e. of blocks.
    mean_ranks:
        By optimizer: what they are ordered by in a diagram.
    scores:
        Optimizers x optimizers, lower is better: what the test orders a pair by, of the row's optimizer against the
        column's. The mean ranks or, of Wilcoxon's test, the sum of the signed ranks of the tasks lost; it need not
        order two optimizers as their mean ranks do.
    pairwise:
        p-values between pairs, optimizers x optimizers, corrected for the number of pairs; 1 on the diagonal, NaN where
        nothing can be tested.
    uncorrected:
        The same of each pair as if it were the only one; NaN where a test has no such p-values.
    critical_difference:
        The Nemenyi critical difference of mean ranks at `ALPHA`; NaN for any other test.
    note:
        One or two plain sentences: what the tests say, or why they can't say anything.
    """

    test: str
    tasks: int
    mean_ranks: pd.Series
    scores: pd.DataFrame
    pairwise: pd.DataFrame
    uncorrected: pd.DataFrame
    critical_difference: float
    note: str

    @property
    def p_value(self) -> float:
        """Of the hypothesis that all optimizers perform alike: the least of all pairs; NaN where nothing is tested."""
        return float(self.pairwise.to_numpy().min(initial=1.0)) if self.test else float("nan")

    def differ(self, first: str, second: str) -> bool:
        """Whether two optimizers differ significantly."""
        return _entry(self.pairwise, first, second) < ALPHA

    def is_better(self, first: str, second: str) -> bool:
        """Whether `first` is significantly better than `second`."""
        return self.differ(first, second) and _entry(self.scores, first, second) < _entry(self.scores, second, first)


def _entry(matrix: pd.DataFrame, row: str, column: str) -> float:
    return cast(float, matrix.at[row, column])


def untested(mean_ranks: pd.Series, tasks: int, note: str) -> Significance:
    """Nothing can be tested, for the reason that the `note` gives."""
    names = mean_ranks.index
    unknown = pd.DataFrame(np.where(np.eye(len(names)), 1.0, np.nan), index=names, columns=names)
    return Significance("", tasks, mean_ranks, against_all(mean_ranks), unknown, unknown, float("nan"), note)


def against_all(mean_ranks: pd.Series) -> pd.DataFrame:
    """Optimizers x optimizers: the mean rank of the row's, whoever it is compared with."""
    return pd.DataFrame(dict.fromkeys(mean_ranks.index, mean_ranks))


def holm(p_values: np.ndarray) -> np.ndarray:
    """Of shape (tests,): p-values corrected by Holm's step-down procedure (Holm 1979)."""
    order = np.argsort(p_values, kind="stable")
    stepped = np.maximum.accumulate(p_values[order] * np.arange(len(p_values), 0, -1))
    corrected = np.empty(len(p_values))
    corrected[order] = np.minimum(stepped, 1.0)
    return corrected
