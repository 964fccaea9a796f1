"""Appending finished runs to a results folder."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from optathlon.errors import UsageError
from optathlon.redaction import redacted
from optathlon.results.folder import ResultsFolder, write_atomically
from optathlon.results.schema import FORMAT, FORMAT_KEY, RUNS, STORED_TRIALS, TASKS, TRIALS
from optathlon.results.seal import METADATA, seal
from optathlon.running.accounting import TrialRecord
from optathlon.space import plain
from optathlon.task import Task
from optathlon.text import ERROR_CHARACTERS, REASON_CHARACTERS, clean, encodable, one_line, shortened
from optathlon.trial import Status

_dumps = json.JSONEncoder(separators=(",", ":"), default=plain).encode

_UNSTORABLE = (pa.ArrowException, ValueError, TypeError, OverflowError)
"""What Arrow and JSON raise of a value that a column can't have."""


class ShardWriter:
    """Collects finished runs and writes them as one shard when told to.

    A run with values that the columns can't have is stored as `crashed`, with what they can have of it.
    """

    def __init__(self, folder: ResultsFolder) -> None:
        self._folder = folder
        self._runs: list[Mapping[str, Any]] = []
        self._trials: list[pa.RecordBatch] = []
        self._tasks: list[Mapping[str, Any]] = []
        self._described: set[str] = set()

    def add(self, run: Mapping[str, Any], trials: Sequence[TrialRecord]) -> None:
        """Add a finished run (the columns of `RUNS`) and its trials."""
        try:
            batch = _trial_batch(run["run"], trials)
        except _UNSTORABLE as fault:
            run, batch = _failed(run, f"its trials can't be stored: {fault}"), _trial_batch(run["run"], ())
        self._runs.append(run)
        self._trials.append(batch)

    def has_described(self, task_id: str) -> bool:
        """Whether the description of this task was added before."""
        return task_id in self._described

    def describe(self, task: Task, fingerprint: str) -> None:
        """Add the description of a task, once; `UsageError` where its metadata is not JSON."""
        if not self.has_described(task.id):
            self._tasks.append(task_row(task, fingerprint))
            self._described.add(task.id)

    def flush(self) -> list[str]:
        """Write what was collected, and return the ids of the runs that are now safe on disk.

        An `OSError`, such as of a full disk, leaves nothing behind and loses nothing: a later call writes it all.
        """
        stored = [run["run"] for run in self._runs]
        if not stored:
            return stored
        try:
            runs = pa.Table.from_pylist(self._runs, schema=RUNS)
        except _UNSTORABLE:
            self._mark_unstorable()
            runs = pa.Table.from_pylist(self._runs, schema=RUNS)
        trials = pa.Table.from_batches(self._trials, schema=TRIALS).unify_dictionaries()
        write_shard(self._folder, new_shard(), runs, [trials], self._tasks)
        self._runs, self._trials, self._tasks = [], [], []
        return stored

    def _mark_unstorable(self) -> None:
        """Find the runs that the columns can't have, and put what can be stored of them in their place."""
        for place, run in enumerate(self._runs):
            unfit = [field.name for field in RUNS if not _fits(run[field.name], field.type)]
            if unfit:
                reason = f"can't be stored: its {', '.join(unfit)}"
                self._runs[place] = _failed({**run, **dict.fromkeys(unfit)}, reason)
                self._trials[place] = _trial_batch(run["run"], ())


def new_shard() -> str:
    """A name that no other shard has."""
    return f"{uuid.uuid4().hex}.parquet"


def write_shard(
    folder: ResultsFolder,
    shard: str,
    runs: pa.Table,
    trials: Iterable[pa.Table],
    tasks: Sequence[Mapping[str, Any]],
) -> None:
    """Commit a shard: the trials, table after table in the order of their runs, then tasks, then the runs.

    An error, such as of a full disk, leaves nothing of it behind.
    """
    try:
        write_parquet(folder.path / "trials" / shard, STORED_TRIALS, (table.cast(STORED_TRIALS) for table in trials))
        if tasks:
            write_parquet(folder.path / "tasks" / shard, TASKS, [pa.Table.from_pylist(tasks, schema=TASKS)])
        write_parquet(folder.path / "runs" / shard, RUNS, [runs])
    except Exception:  # whatever it is, nothing half-written may stay
        with suppress(OSError):
            folder.delete_shard(shard)
        raise


