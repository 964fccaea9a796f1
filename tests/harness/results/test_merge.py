from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from storage import Crash, Run, content, cut_temporary_files, files, filled, operations

from optathlon import load
from optathlon.errors import StorageError, UsageError
from optathlon.results.compact import compact
from optathlon.results.folder import ResultsFolder
from optathlon.results.merge import merge

LEFT = ([Run(0, 2), Run(1, 3)], [Run(2, 1), Run(1, 2, attempt=2, value=5.0)])
RIGHT = ([Run(0, 3, value=7.0), Run(4, 1)], [Run(5, 2), Run(1, 4, value=3.0)])


@pytest.fixture
def left(tmp_path: Path) -> ResultsFolder:
    return filled(tmp_path / "left", LEFT)


@pytest.fixture
def right(tmp_path: Path) -> ResultsFolder:
    return filled(tmp_path / "right", RIGHT)


def poured(path: Path, *folders: ResultsFolder) -> ResultsFolder:
    """All files of some folders in one: what a merge comes to."""
    for folder in folders:
        shutil.copytree(folder.path, path, dirs_exist_ok=True)
    return ResultsFolder.open(path)


def test_the_runs_of_all_folders_are_there_once(tmp_path: Path, left: ResultsFolder, right: ResultsFolder) -> None:
    before = files(left.path), files(right.path)
    merged = merge(tmp_path / "out", [left.path, right.path])
    assert (merged.folder.path, merged.runs, merged.shards) == (tmp_path / "out", 5, 4)
    assert content(merged.folder) == content(poured(tmp_path / "poured", left, right))
    assert sorted(load(tmp_path / "out").runs["seed"]) == [0, 1, 2, 4, 5]
    assert load(tmp_path / "out").runs.set_index("seed").loc[1, "attempt"] == 2
    assert (files(left.path), files(right.path)) == before
    assert {path.name for path in (tmp_path / "out").iterdir()} == {path.name for path in left.path.iterdir()}


def test_repeating_a_merge_changes_nothing(tmp_path: Path, left: ResultsFolder, right: ResultsFolder) -> None:
    out = tmp_path / "out"
    merge(out, [left.path, right.path])
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    assert merge(out, [left.path, right.path, left.path]).shards == 0
    assert merge(out, [right.path]).shards == 0
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == before


def test_a_compacted_merge_needs_no_source_again(tmp_path: Path, left: ResultsFolder, right: ResultsFolder) -> None:
    folder = merge(tmp_path / "out", [left.path, right.path]).folder
    expected = content(folder)
    compact(folder)
    assert merge(folder.path, [right.path, left.path]).shards == 0
    assert content(folder) == expected


def test_an_existing_folder_is_extended(tmp_path: Path, left: ResultsFolder, right: ResultsFolder) -> None:
    expected = content(poured(tmp_path / "poured", left, right))
    assert merge(left.path, [right.path]).runs == 5
    assert content(left) == expected


runs = st.builds(Run, st.integers(0, 4), st.integers(0, 2), st.integers(1, 2), st.integers(0, 99).map(float))
shards = st.lists(st.lists(runs, min_size=1, max_size=3), min_size=1, max_size=3)


@given(st.lists(shards, min_size=1, max_size=3), st.integers(0, 60), st.integers(0, 2**32))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_killed_merge_can_be_repeated(
    tmp_path_factory: pytest.TempPathFactory, written: Sequence[list[list[Run]]], number: int, seed: int
) -> None:
    path = tmp_path_factory.mktemp("merge")
    sources = [filled(path / str(place), shards) for place, shards in enumerate(written)]
    expected = content(poured(path / "poured", *sources))
    before = [files(source.path) for source in sources]
    paths = [source.path for source in sources]
    with operations(number):
        try:
            merge(path / "out", paths)
        except Crash:
            cut_temporary_files(path / "out", Random(seed))
    if (path / "out" / "optathlon.json").exists():
        found = load(path / "out")
        assert not found.runs["run"].duplicated().any()
        assert found.runs["trials"].sum() == len(found.trials)
    folder = merge(path / "out", paths).folder
    assert content(folder) == expected
    assert [files(source.path) for source in sources] == before


def compact_all(paths: Iterable[Path]) -> None:
    for path in paths:
        compact(ResultsFolder.open(path))


def test_a_source_may_be_compacted_meanwhile(tmp_path: Path, left: ResultsFolder) -> None:
    right = filled(tmp_path / "right", [[Run(10, 2)], [Run(11, 1), Run(12, 1)]])
    expected = content(poured(tmp_path / "poured", left, right))
    with operations() as undisturbed:
        merge(tmp_path / "undisturbed", [left.path, right.path])
    for number in range(0, undisturbed.count, 3):
        sources = [poured(tmp_path / f"left{number}", left).path, poured(tmp_path / f"right{number}", right).path]
        with operations(number, partial(compact_all, sources)):
            folder = merge(tmp_path / f"out{number}", sources).folder
        assert content(folder) == expected
        assert merge(folder.path, sources).runs == 6
        assert content(folder) == expected


