"""Proof: how near a subset is to the best that exists, by integer programming (SciPy's HiGHS) for small cases.

"Is there a k-subset of discrepancy at most T?" is a question of whole numbers. With a 0/1 variable z per point and the
share `mu(B)` that a box B ought to hold, a box must hold at least `ceil(k (mu(B) - T))` and at most
`floor(k (mu(B) + T))` of the k points. These rounded bounds are far stronger than the fractional ones, and most boxes
are implied by a larger or a smaller one with the same bound: a few hundred rows remain of tens of thousands. Where
HiGHS finds them infeasible, every subset is worse than T. Bisection over T closes in on the optimum from both sides.

Boxes on a grid of ranks are known by their *levels*: level `l` of a coordinate admits the `l` smallest distinct values.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
import numpy.typing as npt
import scipy.sparse
from scipy.optimize import Bounds, LinearConstraint, milp

from optathlon.errors import UsageError
from optathlon.subsets.discrepancy import Target, evaluate, valid_points, valid_subset, valid_target
from optathlon.subsets.selection import select_subset

TOLERANCE = 1e-6
"""An optimum counts as proven when its bounds are at most so far apart."""

_SLACK = 1e-9
"""Bounds are loosened by so much of a point before rounding, so that rounding errors never exclude a subset."""

_MAX_CELLS = 4_000_000
"""A larger grid of boxes is thinned out, as is a larger table of rows x points; both together take some 300 MB."""

_DIRECT = 1000
"""Up to so many rows go to the solver at once; of more, only those that prove necessary, `_BATCH` at a time."""

_BATCH = 300

_FRACTIONAL_ROUNDS = 15
"""How often rows are added for fractional answers: longer, this converges ever more slowly."""

_NEAR = 0.02
"""Once the bounds are relatively as near as this, the next question is whether the best known subset is optimal."""

_OPTIMAL, _INFEASIBLE = 0, 2
"""Of `milp`'s status codes; 1 is the time limit, 3 and 4 tell nothing."""

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Subset = tuple[int, ...]


@dataclass(frozen=True)
class Certificate:
    """The best subset known, and what is proven about all others.

    Attributes
    ----------
    indices:
        Rows of the best k-subset known, ascending.
    upper:
        Its discrepancy, in [0, 1].
    lower:
        No k-subset has a discrepancy below this; in [0, `upper`].
    proven:
        Whether the two are within `TOLERANCE`, i.e. the subset is optimal.
    rounds:
        How often the solver was called.
    seconds:
        Wall-clock time used, for all together.
    """

    indices: tuple[int, ...]
    upper: float
    lower: float
    proven: bool
    rounds: int
    seconds: float

    @property
    def gap(self) -> float:
        """At most this share of `upper` could be saved by another subset, in [0, 1]; 0 where `upper` is."""
        return (self.upper - self.lower) / self.upper if self.upper > 0 else 0.0


def certify(
    points: npt.ArrayLike,
    k: int,
    *,
    target: Target = "empirical",
    incumbent: Sequence[int] | None = None,
    seconds: float = 60.0,
) -> Certificate:
    """Find a k-subset of least discrepancy and prove it, or say how far from proven it is when the time is up.

    Exact, so for small cases: with k up to 20 and on one core, seconds for 100 points in two dimensions and for 60 in
    three, up to a few minutes for 200 or 100; beyond that, expect a gap. Deterministic apart from the time limit.

    Parameters
    ----------
    points:
        Points x coordinates, in [0, 1]; duplicates are fine.
    k:
        The size of the subset, 1 to the number of points.
    target:
        What the subset must resemble: all points (`"empirical"`) or the uniform distribution on the unit cube
        (`"uniform"`, the star discrepancy).
    incumbent:
        k distinct rows to start from; by default `select_subset` finds them.
    seconds:
        Wall-clock limit of the proof, above 0 and kept to within a few seconds. Finding an incumbent takes at most as
        long again, usually seconds; compilation on the first use comes on top.

    Raises
    ------
    UsageError
        Where `points`, `k`, `target`, `incumbent` or `seconds` isn't as described.
    """
    started = time.monotonic()
    target = valid_target(target)
    array = valid_points(points)
    if not 1 <= k <= len(array):
        raise UsageError(f"a subset of {k} of {len(array)} points can't be had: k must be 1 to {len(array)}")
    if not seconds > 0:
        raise UsageError(f"the time limit must be above 0 seconds, not {seconds}")
    if incumbent is None:
        incumbent = select_subset(array, k, target=target, seed=0, seconds=seconds).indices
    best = tuple(sorted(valid_subset(incumbent, len(array))))
    if len(best) != k:
        raise UsageError(f"the incumbent has {len(best)} points, but k is {k}")
    search = _Search(array, k, target, best)
    search.run(seconds)
    return Certificate(
        indices=search.best,
        upper=search.upper,
        lower=search.lower,
        proven=search.proven,
        rounds=search.rounds,
        seconds=time.monotonic() - started,
    )


class _Answer(Enum):
    NO_SUBSET = "every subset is worse"
    UNKNOWN = "not decided in time"


