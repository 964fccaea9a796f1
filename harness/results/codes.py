"""Which code did the stored runs of each optimizer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from optathlon.registry.code import Code
from optathlon.trial import Status

CODE_COLUMNS = ("optimizer", "code", "versions", "status")
"""The columns of `RUNS` that tell it."""


@dataclass(frozen=True)
class StoredRuns:
    """The stored runs of an optimizer that one code did.

    Attributes
    ----------
    optimizer, code:
        Which; the code is empty where it is unknown.
    rows:
        Their rows in the table.
    skipped:
        Which of these runs were skipped, and so have no results.
    """

    optimizer: str
    code: Code
    rows: npt.NDArray[np.int64]
    skipped: npt.NDArray[np.bool_]

    @property
    def results(self) -> int:
        """How many of them were not skipped."""
        return int((~self.skipped).sum())


def runs_by_code(runs: pa.Table) -> list[StoredRuns]:
    """The runs of a table with `CODE_COLUMNS`, by optimizer and code."""
    labels = [_numbered(runs[name]) for name in CODE_COLUMNS[:3]]
    keys = np.ravel_multi_index([numbers for numbers, _ in labels], [len(names) for _, names in labels])
    order = np.argsort(keys, kind="stable")
    starts = np.flatnonzero(np.diff(keys[order], prepend=-1))
    numbers, statuses = _numbered(runs["status"])
    is_skipped = np.array([status == Status.SKIPPED for status in statuses])[numbers]
    found = []
    for rows in np.split(order, starts[1:]) if len(order) else ():
        optimizer, source, versions = (names[numbers[rows[0]]] for numbers, names in labels)
        found.append(StoredRuns(optimizer, Code(source, versions), rows, is_skipped[rows]))
    return found


def _numbered(column: pa.ChunkedArray) -> tuple[npt.NDArray[np.int64], list[str]]:
    """Numbers for the values of a column of labels, and what they stand for; missing ones are empty."""
    array = column.combine_chunks()
    array = array if pa.types.is_dictionary(array.type) else array.dictionary_encode()
    names = ["" if value is None else str(value) for value in array.dictionary.to_pylist()]
    numbers = array.indices.fill_null(len(names)).to_numpy(zero_copy_only=False).astype(np.int64)
    return numbers, [*names, ""]
