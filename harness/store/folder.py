"""A results folder: where its files are, and reading them back.

    optathlon.json           the format version
    runs/SHARD.parquet       finished runs
    trials/SHARD.parquet     their trials
    tasks/SHARD.parquet      descriptions of the tasks they ran on
    provenance/ID.json       packages, machine and command of one session of the harness

A shard's runs file is its commit mark: it is written last, and trials without one are ignored. Every file is
written under a temporary name and renamed. Should two drivers have done the same run, the first shard by name
holds it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from optathlon.errors import UsageError
from optathlon.store.schema import FORMAT, RUNS, TASKS, TRIALS

_MARK = "optathlon.json"
_JSON_COLUMNS = ("objectives", "fidelity", "constraints", "space", "metadata", "data")


@dataclass(frozen=True)
class ResultsFolder:
    """A folder that holds results in the present format."""

    path: Path

    @classmethod
    def open(cls, path: Path) -> ResultsFolder:
        """An existing results folder; `UsageError` where there is none or its format differs."""
        if not path.is_dir():
            raise UsageError(f"no results folder {str(path)!r}: give the folder that `optathlon run --out` wrote")
        try:
            found = json.loads((path / _MARK).read_text())["format"]
        except FileNotFoundError:
            raise UsageError(f"{str(path)!r} is not a results folder: it has no {_MARK}") from None
        except (ValueError, KeyError, TypeError):
            raise UsageError(f'{str(path / _MARK)!r} is damaged: expected {{"format": {FORMAT}}}') from None
        if found != FORMAT:
            raise UsageError(
                f"{str(path)!r} has results of format {found}, this version of Optathlon reads format {FORMAT}: "
                "use the version that wrote it, or another --out folder"
            )
        return cls(path)

    @classmethod
    def create(cls, path: Path) -> ResultsFolder:
        """The results folder at `path`, made if absent; `UsageError` for a folder with anything else in it."""
        try:
            if path.exists() and (not path.is_dir() or (any(path.iterdir()) and not (path / _MARK).exists())):
                raise UsageError(f"{str(path)!r} exists and is not a results folder: give another --out")
            for part in ("runs", "trials", "tasks", "provenance"):
                (path / part).mkdir(parents=True, exist_ok=True)
            if not (path / _MARK).exists():
                write_atomically(path / _MARK, lambda file: file.write_text(json.dumps({"format": FORMAT}) + "\n"))
        except OSError as error:
            raise UsageError(f"can't write results to {str(path)!r}: {error.strerror}: give another --out") from None
        return cls.open(path)

    def finished(self) -> pa.Table:
        """The columns `run`, `task`, `task_version`, `fingerprint` and `status` of every finished run."""
        return self._read_runs(["run", "task", "task_version", "fingerprint", "status"])

    def read(self) -> tuple[pa.Table, pa.Table]:
        """All runs, ordered by task, optimizer and seed, and all trials in the order of their runs."""
        runs, trials, seen = [], [], pa.array([], pa.string())
        for shard in self._shards():
            shard_runs = pq.read_table(self.path / "runs" / shard, schema=RUNS)
            repeated = pc.is_in(shard_runs["run"], seen)
            shard_trials = pq.read_table(self.path / "trials" / shard, schema=TRIALS)
            if pc.any(repeated).as_py():
                shard_runs = shard_runs.filter(pc.invert(repeated))
                shard_trials = shard_trials.filter(
                    pc.is_in(shard_trials["run"].cast(pa.string()), shard_runs["run"].combine_chunks())
                )
            runs.append(shard_runs)
            trials.append(shard_trials)
            seen = pa.concat_arrays([seen, shard_runs["run"].combine_chunks()])
        return _ordered(_joined(runs, RUNS), _joined(trials, TRIALS))

    def read_tasks(self) -> list[dict[str, Any]]:
        """One dictionary per task and version; `UsageError` where one version of a task has two fingerprints.

        A task on which nothing has run yet (all its runs were skipped) has an empty fingerprint.
        """
        tasks: dict[tuple[str, str], dict[str, Any]] = {}
        paths = [self.path / "tasks" / shard for shard in self._shards()]
        for path in filter(Path.exists, paths):
            for row in pq.read_table(path, schema=TASKS).to_pylist():
                key = row["task"], row["version"]
                known = tasks.get(key)
                if known is None or not known["fingerprint"]:
                    tasks[key] = row | {name: json.loads(row[name]) for name in _JSON_COLUMNS}
                elif row["fingerprint"] and row["fingerprint"] != known["fingerprint"]:
                    raise UsageError(
                        f"{str(self.path)!r} mixes results of two different tasks {row['task']!r} "
                        f"(fingerprints {known['fingerprint']} and {row['fingerprint']}): separate them before analysis"
                    )
        return [tasks[key] for key in sorted(tasks)]

    def read_provenance(self) -> list[dict[str, Any]]:
        """One dictionary per session of the harness, with its id under `provenance`."""
        paths = sorted((self.path / "provenance").glob("*.json"))
        return [{"provenance": path.stem} | json.loads(path.read_text()) for path in paths]

    def _shards(self) -> list[str]:
        return sorted(path.name for path in (self.path / "runs").glob("*.parquet"))

    def _read_runs(self, columns: list[str]) -> pa.Table:
        schema = pa.schema([RUNS.field(name) for name in columns])
        files = (pq.ParquetFile(self.path / "runs" / shard, pre_buffer=False) for shard in self._shards())
        tables = [file.read(columns, use_threads=False) for file in files]  # the driver forks afterwards
        return _joined(tables, schema)


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a temporary file beside `path`, flush it to disk, and give it its name."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        write(temporary)
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _joined(tables: list[pa.Table], schema: pa.Schema) -> pa.Table:
    joined = pa.concat_tables(tables) if tables else pa.Table.from_batches([], schema)
    return joined.unify_dictionaries().combine_chunks()


def _ordered(runs: pa.Table, trials: pa.Table) -> tuple[pa.Table, pa.Table]:
    labels = {name: runs[name].cast(pa.string()) for name in ("task", "optimizer")}
    keys = pa.table(labels | {"seed": runs["seed"], "run": runs["run"]})
    order = pc.sort_indices(keys, [(name, "ascending") for name in keys.column_names])
    runs = runs.take(order)
    place = pc.index_in(trials["run"].cast(pa.string()), runs["run"].combine_chunks())
    keys = pa.table({"place": place, "trial": trials["trial"]})
    return runs, trials.take(pc.sort_indices(keys, [("place", "ascending"), ("trial", "ascending")]))