def test_every_task_is_described_though_its_description_is_with_a_superseded_run(tmp_path: Path) -> None:
    """Either folder describes the task in a shard whose run the other folder has under an earlier name."""
    names = ("3", "1"), ("4", "2")
    for place, (seeds, shards) in enumerate(zip(((0, 3), (3, 0)), names, strict=True)):
        folder = filled(tmp_path / str(place), [[Run(seed)] for seed in seeds])
        (described,) = (path.name for path in (folder.path / "tasks").iterdir())
        (other,) = {path.name for path in (folder.path / "runs").iterdir()} - {described}
        for old, new in zip((described, other), shards, strict=True):
            for part in ("runs", "trials", "tasks"):
                if (folder.path / part / old).exists():
                    (folder.path / part / old).rename(folder.path / part / f"{new}.parquet")
    merged = merge(tmp_path / "out", [tmp_path / "0", tmp_path / "1"])
    assert list(load(merged.folder.path).tasks.index) == ["toy/a"]
    assert merge(tmp_path / "out", [tmp_path / "0", tmp_path / "1"]).shards == 0


def test_provenance_comes_along_but_journals_and_presence_do_not(tmp_path: Path, left: ResultsFolder) -> None:
    for name in ("provenance/abc.json", "journal/run.jsonl", "drivers/me.json", "log.txt", "runs/x.parquet.damaged"):
        (left.path / name).parent.mkdir(exist_ok=True)
        (left.path / name).write_text("{}")
    merge(tmp_path / "out", [left.path])
    assert list(load(tmp_path / "out").provenance.index) == ["abc"]
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "optathlon.json",
        "runs",
        "trials",
        "tasks",
        "provenance",
    }
    assert not list((tmp_path / "out").rglob("*.damaged"))


def test_a_task_with_two_fingerprints_is_refused(tmp_path: Path, left: ResultsFolder) -> None:
    other = filled(tmp_path / "other", [[Run(9)]], fingerprint="f2")
    skipped = filled(tmp_path / "skipped", [[Run(12)]], fingerprint="")
    for target in (tmp_path / "out", skipped.path):
        before = files(tmp_path)
        with pytest.raises(UsageError, match=r"different tasks 'toy/a' \(fingerprints f1 and f2\)") as caught:
            merge(target, [left.path, other.path])
        assert "\n" not in str(caught.value)
        assert files(tmp_path) == before
    assert merge(skipped.path, [left.path]).runs == 4
    assert load(skipped.path).tasks["fingerprint"].tolist() == ["f1", "f1", "f1"]


def test_bad_sources_and_targets_are_refused(tmp_path: Path, left: ResultsFolder) -> None:
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "thesis.tex").write_text("years of work")
    (tmp_path / "link").symlink_to(left.path)
    out = tmp_path / "out"
    before = files(tmp_path)
    for target, sources, hint in (
        (out, ["left", "foreign"], "foreign' is not a results folder"),
        (out, ["none"], "no results folder .*none"),
        (tmp_path / "foreign", ["left"], "foreign' is not a results folder"),
        (tmp_path / "foreign" / "thesis.tex", ["left"], "thesis.tex"),
        (left.path, ["left"], "left' is both a source and the target"),
        (left.path, ["link"], "link' is both a source and the target"),
        (left.path / ".." / "left", ["left"], "left' is both a source and the target"),
    ):
        with pytest.raises(UsageError, match=hint):
            merge(target, [tmp_path / source for source in sources])
    assert files(tmp_path) == before
    assert not out.exists()


@pytest.mark.parametrize("part", ["runs", "trials", "tasks"])
def test_a_damaged_source_is_refused(tmp_path: Path, left: ResultsFolder, right: ResultsFolder, part: str) -> None:
    path = max((right.path / part).iterdir())
    os.truncate(path, path.stat().st_size - 3)
    with pytest.raises(UsageError, match=rf"right/{part}/{path.name}.*damaged"):
        merge(tmp_path / "out", [left.path, right.path])
    assert not (tmp_path / "out").exists()


def test_a_full_disk_is_told(tmp_path: Path, left: ResultsFolder) -> None:
    def full() -> None:
        raise OSError(28, "No space left on device")

    with operations(9, full), pytest.raises(StorageError, match=r"can't write to .*out'.*No space left"):
        merge(tmp_path / "out", [left.path])
    expected = content(left)
    assert content(merge(tmp_path / "out", [left.path]).folder) == expected
