"""Appending finished runs to a results folder."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from optathlon.results.folder import ResultsFolder, write_atomically
from optathlon.results.schema import RUNS, TASKS, TRIALS
from optathlon.running.accounting import TrialRecord
from optathlon.space import plain
from optathlon.task import Task

_encode_json = json.JSONEncoder(separators=(",", ":"), default=plain).encode


class ShardWriter:
    """Collects finished runs and writes them as one shard when told to."""

    def __init__(self, folder: ResultsFolder) -> None:
        self._folder = folder
        self._runs: list[Mapping[str, Any]] = []
        self._trials: list[pa.RecordBatch] = []
        self._tasks: list[Mapping[str, Any]] = []
        self._described: set[str] = set()

    def add(self, run: Mapping[str, Any], trials: Sequence[TrialRecord]) -> None:
        """Add a finished run (the columns of `RUNS`) and its trials."""
        self._runs.append(run)
        self._trials.append(_trial_batch(run["run"], trials))

    def has_described(self, task_id: str) -> bool:
        """Whether the description of this task was added before."""
        return task_id in self._described

    def describe(self, task: Task, fingerprint: str) -> None:
        """Add the description of a task, once."""
        if not self.has_described(task.id):
            self._described.add(task.id)
            self._tasks.append(_task_row(task, fingerprint))

    def flush(self) -> list[str]:
        """Write what was collected, and return the ids of the runs that are now safe on disk.

        An `OSError`, such as of a full disk, leaves nothing behind and loses nothing: a later call writes it all.
        """
        stored = [run["run"] for run in self._runs]
        if not stored:
            return stored
        trials = pa.Table.from_batches(self._trials, schema=TRIALS).unify_dictionaries()
        runs = pa.Table.from_pylist(self._runs, schema=RUNS)
        write_shard(self._folder, new_shard(), runs, [trials], self._tasks)
        self._runs, self._trials, self._tasks = [], [], []
        return stored


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
        _write(folder.path / "trials" / shard, TRIALS, trials)
        if tasks:
            _write(folder.path / "tasks" / shard, TASKS, [pa.Table.from_pylist(tasks, schema=TASKS)])
        _write(folder.path / "runs" / shard, RUNS, [runs])
    except Exception:  # whatever it is, nothing half-written may stay
        with suppress(OSError):
            folder.delete_shard(shard)
        raise


def _write(path: Path, schema: pa.Schema, tables: Iterable[pa.Table]) -> None:
    labels = [field.name for field in schema if pa.types.is_dictionary(field.type)]
    floats = [field.name for field in schema if pa.types.is_floating(field.type)]

    def write(temporary: Path) -> None:
        with pq.ParquetWriter(
            temporary,
            schema,
            compression="zstd",
            compression_level=1,
            use_dictionary=labels,
            column_encoding=dict.fromkeys(floats, "BYTE_STREAM_SPLIT") or None,
        ) as file:
            for table in tables:
                file.write_table(table)

    write_atomically(path, write)


def _task_row(task: Task, fingerprint: str) -> dict[str, str]:
    """A task as a row of `TASKS`."""
    problem = task.problem
    return {
        "task": task.id,
        "version": task.version,
        "fingerprint": fingerprint,
        "collection": task.id.partition("/")[0],
        "type": problem.type,
        "objectives": _encode_json([_finite(asdict(objective)) for objective in problem.objectives]),
        "fidelity": _encode_json(problem.fidelity and asdict(problem.fidelity)),
        "constraints": _encode_json([constraint.name for constraint in problem.constraints]),
        "space": _encode_json(problem.space.to_serialized_dict()),
        "metadata": _encode_json(dict(task.metadata)),
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
    columns["metrics"] = [metrics and list(metrics.items()) for metrics in columns["metrics"]]
    arrays = [pa.array(columns[field.name], field.type) for field in TRIALS]
    return pa.RecordBatch.from_arrays(arrays, schema=TRIALS)
