"""Volumes of whole trials: tar files with a results folder that has all trials of some runs of a table.

Each pack writes one for each table, with the runs that are new to it. They are described beside the tables
(`optathlon.archive.release`).
"""

from __future__ import annotations

import shutil
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from optathlon.archive.names import TableName
from optathlon.archive.release import Volume
from optathlon.archive.staging import work_folder
from optathlon.archive.tables import run_ids
from optathlon.errors import UsageError, storage_errors
from optathlon.fetching.store import checksum, synced
from optathlon.results.folder import ResultsFolder, Rows, attempts_of, write_atomically
from optathlon.results.writer import write_shard
from optathlon.task import short_hash

_MOST_TRIALS = 2_000_000
"""So many are in memory at a time."""

Attempts = Mapping[str, int]
"""By id of a run which attempt at it."""


def attempts_at(runs: pa.Table) -> dict[str, int]:
    """The attempts of the runs of a table."""
    return dict(zip(run_ids(runs), attempts_of(runs).to_pylist(), strict=True))


def write_volume(sources: Sequence[ResultsFolder], folder: Path, name: TableName, runs: pa.Table) -> Volume:
    """Write into a folder the volume with some runs of a table, as the sources have them.

    Its name follows from the runs and their attempts, and equal runs give equal files. Raises `UsageError` where the
    sources don't have these runs, and `StorageError` where it can't be written.
    """
    attempts = attempts_at(runs)
    target = folder / f"{name}.{_hash(attempts)}.tar"
    with storage_errors(folder), work_folder(folder, str(name)) as work:
        whole = ResultsFolder.create(work / str(name))
        counts = np.zeros(2, dtype=int)
        for number, wanted in enumerate(_groups(runs, attempts)):
            parts = ResultsFolder.create(work / f"part-{number}")
            for place, source in enumerate(sources):
                _copy(source, parts, f"{place:08d}.parquet", wanted)
            counts += _write_tasks(parts, whole)
            shutil.rmtree(parts.path)
        if counts[0] != len(attempts):
            raise UsageError(
                f"of {len(attempts):,} new runs of {name} only {counts[0]:,} can be read whole: pack again, as the "
                "results have changed meanwhile; if they have not, see `optathlon archive check`"
            )
        files = sorted(path for path in whole.path.rglob("*") if path.is_file())
        write_atomically(work / target.name, lambda file: _write_tar(file, whole.path, files))
        (work / target.name).replace(target)
        synced(folder)
        unpacked = sum(path.stat().st_size for path in files)
        return Volume(target.name, target.stat().st_size, unpacked, checksum(target), *counts.tolist())


def _groups(runs: pa.Table, attempts: Attempts) -> Iterator[dict[str, int]]:
    """The runs by task, those of as many tasks at a time as have no more trials than memory should hold."""
    frame = runs.select(["task", "trials"]).to_pandas().assign(run=[*attempts])
    group: dict[str, int] = {}
    trials = 0
    for _, own in frame.groupby(frame["task"].astype(str)):
        if group and trials + own["trials"].sum() > _MOST_TRIALS:
            yield group
            group, trials = {}, 0
        group |= {id: attempts[id] for id in own["run"]}
        trials += own["trials"].sum()
    if group:
        yield group


def _copy(source: ResultsFolder, target: ResultsFolder, shard: str, wanted: Attempts) -> None:
    """Copy the wanted runs, with all that belongs to them, as a shard; nothing where there is none."""
    runs, trials = source.read(lambda runs: _are(wanted, runs))
    if len(runs):
        _write(target, shard, runs, trials, source)


def _are(wanted: Attempts, runs: pa.Table) -> Rows:
    """Which rows of a results folder's runs are wanted."""
    found = zip(runs["run"].cast(pa.string()).to_pylist(), attempts_of(runs).to_pylist(), strict=True)
    return np.array([wanted.get(id) == attempt for id, attempt in found], dtype=bool)


def _write_tasks(source: ResultsFolder, target: ResultsFolder) -> tuple[int, int]:
    """Write a shard for each task, whatever the shards of the source are; how many runs and trials there are."""
    runs, trials = source.read()
    of_trials = trials["run"].cast(pa.string())
    for task in sorted(pc.unique(runs["task"].cast(pa.string())).to_pylist()):
        own = runs.filter(pc.equal(runs["task"].cast(pa.string()), task))
        ids = own["run"].combine_chunks()
        attempts = dict(zip(ids.to_pylist(), attempts_of(own).to_pylist(), strict=True))
        _write(target, f"{_hash(attempts)}.parquet", own, trials.filter(pc.is_in(of_trials, ids)), source)
    return len(runs), len(trials)


def _write(target: ResultsFolder, shard: str, runs: pa.Table, trials: pa.Table, source: ResultsFolder) -> None:
    """Write runs of a source with their trials, descriptions and sessions."""
    ran = set(zip(*(runs[label].cast(pa.string()).to_pylist() for label in ("task", "task_version")), strict=True))
    tasks = source.on_shards(source.task_rows)
    write_shard(target, shard, runs, [trials], [tasks[key] for key in sorted(ran)])
    for id in set(runs["provenance"].cast(pa.string()).to_pylist()):
        with suppress(FileNotFoundError):  # it was lost, which results bear
            shutil.copyfile(source.path / "provenance" / f"{id}.json", target.path / "provenance" / f"{id}.json")


def _hash(attempts: Attempts) -> str:
    return short_hash(" ".join(f"{id}:{attempts[id]}" for id in sorted(attempts)))


def _write_tar(file: Path, folder: Path, paths: Sequence[Path]) -> None:
    """A tar file that depends on the contents of the files alone."""
    with tarfile.open(file, "w", format=tarfile.PAX_FORMAT) as tar:
        for path in paths:
            member = tarfile.TarInfo(f"{folder.name}/{path.relative_to(folder).as_posix()}")
            member.size = path.stat().st_size
            with path.open("rb") as content:
                tar.addfile(member, content)
