"""The tables of baselines in a folder, four files for each.

    NAME.runs.parquet         a run in each row: the columns of results but its id, which follows from the others, and
                              how many of its trials failed and how long its optimizer thought
    NAME.incumbents.parquet   the trials that decide figures (`optathlon.archive.incumbents`), by the row of their run
    NAME.tasks.parquet        descriptions of the tasks, as in a results folder
    NAME.sessions.parquet     sessions of the harness by id: packages, machine and command, as JSON

Runs are in order of task, optimizer and seed, which makes files small. Numbers are kept exactly, but for seconds. All
four have one stamp, a hash of the runs: those of a pack that was ended half-way don't. What is on disk is what
`optathlon.archive.compact` makes of them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from optathlon.archive.compact import compact_incumbents, compact_runs, full_incumbents, full_runs, whole
from optathlon.archive.names import TableName
from optathlon.budget import Budget, BudgetUnit
from optathlon.errors import UsageError, storage_errors
from optathlon.results.folder import UNREADABLE, conformed, write_atomically
from optathlon.results.schema import RUNS, SPENT, TASKS
from optathlon.task import short_hash

FORMAT = 2
_KEY = b"optathlon.archive"
"""Of the metadata: the format, and a stamp that all files of a table have."""

_FOLLOW = ("run", "collection")
"""Columns of results that follow from others."""

KEPT_RUNS = pa.schema(
    [
        *(field for field in RUNS if field.name not in _FOLLOW),
        ("failed_trials", pa.int32()),
        ("optimizer_seconds", pa.float32()),
    ]
)
SESSIONS = pa.schema([("provenance", pa.string()), ("content", pa.string())])
_COUNTS = {"row": pa.int32(), "trial": pa.int32(), f"{SPENT}full_fidelity_trials": pa.int32()}
_PARTS = ("incumbents", "tasks", "sessions", "runs")
_LEVEL = 11
_PAGE = 2**24
"""Bytes of a page, which are compressed together."""

Wanted = Callable[[pa.Table], np.ndarray]
"""From a table of runs to a mask of those to read."""


@dataclass(frozen=True)
class Table:
    """Baselines in memory, as they are stored.

    Attributes
    ----------
    runs:
        With the columns of `KEPT_RUNS`.
    incumbents:
        `row` (the position in `runs`, ascending), `trial`, `spent:evaluations`, `spent:full_fidelity_trials`, `status`,
        and the objectives, constraints and test metrics that some run has.
    tasks:
        With the columns of `TASKS`.
    sessions:
        `provenance` and `content`.
    """

    runs: pa.Table
    incumbents: pa.Table
    tasks: pa.Table
    sessions: pa.Table


def table_names(folder: Path) -> list[TableName]:
    """The tables in a folder, by name; none where there is no folder."""
    found = (path.name.removesuffix(".runs.parquet") for path in folder.glob("*.runs.parquet"))
    return sorted(TableName.parse(name) for name in found)


def read_table(folder: Path, name: TableName, wanted: Wanted | None = None) -> Table:
    """A table, or its runs that are asked for; `UsageError` where a file is missing, damaged or of another format."""
    stored = {part: _read(folder, name, part) for part in _PARTS}
    _refuse_mixed(folder, name, [stamp for _, stamp in stored.values()])
    table = _full(folder, name, **{part: content for part, (content, _) in stored.items()})
    return table if wanted is None else chosen(table, wanted(table.runs))


def read_labels(folder: Path, name: TableName, columns: Sequence[str]) -> pa.Table:
    """Columns of the runs of a table, of whose files nothing else is read; `UsageError` as `read_table`."""
    stored = {part: _read(folder, name, part, columns if part == "runs" else []) for part in _PARTS}
    _refuse_mixed(folder, name, [stamp for _, stamp in stored.values()])
    return conformed(stored["runs"][0], pa.schema([KEPT_RUNS.field(column) for column in columns]))


def _refuse_mixed(folder: Path, name: TableName, stamps: Iterable[str]) -> None:
    if len({*stamps}) > 1:
        raise UsageError(
            f"the files of {name} in {str(folder)!r} are not of one pack: pack again, which completes one that was "
            "killed; if that doesn't help, restore them or remove them"
        )


def write_table(folder: Path, name: TableName, table: Table) -> None:
    """Write a table, in the place of one of that name; `StorageError` where that can't be done."""
    stamp = short_hash(" ".join(run_ids(table.runs)))
    runs, incumbents = compact_runs(table.runs), compact_incumbents(table.incumbents, table.runs)
    stored = {"incumbents": incumbents, "tasks": table.tasks, "sessions": table.sessions, "runs": runs}
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for part, content in stored.items():
            write_atomically(_path(folder, name, part), partial(_write, content, stamp))


