from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from random import Random

import pandas as pd
import pyarrow.parquet as pq
import pytest
import storage
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from storage import Crash, Run, content, cut_temporary_files, filled, operations

from optathlon import load
from optathlon.errors import StorageError, UsageError
from optathlon.results import compact as compaction
from optathlon.results import writer
from optathlon.results.compact import compact
from optathlon.results.damage import set_aside_damaged
from optathlon.results.folder import ResultsFolder

MESSY = (
    ([Run(0, 2), Run(1, 3)], [Run(2, 1), Run(1, 2, attempt=2, value=5.0)], [Run(3, 0)]),
    ([Run(0, 3, value=7.0), Run(4, 1)], [Run(5, 2), Run(6, 2), Run(7, 2), Run(8, 2), Run(0, 1, value=3.0)]),
    ([Run(1, 1, attempt=2, value=8.0)], [Run(9, 4)]),
)
"""What three workers wrote, some runs more than once."""


@pytest.fixture
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shard is big with three runs already, and a row group with four trials."""
    monkeypatch.setattr(compaction, "_RUNS_PER_SHARD", 3)
    monkeypatch.setattr(compaction, "_TRIALS_PER_ROW_GROUP", 4)


def number_of_files(folder: ResultsFolder) -> int:
    return sum(1 for path in folder.path.rglob("*") if path.is_file() and path.name != "optathlon.json")


def copied(folder: ResultsFolder, path: Path) -> ResultsFolder:
    shutil.copytree(folder.path, path)
    return ResultsFolder.open(path)


runs = st.builds(Run, st.integers(0, 5), st.integers(0, 3), st.integers(1, 2), st.integers(0, 99).map(float))
workers = st.lists(st.lists(st.lists(runs, min_size=1, max_size=4), min_size=1, max_size=3), min_size=1, max_size=3)


@pytest.mark.usefixtures("small_shards")
@given(workers, st.integers(0, 80), st.integers(0, 2**32))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_compaction_changes_no_result_even_when_it_is_killed(
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    written: list[list[list[Run]]],
    number: int,
    seed: int,
) -> None:
    random = Random(seed)
    monkeypatch.setattr(uuid, "uuid4", lambda: uuid.UUID(int=random.getrandbits(128)))
    folder = filled(tmp_path_factory.mktemp("store") / "out", *written)
    expected = content(folder)
    with operations(number):
        try:
            compact(folder)
        except Crash:
            cut_temporary_files(folder.path, random)
    assert set_aside_damaged(folder) == []
    assert content(folder) == expected
    compact(folder)
    assert content(folder) == expected
    shards = list((folder.path / "runs").glob("*.parquet"))
    rows = sum(pq.read_metadata(shard).num_rows for shard in shards)
    assert rows == len(expected[0]), "no superseded row is left"
    assert len(shards) <= rows // 3 + 1


@pytest.mark.processes
@pytest.mark.usefixtures("small_shards")
def test_whatever_happens_between_two_operations_of_a_compaction(tmp_path: Path) -> None:
    """Readers, writers, other compactions and the end of the process."""
    original = filled(tmp_path / "original", *MESSY)
    expected = content(original)
    with operations() as undisturbed:
        compact(copied(original, tmp_path / "undisturbed"))
    assert undisturbed.count > 30
    added = [[Run(20, 2), Run(21, 1)]]
    extended = content(filled(copied(original, tmp_path / "extended").path, added))
    for number in range(undisturbed.count):
        for what in ("read", "compact", "write", "crash"):
            folder = copied(original, tmp_path / f"{what}{number}")

            def act(what: str = what, folder: ResultsFolder = folder) -> None:
                match what:
                    case "read":
                        assert content(folder) == expected
                    case "compact":
                        compact(folder)
                    case "write":
                        filled(folder.path, added)
                    case "crash":
                        raise Crash

            with operations(number, act):
                try:
                    compact(folder)
                except Crash:
                    assert what == "crash"
            wanted = extended if what == "write" else expected
            assert content(folder) == wanted, (what, number)
            compact(folder)
            assert content(folder) == wanted, (what, number)


def test_the_frames_stay_the_same(tmp_path: Path) -> None:
    folder = filled(tmp_path / "out", *MESSY)
    before = load(folder.path)
    done = compact(folder)
    after = load(folder.path)
    for part in ("runs", "trials", "tasks", "provenance"):
        pd.testing.assert_frame_equal(getattr(before, part), getattr(after, part))
    assert (done.before, done.after, done.superseded) == (20, 3, 4)
    assert number_of_files(folder) == 3


def test_a_compact_folder_is_left_alone(tmp_path: Path) -> None:
    folder = filled(tmp_path / "out", *MESSY)
    compact(folder)
    before = {path: path.stat().st_mtime_ns for path in folder.path.rglob("*")}
    assert compact(folder).superseded == 0
    assert {path: path.stat().st_mtime_ns for path in folder.path.rglob("*")} == before
    filled(folder.path, [[Run(30)]])
    assert compact(folder).after == 3
    empty = ResultsFolder.create(tmp_path / "empty")
    assert compact(empty) == compaction.Compacted(0, 0, 0)


@pytest.mark.parametrize("attempt", [1, 2])
def test_what_is_compacted_holds_against_later_duplicates(tmp_path: Path, attempt: int) -> None:
    folder = filled(tmp_path / "out", [[Run(0, 2)], [Run(3, 1)]])
    for _ in range(3):
        compact(folder)
        filled(folder.path, [[Run(0, 3, attempt=attempt, value=9.0)]])
    assert load(folder.path).runs["trials"].tolist() == [2 if attempt == 1 else 3, 1]
    compact(folder)
    assert load(folder.path).runs["trials"].tolist() == [2 if attempt == 1 else 3, 1]


def test_a_big_shard_with_superseded_rows_is_rewritten(tmp_path: Path, small_shards: None) -> None:
    folder = filled(tmp_path / "out", [[Run(seed) for seed in range(5)]])
    filled(folder.path, [[Run(0, 3, attempt=2)], [Run(9)]])
    expected = content(folder)
    assert compact(folder).superseded == 1
    assert content(folder) == expected
    assert len(list((folder.path / "runs").iterdir())) == 1


def test_damage_stops_a_compaction_before_it_deletes_anything(tmp_path: Path) -> None:
    folder = filled(tmp_path / "out", *MESSY)
    for part in ("runs", "trials", "tasks"):
        harmed = copied(folder, tmp_path / part)
        path = max((harmed.path / part).iterdir())
        path.write_bytes(path.read_bytes()[:-5])
        names = sorted((harmed.path / "runs").iterdir())
        with pytest.raises(UsageError, match=rf"{part}/{path.name}.*damaged"):
            compact(harmed)
        assert set(names) <= set((harmed.path / "runs").iterdir())
        assert len(list((harmed.path / "trials").iterdir())) == len(names)


def test_two_versions_of_a_task_stay_apart(tmp_path: Path) -> None:
    folder = filled(tmp_path / "out", [[Run(0)]])
    filled(folder.path, [[Run(3)]], fingerprint="f2")
    with pytest.raises(UsageError, match="two different tasks"):
        compact(folder)
    assert len(list((folder.path / "runs").iterdir())) == 2


def test_a_full_disk_stops_a_compaction_and_harms_nothing(tmp_path: Path) -> None:
    folder = filled(tmp_path / "out", *MESSY)
    expected, files = content(folder), number_of_files(folder)

    def full() -> None:
        raise OSError(28, "No space left on device")

    for number in (0, 1, 3, 4, 8, 12, 15):
        with operations(number, full), pytest.raises(StorageError, match=r"can't write to .*out'.*No space left"):
            compact(folder)
        assert number_of_files(folder) == files
        assert content(folder) == expected


def test_files_of_killed_processes_are_deleted_when_they_are_old(tmp_path: Path) -> None:
    folder = filled(tmp_path / "out", [[Run(0)]])
    old: list[Path] = []
    new: list[Path] = []
    for name in ("trials/a.parquet", "tasks/a.parquet", "runs/.a.parquet.1.tmp", "provenance/.a.json.1.tmp"):
        for kind, age in ((old, 3 * 24 * 3600), (new, 60)):
            path = folder.path / name.replace("a.", f"{age}.")
            path.write_bytes(b"half")
            os.utime(path, (time.time() - age,) * 2)
            kind.append(path)
    compact(folder)
    assert not any(path.exists() for path in old)
    assert all(path.exists() for path in new)


BUSY = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from storage import Run, write
from optathlon.results import compact
from optathlon.results.damage import set_aside_damaged
from optathlon.results.folder import ResultsFolder
compact._RUNS_PER_SHARD = 20
folder = ResultsFolder.open(Path(sys.argv[2]))
match sys.argv[3:]:
    case ["write", first]:
        seeds = range(int(first), int(first) + 120, 2)
        list(write(folder, ([Run(seed, 2), Run(seed + 1, 1)] for seed in seeds)))
    case ["compact"]:
        for _ in range(12):
            compact.compact(folder)
"""


