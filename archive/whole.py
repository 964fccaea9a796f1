"""Archives of whole trials: for each table a tar file, which holds a results folder with all trials of its runs.

`optathlon data fetch archive/NAME` brings one into the data folder, from a mirror or a folder of downloads. What it is,
how large, and its checksum stand beside the table in `NAME.whole.yaml`.
"""

from __future__ import annotations

import shutil
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import yaml
from pydantic import TypeAdapter, ValidationError

from optathlon.archive.names import TableName
from optathlon.archive.packing import table_of, why_left_out
from optathlon.archive.tables import SHIPPED, table_names
from optathlon.data_source import Archive, DataSource
from optathlon.errors import UsageError, storage_errors
from optathlon.fetching.store import checksum
from optathlon.results.folder import ResultsFolder, write_atomically
from optathlon.results.writer import write_shard
from optathlon.task import short_hash
from optathlon.yaml_file import read_yaml

COLLECTION = "archive"
"""What `optathlon data` calls the sources of."""

_LICENCE = "Apache-2.0"
_SUFFIX = ".whole.yaml"


@dataclass(frozen=True)
class WholeArchive:
    """A tar file with a results folder.

    Attributes
    ----------
    file:
        Its name.
    size, unpacked:
        In bytes, of the file and of what it holds.
    sha256:
        Its checksum in hexadecimal.
    runs, trials:
        How many it has.
    """

    file: str
    size: int
    unpacked: int
    sha256: str
    runs: int
    trials: int

    @property
    def source(self) -> DataSource:
        """What `optathlon data` shows and fetches."""
        name = self.file.removesuffix(".tar")
        part = Archive(
            name=self.file,
            url="",
            size=self.size,
            members={f"{name}/": f"{name}/"},
            unpacked=self.unpacked,
            sha256=self.sha256,
        )
        return DataSource(
            name=name,
            title=f"all {self.trials:,} trials of {self.runs:,} runs of the baselines {name}",
            licence=_LICENCE,
            homepage="docs/baselines.md",
            citation="Optathlon's baselines",
            parts=(part,),
        )


def pack_whole(sources: Sequence[Path], folder: Path, tables: Path) -> Iterator[WholeArchive]:
    """Write for each table an archive of the runs that the results folders have of it, with those of an earlier one.

    The descriptions go beside the tables. Equal runs give equal files. Raises `UsageError` where a source can't be
    read, and `StorageError` where an archive can't be written.
    """
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for name in table_names(tables):
            described = _pack(sources, folder / f"{name}.tar", name)
            if described is not None:
                write_atomically(tables / f"{name}{_SUFFIX}", partial(_write_yaml, described))
                yield described


def archives(tables: Path | None = None) -> list[WholeArchive]:
    """Those that are described beside the tables of a folder, by name; by default beside those that ship."""
    return [_described(path) for path in sorted((tables or SHIPPED).glob(f"*{_SUFFIX}"))]


def _write_yaml(described: WholeArchive, path: Path) -> None:
    path.write_text(yaml.safe_dump(asdict(described), sort_keys=False), encoding="utf-8")


def _described(path: Path) -> WholeArchive:
    try:
        return TypeAdapter(WholeArchive).validate_python(read_yaml(path, "description of an archive"))
    except ValidationError:
        raise UsageError(f"{str(path)!r} describes no archive: pack the results again") from None


def _pack(sources: Sequence[Path], target: Path, name: TableName) -> WholeArchive | None:
    """`None` where no source has any of its runs, and there is no earlier archive."""
    with TemporaryDirectory(dir=target.parent, prefix=f".{name}.") as work:
        earlier = _unpacked(target, Path(work) / "earlier")
        parts = ResultsFolder.create(Path(work) / "parts")
        for number, source in enumerate([*earlier, *sources]):
            _copy(ResultsFolder.open(source), parts, name, f"{number:08d}.parquet")
        if not list((parts.path / "runs").iterdir()):
            return None
        whole = ResultsFolder.create(Path(work) / str(name))
        runs, trials = parts.read()
        tasks = parts.on_shards(parts.task_rows)
        shard = f"{short_hash(''.join(sorted(runs['run'].to_pylist())))}.parquet"
        write_shard(whole, shard, runs, [trials], [tasks[key] for key in sorted(tasks)])
        for id in sorted(set(runs["provenance"].cast(pa.string()).to_pylist())):
            shutil.copyfile(parts.path / "provenance" / f"{id}.json", whole.path / "provenance" / f"{id}.json")
        files = sorted(path for path in whole.path.rglob("*") if path.is_file())
        write_atomically(target, lambda file: _write_tar(file, whole.path, files))
        unpacked = sum(path.stat().st_size for path in files)
        return WholeArchive(target.name, target.stat().st_size, unpacked, checksum(target), len(runs), len(trials))


def _unpacked(archive: Path, folder: Path) -> list[Path]:
    """The results folder in an earlier archive; none where there is no archive."""
    if not archive.exists():
        return []
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    return [folder / archive.name.removesuffix(".tar")]


def _copy(source: ResultsFolder, target: ResultsFolder, name: TableName, shard: str) -> None:
    """Copy the runs of a table, with their trials, descriptions and sessions, as a shard; none where there are none."""

    def wanted(runs: pa.Table) -> np.ndarray:
        frame = runs.select(["task", "budget", "budget_unit", "n_workers", "clock"]).to_pandas()
        fits = (why_left_out(frame) == "").to_numpy()
        labels = zip(frame["task"].astype(str), frame["budget"], fits, strict=True)
        return np.array([is_in and table_of(task, budget) == name for task, budget, is_in in labels], dtype=bool)

    runs, trials = source.read(wanted)
    if not len(runs):
        return
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
