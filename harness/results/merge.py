"""Joining results folders: the shards of the sources are copied under their own names, which are unique.

So the rule for several rows of one run also holds across folders, and a merge that was killed or is repeated finds
what is there already.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pyarrow as pa

from optathlon.errors import UsageError, storage_errors
from optathlon.paths import resolved
from optathlon.registry.code import Code
from optathlon.results.codes import CODE_COLUMNS, runs_by_code
from optathlon.results.damage import damaged_part
from optathlon.results.folder import (
    ResultsFolder,
    Rows,
    ShardGone,
    add_task,
    holding,
    joined,
    latest,
    split,
    write_atomically,
)
from optathlon.results.planned import FOLDER as EXPERIMENTS
from optathlon.results.planned import stored_experiments
from optathlon.results.schema import RUNS

_KEYS = pa.schema([RUNS.field(name) for name in ("run", "attempt", *CODE_COLUMNS)])

_Description = tuple[str, str, str]
"""Task, version and fingerprint."""


@dataclass(frozen=True)
class Merged:
    """What a merge did: the folder with everything, how many runs it has, and how many shards were copied."""

    folder: ResultsFolder
    runs: int
    shards: int


def merge(target: Path, sources: Sequence[Path], *, keep_old: bool = False) -> Merged:
    """Copy what `target`, a new or existing results folder, lacks of the results of `sources`.

    It is safe to kill and to repeat it. Raises `UsageError`, before anything is written, where a source is `target`
    itself or no results folder, where a file is damaged, where a version of a task has different fingerprints, and,
    without `keep_old`, where an optimizer would have results of different code; and `StorageError` where `target` can't
    be written.
    """
    target, sources = resolved(target), [resolved(source) for source in sources]
    folders = [ResultsFolder.open(source) for source in sources]
    for source in sources:
        if source.resolve() == target.resolve():
            raise UsageError(f"{str(source)!r} is both a source and the target of the merge: give another target")
    old = [] if ResultsFolder.is_new(target) else [ResultsFolder.open(target)]
    while True:
        try:
            return _merge(target, old, folders, keep_old)
        except ShardGone:  # a source was compacted meanwhile
            continue


def _merge(target: Path, old: Sequence[ResultsFolder], sources: Sequence[ResultsFolder], keep_old: bool) -> Merged:
    places = {shard: folder for folder in (*sources, *old) for shard in folder.on_shards(list)}
    _refuse_damaged(places)
    descriptions = _descriptions(places)
    runs = {shard: folder.read_shard("runs", shard, _KEYS) for shard, folder in sorted(places.items())}
    masks = _held(runs)
    if not keep_old:
        _refuse_mixed_code(joined(list(runs.values()), _KEYS))
    held = {shard: int(mask.sum()) for shard, mask in masks.items()}
    known = {description for shard, folder in places.items() if folder in old for description in descriptions[shard]}
    folder = ResultsFolder.create(target)
    wanted = [
        shard
        for shard, place in sorted(places.items(), key=_written)
        if place not in old and (held[shard] or not descriptions[shard] <= known)
    ]
    with storage_errors(target):
        for source in sources:
            _copy_provenance(source, folder)
            _copy_experiments(source, folder)
        for shard in wanted:
            _copy_shard(shard, places[shard], folder)
    return Merged(folder, sum(held.values()), len(wanted))


def _refuse_damaged(places: Mapping[str, ResultsFolder]) -> None:
    for shard, folder in places.items():
        if part := damaged_part(folder, shard):
            folder.must_have(shard)
            raise folder.damage_error(part, shard)


def _descriptions(places: Mapping[str, ResultsFolder]) -> dict[str, set[_Description]]:
    """The tasks that each shard describes; `UsageError` where they contradict each other."""
    tasks: dict[tuple[str, str], dict[str, str]] = {}
    descriptions: dict[str, set[_Description]] = {}
    for shard, folder in places.items():
        rows = folder.described(shard)
        descriptions[shard] = {(row["task"], row["version"], row["fingerprint"]) for row in rows}
        for row in rows:
            add_task(tasks, row, "the merge")
    return descriptions


def _held(runs: Mapping[str, pa.Table]) -> dict[str, Rows]:
    """Which rows of each shard hold once all are in one folder."""
    tables = list(runs.values())
    return dict(zip(runs, split(holding(joined(tables, _KEYS)), tables), strict=True))


def _refuse_mixed_code(runs: pa.Table) -> None:
    """Raise `UsageError` where the results of an optimizer, without earlier attempts, are of code known to differ."""
    first: dict[str, Code] = {}
    for found in runs_by_code(runs.filter(latest(runs))):
        if not (found.results and found.code):
            continue
        if difference := first.setdefault(found.optimizer, found.code).difference(found.code):
            raise UsageError(
                f"the merge mixes results of {found.optimizer!r} of different code ({difference}): add --keep-old to "
                "merge them all the same, or do one side again"
            )


def _written(item: tuple[str, ResultsFolder]) -> tuple[int, str]:
    """When a shard was written: in this order, none comes before the one that describes its tasks."""
    shard, folder = item
    try:
        return (folder.path / "runs" / shard).stat().st_mtime_ns, shard
    except FileNotFoundError:
        raise ShardGone(shard) from None


def _copy_provenance(source: ResultsFolder, target: ResultsFolder) -> None:
    for path in (source.path / "provenance").glob("*.json"):
        copy = target.path / "provenance" / path.name
        if not copy.exists():
            write_atomically(copy, partial(shutil.copyfile, path))


def _copy_experiments(source: ResultsFolder, target: ResultsFolder) -> None:
    """Those that the target lacks; the experiment file comes last."""
    for stored in stored_experiments(source):
        (target.path / EXPERIMENTS).mkdir(exist_ok=True)
        for path in (stored.table, stored.file):
            copy = target.path / EXPERIMENTS / path.name
            if not copy.exists():
                write_atomically(copy, partial(shutil.copyfile, path))


def _copy_shard(shard: str, source: ResultsFolder, target: ResultsFolder) -> None:
    """The runs file comes last, as it is the commit mark."""
    try:
        for part in ("tasks", "trials", "runs"):
            path = source.path / part / shard
            if part != "tasks" or path.exists():
                write_atomically(target.path / part / shard, partial(shutil.copyfile, path))
    except FileNotFoundError:
        source.must_have(shard)
        raise
