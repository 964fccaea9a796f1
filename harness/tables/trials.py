"""The rows of a table as trials: which configuration, level and repetition each is, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from optathlon.trial import Status

Failure = tuple[Status, str]
"""How a trial failed, and what is said of it."""

INACTIVE = -1
"""The code of a hyperparameter that a row doesn't have."""


@dataclass(frozen=True)
class Coded:
    """A column by codes, shape (rows,): places in the list of its values; `INACTIVE` where it has none."""

    codes: np.ndarray
    values: Sequence[Any]

    def having(self, rows: np.ndarray) -> Coded:
        """Of these rows, and with the values that they have."""
        codes = self.codes[rows]
        present = np.zeros(len(self.values) + 1, dtype=bool)
        present[codes] = True
        present[INACTIVE] = False
        places = np.append(np.cumsum(present[:-1]) - 1, INACTIVE)
        return Coded(places[codes], [self.values[place] for place in np.flatnonzero(present).tolist()])


@dataclass(frozen=True)
class Trials:
    """What a table holds; all arrays have a place for each of its rows.

    Attributes
    ----------
    hyperparameters:
        By name, parents before their children. Numbers ascend, and levels and choices are in their order.
    level:
        The fidelity's levels, ascending; the single level `None` where there is no fidelity.
    repetition:
        What tells trials of a configuration and level apart.
    group:
        The values of the group's columns, joined by `/`; the single one `""` without groups.
    values, tests, metrics:
        Shape (rows, how many there are): as the table has them, NaN where it has nothing.
    cost:
        Seconds, NaN where unknown.
    failure:
        Places in `failures`, whose first one is none.
    kept:
        Which rows count.
    """

    hyperparameters: Mapping[str, Coded]
    level: Coded
    repetition: Coded
    group: Coded
    values: np.ndarray
    tests: np.ndarray
    metrics: np.ndarray
    cost: np.ndarray
    failure: np.ndarray
    failures: Sequence[Failure]
    kept: np.ndarray


def coded(numbers: np.ndarray, whole: bool) -> Coded:
    """Numbers by codes; NaN is none."""
    import pandas as pd

    codes, known = pd.factorize(numbers, sort=True)
    return Coded(codes, [int(value) for value in known] if whole and np.isfinite(known).all() else known.tolist())
