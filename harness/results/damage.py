"""Damage to a results folder: finding it, and setting it aside, so that the same command does again what is lost.

What is damaged gets the name NAME.damaged, which no reader looks at.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from optathlon.errors import UsageError, storage_errors
from optathlon.results.folder import (
    MARK,
    PARTS,
    UNREADABLE,
    ResultsFolder,
    ShardGone,
    labels_in,
    provenance_in,
    write_mark,
)
from optathlon.results.schema import FORMAT, FORMAT_KEY, RUNS
from optathlon.results.seal import is_whole
from optathlon.results.writer import new_shard, write_shard

_READ_OF_RUNS = pa.schema([RUNS.field(name) for name in ("run", "task", "status", "trials")])
_OURS = frozenset({MARK, *PARTS, "provenance", "journal", "drivers", "experiments", "log.txt"})


def set_aside_damage(path: Path) -> Sequence[str]:
    """Set aside what is damaged of a results folder, if there is one; the damaged files."""
    if not path.is_dir() or ResultsFolder.is_new(path):
        return ()
    with storage_errors(path):
        restored = [MARK] if restore_mark(path) else []
        return [*restored, *set_aside_damaged(ResultsFolder.open(path))]


def set_aside_damaged(folder: ResultsFolder) -> list[str]:
    """Set aside what is damaged of a results folder; every file is read, once.

    That are shards of which a file is missing or has other bytes than were written, or whose trials are not those of
    its runs; and files of provenance that are not what was written. A shard without its tasks' descriptions stays, and
    the descriptions of one that goes are kept. Returns the damaged or missing files, such as `trials/NAME.parquet`.
    Raises `StorageError` where they can't be renamed, and `UsageError` where a file can't be read now.
    """
    with storage_errors(folder.path):
        for part in PARTS:
            (folder.path / part).mkdir(exist_ok=True)
    damaged = ((shard, damaged_part(folder, shard)) for shard in folder.on_shards(list))
    found = [f"{part}/{shard}" for shard, part in damaged if part and _set_aside(folder, shard, part)]
    return [*found, *_set_aside_provenance(folder)]


def damaged_part(folder: ResultsFolder, shard: str) -> str:
    """Which of a shard's files is missing or damaged; empty where none is."""
    for part in PARTS:
        if (part != "tasks" or (folder.path / part / shard).exists()) and not _is_whole(folder, part, shard):
            return part
    return _disagreement(folder, shard)


def restore_mark(path: Path) -> bool:
    """Write the format into a results folder where that is lost, but its shards say it; whether it was lost."""
    try:
        ResultsFolder.open(path)
    except UsageError:
        said = {_format_of(shard) for shard in (path / "runs").glob("*.parquet")} - {None}
        ours = (path / "runs").is_dir() and {entry.name for entry in path.iterdir()} <= _OURS
        if said == {str(FORMAT)} or (ours and not said and not (path / MARK).exists()):
            write_mark(path)
            return True
    return False


def _is_whole(folder: ResultsFolder, part: str, shard: str) -> bool:
    try:
        return is_whole(folder.path / part / shard)
    except FileNotFoundError:
        return False
    except UNREADABLE as error:
        if isinstance(error, OSError) and error.errno:
            raise folder.damage_error(part, shard, error) from None
        return False


def _disagreement(folder: ResultsFolder, shard: str) -> str:
    """The part of a shard that can't belong to the others; empty where there is none."""
    try:
        runs = folder.read_shard("runs", shard, _READ_OF_RUNS)
    except (UsageError, ShardGone):
        return "runs"
    try:
        with folder.open_shard("trials", shard) as file:
            trials = file.read(["run"], use_threads=False)
            named = labels_in(trials["run"])
    except (UsageError, ShardGone):
        return "trials"
    belong = named <= set(runs["run"].to_pylist()) and (pc.sum(runs["trials"]).as_py() or 0) == len(trials)
    return "" if belong else "trials"


def _set_aside(folder: ResultsFolder, shard: str, part: str) -> bool:
    """Whether the shard was still there; its runs file goes first, which hides all of it."""
    first, trials, tasks = (folder.path / part / shard for part in PARTS)
    with storage_errors(folder.path):
        if part == "tasks":
            return _rename(tasks)
        if tasks.exists() and _is_whole(folder, "tasks", shard):
            write_shard(folder, new_shard(), RUNS.empty_table(), (), folder.described(shard))
        if not _rename(first):
            return False
        _rename(trials)
        _rename(tasks)
        return True


def _set_aside_provenance(folder: ResultsFolder) -> Iterator[str]:
    for path in sorted((folder.path / "provenance").glob("*.json")):
        try:
            provenance_in(path)
        except ValueError:
            with storage_errors(folder.path):
                _rename(path)
            yield f"provenance/{path.name}"


def _rename(path: Path) -> bool:
    """Whether the file was still there."""
    try:
        path.rename(path.with_name(f"{path.name}.damaged"))
    except FileNotFoundError:
        return False
    return True


def _format_of(shard: Path) -> str | None:
    """What a shard says of its format; earlier versions, and damaged files, say nothing."""
    with suppress(*UNREADABLE):
        found = pq.read_metadata(shard).metadata or {}
        return found.get(FORMAT_KEY.encode(), b"").decode() or None
    return None