class _Search:
    """Bisection over the discrepancy: between what is proven impossible and the best subset known."""

    def __init__(self, points: Floats, k: int, target: Target, incumbent: Subset) -> None:
        self._points, self._k, self._target = points, k, target
        self._space = _Space.of(points, target)
        self._grid = self._space.grid([np.arange(len(values) + 1) for values in self._space.values])
        self.best = incumbent
        self.upper = self._discrepancy(incumbent)
        self.lower = 0.0
        self.rounds = 0

    @property
    def proven(self) -> bool:
        return self.upper - self.lower <= TOLERANCE

    def run(self, seconds: float) -> None:
        """Ask whether there is a subset half-way between the bounds; once they are near, whether there is any better.

        Each question may take half of the time left. After one that this doesn't suffice for, easier ones are asked:
        of lower thresholds.
        """
        deadline = time.monotonic() + seconds
        undecided, improved = math.inf, False
        while not self.proven and undecided - self.lower > max(TOLERANCE, self._step) and time.monotonic() < deadline:
            if undecided > self.upper and not improved and self.upper - self.lower <= _NEAR * self.upper:
                threshold = self._just_below_upper()
            else:
                threshold = (self.lower + min(self.upper, undecided)) / 2
            answer = self._decide(threshold, (time.monotonic() + deadline) / 2)
            improved = isinstance(answer, tuple)
            if isinstance(answer, tuple):
                self.best, self.upper = answer, self._discrepancy(answer)
            elif answer is _Answer.NO_SUBSET:
                self.lower = self._next_possible(threshold)
            else:
                undecided = threshold

    def _discrepancy(self, subset: Subset) -> float:
        return evaluate(self._points, subset, self._target)[0]

    @property
    def _step(self) -> float:
        """Discrepancies are multiples of this; 0 if of nothing."""
        return 0.0 if self._target == "uniform" else 1 / math.lcm(len(self._points), self._k)

    def _just_below_upper(self) -> float:
        return self.upper - max(TOLERANCE, self._step) / 2

    def _next_possible(self, threshold: float) -> float:
        """A lower bound of the discrepancies above `threshold`."""
        if self._step == 0:
            return threshold
        return min((math.floor(threshold / self._step + _SLACK) + 1) * self._step, self.upper)

    def _decide(self, threshold: float, deadline: float) -> Subset | _Answer:
        """Find a subset of discrepancy at most `threshold`, or prove that there is none.

        Few rows go to the solver at once. Of many, those violated by its last answer are added until none is: first for
        fractional z, which is quick and finds many of the rows that matter. A subset that meets all rows of the grid,
        which may be thinned out, must also meet those of its own.
        """
        rows = self._grid.rows(self._k, threshold)
        fractional_rounds = 0 if len(rows) <= _DIRECT else _FRACTIONAL_ROUNDS
        active = np.arange(0 if fractional_rounds else len(rows))
        while True:
            integral = fractional_rounds == 0
            z = self._solve(rows.take(active), integral, deadline)
            if isinstance(z, _Answer):
                return z
            added = rows.violated_by(z)
            if len(added) == 0 and not integral:
                fractional_rounds = 0
                continue
            fractional_rounds = max(0, fractional_rounds - 1)
            if len(added) == 0:
                subset = tuple(int(i) for i in np.flatnonzero(z))
                if self._discrepancy(subset) <= threshold + _SLACK:
                    return subset
                own = self._space.grid(self._space.levels_of(subset)).rows(self._k, threshold)
                own = own.take(own.violated_by(z))
                if len(own) == 0:  # only where its own grid was thinned out too
                    return _Answer.UNKNOWN
                added = np.arange(len(rows), len(rows) + len(own))
                rows = rows.with_more(own)
            active = np.append(active, added[:_BATCH])

    def _solve(self, rows: _Rows, integral: bool, deadline: float) -> Floats | _Answer:
        """The z that meets the rows: 0 or 1 if `integral`, else in [0, 1]."""
        seconds = deadline - time.monotonic()
        if seconds <= 0:
            return _Answer.UNKNOWN
        self.rounds += 1
        n = len(self._points)
        answer = milp(
            np.zeros(n),
            integrality=np.full(n, int(integral)),
            bounds=Bounds(0, 1),
            constraints=[
                LinearConstraint(np.ones((1, n)), self._k, self._k),
                LinearConstraint(scipy.sparse.csr_array(rows.members, dtype=float), rows.least, rows.most),
            ],
            options={"time_limit": seconds, "mip_rel_gap": 0.0},
        )
        if answer.status == _INFEASIBLE:
            return _Answer.NO_SUBSET
        if answer.status != _OPTIMAL:
            return _Answer.UNKNOWN
        return np.round(answer.x) if integral else np.asarray(answer.x)


