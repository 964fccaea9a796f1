"""Compiled kernels: the exact search for the worst box of a subset, and the proposals of annealing.

The search nests prefixes: of the members in a prefix along axis 0, the prefixes along axis 1, and so on (the boxes of
Niederreiter 1972, enumerated as by Bundschuh & Zhu 1993: C(k + d, d) of them rather than (k + 1)^d). The last three
axes are swept at once: for each *slab*, a prefix along the first of them,

- volumes: members enter *row* by row along the second and are kept sorted along the third, the *columns*;
- shares of points: points are counted in a table of rows and columns, k less for each point and n more for each member,
  so that an excess is a whole number / (n k).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from optathlon.subsets.boxes import (
    OVER,
    SWEPT,
    UNBOUNDED,
    UNDER,
    Floats,
    Instance,
    Integers,
    Points,
    Region,
    Workspace,
)
from optathlon.subsets.compiled import compiled, inlined

MISSED = 2.0
"""A side longer than any."""
OUTSIDE = -1
"""The owner of a point that is in no subset."""


class State(NamedTuple):
    """m disjoint subsets of k points each, during annealing.

    `owner` (n): which subset has a point, or `OUTSIDE`. `members` (m, axes, k), `weights` (m, n): as `worst_box` takes
    them. `discrepancies` (m), `box` (m, axes), `family` (m): the worst boxes. `best` (m, k), `best_energy` (1): the
    best subsets so far.

    Of the w watched boxes of each (m, w): `corners` (m, axes, w), `signs` (1 for closed, -1 for open boxes), `counts`
    (members inside), `offsets` (`cost` times points inside), `volumes`, `used` (when each was last of use, by `clock`).

    Of an exchange that is being tried: `next_box`, `next_family`: the worst boxes after it; `ranks_out`, `ranks_in`
    (axes): its points' ranks; `changes` (2, w): which watched boxes hold them; `excesses` (w): theirs then.
    """

    owner: Points
    members: Points
    weights: Integers
    discrepancies: Floats
    box: Integers
    family: Integers
    best: Points
    best_energy: Floats
    corners: Integers
    signs: Floats
    counts: Integers
    offsets: Integers
    volumes: Floats
    used: Points
    clock: Points
    next_box: Integers
    next_family: Integers
    ranks_out: Integers
    ranks_in: Integers
    changes: Integers
    excesses: Floats


class Exchange(NamedTuple):
    """What may come into a subset for an outgoing point: `owner` and `strata` (n) of all points."""

    subset: int
    outgoing: int
    owner: Points
    strata: Points


@compiled
def worst_box(instance: Instance, work: Workspace, members: Points, weights: Integers, known: float) -> float:
    """The discrepancy of a subset, if it is above `known`: its worst box goes to `work`. Else `known`.

    `members` (axes, k): the subset's points, sorted along each axis; `weights` (n): as of `subset_weights`. Complexity:
    C(k + d, d) boxes per family for volumes; O(k^(d - 3) n + k^d) for shares and d >= 3.
    """
    over = Region(OVER, work.everywhere, work.nowhere)
    under = Region(UNDER, work.everywhere, work.nowhere)
    worst = worst_box_in(instance, work, over, members, weights, known, np.inf)
    return worst_box_in(instance, work, under, members, weights, worst, np.inf)


@compiled
def worst_box_in(
    instance: Instance,
    work: Workspace,
    region: Region,
    members: Points,
    weights: Integers,
    known: float,
    enough: float,
) -> float:
    """As `worst_box`, within a region; an excess above `enough` ends the search."""
    prefixed = len(instance.tops) - SWEPT
    _start(instance, work, members)
    worst = known
    axis = 0
    while axis >= 0:
        if axis < prefixed:
            axis += 1 if _next_prefix(instance, work, region, axis, worst) else -1
            continue
        inside, count = work.members[axis], work.member_counts[axis]
        volume, missed = work.volumes[axis], work.missed[axis]
        if instance.share > 0:
            points = _points_in_prefix(instance, work, axis)[: work.point_counts[axis]]
            worst = _sweep_shares(instance, work, region, weights, inside, count, points, missed, worst, enough)
        elif region.family == OVER:
            worst = _sweep_closed(instance, work, region, inside, count, volume, missed, worst, enough)
        else:
            worst = _sweep_open(instance, work, region, inside, count, volume, missed, worst, enough)
        if worst > enough:
            break
        axis -= 1
    return worst


@inlined
def _points_in_prefix(instance: Instance, work: Workspace, axis: int) -> Points:
    """The points in the prefix along the axes before `axis`, sorted along the slabs; only the first ones count."""
    points: Points = instance.by_rank[len(instance.tops) - SWEPT] if axis == 0 else work.points[axis]
    return points


@compiled
def _start(instance: Instance, work: Workspace, members: Points) -> None:
    """Begin with the empty prefix, which holds everything."""
    size = instance.size
    for axis in range(len(members)):
        for i in range(size):
            work.members[0, axis, i] = members[axis, i]
    work.ends[0] = 0
    work.member_counts[0] = size
    work.point_counts[0] = instance.ranks.shape[1]
    work.volumes[0] = 1.0
    work.missed[0] = False


@inlined
def _next_prefix(instance: Instance, work: Workspace, region: Region, axis: int, worst: float) -> bool:
    """Extend the prefix along the axes before `axis` to the next end on `axis` that may lead above `worst`, if any."""
    ranks, sides, top = instance.ranks[axis], instance.sides[region.family, axis], instance.tops[axis]
    members, count, family = work.members[axis], work.member_counts[axis], region.family
    can_miss_later = _can_miss(region.hold, region.miss, axis + 1)
    while work.ends[axis] < count + family:
        end = work.ends[axis]
        work.ends[axis] += 1
        rank = ranks[members[axis, end]] if end < count else top + 1
        corner = rank - family
        if corner < region.hold[axis] or (end + 1 < count and ranks[members[axis, end + 1]] == rank):
            continue
        missed = work.missed[axis] or corner < region.miss[axis]
        if not missed and not can_miss_later:
            return False
        inside = _narrow_members(ranks, members, count, corner, work.members[axis + 1], axis + 1)
        volume = work.volumes[axis] * sides[rank]
        ceiling = inside / instance.size if family == OVER else volume
        if instance.share > 0:
            points = _points_in_prefix(instance, work, axis)[: work.point_counts[axis]]
            work.point_counts[axis + 1] = _narrow_points(ranks, points, corner, work.points[axis + 1])
            if family == UNDER:
                ceiling = instance.share * work.point_counts[axis + 1]
        if ceiling <= worst:
            continue
        work.path[axis] = corner
        work.ends[axis + 1] = 0
        work.member_counts[axis + 1] = inside
        work.volumes[axis + 1] = volume
        work.missed[axis + 1] = missed
        return True
    return False


@inlined
def _can_miss(hold: Integers, miss: Integers, axis: int) -> bool:
    """Whether a box that holds `hold` can end before `miss` on this axis or a later one."""
    able = False
    for later in range(axis, len(hold)):
        able = able or hold[later] < miss[later]
    return able


@compiled
def _narrow_members(
    ranks: Integers, members: Points, count: int, corner: int, narrowed: Points, first_axis: int
) -> int:
    """Write the members whose rank is within `corner`, sorted along each axis from the first; return how many."""
    kept = 0
    for axis in range(first_axis, len(members)):
        kept = 0
        for i in range(count):
            narrowed[axis, kept] = members[axis, i]
            kept += ranks[members[axis, i]] <= corner
    return kept


@compiled
def _narrow_points(ranks: Integers, points: Points, corner: int, narrowed: Points) -> int:
    """Write the points whose rank is within `corner`, in their order; return how many."""
    kept = 0
    for point in points:
        narrowed[kept] = point
        kept += ranks[point] <= corner
    return kept


@compiled
def _note_box(work: Workspace, family: int, slab_corner: int, row_corner: int, column_corner: int) -> None:
    """Note the box that ends with the current path, then these corners."""
    slab = len(work.path) - SWEPT
    for axis in range(slab):
        work.box[axis] = work.path[axis]
    work.box[slab], work.box[slab + 1], work.box[slab + 2] = slab_corner, row_corner, column_corner
    work.family[0] = family


@inlined
def _line_up(instance: Instance, work: Workspace, by_row: Points, count: int, slab: int) -> None:
    """Write where the members lie along the slabs, the rows and the columns, row by row."""
    slab_ranks, row_ranks, last_ranks = instance.ranks[slab], instance.ranks[slab + 1], instance.ranks[slab + 2]
    last_sides = instance.sides[OVER, slab + 2]
    for i in range(count):
        member = by_row[i]
        work.slab_ranks[i] = slab_ranks[member]
        work.row_ranks[i] = row_ranks[member]
        work.last_sides[i] = last_sides[last_ranks[member]]


@compiled
def _rank_of(sides: Floats, top: int, side: float) -> int:
    """The rank, at most `top`, at which a side of this length ends."""
    return int(np.searchsorted(sides[: top + 1], side))


@inlined
def _enter(slab_ranks: Integers, count: int, corner: int, entering: Points) -> int:
    """Write which of the members lined up lie within a slab; return how many."""
    entered = 0
    for i in range(count):
        entering[entered] = i
        entered += slab_ranks[i] <= corner
    return entered


@inlined
def _insert(column: Floats, count: int, side: float) -> None:
    """Insert a side among the first `count`, which ascend."""
    place = count
    while place > 0 and column[place - 1] > side:
        column[place] = column[place - 1]
        place -= 1
    column[place] = side


@inlined
def _fullest(
    column: Floats, count: int, before: int, scale: float, area: float, limit: float, worst: float
) -> tuple[float, float]:
    """The closed boxes over `area` that end at one of the column's first sides, below `limit`: excess and side.

    `before` members lie before the column. The excess is `worst`, and the side negative, if there is none above.
    """
    while count > 0 and column[count - 1] >= limit:
        count -= 1
    first = max(int(worst / scale) - before, 0)
    highest = -1.0
    for last in range(first, count):
        highest = max(highest, scale * (before + last + 1) - area * column[last])
    if highest <= worst:
        return worst, -1.0
    last = first
    while scale * (before + last + 1) - area * column[last] < highest:
        last += 1
    return highest, column[last]


@inlined
def _emptiest(
    column: Floats, count: int, before: int, scale: float, area: float, limit: float, worst: float
) -> tuple[float, float]:
    """The open boxes over `area` that end at one of the column's first sides, up to `limit`: as `_fullest`."""
    count = min(count, int((area - worst) / scale) - before + 1)
    while count > 0 and column[count - 1] > limit:
        count -= 1
    highest = -1.0
    for last in range(count):
        highest = max(highest, area * column[last] - scale * (before + last))
    if highest <= worst:
        return worst, -1.0
    last = 0
    while area * column[last] - scale * (before + last) < highest:
        last += 1
    return highest, column[last]


