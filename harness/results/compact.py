"""Putting few big shards in the place of many small ones.

Nothing is locked: a new shard is committed before those that it replaces are deleted, and until then, or for good after
a crash, the rule for several rows of one run keeps it to one. For this the new shard comes first by name. A row is only
ever dropped for another one that comes before it under that rule, so the first of all is always there, whatever else
compacts or writes at the same time.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from optathlon.errors import storage_errors
from optathlon.results import arrow
from optathlon.results.folder import ResultsFolder, Rows, conformed, holding, joined, split
from optathlon.results.schema import RUNS, TRIALS
from optathlon.results.writer import new_shard, write_shard

_RUNS_PER_SHARD = 100_000
"""Shards with fewer runs are put together until they have as many."""

_TRIALS_PER_ROW_GROUP = 250_000
"""How many trials are in memory at once."""

_GENERATIONS = 10**6

_FORGOTTEN_AFTER_S = 24 * 3600.0

_KEYS = pa.schema([RUNS.field(name) for name in ("run", "attempt", "trials")])


@dataclass(frozen=True)
class Compacted:
    """What a compaction did: how many files there were and are, and how many superseded rows of runs it dropped."""

    before: int
    after: int
    superseded: int


@dataclass(frozen=True)
class _Shard:
    name: str
    held: Rows
    """Which of its runs hold."""
    trials: npt.NDArray[np.int64]
    """How many trials each of its runs has."""

    @property
    def superseded(self) -> int:
        return len(self.held) - int(self.held.sum())


def compact(folder: ResultsFolder) -> Compacted:
    """Rewrite small shards, and those with superseded rows, as few big ones; `optathlon.load` gives the same as before.

    It is safe to run it beside writers, readers and other compactions, to kill it, and to repeat it. Files that killed
    processes left half-written are deleted when they are a day old. Raises `UsageError` where a file is damaged, and
    `StorageError` where nothing can be written.
    """
    before = _files(folder)
    with storage_errors(folder.path):
        superseded = folder.on_shards(lambda shards: _compact(folder, shards))
        _delete_forgotten(folder)
    return Compacted(before, _files(folder), superseded)


def _compact(folder: ResultsFolder, names: Sequence[str]) -> int:
    tasks = folder.task_rows(names)
    shards = [shard for shard in _inspected(folder, names) if shard.superseded or len(shard.held) < _RUNS_PER_SHARD]
    superseded = sum(shard.superseded for shard in shards)
    if len(shards) > 1 or superseded:
        for group in _grouped(shards):
            _replace(folder, group, _first_name(names), tasks)
    return superseded


def _inspected(folder: ResultsFolder, names: Sequence[str]) -> list[_Shard]:
    tables = [folder.read_shard("runs", name, _KEYS) for name in names]
    masks = split(holding(joined(tables, _KEYS)), tables)
    return [
        _Shard(name, held, arrow.numbers(table["trials"]))
        for name, table, held in zip(names, tables, masks, strict=True)
    ]


def _grouped(shards: Iterable[_Shard]) -> list[list[_Shard]]:
    """Consecutive shards whose runs make one of the intended size; what is left over goes to the last."""
    groups: list[list[_Shard]] = [[]]
    size = 0
    for shard in shards:
        groups[-1].append(shard)
        size += int(shard.held.sum())
        if size >= _RUNS_PER_SHARD:
            groups.append([])
            size = 0
    if len(groups) > 1:
        rest = groups.pop()
        groups[-1] += rest
    return groups


def _replace(
    folder: ResultsFolder, shards: list[_Shard], name: str, tasks: dict[tuple[str, str], dict[str, str]]
) -> None:
    runs = joined([_kept(folder.read_shard("runs", shard.name, RUNS), shard.held) for shard in shards], RUNS)
    pairs = set(zip(runs["task"].to_pylist(), runs["task_version"].to_pylist(), strict=True))
    pairs |= folder.task_rows([shard.name for shard in shards]).keys()  # which runs of other shards may need
    described = [tasks[pair] for pair in sorted(pairs & tasks.keys())]
    if len(runs) or described:
        write_shard(folder, name, runs, _row_groups(_kept_trials(folder, shards)), described)
    for shard in shards:
        folder.delete_shard(shard.name)


def _kept_trials(folder: ResultsFolder, shards: Iterable[_Shard]) -> Iterator[pa.Table]:
    for shard in shards:
        kept = np.repeat(shard.held, shard.trials)
        start = 0
        with folder.open_shard("trials", shard.name) as file:
            if file.metadata.num_rows != len(kept):
                raise folder.damage_error("trials", shard.name)
            for batch in file.iter_batches(_TRIALS_PER_ROW_GROUP):
                table = conformed(pa.Table.from_batches([batch]), TRIALS)
                yield _kept(table, kept[start : start + len(batch)])
                start += len(batch)


def _kept(table: pa.Table, rows: Rows) -> pa.Table:
    return arrow.picked(table, np.flatnonzero(rows))


def _row_groups(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """The same rows in tables that are neither tiny nor huge."""
    pending: list[pa.Table] = []
    size = 0
    for table in tables:
        pending.append(table)
        size += len(table)
        if size >= _TRIALS_PER_ROW_GROUP:
            yield joined(pending, TRIALS)
            pending, size = [], 0
    if pending:
        yield joined(pending, TRIALS)


def _first_name(names: Sequence[str]) -> str:
    """A new shard's name that comes before all of these, and by its dash before those that writers choose."""
    first = min(names)
    generation = int(first.split("-")[1]) if first.startswith("0000-") else _GENERATIONS
    return f"0000-{generation - 1:06d}-{new_shard()}"


def _files(folder: ResultsFolder) -> int:
    return sum(1 for part in ("runs", "trials", "tasks") for _ in (folder.path / part).glob("*.parquet"))


def _delete_forgotten(folder: ResultsFolder) -> None:
    """Delete old temporary files, and old files of shards without a commit mark: whoever wrote them was killed."""
    committed = folder.on_shards(set)
    for part in ("runs", "trials", "tasks", "provenance", "experiments"):
        for path in (folder.path / part).glob(".*.tmp"):
            _delete_if_old(path)
    for part in ("trials", "tasks"):
        for path in (folder.path / part).glob("*.parquet"):
            if path.name not in committed:
                _delete_if_old(path)


def _delete_if_old(path: Path) -> None:
    try:
        if time.time() - path.stat().st_mtime > _FORGOTTEN_AFTER_S:
            path.unlink()
    except FileNotFoundError:
        pass