@dataclass(frozen=True)
class _Space:
    """All points, and the measure that a subset must resemble.

    `values`: the distinct values by coordinate, ascending; `ranks` (n, d): where each point's stand in them.
    """

    values: list[Floats]
    ranks: Integers
    target: Target

    @classmethod
    def of(cls, points: Floats, target: Target) -> _Space:
        values, ranks = zip(*(np.unique(column, return_inverse=True) for column in points.T), strict=True)
        return cls(list(values), np.stack(ranks, axis=1).astype(np.int64), target)

    def levels_of(self, subset: Subset) -> list[Integers]:
        """The levels by coordinate of the boxes that can be the worst of `subset`."""
        own = self.ranks[list(subset)].T
        return [
            np.unique(np.concatenate([ranks, ranks + 1, [len(values)]]))
            for ranks, values in zip(own, self.values, strict=True)
        ]

    def grid(self, levels: list[Integers]) -> _Grid:
        """All boxes with these levels (ascending), thinned out if they are too many."""
        if math.prod(len(own) for own in levels) > _MAX_CELLS:
            most = int(_MAX_CELLS ** (1 / len(levels)))
            levels = [own[np.unique(np.linspace(len(own) - 1, 0, most).astype(int))] for own in levels]
        counts = np.zeros([len(own) for own in levels], dtype=np.int32)
        first = [np.searchsorted(own, ranks + 1) for own, ranks in zip(levels, self.ranks.T, strict=True)]
        inside = np.all([at < len(own) for at, own in zip(first, levels, strict=True)], axis=0)
        np.add.at(counts, tuple(at[inside] for at in first), 1)
        for axis in range(counts.ndim):
            np.cumsum(counts, axis=axis, out=counts)
        if self.target == "empirical":
            share = counts / len(self.ranks)
            return _Grid(self.ranks, levels, counts, share, share)
        closed = [np.append(0.0, values)[own] for values, own in zip(self.values, levels, strict=True)]
        opened = [np.append(values, 1.0)[own] for values, own in zip(self.values, levels, strict=True)]
        return _Grid(self.ranks, levels, counts, _volumes(opened), _volumes(closed))


def _volumes(sides: list[Floats]) -> Floats:
    """Of boxes, by the lengths of their sides along each axis."""
    volumes = np.ones(())
    for side in sides:
        volumes = volumes[..., np.newaxis] * side
    return volumes


@dataclass(frozen=True)
class _Grid:
    """Boxes at all combinations of levels.

    Of each box: how many of all points are in it, and the measures of the largest open box and of the smallest closed
    box with these points.
    """

    ranks: Integers
    levels: list[Integers]
    counts: npt.NDArray[np.int32]
    opened: Floats
    closed: Floats

    def rows(self, k: int, threshold: float) -> _Rows:
        """What a k-subset of discrepancy at most `threshold` must meet, without the rows that others imply."""
        least = np.ceil(k * (self.opened - threshold) - _SLACK)
        needed = least > 0
        for axis in range(needed.ndim):  # implied by the next smaller box?
            bounds = np.moveaxis(least, axis, 0)
            np.moveaxis(needed, axis, 0)[1:] &= bounds[1:] > bounds[:-1]
        most = np.floor(k * (self.closed + threshold) + _SLACK)
        limiting = most < np.minimum(self.counts, k)
        for axis in range(limiting.ndim):  # implied by the next larger box?
            bounds = np.moveaxis(most, axis, 0)
            np.moveaxis(limiting, axis, 0)[:-1] &= bounds[:-1] < bounds[1:]
        lower, upper = self._affordable(np.argwhere(needed)), self._affordable(np.argwhere(limiting))
        return _Rows(
            members=np.concatenate([self._members(lower), self._members(upper)]),
            least=np.concatenate([least[tuple(lower.T)], np.zeros(len(upper))]),
            most=np.concatenate([np.full(len(lower), float(k)), most[tuple(upper.T)]]),
        )

    def _affordable(self, boxes: Integers) -> Integers:
        """Evenly chosen ones if memory doesn't allow for all; what fewer rows exclude is excluded all the more."""
        return boxes[:: 1 + len(boxes) * len(self.ranks) // _MAX_CELLS]

    def _members(self, boxes: Integers) -> npt.NDArray[np.bool_]:
        """Boxes x points: which points are in the boxes at these positions of the grid."""
        members = np.ones((len(boxes), len(self.ranks)), dtype=np.bool_)
        for own, position, ranks in zip(self.levels, boxes.T, self.ranks.T, strict=True):
            members &= ranks < own[position][:, np.newaxis]
        return members


@dataclass(frozen=True)
class _Rows:
    """Boxes, by the points in each (rows x points), and how many of a subset they hold at least and at most."""

    members: npt.NDArray[np.bool_]
    least: Floats
    most: Floats

    def __len__(self) -> int:
        return len(self.members)

    def take(self, rows: Integers) -> _Rows:
        return _Rows(self.members[rows], self.least[rows], self.most[rows])

    def with_more(self, other: _Rows) -> _Rows:
        return _Rows(
            np.concatenate([self.members, other.members]),
            np.concatenate([self.least, other.least]),
            np.concatenate([self.most, other.most]),
        )

    def violated_by(self, z: Floats) -> Integers:
        """The rows that z violates by more than the solver's tolerance, the worst first."""
        held = self.members @ z
        excess = np.maximum(self.least - held, held - self.most)
        worst = np.argsort(-excess, kind="stable")
        return worst[: np.count_nonzero(excess > 1e-5)]
