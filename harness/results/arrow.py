"""Between Arrow and NumPy without pandas, which `to_numpy`, `pa.array` and `pa.scalar` import in half a second."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa


def numbers(column: pa.ChunkedArray | pa.Array) -> npt.NDArray[Any]:
    """The values of a column of numbers, none of which is missing; they are not to be written to."""
    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return np.from_dlpack(whole)


def floats(column: pa.ChunkedArray | pa.Array) -> npt.NDArray[np.float64]:
    """The values of a column of double precision, NaN where one is missing; they are not to be written to."""
    if column.null_count:
        column = column.fill_null(pa.Array.from_buffers(pa.float64(), 1, [None, pa.py_buffer(np.array([np.nan]))])[0])
    return numbers(column)


def labels(column: pa.ChunkedArray) -> tuple[npt.NDArray[Any], list[str]]:
    """Numbers for a column of labels, none of which is missing, and the texts that they stand for."""
    whole = column.combine_chunks()
    return numbers(whole.indices), whole.dictionary.to_pylist()


def count_distinct(column: pa.ChunkedArray) -> int:
    """How many different values a column of labels or whole numbers has, none of which is missing."""
    whole = column.combine_chunks()
    return len(np.unique(numbers(whole.indices if pa.types.is_dictionary(whole.type) else whole)))


def integer(value: int, kind: pa.DataType) -> pa.Scalar:
    """A whole number as Arrow holds it; `kind` is one of its types of integers."""
    return _integers(np.array([value], kind.to_pandas_dtype()), kind)[0]


def picked(table: pa.Table, rows: npt.NDArray[np.intp]) -> pa.Table:
    """The rows at these positions, in this order; the table itself, not a copy, where these are all of them."""
    if np.array_equal(rows, np.arange(len(table))):
        return table
    return table.take(_integers(rows.astype(np.int64), pa.int64()))


def codes(column: pa.ChunkedArray) -> tuple[npt.NDArray[Any], pa.Array]:
    """Numbers for the texts of a column, and what they stand for; a null is one of these where some are missing."""
    coded = column.combine_chunks().dictionary_encode(null_encoding="encode")
    return numbers(coded.indices), coded.dictionary


def groups(*columns: pa.ChunkedArray) -> tuple[npt.NDArray[np.intp], list[tuple[str | None, ...]]]:
    """The number of each row's group, and what the rows of each group have in these columns of texts."""
    coded = [codes(column) for column in columns]
    sizes = [max(len(names), 1) for _, names in coded]
    keys = np.ravel_multi_index([rows for rows, _ in coded], sizes)
    distinct, group = np.unique(keys, return_inverse=True)
    places = np.unravel_index(distinct, sizes)
    texts = [names.to_pylist() for _, names in coded]
    return group, [tuple(text[at] for text, at in zip(texts, row, strict=True)) for row in zip(*places, strict=True)]


def _integers(values: npt.NDArray[Any], kind: pa.DataType) -> pa.Array:
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(values)])