def write_parquet(path: Path, schema: pa.Schema, tables: Iterable[pa.Table]) -> None:
    """Write tables of one schema as a sealed file, which appears when it is whole."""
    labels = [field.name for field in schema if pa.types.is_dictionary(field.type)]
    labels += ["run"] if schema is STORED_TRIALS else []
    floats = [field.name for field in schema if pa.types.is_floating(field.type)]

    def write(temporary: Path) -> None:
        with pq.ParquetWriter(
            temporary,
            schema,
            compression="zstd",
            compression_level=1,
            use_dictionary=labels,
            column_encoding=dict.fromkeys(floats, "BYTE_STREAM_SPLIT") or None,
            write_page_checksum=True,
        ) as file:
            for table in tables:
                file.write_table(table)
            file.add_key_value_metadata({FORMAT_KEY: str(FORMAT)} | METADATA)
        seal(temporary)

    write_atomically(path, write)


def _failed(run: Mapping[str, Any], reason: str) -> dict[str, Any]:
    """The row of a run without its trials."""
    return {**run, "status": str(Status.CRASHED), "reason": one_line(reason)[:REASON_CHARACTERS], "trials": 0}


def _fits(value: object, kind: pa.DataType) -> bool:
    try:
        pa.array([value], kind)
    except _UNSTORABLE:
        return False
    return True


def _encode_json(value: object) -> str:
    """`value` as JSON that every reader accepts, but for NaN and infinity."""
    text = _dumps(value)
    return _dumps(_with_text(value, encodable)) if "\\ud" in text else text


def _with_text(value: Any, change: Callable[[str], str]) -> Any:
    """A JSON value in which `change` was applied to every text."""
    match value:
        case str():
            return change(value)
        case Mapping():
            return {_with_text(key, change): _with_text(item, change) for key, item in value.items()}
        case list() | tuple():
            return [_with_text(item, change) for item in value]
        case _:
            return value


def task_row(task: Task, fingerprint: str) -> dict[str, str]:
    """A task as a row of `TASKS`; `UsageError` where its metadata is not JSON."""
    problem = task.problem
    try:
        metadata = _encode_json(_with_text(dict(task.metadata), redacted))
    except (TypeError, ValueError, RecursionError) as fault:
        raise UsageError(
            f"the metadata of the task {task.id!r} can't be stored: {fault}: give text, numbers and lists of them"
        ) from None
    return {
        "task": task.id,
        "version": clean(task.version),
        "fingerprint": fingerprint,
        "collection": task.id.partition("/")[0],
        "type": problem.type,
        "objectives": _encode_json([_finite(asdict(objective)) for objective in problem.objectives]),
        "fidelity": _encode_json(problem.fidelity and asdict(problem.fidelity)),
        "constraints": _encode_json([constraint.name for constraint in problem.constraints]),
        "space": _encode_json(problem.space.to_serialized_dict()),
        "metadata": metadata,
        "data": _encode_json(dict(task.data_files())),
    }


def _finite(row: dict[str, Any]) -> dict[str, Any]:
    """Unknown bounds as null: JSON has no infinity."""
    return {name: None if value in (float("inf"), float("-inf")) else value for name, value in row.items()}


def _trial_batch(run: str, trials: Sequence[TrialRecord]) -> pa.RecordBatch:
    columns: dict[str, Sequence[Any]] = dict.fromkeys(TrialRecord._fields, ())
    if trials:
        columns |= zip(TrialRecord._fields, zip(*trials, strict=True), strict=True)
    columns["run"] = [run] * len(trials)
    columns["config"] = [_encode_json(config) for config in columns["config"]]
    columns["metrics"] = [
        metrics and [(clean(name), value) for name, value in metrics.items()] for metrics in columns["metrics"]
    ]
    columns["error"] = [error and shortened(error, ERROR_CHARACTERS) for error in columns["error"]]
    arrays = [pa.array(columns[field.name], field.type) for field in TRIALS]
    return pa.RecordBatch.from_arrays(arrays, schema=TRIALS)