@inlined
def _sweep_closed(
    instance: Instance,
    work: Workspace,
    region: Region,
    members: Points,
    count: int,
    volume: float,
    missed: bool,
    worst: float,
    enough: float,
) -> float:
    """Search the closed boxes within one prefix along all axes but the last three, by volume."""
    slab = len(instance.tops) - SWEPT
    row, last = slab + 1, slab + 2
    slab_ranks = instance.ranks[slab]
    slab_sides, row_sides = instance.sides[OVER, slab], instance.sides[OVER, row]
    last_sides = instance.sides[OVER, last]
    by_slab, by_row = members[slab], members[row]
    entering, column, scale = work.entering, work.column, instance.scale
    _line_up(instance, work, by_row, count, slab)
    slab_hold, row_hold, slab_miss, row_miss = region.hold[slab], region.hold[row], region.miss[slab], region.miss[row]
    can_miss_later = _can_miss(region.hold, region.miss, row)
    shortest = last_sides[region.hold[last]] if region.hold[last] >= 0 else -1.0
    longest = last_sides[region.miss[last]] if region.miss[last] < UNBOUNDED else MISSED
    for end in range(count):
        corner = slab_ranks[by_slab[end]]
        if corner < slab_hold or (end + 1 < count and slab_ranks[by_slab[end + 1]] == corner):
            continue
        slab_missed = missed or corner < slab_miss
        if not slab_missed and not can_miss_later:
            break
        entered = _enter(work.slab_ranks, count, corner, entering)
        if scale * entered <= worst:
            continue
        slab_volume = volume * slab_sides[corner]
        before, listed = 0, 0
        for i in range(entered):
            rank = work.row_ranks[entering[i]]
            side = work.last_sides[entering[i]]
            if side < shortest:
                before += 1
            else:
                _insert(column, listed, side)
                listed += 1
            if rank < row_hold or scale * (i + 1) <= worst:
                continue
            limit = MISSED if slab_missed or rank < row_miss else longest
            if limit <= shortest:
                break
            worst, side = _fullest(column, listed, before, scale, slab_volume * row_sides[rank], limit, worst)
            if side >= 0:
                _note_box(work, OVER, corner, rank, _rank_of(last_sides, instance.tops[last], side))
                if worst > enough:
                    return worst
    return worst


