"""The tables of an archive as they are on disk: smaller, and each bit of them comes back.

Most of a file are digits that nothing says beforehand, so what can be known is not stored:

    row                          how many rows after that of the trial before
    trial                        how many trials after the one before in its run; of the last one, before the run's end
    spent:full_fidelity_trials   how many more than the number of the trial
    spent:evaluations            null where they are as many as `spent:full_fidelity_trials`
    NAME, before:NAME            of a number that the column has had: null, and how many trials before it came last
    started                      in whole seconds
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from optathlon.results.schema import SPENT

_FULL = f"{SPENT}full_fidelity_trials"
_EVALUATIONS = f"{SPENT}evaluations"
_BEFORE = "before:"
_STARTED = "started"


def compact_runs(runs: pa.Table) -> pa.Table:
    """Runs as they are stored; `ArrowInvalid` where one has not started at a whole second."""
    return _with(runs, _STARTED, runs[_STARTED].cast(pa.timestamp("s", "UTC")).cast(pa.int64()))


def full_runs(stored: pa.Table) -> pa.Table:
    """Runs of which `compact_runs` gives these."""
    return _with(stored, _STARTED, stored[_STARTED].cast(pa.timestamp("s", "UTC")))


def compact_incumbents(incumbents: pa.Table, runs: pa.Table) -> pa.Table:
    """Incumbents of runs as they are stored."""
    row, trial, full = (incumbents[name].to_numpy() for name in ("row", "trial", _FULL))
    spent = incumbents[_EVALUATIONS].to_numpy()
    as_many = spent.view(np.int64) == full.astype(float).view(np.int64)
    columns = dict(zip(incumbents.column_names, incumbents.columns, strict=True))
    columns["row"] = pa.array(np.diff(row, prepend=np.int32(0)))
    columns["trial"] = pa.array(_gaps(trial, row, _ends(runs)))
    columns[_FULL] = pa.array(full - trial)
    columns[_EVALUATIONS] = pa.array(spent, mask=as_many)
    for name in [name for name, column in columns.items() if pa.types.is_float64(column.type)]:
        columns[name], columns[f"{_BEFORE}{name}"] = _first_ones(columns[name])
    return pa.table(columns)


def full_incumbents(stored: pa.Table, runs: pa.Table) -> pa.Table:
    """Incumbents of which `compact_incumbents` gives these; `ValueError` where nothing does."""
    columns = {name: stored[name] for name in stored.column_names if not name.startswith(_BEFORE)}
    for name in [name for name in stored.column_names if name.startswith(_BEFORE)]:
        number = name.removeprefix(_BEFORE)
        columns[number] = _all_of(columns[number], stored[name])
    row = np.cumsum(columns["row"].to_numpy(), dtype=np.int32)
    if np.any(np.diff(row) < 0) or np.any(row < 0) or np.any(row >= len(runs)):
        raise ValueError("a trial of no run")
    trial = _trials(columns["trial"].to_numpy(), row, _ends(runs))
    full = pa.array(columns[_FULL].to_numpy() + trial)
    columns |= {"row": pa.array(row), "trial": pa.array(trial), _FULL: full}
    columns[_EVALUATIONS] = pc.coalesce(columns[_EVALUATIONS], full.cast(pa.float64()))
    return pa.table(columns)


def _gaps(trial: np.ndarray, row: np.ndarray, ends: np.ndarray) -> np.ndarray:
    first, last = _first_and_last(row)
    gaps: np.ndarray = np.diff(trial, prepend=np.int32(0))
    gaps[first] = trial[first]
    gaps[last] = ends[row[last]] - trial[last]
    return gaps


def _trials(gaps: np.ndarray, row: np.ndarray, ends: np.ndarray) -> np.ndarray:
    first, last = _first_and_last(row)
    sums = np.cumsum(gaps, dtype=np.int32)
    trial: np.ndarray = sums - np.repeat(sums[first] - gaps[first], last - first + 1)
    trial[last] = ends[row[last]] - gaps[last]
    return trial


def _first_and_last(row: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The places of the first and of the last trial of each run that has any."""
    return np.flatnonzero(np.diff(row, prepend=-1)), np.flatnonzero(np.diff(row, append=-1))


def _ends(runs: pa.Table) -> np.ndarray:
    """Shape (runs,): the number of the last trial of each, as far as is known."""
    ends: np.ndarray = runs["trials"].fill_null(0).to_numpy().astype(np.int32) - np.int32(1)
    return ends


def _first_ones(column: pa.Array | pa.ChunkedArray) -> tuple[pa.Array, pa.Array]:
    """The numbers where they come for the first time, and elsewhere how many rows before each came last."""
    numbers = whole(column)
    same = numbers.view(pa.int64()).dictionary_encode().indices.to_numpy(zero_copy_only=False)
    places = np.argsort(same, kind="stable").astype(np.int32)
    again = np.diff(same[places]) == 0
    steps = np.zeros(len(numbers), dtype=np.int32)
    steps[places[1:][again]] = np.diff(places)[again]
    before = pa.array(steps, mask=steps == 0)
    return pc.if_else(before.is_valid(), pa.scalar(None, pa.float64()), numbers), before


def _all_of(numbers: pa.ChunkedArray, before: pa.ChunkedArray) -> pa.Array:
    """The numbers of which `_first_ones` gives these."""
    steps = before.fill_null(0).to_numpy()
    source = np.arange(len(steps)) - steps
    if np.any(steps < 0) or np.any(source < 0):
        raise ValueError("a number from nowhere")
    while not np.array_equal(earlier := source[source], source):
        source = earlier
    return whole(numbers).take(pa.array(source))


def _with(table: pa.Table, name: str, column: pa.ChunkedArray) -> pa.Table:
    return table.set_column(table.schema.get_field_index(name), name, column)


def whole(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """A column without chunks."""
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
