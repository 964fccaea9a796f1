"""A results folder: where its files are, and reading them back.

    optathlon.json           the format version
    runs/SHARD.parquet       finished runs
    trials/SHARD.parquet     their trials
    tasks/SHARD.parquet      descriptions of the tasks they ran on
    provenance/ID.json       packages, machine and command of one session of the harness
    experiments/ID.yaml      what is to be done, and experiments/ID.parquet: its runs (`optathlon.results.planned`)

A shard's runs file is its commit mark: it is written last and deleted first, and trials without one are ignored. A
shard's trials are in the order of its runs, and its tasks file describes every task that its writer had not described
before. Every file is written under a temporary name and renamed. Shards come and go while others read: writers add
them, and a compaction puts few big ones in the place of many small ones.

Every Parquet file has checksums (`optathlon.results.seal`). A file of provenance is named after its content's hash.
What is damaged gets the name NAME.damaged (`optathlon.results.damage`). A shard without runs describes tasks whose
description would be lost.

Of several rows for one run the highest `attempt` holds, and among equals the first shard by name.
"""

from __future__ import annotations

import json
import os
import re
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from optathlon.errors import UsageError
from optathlon.lazy import lazy_module
from optathlon.paths import read_bytes, resolved
from optathlon.results import arrow
from optathlon.results.schema import FORMAT, RUNS, TASKS, TRIALS
from optathlon.results.seal import is_as_sealed
from optathlon.task import agree, lasting, short_hash

if TYPE_CHECKING:
    import pyarrow.compute as pc
else:
    pc = lazy_module("pyarrow.compute")

MARK = "optathlon.json"
_FINISHED = ("run", "task", "task_version", "fingerprint", "status")
_JSON_COLUMNS = ("objectives", "fidelity", "constraints", "space", "metadata", "data")
PARTS = ("runs", "trials", "tasks")

_NEEDED = {
    "runs": ("run", "task", "status", "trials"),
    "trials": ("run", "trial", "status"),
    "tasks": ("task", "version", "fingerprint"),
}
"""Columns that every version has written, and in which nothing is missing."""

UNREADABLE = (pa.ArrowException, OSError, ValueError, KeyError, OverflowError)
"""What reading a damaged file may raise."""

Rows = npt.NDArray[np.bool_]
"""A mask over the rows of a table."""

T = TypeVar("T")


class ShardGone(Exception):
    """A compaction deleted the shard meanwhile: its runs are in another one."""