@inlined
def _sweep_open(
    instance: Instance,
    work: Workspace,
    region: Region,
    members: Points,
    count: int,
    volume: float,
    missed: bool,
    worst: float,
    enough: float,
) -> float:
    """Search the open boxes within one prefix along all axes but the last three, by volume."""
    slab = len(instance.tops) - SWEPT
    row, last = slab + 1, slab + 2
    slab_ranks = instance.ranks[slab]
    slab_sides, row_sides = instance.sides[UNDER, slab], instance.sides[UNDER, row]
    last_sides = instance.sides[OVER, last]
    slab_top, row_top, last_top = instance.tops[slab], instance.tops[row], instance.tops[last]
    by_slab, by_row = members[slab], members[row]
    entering, column, scale = work.entering, work.column, instance.scale
    _line_up(instance, work, by_row, count, slab)
    slab_hold, row_hold, slab_miss, row_miss = region.hold[slab], region.hold[row], region.miss[slab], region.miss[row]
    can_miss_later = _can_miss(region.hold, region.miss, row)
    shortest = last_sides[region.hold[last]] if region.hold[last] >= 0 else -1.0
    longest = last_sides[region.miss[last]] if region.miss[last] < UNBOUNDED else MISSED
    for end in range(count + 1):
        rank = slab_ranks[by_slab[end]] if end < count else slab_top + 1
        corner = rank - 1
        slab_volume = volume * slab_sides[rank]
        repeated = end > 0 and slab_ranks[by_slab[end - 1]] == rank
        if corner < slab_hold or slab_volume <= worst or repeated:
            continue
        slab_missed = missed or corner < slab_miss
        if not slab_missed and not can_miss_later:
            break
        entered = _enter(work.slab_ranks, count, corner, entering)
        before, listed = 0, 0
        for i in range(entered + 1):
            row_rank = work.row_ranks[entering[i]] if i < entered else row_top + 1
            area = slab_volume * row_sides[row_rank]
            if row_rank > row_hold and area > worst:
                limit = MISSED if slab_missed or row_rank <= row_miss else longest
                if limit <= shortest:
                    break
                worst, side = _emptiest(column, listed, before, scale, area, limit, worst)
                if side >= 0:
                    _note_box(work, UNDER, corner, row_rank - 1, _rank_of(last_sides, last_top, side) - 1)
                if limit == MISSED and area - scale * i > worst:
                    worst = area - scale * i
                    _note_box(work, UNDER, corner, row_rank - 1, last_top)
                if worst > enough:
                    return worst
            if i < entered:
                side = work.last_sides[entering[i]]
                if side <= shortest:
                    before += 1
                else:
                    _insert(column, listed, side)
                    listed += 1
    return worst


