"""Archives of whole trials: for each table a tar file, which holds a results folder with all trials of its runs.

They are described beside the tables (`optathlon.archive.release`).
"""

from __future__ import annotations

import shutil
import tarfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from optathlon.archive.names import TableName, tasks_in
from optathlon.archive.packing import table_of, why_left_out
from optathlon.archive.release import SUFFIX, WholeArchive, archives, describe
from optathlon.errors import UsageError, storage_errors
from optathlon.fetching.store import checksum
from optathlon.results.folder import ResultsFolder, write_atomically
from optathlon.results.writer import write_shard
from optathlon.task import short_hash

_DECIDE = ("task", "budget", "budget_unit", "n_workers", "clock")
"""Columns that say which table a run belongs to."""
_MOST_TRIALS = 2_000_000
"""So many are in memory at a time."""


def pack_whole(sources: Sequence[Path], folder: Path, tables: Path) -> Iterator[WholeArchive]:
    """Write for each table an archive of the runs that the results folders have of it, with those of an earlier one.

    The descriptions go beside the tables. Equal runs give equal files. Raises `UsageError` where a source can't be
    read, and where an archive would lose runs that it is described with, as its earlier file is not in the folder, and
    `StorageError` where it can't be written.
    """
    names = {source: _names_in(source) for source in map(ResultsFolder.open, sources)}
    before = {one.file: one.runs for one in archives(tables)}
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for name in sorted(set().union(*names.values())):
            having = [source for source, of_source in names.items() if name in of_source]
            file = f"{name}.tar"
            described = _pack(having, folder / file, name, least=before.get(file, 0))
            write_atomically(tables / f"{name}{SUFFIX}", partial(describe, described))
            yield described


def _pack(sources: Sequence[ResultsFolder], target: Path, name: TableName, *, least: int) -> WholeArchive:
    """Write one archive, of `least` runs or more: a shard for each task, whatever the shards of the sources are."""
    with TemporaryDirectory(dir=target.parent, prefix=f".{name}.") as work:
        having = [*_unpacked(target, Path(work) / "earlier"), *sources]
        whole = ResultsFolder.create(Path(work) / str(name))
        counts = np.zeros(2, dtype=int)
        for number, tasks in enumerate(_groups(having, name)):
            parts = ResultsFolder.create(Path(work) / f"part-{number}")
            for place, source in enumerate(having):
                _copy(source, parts, f"{place:08d}.parquet", partial(_is_of, tasks, name))
            runs, trials = parts.read()
            for task in tasks:
                counts += _write_task(whole, runs, trials, task, parts)
            shutil.rmtree(parts.path)
        if counts[0] < least:
            raise UsageError(
                f"{target.name} would have {counts[0]:,} runs, and is described with {least:,}: put its earlier file "
                f"into {str(target.parent)!r}, or remove {name}{SUFFIX} to begin again"
            )
        files = sorted(path for path in whole.path.rglob("*") if path.is_file())
        write_atomically(target, lambda file: _write_tar(file, whole.path, files))
        unpacked = sum(path.stat().st_size for path in files)
        return WholeArchive(target.name, target.stat().st_size, unpacked, checksum(target), *counts.tolist())


def _groups(sources: Sequence[ResultsFolder], name: TableName) -> Iterator[list[str]]:
    """The tasks with runs of a table, as many at a time as have no more trials than memory should hold."""
    sizes: Counter[str] = Counter()
    for source in sources:
        runs = source.finished((*_DECIDE, "trials")).to_pandas()
        of_table = runs[_is_of(tasks_in(name.subset, name.part), name, runs)]
        sizes.update(of_table.groupby(of_table["task"].astype(str))["trials"].sum().to_dict())
    group: list[str] = []
    for task in sorted(sizes):
        if group and sum(sizes[each] for each in [*group, task]) > _MOST_TRIALS:
            yield group
            group = []
        group.append(task)
    if group:
        yield group


def _write_task(
    target: ResultsFolder, runs: pa.Table, trials: pa.Table, task: str, source: ResultsFolder
) -> tuple[int, int]:
    """Write the runs on one task as a shard; how many they are, and their trials."""
    own = runs.filter(pc.equal(runs["task"].cast(pa.string()), task))
    ids = own["run"].combine_chunks()
    of_own = trials.filter(pc.is_in(trials["run"].cast(pa.string()), ids))
    _write(target, f"{short_hash(' '.join(sorted(ids.to_pylist())))}.parquet", own, of_own, source)
    return len(own), len(of_own)


def _unpacked(archive: Path, folder: Path) -> list[ResultsFolder]:
    """The results folder in an earlier archive; none where there is no archive."""
    if not archive.exists():
        return []
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    return [ResultsFolder.open(folder / archive.name.removesuffix(".tar"))]


def _names_in(source: ResultsFolder) -> set[TableName]:
    """The tables that a results folder has runs of."""
    runs = source.finished(_DECIDE).to_pandas()
    kept = runs[(why_left_out(runs) == "").to_numpy()][["task", "budget"]].astype({"task": str}).drop_duplicates()
    return {table_of(task, budget) for task, budget in kept.itertuples(index=False)}


def _is_of(tasks: Sequence[str], name: TableName, runs: pa.Table | pd.DataFrame) -> np.ndarray:
    """Shape (runs,), boolean: those on some tasks that belong to a table."""
    frame = runs if isinstance(runs, pd.DataFrame) else runs.select(_DECIDE).to_pandas()
    fits = (frame["budget"] == name.budget) & (why_left_out(frame) == "")
    mask: np.ndarray = (frame["task"].astype(str).isin(tasks) & fits).to_numpy()
    return mask


def _copy(source: ResultsFolder, target: ResultsFolder, shard: str, wanted: Callable[[pa.Table], np.ndarray]) -> None:
    """Copy runs, with all that belongs to them, as a shard; nothing where none is wanted."""
    runs, trials = source.read(wanted)
    if len(runs):
        _write(target, shard, runs, trials, source)


def _write(target: ResultsFolder, shard: str, runs: pa.Table, trials: pa.Table, source: ResultsFolder) -> None:
    """Write runs of a source with their trials, descriptions and sessions."""
    ran = set(zip(*(runs[label].cast(pa.string()).to_pylist() for label in ("task", "task_version")), strict=True))
    tasks = source.on_shards(source.task_rows)
    write_shard(target, shard, runs, [trials], [tasks[key] for key in sorted(ran)])
    for id in set(runs["provenance"].cast(pa.string()).to_pylist()):
        shutil.copyfile(source.path / "provenance" / f"{id}.json", target.path / "provenance" / f"{id}.json")


def _write_tar(file: Path, folder: Path, paths: Sequence[Path]) -> None:
    """A tar file that depends on the contents of the files alone."""
    with tarfile.open(file, "w", format=tarfile.PAX_FORMAT) as tar:
        for path in paths:
            member = tarfile.TarInfo(f"{folder.name}/{path.relative_to(folder).as_posix()}")
            member.size = path.stat().st_size
            with path.open("rb") as content:
                tar.addfile(member, content)