@dataclass(frozen=True)
class ResultsFolder:
    """A folder that holds results in the present format."""

    path: Path

    @classmethod
    def open(cls, path: Path) -> ResultsFolder:
        """An existing results folder; `UsageError` where there is none or its format differs."""
        path = resolved(path)
        if not path.is_dir():
            raise UsageError(f"no results folder {str(path)!r}: give the folder that `optathlon run --out` wrote")
        try:
            found = json.loads(read_bytes(path / MARK))["format"]
        except FileNotFoundError:
            raise UsageError(f"{str(path)!r} is not a results folder: it has no {MARK}") from None
        except (ValueError, KeyError, TypeError, RecursionError):
            raise UsageError(
                f"{str(path / MARK)!r} is damaged: repeat the `optathlon run` command, which writes it again where its "
                f'shards say the format, or write {{"format": {FORMAT}}} into it'
            ) from None
        if found != FORMAT:
            raise UsageError(
                f"{str(path)!r} has results of format {found}, this version of Optathlon reads format {FORMAT}: "
                "use the version that wrote it, or another --out folder"
            )
        return cls(path)

    @staticmethod
    def is_new(path: Path) -> bool:
        """Whether there is nothing at `path` but, at most, a folder in which a killed process left a half mark."""
        if not path.is_dir():
            return not path.exists()
        return all(entry.name.startswith(f".{MARK}.") for entry in path.iterdir())

    @classmethod
    def create(cls, path: Path) -> ResultsFolder:
        """The results folder at `path`, made if absent; `UsageError` for a folder with anything else in it."""
        path = resolved(path)
        try:
            if not cls.is_new(path) and not (path / MARK).exists():
                raise UsageError(f"{str(path)!r} exists and is not a results folder: give another --out")
            path.mkdir(parents=True, exist_ok=True)
            if not (path / MARK).exists():
                write_mark(path)
            for part in (*PARTS, "provenance"):
                (path / part).mkdir(exist_ok=True)
        except OSError as error:
            raise UsageError(f"can't write to {str(path)!r}: {error.strerror}: give another --out") from None
        return cls.open(path)

    def finished(self, columns: Sequence[str] = _FINISHED) -> pa.Table:
        """These columns of `RUNS`, with one row per finished run; the caller may fork afterwards.

        Raises `UsageError` where a file is damaged.
        """
        schema = pa.schema([RUNS.field(name) for name in dict.fromkeys((*columns, "run", "attempt"))])

        def read(shards: list[str]) -> pa.Table:
            runs = joined([self.read_shard("runs", shard, schema) for shard in shards], schema)
            return arrow.picked(runs, np.flatnonzero(holding(runs))).select(columns)

        return self.on_shards(read)

    def read(
        self, wanted: Callable[[pa.Table], Rows] | None = None, columns: Sequence[str] = TRIALS.names
    ) -> tuple[pa.Table, pa.Table]:
        """Runs, ordered by task, optimizer and seed, and their trials in the order of their runs.

        Parameters
        ----------
        wanted:
            From the table of all runs to a mask of those to read; by default all. Trials of others are not read where
            none of those to read is stored beside them.
        columns:
            The columns of `TRIALS` to read; `run` and `trial` always are.

        Raises `UsageError` where a file is damaged.
        """
        schema = pa.schema([field for field in TRIALS if field.name in {"run", "trial", *columns}])
        return self.on_shards(lambda shards: self._read(shards, wanted, schema))

    def read_tasks(self) -> list[dict[str, Any]]:
        """One dictionary per task and version; `UsageError` where one version of a task has two fingerprints.

        A task on which nothing has run yet (all its runs were skipped) has an empty fingerprint.
        """
        tasks = self.on_shards(self.task_rows)
        return [tasks[key] | {name: json.loads(tasks[key][name]) for name in _JSON_COLUMNS} for key in sorted(tasks)]

    def task_rows(self, shards: Sequence[str]) -> dict[tuple[str, str], dict[str, str]]:
        """The rows of `TASKS` in these shards, by task and version; `UsageError` as `read_tasks`."""
        tasks: dict[tuple[str, str], dict[str, str]] = {}
        for shard in shards:
            for row in self.described(shard):
                add_task(tasks, row, str(self.path), by=lasting)
        return tasks

    def described(self, shard: str) -> list[dict[str, str]]:
        """The rows of `TASKS` in one shard, which often has none."""
        path = self.path / "tasks" / shard
        if not path.exists():
            self.must_have(shard)
            return []
        rows: list[dict[str, str]] = self.read_shard("tasks", shard, TASKS).to_pylist()
        return rows

    def read_provenance(self) -> list[dict[str, Any]]:
        """One dictionary per session of the harness, with its id under `provenance`; `UsageError` for damaged ones."""
        sessions = []
        for path in sorted((self.path / "provenance").glob("*.json")):
            try:
                sessions.append({"provenance": path.stem} | provenance_in(path))
            except (OSError, ValueError) as error:
                raise self.damage_error("provenance", path.name, error) from None
        return sessions

    def on_shards(self, read: Callable[[list[str]], T]) -> T:
        """What `read` makes of the names of all shards; again where it meets `ShardGone`."""
        while True:
            with suppress(ShardGone):
                return read(self._shards())

    def read_shard(self, part: str, shard: str, schema: pa.Schema) -> pa.Table:
        """The columns of `schema` of one file; those that an earlier version did not know are null."""
        with self.open_shard(part, shard) as file:
            # runs and tasks are read before the driver forks, which no thread of Arrow would survive
            table = file.read([name for name in schema.names if name in file.schema_arrow.names], part == "trials")
            needed = [name for name in _NEEDED[part] if name in schema.names]
            if any(name not in table.column_names or table[name].null_count for name in needed):
                raise pa.ArrowInvalid(f"{', '.join(needed)} are needed")
            return conformed(table, schema)

    @contextmanager
    def open_shard(self, part: str, shard: str) -> Iterator[pq.ParquetFile]:
        """One file, to be read within the block; `ShardGone` or, where it is damaged, `UsageError`."""
        path = self.path / part / shard
        try:
            if not is_as_sealed(path):
                raise pa.ArrowInvalid("it has changed")
            labels = ["run"] if part == "trials" else None
            with pq.ParquetFile(
                path, pre_buffer=False, read_dictionary=labels, page_checksum_verification=True
            ) as file:
                yield file
        except UNREADABLE as error:
            self.must_have(shard)
            raise self.damage_error(part, shard, error) from None

    def damage_error(self, part: str, shard: str, error: Exception | None = None) -> UsageError:
        """What to tell the user of a file that can't be read."""
        path = str(self.path / part / shard)
        if isinstance(error, OSError) and error.errno and not isinstance(error, FileNotFoundError):
            return UsageError(f"can't read {path!r}: {error.strerror}: repeat the command when it can be read")
        runs = "" if part == "provenance" else " and does its runs again"
        return UsageError(
            f"{path!r} is missing or damaged: repeat the `optathlon run` command, which sets it aside{runs}"
        )

    def delete_shard(self, shard: str) -> None:
        """Delete what there is of a shard, its commit mark first."""
        for part in PARTS:
            (self.path / part / shard).unlink(missing_ok=True)

    def must_have(self, shard: str) -> None:
        """`ShardGone` where the shard's commit mark is not there any more."""
        if not os.path.lexists(self.path / "runs" / shard):
            raise ShardGone(shard)

    def _shards(self) -> list[str]:
        """The names of all shards, in order.

        A compaction commits a shard before it deletes others, but one listing may miss both, as it takes its time.
        """
        earlier = self._listed()
        while not earlier <= (shards := self._listed()):
            earlier = shards
        return sorted(shards)

    def _listed(self) -> set[str]:
        return {path.name for path in (self.path / "runs").glob("*.parquet")}

    def _read(
        self, shards: list[str], wanted: Callable[[pa.Table], Rows] | None, schema: pa.Schema
    ) -> tuple[pa.Table, pa.Table]:
        tables = [self.read_shard("runs", shard, RUNS) for shard in shards]
        runs = joined(tables, RUNS)
        chosen = holding(runs)
        if wanted is not None:
            chosen &= wanted(runs)
        trials = [
            self._trials_of(shard, table, rows, schema)
            for shard, table, rows in zip(shards, tables, split(chosen, tables), strict=True)
            if rows.any()
        ]
        return _ordered(arrow.picked(runs, np.flatnonzero(chosen)), joined(trials, schema))

    def _trials_of(self, shard: str, runs: pa.Table, rows: Rows, schema: pa.Schema) -> pa.Table:
        """The trials of the chosen rows of `runs`, which is one shard; row groups without any are not read."""
        kept = np.repeat(rows, arrow.numbers(runs["trials"]))
        with self.open_shard("trials", shard) as file:
            sizes = [file.metadata.row_group(number).num_rows for number in range(file.metadata.num_row_groups)]
            if sum(sizes) != len(kept):
                raise self.damage_error("trials", shard)
            parts = np.split(kept, np.cumsum(sizes)[:-1]) if sizes else []
            groups = [number for number, part in enumerate(parts) if part.any()]
            columns = [name for name in schema.names if name in file.schema_arrow.names]
            table = conformed(file.read_row_groups(groups, columns), schema)
        if not labels_in(table["run"]) <= set(runs["run"].to_pylist()):
            raise self.damage_error("trials", shard)
        read = np.concatenate([parts[number] for number in groups]) if groups else np.zeros(0, dtype=bool)
        return arrow.picked(table, np.flatnonzero(read))