@compiled
def _sweep_shares(
    instance: Instance,
    work: Workspace,
    region: Region,
    weights: Integers,
    members: Points,
    count: int,
    points: Points,
    missed: bool,
    worst: float,
    enough: float,
) -> float:
    """Search the boxes within one prefix along all axes but the last three, by shares of points.

    From slab to slab an excess grows by at most what the slab adds (`OVER`: its members; `UNDER`: its points), so slabs
    are passed over while the last known maximum plus all added since can't exceed `worst`.
    """
    slab = len(instance.tops) - SWEPT
    row, column = slab + 1, slab + 2
    slabs = _list_corners(instance, work, region, members, count, slab, missed)
    rows = _list_corners(instance, work, region, members, count, row, missed)
    columns = _list_corners(instance, work, region, members, count, column, missed)
    if slabs == 0 or rows == 0 or columns == 0:
        return worst
    _fill_bins(work.bins[0], work.corners[row], rows, instance.tops[row])
    _fill_bins(work.bins[1], work.corners[column], columns, instance.tops[column])
    work.table[:rows, :columns] = 0
    narrow_rows = _count_below(work.corners[row], rows, region.miss[row])
    narrow_columns = _count_below(work.corners[column], columns, region.miss[column])
    slab_ranks, corners, by_slab = instance.ranks[slab], work.corners[slab], members[slab]
    can_miss_later = _can_miss(region.hold, region.miss, row)
    sign = 1 if region.family == OVER else -1
    entered, members_in, ceiling = 0, 0, 0.0
    for end in range(slabs):
        corner = corners[end]
        slab_missed = missed or corner < region.miss[slab]
        if not slab_missed and not can_miss_later:
            break
        before, members_before = entered, members_in
        entered = _add_slab(
            instance.ranks, slab, work.bins, work.table, weights, points, entered, corner, rows, columns
        )
        while members_in < count and slab_ranks[by_slab[members_in]] <= corner:
            members_in += 1
        if region.family == OVER:
            ceiling += (members_in - members_before) / instance.size
        else:
            ceiling += (entered - before) * instance.share
        if ceiling <= worst:
            continue
        whole_rows = rows if slab_missed else narrow_rows
        greatest, worst_row, worst_column = _scan_table(
            work.table, work.sums, sign, rows, whole_rows, columns, narrow_columns
        )
        ceiling = greatest * instance.scale
        if ceiling > worst:
            worst = ceiling
            _note_box(work, region.family, corner, work.corners[row, worst_row], work.corners[column, worst_column])
            if worst > enough:
                break
    return worst


