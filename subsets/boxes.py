"""Anchored boxes, and what a search for the box that a subset of points fills worst works on.

Every point is known by its dense rank on each axis, so a box is an *inclusive corner*: the highest rank that it holds
on each axis. Two families of boxes decide the discrepancy of a subset S of size k:

- `OVER`, closed boxes that hold too many of S: on each axis they end with a member of S. Their excess is
  |S in box| / k - measure(box).
- `UNDER`, open boxes that hold too few: on each axis they end just before a member of S, or nowhere. Their excess is
  measure(box) - |S in box| / k.

The measure is the box's volume, or the share of all n points in it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int32]
"""Ranks, counts, and weights."""
Points = npt.NDArray[np.intp]
"""Numbers of points (indices into the full set)."""

OVER = 0
UNDER = 1
UNBOUNDED = 2**31 - 1
"""A rank above every other."""
SWEPT = 3
"""The last so many axes are swept at once; spaces of fewer are padded with axes on which all boxes are the same."""


class Instance(NamedTuple):
    """A full set of n points, the size k of its subsets, and a measure of boxes.

    `ranks` (axes, n): dense rank of each point. `by_rank` (axes, n): the points, sorted along each axis. `tops`
    (axes): the highest rank. `sides` (2, axes, n + 1): the length of a box's side by the rank at which it ends, for
    closed and for open boxes; all 0 if the measure is a share of points.
    `share`: the measure of one point, 0 if the measure is the volume. An excess is
    `scale * (gain * members inside - cost * points inside) - volume`, or that with the opposite sign.
    """

    ranks: Integers
    by_rank: Points
    tops: Integers
    sides: Floats
    size: int
    share: float
    gain: int
    cost: int
    scale: float


class Region(NamedTuple):
    """The boxes of one family (`OVER`, `UNDER`) that hold the ranks `hold` and miss the ranks `miss`, (axes) each."""

    family: int
    hold: Integers
    miss: Integers


class Workspace(NamedTuple):
    """Memory for a search, so that it allocates none. `box` (axes), `family` (1): the worst box found last.

    Of the nested prefixes being searched, one per level: `members` (levels, axes, k + 1), `points` (levels, n + 1) and
    how many these are, `member_counts`, `point_counts`; `volumes`; `missed`: whether they end before `Region.miss`;
    `ends`: the next end to try; `path` (axes): their corner. `everywhere`, `nowhere` (axes): ranks that every box
    holds, and misses.

    For volumes, `slab_ranks`, `row_ranks`, `last_sides` (k + 1): where the members of a prefix lie on the axes that are
    swept, row by row; `entering` (k + 1): which of them enter a slab; `column` (k + 1): the sides at which those that
    have entered lie on the last axis.

    For shares, `corners` (axes, k + 1): the inclusive corners that are tried on each axis; `bins` (2, n): the row and
    the column to which a rank belongs; `table` (k + 1, k + 1), `sums` (k + 1): weights by row and column, by column.
    """

    members: Points
    points: Points
    member_counts: Points
    point_counts: Points
    volumes: Floats
    missed: npt.NDArray[np.bool_]
    ends: Points
    path: Integers
    box: Integers
    family: Integers
    everywhere: Integers
    nowhere: Integers
    slab_ranks: Integers
    row_ranks: Integers
    last_sides: Floats
    entering: Points
    column: Floats
    corners: Integers
    bins: Integers
    table: Integers
    sums: Integers


def make_instance(points: Floats, size: int, *, uniform: bool) -> Instance:
    """The instance for `points` (n, d) in [0, 1], subsets of `size`, and the volume or the share of points."""
    n, d = points.shape
    padding = max(0, SWEPT - d)
    axes = d + padding
    ranks = np.zeros((axes, n), np.int32)
    sides = np.zeros((2, axes, n + 1))
    if uniform:
        sides[OVER, :padding, 0] = sides[UNDER, :padding, 1] = 1
    for axis in range(padding, axes):
        values, ranks[axis] = np.unique(points[:, axis - padding], return_inverse=True)
        if uniform:
            sides[:, axis, : len(values)] = values
            sides[UNDER, axis, len(values)] = 1
    gain, cost = (1, 0) if uniform else (n, size)
    return Instance(
        ranks=ranks,
        by_rank=np.argsort(ranks, axis=1, kind="stable"),
        tops=ranks.max(axis=1),
        sides=sides,
        size=size,
        share=0.0 if uniform else 1 / n,
        gain=gain,
        cost=cost,
        scale=1 / (gain * size),
    )


def make_workspace(instance: Instance) -> Workspace:
    """Memory for searches in `instance`."""
    axes, n = instance.ranks.shape
    ends = instance.size + 1
    levels = axes - SWEPT + 1
    return Workspace(
        members=np.zeros((levels, axes, ends), np.intp),
        points=np.zeros((levels, n + 1), np.intp),
        member_counts=np.zeros(levels, np.intp),
        point_counts=np.zeros(levels, np.intp),
        volumes=np.zeros(levels),
        missed=np.zeros(levels, np.bool_),
        ends=np.zeros(levels, np.intp),
        path=np.zeros(axes, np.int32),
        box=np.zeros(axes, np.int32),
        family=np.zeros(1, np.int32),
        everywhere=np.full(axes, -1, np.int32),
        nowhere=np.full(axes, UNBOUNDED, np.int32),
        slab_ranks=np.zeros(ends, np.int32),
        row_ranks=np.zeros(ends, np.int32),
        last_sides=np.zeros(ends),
        entering=np.zeros(ends, np.intp),
        column=np.zeros(ends),
        corners=np.zeros((axes, ends), np.int32),
        bins=np.zeros((2, n), np.int32),
        table=np.zeros((ends, ends), np.int32),
        sums=np.zeros(ends, np.int32),
    )


def sorted_members(instance: Instance, subset: Points) -> Points:
    """`subset` (k), sorted along each axis: (axes, k)."""
    return subset[np.argsort(instance.ranks[:, subset], axis=1, kind="stable")]


def subset_weights(instance: Instance, subset: Points) -> Integers:
    """What each point (n) adds to the excess of a box that holds it, in units of `scale`."""
    weights = np.full(instance.ranks.shape[1], -instance.cost, np.int32)
    weights[subset] += instance.gain
    return weights