def holding(runs: pa.Table) -> Rows:
    """Which rows hold: of each run the one with the highest attempt, and among equals the first."""
    names, attempts = _names_and_attempts(runs)
    order = np.lexsort((-attempts, names))
    held = np.zeros(len(runs), bool)
    held[order[np.flatnonzero(np.diff(names[order], prepend=-1))]] = True
    return held


def latest(runs: pa.Table) -> Rows:
    """Which rows have the highest attempt of their run: those that hold, and their equals."""
    names, attempts = _names_and_attempts(runs)
    highest = np.zeros(len(runs), attempts.dtype)
    np.maximum.at(highest, names, attempts)
    among_highest: Rows = attempts == highest[names]
    return among_highest


def attempts_of(runs: pa.Table) -> pa.ChunkedArray:
    """In which attempt each run was done: the first, where an earlier version did not say."""
    return runs["attempt"].fill_null(arrow.integer(1, RUNS.field("attempt").type))


def _names_and_attempts(runs: pa.Table) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    names, _ = arrow.codes(runs["run"])
    return names, arrow.numbers(attempts_of(runs))


def split(rows: Rows, tables: Sequence[pa.Table]) -> list[Rows]:
    """A mask over the rows of all tables as one mask per table."""
    return np.split(rows, np.cumsum([len(table) for table in tables])[:-1]) if tables else []