@compiled
def _list_corners(
    instance: Instance, work: Workspace, region: Region, members: Points, count: int, axis: int, missed: bool
) -> int:
    """Write the inclusive corners on one of the last three axes, ascending, from `region.hold`; return how many.

    They end before `region.miss` where no other of these axes can miss it.
    """
    limit = UNBOUNDED
    if not missed:
        limit = region.miss[axis]
        for other in range(len(instance.tops) - SWEPT, len(instance.tops)):
            if other != axis and region.hold[other] < region.miss[other]:
                limit = UNBOUNDED
    ranks, corners, hold, top = instance.ranks[axis], work.corners[axis], region.hold[axis], instance.tops[axis]
    listed = 0
    for i in range(count):
        corner = ranks[members[axis, i]] - region.family
        if hold <= corner < limit and (listed == 0 or corner > corners[listed - 1]):
            corners[listed] = corner
            listed += 1
    if region.family == UNDER and top < limit:
        corners[listed] = top
        listed += 1
    return listed


@compiled
def _count_below(corners: Integers, count: int, rank: int) -> int:
    """How many of the first `count` corners, which ascend, are below `rank`."""
    while count > 0 and corners[count - 1] >= rank:
        count -= 1
    return count


@compiled
def _fill_bins(bins: Integers, corners: Integers, count: int, top: int) -> None:
    """Write, for each rank, the first of the listed corners that reaches it (`count` if none does)."""
    start = 0
    for end in range(count):
        for rank in range(start, corners[end] + 1):
            bins[rank] = end
        start = max(start, corners[end] + 1)
    for rank in range(start, top + 1):
        bins[rank] = count


@compiled
def _add_slab(
    ranks: Integers,
    slab: int,
    bins: Integers,
    table: Integers,
    weights: Integers,
    points: Points,
    first: int,
    corner: int,
    rows: int,
    columns: int,
) -> int:
    """Add the points from number `first` up to `corner` to the table; return the number of the next."""
    slab_ranks, row_ranks, column_ranks = ranks[slab], ranks[slab + 1], ranks[slab + 2]
    row_bins, column_bins = bins[0], bins[1]
    entered = first
    while entered < len(points) and slab_ranks[points[entered]] <= corner:
        point = points[entered]
        row, column = row_bins[row_ranks[point]], column_bins[column_ranks[point]]
        if row < rows and column < columns:
            table[row, column] += weights[point]
        entered += 1
    return entered


