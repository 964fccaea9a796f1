"""Columns of lists and of maps, as the store has them, as flat columns of NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from optathlon.results import arrow

Floats = npt.NDArray[np.float64]


def spread(column: pa.ChunkedArray) -> list[Floats]:
    """A column of lists of numbers as one column per position; NaN where a list is null or shorter."""
    lists = column.combine_chunks()
    counts = pc.list_value_length(lists)
    lengths = arrow.numbers(counts.fill_null(arrow.integer(0, counts.type)))
    flat = arrow.floats(pc.list_flatten(lists))
    starts = np.concatenate(([0], np.cumsum(lengths)[:-1])) if len(lengths) else np.zeros(0, dtype=int)
    columns = []
    for place in range(int(lengths.max(initial=0))):
        present = lengths > place
        values = np.full(len(lengths), np.nan)
        values[present] = flat[starts[present] + place]
        columns.append(values)
    return columns


def by_key(column: pa.ChunkedArray) -> dict[str, Floats]:
    """A column of maps to numbers as one column per key, in the order of the keys; NaN where a map lacks it."""
    maps = column.combine_chunks()
    offsets = arrow.numbers(maps.offsets)
    rows = np.repeat(np.arange(len(maps)), np.diff(offsets))
    keys = maps.keys[offsets[0] : offsets[-1]].dictionary_encode()
    items = arrow.floats(maps.items[offsets[0] : offsets[-1]])
    codes: npt.NDArray[Any] = arrow.numbers(keys.indices)
    columns = {}
    for code, name in enumerate(keys.dictionary.to_pylist()):
        values = np.full(len(maps), np.nan)
        chosen = codes == code
        values[rows[chosen]] = items[chosen]
        columns[name] = values
    return dict(sorted(columns.items()))
