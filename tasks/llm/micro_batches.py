"""What of a batch is computed at once: examples of like length, whose padding would be wasted, within a budget.

Losses are summed over what they are divided by in the end, so gradients don't depend on how a batch is split.
"""

from __future__ import annotations

from collections.abc import Sequence

OVERHEAD = 512
"""In tokens, what one more micro-batch costs: a GPU waits for the launches of all kernels."""


def by_length(lengths: Sequence[int], budget: int) -> list[list[int]]:
    """The split of a batch that computes the fewest tokens, where every micro-batch costs `OVERHEAD` beside.

    Parameters
    ----------
    lengths:
        Of the examples, in tokens; all of a micro-batch are padded to its longest.
    budget:
        Tokens of a micro-batch at most, padding included; an example that is longer stands alone.

    Returns
    -------
    The numbers of the examples of each micro-batch, in their order. Those with the longest examples come first: what
    doesn't fit into the memory is noticed early.
    """
    order = sorted(range(len(lengths)), key=lambda number: lengths[number])
    costs, starts = [0], [0]
    for end in range(1, len(order) + 1):
        longest = lengths[order[end - 1]]
        fitting = range(end - 1, max(-1, end - 1 - max(1, budget // longest)), -1)
        cost, start = min((costs[start] + OVERHEAD + (end - start) * longest, start) for start in fitting)
        costs.append(cost)
        starts.append(start)
    parts, end = [], len(order)
    while end:
        parts.append(sorted(order[starts[end] : end]))
        end = starts[end]
    return parts


def in_rows(lengths: Sequence[int], width: int, most: int | None = None) -> list[list[int]]:
    """Examples in rows of at most `width` tokens, each in the first that has room, from long to short.

    Where there are `most` rows, what has no room in them is left out. Johnson's first-fit decreasing (1973) takes at
    most 11/9 of the fewest rows, and one more.
    """
    rows: list[list[int]] = []
    room: list[int] = []
    for number in sorted(range(len(lengths)), key=lambda number: -lengths[number]):
        row = next((row for row, left in enumerate(room) if lengths[number] <= left), len(rows))
        if row == len(rows):
            if row == most:
                continue
            rows.append([])
            room.append(width)
        rows[row].append(number)
        room[row] -= lengths[number]
    return rows


def by_rows(lengths: Sequence[int], budget: int) -> list[list[int]]:
    """A split into micro-batches whose examples `in_rows` puts in rows as wide as their longest, within the budget."""
    left, parts = list(range(len(lengths))), []
    while left:
        width = max(lengths[number] for number in left)
        rows = in_rows([lengths[number] for number in left], width, max(1, budget // width))
        part = sorted(left[number] for row in rows for number in row)
        parts.append(part)
        left = [number for number in left if number not in {*part}]
    return parts