@compiled
def _scan_table(
    table: Integers, sums: Integers, sign: int, rows: int, whole_rows: int, columns: int, narrow_columns: int
) -> tuple[int, int, int]:
    """The greatest sum, times `sign`, over the first rows and columns of the table, and its last row and column.

    Rows from number `whole_rows` on are confined to the first `narrow_columns` columns.
    """
    greatest, worst_row, worst_column = -UNBOUNDED, 0, 0
    for column in range(columns):
        sums[column] = 0
    for row in range(rows):
        for column in range(columns):
            sums[column] += table[row, column]
        allowed = columns if row < whole_rows else narrow_columns
        total, peak = 0, -UNBOUNDED
        for column in range(allowed):
            total += sums[column]
            peak = max(peak, sign * total)
        if peak > greatest:
            greatest, worst_row = peak, row
            total = 0
            for column in range(allowed):
                total += sums[column]
                if sign * total == peak:
                    worst_column = column
                    break
    return greatest, worst_row, worst_column


@compiled
def anneal(
    instance: Instance,
    work: Workspace,
    state: State,
    neighbors: Points,
    strata: Points,
    random: np.random.Generator,
    proposals: int,
    temperature: float,
    locality: float,
    guidance: float,
    stop: npt.NDArray[np.bool_],
) -> None:
    """Make `proposals` at one temperature, or fewer if `stop[0]` becomes true.

    `neighbors` (n, some): near points of each; `strata` (n): only points of the same one are exchanged; `locality`: the
    probability of proposing one of the near points; `guidance`: that of proposing what improves the worst box.
    """
    ranks, discrepancies, owner = instance.ranks, state.discrepancies, state.owner
    for _ in range(proposals):
        if stop[0] or state.best_energy[0] == 0:
            break
        worst = int(np.argmax(discrepancies))
        threshold = discrepancies[worst] + temperature * random.standard_exponential()
        box, holds_too_many = state.box[worst], bool(state.family[worst] == OVER)
        guided, near = random.random() < guidance, random.random() < locality
        outgoing = _pick_outgoing(ranks, box, state.members[worst, 0], holds_too_many, guided, random)
        exchange = Exchange(worst, outgoing, owner, strata)
        incoming = _pick_incoming(ranks, box, exchange, holds_too_many, neighbors[outgoing], near, guided, random)
        if incoming < 0:
            continue
        other = int(owner[incoming])
        excess = _try_exchange(instance, work, state, worst, outgoing, incoming, threshold)
        if excess > threshold:
            continue
        if other != OUTSIDE:
            other_excess = _try_exchange(instance, work, state, other, incoming, outgoing, threshold)
            if other_excess > threshold:
                _exchange(instance, state, worst, incoming, outgoing)
                continue
            _accept(instance, state, other, incoming, outgoing, other_excess)
        _accept(instance, state, worst, outgoing, incoming, excess)
        owner[outgoing], owner[incoming] = other, worst
        _note_best(instance, work, state, temperature)


@inlined
def _holds(ranks: Integers, box: Integers, point: int) -> bool:
    """Whether the box with the inclusive corner `box` holds `point`."""
    inside = True
    for axis in range(len(box)):
        inside = inside and ranks[axis, point] <= box[axis]
    return inside


@compiled
def _pick_outgoing(
    ranks: Integers, box: Integers, members: Points, holds_too_many: bool, guided: bool, random: np.random.Generator
) -> int:
    """A member whose leaving improves the worst box, if one is found soon; any if not `guided`."""
    size = len(members)
    member = int(members[int(random.random() * size)])
    for _ in range(4 * size):
        if not guided or _holds(ranks, box, member) == holds_too_many:
            break
        member = int(members[int(random.random() * size)])
    return member