@pytest.mark.processes
def test_writers_compactions_and_readers_at_the_same_time(tmp_path: Path) -> None:
    folder = ResultsFolder.create(tmp_path / "out")
    tasks: Sequence[Sequence[str]] = (("write", "0"), ("write", "60"), ("compact",), ("compact",))
    processes = [
        subprocess.Popen([sys.executable, "-c", BUSY, str(Path(storage.__file__).parent), str(folder.path), *task])
        for task in tasks
    ]
    seen = 0
    while any(process.poll() is None for process in processes):
        results = load(folder.path)
        assert not results.runs["run"].duplicated().any()
        assert len(results.runs) >= seen
        seen = len(results.runs)
        assert results.runs["trials"].sum() == len(results.trials)
        assert set(results.runs["task"]) <= set(results.tasks.index)
        assert set_aside_damaged(folder) == []
    assert [process.wait() for process in processes] == [0, 0, 0, 0]
    assert load(folder.path).runs["seed"].nunique() == 180
    compact(folder)
    assert len(load(folder.path).runs) == 180
    assert number_of_files(folder) == 3


def test_writers_choose_names_that_come_after_compacted_ones() -> None:
    names = ["0" * 32 + ".parquet"]
    for _ in range(5):
        names.append(compaction._first_name([writer.new_shard(), *names]))
    assert names == sorted(names, reverse=True)
