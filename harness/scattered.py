"""Real trials at scattered configurations, as from a random search: the nearest one answers for any other.

A table of scattered trials makes a task whose search space is as wide as what was searched, so that any optimizer can
propose what it wants. What it gets is the result of a real trial close by.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from ConfigSpace import ConfigurationSpace

_TIE = 1e-13
"""Squared distances that differ by less are equal, so that rounding decides nothing."""
_FEW = 5000
"""Up to so many points, to look at all of them is quicker than a tree."""


@dataclass(frozen=True, slots=True)
class Range:
    """A hyperparameter of which numbers from a range were tried.

    Parameters
    ----------
    name:
        Of the hyperparameter.
    lower, upper:
        Bounds, both included.
    log:
        Whether it was searched on a logarithmic scale, on which distances are measured then.
    integer:
        Whether only integers were tried.
    """

    name: str
    lower: float
    upper: float
    log: bool = False
    integer: bool = False

    def unit(self, value: float) -> float:
        """Where a value lies between the bounds, from 0 to 1, on the range's scale."""
        if self.log:
            return math.log(value / self.lower) / math.log(self.upper / self.lower)
        return (value - self.lower) / (self.upper - self.lower)


class Scattered:
    """Finds the nearest of many points.

    Nearest is meant in the unit cube, with logarithms where a range has them: by Euclidean distance, and of equally
    near points the first.

    Parameters
    ----------
    ranges:
        The hyperparameters.
    points:
        A row per trial, shape (trials, hyperparameters), in the hyperparameters' units.
    """

    def __init__(self, ranges: Sequence[Range], points: np.ndarray) -> None:
        import numpy as np
        from scipy.spatial import KDTree

        columns = [np.vectorize(one.unit, otypes=[float])(points[:, place]) for place, one in enumerate(ranges)]
        self._ranges = tuple(ranges)
        self._points = np.column_stack(columns)
        self._squares = (self._points**2).sum(axis=1)
        self._tree = KDTree(self._points) if len(points) > _FEW else None

    def nearest(self, config: Mapping[str, Any]) -> int:
        """The row of the trial that is nearest to a configuration, which has a value of every hyperparameter."""
        point = [one.unit(config[one.name]) for one in self._ranges]
        if self._tree is None:
            distances = self._squares - 2 * (self._points @ point)  # squared, but for a constant
            return int((distances <= distances.min() + _TIE).argmax())
        distance, row = self._tree.query(point)
        alike = self._tree.query_ball_point(point, math.sqrt(distance**2 + _TIE))
        return min(alike, default=int(row))


def space_of(ranges: Sequence[Range]) -> ConfigurationSpace:
    """The search space of these ranges."""
    from ConfigSpace import ConfigurationSpace, Float, Integer

    space = ConfigurationSpace()
    space.add(
        [
            Integer(one.name, (int(one.lower), int(one.upper)), log=one.log)
            if one.integer
            else Float(one.name, (one.lower, one.upper), log=one.log)
            for one in ranges
        ]
    )
    return space