@compiled
def _pick_incoming(
    ranks: Integers,
    box: Integers,
    exchange: Exchange,
    holds_too_many: bool,
    neighbors: Points,
    near: bool,
    guided: bool,
    random: np.random.Generator,
) -> int:
    """A point that may come, and improves the worst box; any that may if not `guided` or none is found soon, or -1.

    Some of the `neighbors` are tried first if `near`.
    """
    n = len(exchange.owner)
    if near:
        for _ in range(4):
            point = int(neighbors[int(random.random() * len(neighbors))])
            if _may_come(exchange, point) and (not guided or _holds(ranks, box, point) != holds_too_many):
                return point
    for _ in range(64):
        point = int(random.random() * n)
        if _may_come(exchange, point) and (not guided or _holds(ranks, box, point) != holds_too_many):
            return point
    point = int(random.random() * n)
    return point if _may_come(exchange, point) else -1


@inlined
def _may_come(exchange: Exchange, point: int) -> bool:
    """Whether `point` is outside the subset, and in the stratum of the outgoing point."""
    owner, strata = exchange.owner, exchange.strata
    return bool((owner[point] != exchange.subset) & (strata[point] == strata[exchange.outgoing]))


@compiled
def _try_exchange(
    instance: Instance, work: Workspace, state: State, which: int, outgoing: int, incoming: int, threshold: float
) -> float:
    """Exchange two points and return the new discrepancy; undo it and return more than `threshold` if it is above.

    The worst box after the exchange goes to `state.next_box` and `state.next_family`.
    """
    ranks_out, ranks_in = state.ranks_out, state.ranks_in
    for axis in range(len(ranks_out)):
        ranks_out[axis], ranks_in[axis] = instance.ranks[axis, outgoing], instance.ranks[axis, incoming]
    watched, watched_excess = _worst_watched(
        state.corners[which],
        state.signs[which],
        state.counts[which],
        state.offsets[which],
        state.volumes[which],
        ranks_out,
        ranks_in,
        instance.scale,
        instance.gain,
        state.changes,
        state.excesses,
    )
    if watched_excess > threshold:
        state.clock[0] += 1
        state.used[which, watched] = state.clock[0]
        return watched_excess
    _exchange(instance, state, which, outgoing, incoming)
    members, weights = state.members[which], state.weights[which]
    known = max(watched_excess, state.discrepancies[which])
    excess = worst_box_in(instance, work, Region(OVER, ranks_in, ranks_out), members, weights, known, threshold)
    if excess <= threshold:
        excess = worst_box_in(instance, work, Region(UNDER, ranks_out, ranks_in), members, weights, excess, threshold)
    if excess > threshold:
        _exchange(instance, state, which, incoming, outgoing)
        watch(instance, state, which, _least_used(state.used[which]), work.box, work.family[0])
        return excess
    if excess == known and watched_excess < known:
        excess = known = watched_excess
    if excess > known:
        for axis in range(len(work.box)):
            state.next_box[which, axis] = work.box[axis]
        state.next_family[which] = work.family[0]
    else:
        for axis in range(len(work.box)):
            state.next_box[which, axis] = state.corners[which, axis, watched]
        state.next_family[which] = OVER if state.signs[which, watched] > 0 else UNDER
    return excess


@compiled
def _worst_watched(
    corners: Integers,
    signs: Floats,
    counts: Integers,
    offsets: Integers,
    volumes: Floats,
    ranks_out: Integers,
    ranks_in: Integers,
    scale: float,
    gain: int,
    changes: Integers,
    excesses: Floats,
) -> tuple[int, float]:
    """The watched box that is worst after an exchange, and its excess."""
    for watched in range(len(signs)):
        changes[0, watched] = changes[1, watched] = 1
    for axis in range(len(ranks_out)):
        rank_out, rank_in = ranks_out[axis], ranks_in[axis]
        for watched in range(len(signs)):
            changes[0, watched] &= rank_out <= corners[axis, watched]
            changes[1, watched] &= rank_in <= corners[axis, watched]
    for watched in range(len(signs)):
        count = counts[watched] + changes[1, watched] - changes[0, watched]
        excesses[watched] = signs[watched] * (scale * (gain * count - offsets[watched]) - volumes[watched])
    worst = 0
    for watched in range(1, len(signs)):
        if excesses[watched] > excesses[worst]:
            worst = watched
    return worst, excesses[worst]


