"""What can not be written is lost alone, and leaves nothing behind."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import pyarrow.parquet as pq
import pytest
from stored_runs import SESSION, STARTED, plain_task, record, spec

from optathlon import Status, load
from optathlon.results.folder import ResultsFolder, write_atomically
from optathlon.results.rows import run_row
from optathlon.results.writer import ShardWriter
from optathlon.running.accounting import RunOutcome


def test_nothing_is_left_of_a_file_that_could_not_be_written(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    def fail(temporary: Path) -> None:
        temporary.write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, fail)
    assert path.read_text() == "old"
    write_atomically(path, lambda temporary: temporary.write_text("new"))
    assert path.read_text() == "new"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


STEPS = ("create", "write", "fsync", "replace")


def fail_at(monkeypatch: pytest.MonkeyPatch, step: str, occurrence: int) -> None:
    """Let the disk be full at the n-th creation, writing, syncing or renaming of a file."""
    place, name = {
        "create": (pq, "ParquetWriter"),
        "write": (pq.ParquetWriter, "write_table"),
        "fsync": (os, "fsync"),
        "replace": (os, "replace"),
    }[step]
    original, calls = getattr(place, name), count()

    def full(*args: Any, **options: Any) -> Any:
        if next(calls) == occurrence:
            raise OSError(errno.ENOSPC, "No space left on device")
        return original(*args, **options)

    monkeypatch.setattr(place, name, full)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("occurrence", range(3))
def test_a_full_disk_loses_nothing_and_leaves_nothing_behind(
    tmp_path: Path, step: str, occurrence: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = ResultsFolder.create(tmp_path / "out")
    writer = ShardWriter(folder)

    def add(seed: int) -> str:
        outcome = RunOutcome(Status.OK, [record(0), record(1)], 2.0)
        writer.describe(plain_task, "f1")
        writer.add(run_row(spec(seed), outcome, SESSION, {}, "f1", STARTED, 1.5), outcome.trials)
        return spec(seed).id

    first = add(0)
    with monkeypatch.context() as patch:
        fail_at(patch, step, occurrence if step != "fsync" else 2 * occurrence)
        with pytest.raises(OSError, match="No space left"):
            writer.flush()
    assert [path for path in folder.path.rglob("*") if path.is_file() and path.name != "optathlon.json"] == []
    assert writer.flush() == [first]
    second = add(1)
    assert writer.flush() == [second]
    assert writer.flush() == []
    assert len(list((folder.path / "runs").iterdir())) == 2
    results = load(folder.path)
    assert results.runs["run"].tolist() == [first, second]
    assert results.trials["seed"].tolist() == [0, 0, 1, 1]
    assert list(results.tasks.index) == ["toy/plain"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = shutil.which("mount")
    command = [mount or "mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(place)]
    if mount is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting a file system is not permitted")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_disk_that_is_really_full_loses_nothing(small_disk: Path) -> None:
    folder = ResultsFolder.create(small_disk / "out")
    writer = ShardWriter(folder)
    for seed in range(3):
        trials = [record(trial, error=Random(trial).randbytes(40).hex()) for trial in range(100)]
        writer.add(run_row(spec(seed), RunOutcome(Status.OK, trials, 9.0), SESSION, {}, "f1", STARTED, 1.5), trials)
    writer.describe(plain_task, "f1")
    filler = small_disk / "filler"
    with pytest.raises(OSError, match="No space left"), filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    with pytest.raises(OSError, match="No space left"):
        writer.flush()
    assert not [path for part in ("runs", "trials", "tasks") for path in (folder.path / part).iterdir()]
    filler.unlink()
    assert writer.flush() == [spec(seed).id for seed in range(3)]
    assert len(load(folder.path).trials) == 300