def add_task(
    tasks: dict[tuple[str, str], dict[str, str]], row: dict[str, str], where: str, by: Callable[[str], str] = str
) -> None:
    """Add a row of `TASKS` to those known by task and version; `UsageError` where their fingerprints differ.

    What `by` makes of the fingerprints is compared. Within one folder these are the lasting parts: of values, workers
    compare with what is stored before they begin.
    """
    key = row["task"], row["version"]
    known = tasks.setdefault(key, row)
    if agree(by(known["fingerprint"]), by(row["fingerprint"])):
        tasks[key] = max(known, row, key=lambda one: len(one["fingerprint"]))
    else:
        raise UsageError(
            f"{where!r} mixes results of two different tasks {row['task']!r} "
            f"(fingerprints {known['fingerprint']} and {row['fingerprint']}): separate them before analysis"
        )


def labels_in(column: pa.ChunkedArray) -> set[str]:
    """The texts that occur in a column of labels."""
    return {text for chunk in column.chunks for text in chunk.dictionary.take(chunk.indices.unique()).to_pylist()}


def conformed(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """The table with the columns of `schema`, in its order; absent ones are null."""
    if table.schema.equals(schema):
        return table
    columns = [
        table[field.name].cast(field.type) if field.name in table.column_names else pa.nulls(len(table), field.type)
        for field in schema
    ]
    return pa.table(columns, schema=schema)


def joined(tables: Sequence[pa.Table], schema: pa.Schema) -> pa.Table:
    """The tables, all of `schema`, as one without chunks and with one dictionary per column."""
    whole = pa.concat_tables(tables) if tables else pa.Table.from_batches([], schema)
    return whole.unify_dictionaries().combine_chunks()


def provenance_in(path: Path) -> dict[str, Any]:
    """What a file of provenance says; `ValueError` where it is not what was written, of which its name is a hash."""
    text = read_bytes(path).decode()
    try:
        content = json.loads(text)
    except RecursionError:
        raise ValueError("too deep") from None
    if not isinstance(content, dict):
        raise ValueError("not a JSON object")
    if re.fullmatch("[0-9a-f]{16}", path.stem) and short_hash(text.removesuffix("\n")) != path.stem:
        raise ValueError("other content than was written")
    return content


def write_mark(path: Path) -> None:
    """Write the file that makes `path` a results folder of this format."""
    write_atomically(path / MARK, lambda file: file.write_text(json.dumps({"format": FORMAT}) + "\n"))


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a temporary file beside `path`, flush it to disk, and give it its name."""
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")  # no other machine's
    try:
        write(temporary)
        _flush_to_disk(temporary, os.O_RDWR)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    with suppress(OSError):  # not every file system can do this for a folder
        _flush_to_disk(path.parent, os.O_RDONLY)


def _flush_to_disk(path: Path, mode: int) -> None:
    descriptor = os.open(path, mode)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _ordered(runs: pa.Table, trials: pa.Table) -> tuple[pa.Table, pa.Table]:
    labels = {name: runs[name].cast(pa.string()) for name in ("task", "optimizer")}
    keys = pa.table(labels | {"seed": runs["seed"], "run": runs["run"]})
    order = pc.sort_indices(keys, [(name, "ascending") for name in keys.column_names])
    runs = arrow.picked(runs, arrow.numbers(order))
    names = trials["run"].combine_chunks()
    found = pc.index_in(names.dictionary, runs["run"].combine_chunks())  # of runs that are not read, too
    places = arrow.numbers(found.fill_null(arrow.integer(-1, found.type)))
    keys = (arrow.numbers(trials["trial"]), places[arrow.numbers(names.indices)])
    return runs, arrow.picked(trials, np.lexsort(keys))