@compiled
def _exchange(instance: Instance, state: State, which: int, outgoing: int, incoming: int) -> None:
    """Replace a member of a subset, keeping the members sorted along each axis."""
    for axis in range(len(instance.tops)):
        ranks, members = instance.ranks[axis], state.members[which, axis]
        rank = ranks[incoming]
        place = 0
        while members[place] != outgoing:
            place += 1
        while place > 0 and ranks[members[place - 1]] > rank:
            members[place] = members[place - 1]
            place -= 1
        while place < len(members) - 1 and ranks[members[place + 1]] < rank:
            members[place] = members[place + 1]
            place += 1
        members[place] = incoming
    state.weights[which, outgoing] -= instance.gain
    state.weights[which, incoming] += instance.gain


@compiled
def _accept(instance: Instance, state: State, which: int, outgoing: int, incoming: int, discrepancy: float) -> None:
    """Complete an exchange that was tried: update the watched boxes, and watch the new worst one."""
    ranks, corners, counts = instance.ranks, state.corners[which], state.counts[which]
    for watched in range(len(counts)):
        box = corners[:, watched]
        counts[watched] += int(_holds(ranks, box, incoming)) - int(_holds(ranks, box, outgoing))
    _adopt(instance, state, which, discrepancy)


@compiled
def _adopt(instance: Instance, state: State, which: int, discrepancy: float) -> None:
    """Take the box that was noted last as the subset's worst, and watch it."""
    corners = state.corners[which]
    state.discrepancies[which] = discrepancy
    for axis in range(len(corners)):
        state.box[which, axis] = state.next_box[which, axis]
    state.family[which] = state.next_family[which]
    if not _is_watched(corners, state.signs[which], state.box[which], state.family[which]):
        watch(instance, state, which, _least_used(state.used[which]), state.box[which], state.family[which])


@compiled
def _is_watched(corners: Integers, signs: Floats, box: Integers, family: int) -> bool:
    """Whether this box is among the watched ones."""
    for watched in range(len(signs)):
        same = (signs[watched] > 0) == (family == OVER)
        for axis in range(len(box)):
            same = same and corners[axis, watched] == box[axis]
        if same:
            return True
    return False


@compiled
def _note_best(instance: Instance, work: Workspace, state: State, margin: float) -> None:
    """Keep the subsets if they are the best so far; search all boxes if they are within `margin` of that."""
    if state.discrepancies[np.argmax(state.discrepancies)] >= state.best_energy[0] + margin:
        return
    for which in range(len(state.discrepancies)):
        estimate = state.discrepancies[which]
        exact = worst_box(instance, work, state.members[which], state.weights[which], estimate)
        if exact > estimate:
            for axis in range(len(work.box)):
                state.next_box[which, axis] = work.box[axis]
            state.next_family[which] = work.family[0]
            _adopt(instance, state, which, exact)
    energy = state.discrepancies[np.argmax(state.discrepancies)]
    if energy < state.best_energy[0] - 1e-15:
        state.best_energy[0] = energy
        for which in range(len(state.best)):
            state.best[which] = state.members[which, 0]


@compiled
def watch(instance: Instance, state: State, which: int, place: int, box: Integers, family: int) -> None:
    """Watch a box in the given place. Complexity: O(n d) for shares, O(k d) for volumes."""
    ranks, members = instance.ranks, state.members[which, 0]
    axes, n = ranks.shape
    volume = 1.0
    for axis in range(axes):
        state.corners[which, axis, place] = box[axis]
        volume *= instance.sides[family, axis, box[axis] + family]
    count = 0
    for member in members:
        count += int(_holds(ranks, box, member))
    inside = 0
    if instance.cost > 0:
        for point in range(n):
            inside += int(_holds(ranks, box, point))
    state.signs[which, place] = 1.0 if family == OVER else -1.0
    state.counts[which, place] = count
    state.offsets[which, place] = instance.cost * inside
    state.volumes[which, place] = volume
    state.clock[0] += 1
    state.used[which, place] = state.clock[0]


@compiled
def _least_used(used: Points) -> int:
    """The watched box that was of use longest ago."""
    place = 0
    for watched in range(1, len(used)):
        if used[watched] < used[place]:
            place = watched
    return place