def chosen(table: Table, rows: np.ndarray) -> Table:
    """The runs at a mask, with their incumbents, tasks and sessions."""
    if rows.all():
        return table
    runs = table.runs.filter(pa.array(rows))
    places = np.cumsum(rows) - 1
    of = table.incumbents["row"].to_numpy()
    kept = table.incumbents.filter(pa.array(rows[of]))
    renumbered = pa.array(places[of[rows[of]]], pa.int32())
    kept = kept.set_column(kept.schema.get_field_index("row"), "row", renumbered)
    versions = set(zip(_texts(runs, "task"), _texts(runs, "task_version"), strict=True))
    described = zip(_texts(table.tasks, "task"), _texts(table.tasks, "version"), strict=True)
    sessions = set(_texts(runs, "provenance"))
    return Table(
        runs,
        kept,
        table.tasks.filter(pa.array([pair in versions for pair in described], pa.bool_())),
        table.sessions.filter(pa.array([id in sessions for id in _texts(table.sessions, "provenance")], pa.bool_())),
    )


def run_ids(runs: pa.Table) -> list[str]:
    """The id of each run, which is a hash of what identifies it."""
    from optathlon.running.clocks import Clock
    from optathlon.running.runs import RunSpec  # which loads all that runs

    names = ["optimizer", "task", "task_version", "seed", "root_seed", "budget", "budget_unit", "n_workers", "clock"]
    columns = [runs[name].to_pylist() for name in names]
    return [
        RunSpec(optimizer, task, version, seed, root, Budget(amount, BudgetUnit(unit)), workers, Clock(clock)).id
        for optimizer, task, version, seed, root, amount, unit, workers, clock in zip(*columns, strict=True)
    ]


def incumbents_schema(numbers: list[str]) -> pa.Schema:
    """The schema of incumbents with these objectives, constraints and metrics."""
    fixed = {**_COUNTS, f"{SPENT}evaluations": pa.float64(), "status": pa.dictionary(pa.int32(), pa.string())}
    return pa.schema([*fixed.items(), *((name, pa.float64()) for name in numbers)])


def numbers_of(incumbents: pa.Table) -> list[str]:
    """The objectives, constraints and metrics of incumbents, by name."""
    fixed = incumbents_schema([]).names
    return [name for name in incumbents.column_names if name not in fixed]


def _texts(table: pa.Table, name: str) -> list[str]:
    texts: list[str] = table[name].cast(pa.string()).to_pylist()
    return texts


def _path(folder: Path, name: TableName, part: str) -> Path:
    return folder / f"{name}.{part}.parquet"


def _read(folder: Path, name: TableName, part: str, columns: Sequence[str] | None = None) -> tuple[pa.Table, str]:
    """A file, or columns of it, and the stamp of the table that it is a part of."""
    path = _path(folder, name, part)
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            form, stamp = json.loads(file.metadata.metadata[_KEY])
            table = file.read(None if columns is None else list(columns), use_threads=False)
    except (*UNREADABLE, TypeError):
        raise _damaged(path) from None
    if form != FORMAT:
        raise UsageError(f"{str(path)!r} has format {form}, this version of Optathlon reads {FORMAT}: pack it again")
    return table.replace_schema_metadata(None), stamp


def _full(
    folder: Path, name: TableName, *, runs: pa.Table, incumbents: pa.Table, tasks: pa.Table, sessions: pa.Table
) -> Table:
    """A table of what is in its files."""
    try:
        of_runs = conformed(full_runs(runs), KEPT_RUNS)
        of_trials = full_incumbents(incumbents, of_runs)
        schema = incumbents_schema(numbers_of(of_trials))
        parts = of_runs, conformed(of_trials, schema), conformed(tasks, TASKS), conformed(sessions, SESSIONS)
        return Table(*(part.combine_chunks() for part in parts))
    except UNREADABLE:
        raise _damaged(_path(folder, name, "incumbents")) from None


def _canonical(table: pa.Table) -> pa.Table:
    """The same with labels numbered as they occur, so that equal tables give equal files."""
    labels = [field.name for field in table.schema if pa.types.is_dictionary(field.type)]
    numbered = {name: table[name].cast(pa.string()).combine_chunks().dictionary_encode() for name in labels}
    columns = [numbered.get(field.name, table[field.name]) for field in table.schema]
    return pa.table([whole(column) for column in columns], schema=table.schema)


def _damaged(path: Path) -> UsageError:
    return UsageError(f"{str(path)!r} is missing or damaged: install Optathlon again, or pack the results again")


def _write(table: pa.Table, stamp: str, path: Path) -> None:
    labels = [field.name for field in table.schema if pa.types.is_dictionary(field.type)]
    numbers = [field.name for field in table.schema if pa.types.is_primitive(field.type)]
    with pq.ParquetWriter(
        path,
        table.schema,
        compression="brotli",
        compression_level=_LEVEL,
        use_dictionary=labels,
        column_encoding=dict.fromkeys(numbers, "BYTE_STREAM_SPLIT") or None,
        data_page_size=_PAGE,
        write_statistics=False,
        store_schema=False,
        write_page_checksum=True,
    ) as writer:
        writer.write_table(_canonical(table))
        writer.add_key_value_metadata({_KEY.decode(): json.dumps([FORMAT, stamp])})
