"""Flipped bits, lost files and counts that disagree: each is found, named, and set aside; nothing is read wrongly."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from storage import Run, content, filled

from optathlon import load
from optathlon.errors import UsageError
from optathlon.results.compact import compact
from optathlon.results.damage import damaged_part, restore_mark, set_aside_damaged
from optathlon.results.folder import ResultsFolder
from optathlon.results.frames import Results
from optathlon.results.merge import merge
from optathlon.results.provenance import record_provenance
from optathlon.results.seal import is_whole

SHARDS = [[Run(0, 3), Run(1, 2)], [Run(2, 4), Run(3, 1)]]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> ResultsFolder:
    """Two shards; the second describes one task."""
    return filled(tmp_path_factory.mktemp("whole") / "out", SHARDS)


@pytest.fixture
def folder(whole: ResultsFolder, tmp_path: Path) -> ResultsFolder:
    """A copy to be damaged."""
    return ResultsFolder(Path(shutil.copytree(whole.path, tmp_path / "out")))


def equal(one: Results, other: Results) -> bool:
    return one.runs.equals(other.runs) and one.trials.equals(other.trials) and one.tasks.equals(other.tasks)


def load_or_complaint(folder: ResultsFolder, **wanted: list[str]) -> Results | str:
    try:
        return load(folder.path, **wanted)  # type: ignore[arg-type]
    except UsageError as refusal:
        return str(refusal)


def flip(path: Path, bit: int) -> None:
    data = bytearray(path.read_bytes())
    data[bit // 8 % len(data)] ^= 1 << bit % 8
    path.write_bytes(data)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(["runs", "trials", "tasks"]), st.lists(st.integers(0, 10**9), min_size=1, max_size=4), st.data())
def test_flipped_bits_are_found_and_never_read_as_other_values(
    whole: ResultsFolder, tmp_path_factory: pytest.TempPathFactory, part: str, bits: list[int], data: st.DataObject
) -> None:
    folder = ResultsFolder(Path(shutil.copytree(whole.path, tmp_path_factory.mktemp("flipped") / "out")))
    path = data.draw(st.sampled_from(sorted((folder.path / part).iterdir())))
    original = path.read_bytes()
    for bit in bits:
        flip(path, bit)
    changed = path.read_bytes() != original
    columns = data.draw(st.none() | st.just(["value", "status"]))
    wanted = {} if columns is None else {"columns": columns}
    read = load_or_complaint(folder, **wanted)
    if isinstance(read, str):
        assert path.name in read and "\n" not in read
    else:
        assert equal(read, load(whole.path, columns=columns))
    found = set_aside_damaged(folder)
    assert found == ([f"{part}/{path.name}"] if changed else []) or content(folder) == content(whole)
    rest = folder.finished()["run"].to_pylist()
    assert set(rest) <= set(whole.finished()["run"].to_pylist())
    assert len(rest) == (4 if part == "tasks" or not found else 2)


@pytest.mark.slow
@pytest.mark.parametrize("part", ["runs", "trials", "tasks"])
def test_no_flipped_bit_of_a_shard_goes_unnoticed(folder: ResultsFolder, whole: ResultsFolder, part: str) -> None:
    path = max((folder.path / part).iterdir())
    original = path.read_bytes()
    expected = load(whole.path)
    for bit in range(0, 8 * len(original), 7):
        flip(path, bit)
        read = load_or_complaint(folder)
        assert isinstance(read, str) or equal(read, expected), bit
        assert damaged_part(folder, path.name) == part or content(folder) == content(whole), bit
        path.write_bytes(original)


def test_every_file_of_a_shard_has_checksums_of_its_pages_and_of_itself(whole: ResultsFolder) -> None:
    for path in whole.path.rglob("*.parquet"):
        assert is_whole(path)
        pages = pq.ParquetFile(path, page_checksum_verification=True)
        assert pages.metadata.metadata[b"optathlon.format"] == b"2"
        assert path.read_bytes().count(b"optathlon.seal") == 1


def test_files_without_a_seal_are_read_as_ever_and_set_aside_when_they_cannot_be(folder: ResultsFolder) -> None:
    """As earlier versions wrote them."""
    expected = content(folder)
    for path in folder.path.rglob("*.parquet"):
        pq.write_table(pq.read_table(path).replace_schema_metadata(None), path, compression="zstd")
    assert set_aside_damaged(folder) == []
    assert content(folder) == expected
    path = max((folder.path / "trials").iterdir())
    data = path.read_bytes()
    path.write_bytes(data[:4] + bytes(200) + data[204:])
    with pytest.raises(UsageError, match=r"damaged.*`optathlon run`"):
        load(folder.path)
    assert set_aside_damaged(folder) == [f"trials/{path.name}"]
    assert len(load(folder.path).runs) == 2


def drop_a_trial(path: Path) -> None:
    table = pq.read_table(path)
    pq.write_table(table.slice(1), path)


def double(path: Path) -> None:
    table = pq.read_table(path)
    pq.write_table(pa.concat_tables([table, table]), path)


@pytest.mark.parametrize("part", ["runs", "trials"])
@pytest.mark.parametrize("change", [drop_a_trial, double])
def test_counts_that_disagree_are_damage(folder: ResultsFolder, part: str, change: Callable[[Path], None]) -> None:
    """Each file is a good one by itself."""
    path = max((folder.path / part).iterdir())
    change(path)
    with pytest.raises(UsageError, match=rf"trials/{path.name}.*damaged.*`optathlon run`"):
        load(folder.path)
    assert set_aside_damaged(folder) == [f"trials/{path.name}"]
    assert len(load(folder.path).runs) == 2


def test_a_table_of_something_else_is_damage(folder: ResultsFolder) -> None:
    path = max((folder.path / "runs").iterdir())
    pq.write_table(pa.table({"colour": ["red"]}), path)
    for read in (lambda: load(folder.path), folder.finished, lambda: compact(folder)):
        with pytest.raises(UsageError, match=path.name):
            read()
    assert set_aside_damaged(folder) == [f"runs/{path.name}"]
    assert len(load(folder.path).runs) == 2


@pytest.mark.parametrize("part", ["runs", "trials", "tasks"])
@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo])
def test_what_is_no_file_is_damage(folder: ResultsFolder, part: str, make: Callable[[Path], None]) -> None:
    path = max((folder.path / part).iterdir())
    path.unlink()
    make(path)
    with pytest.raises(UsageError, match=path.name):
        load(folder.path)
    assert set_aside_damaged(folder) == [f"{part}/{path.name}"]
    assert set_aside_damaged(folder) == []


def test_trials_of_another_shard_are_damage(tmp_path: Path) -> None:
    folder = filled(tmp_path / "out", [[Run(0, 3)], [Run(1, 3)], [Run(2, 3)]])
    one, other, _ = sorted((folder.path / "trials").iterdir())
    one.rename(tmp_path / "one")
    other.rename(one)
    (tmp_path / "one").rename(other)
    assert set_aside_damaged(folder) == [f"trials/{one.name}", f"trials/{other.name}"]
    assert len(load(folder.path).runs) == 1


def test_lost_descriptions_are_named(folder: ResultsFolder) -> None:
    for path in (folder.path / "tasks").iterdir():
        path.unlink()
    with pytest.raises(UsageError, match=r"/tasks.*describes 'toy/a'.*`optathlon run`") as caught:
        load(folder.path)
    assert "\n" not in str(caught.value)
    assert set_aside_damaged(folder) == []


def test_a_damaged_description_takes_no_runs_with_it(folder: ResultsFolder) -> None:
    path = max((folder.path / "tasks").iterdir())
    path.write_bytes(path.read_bytes()[:-9])
    assert set_aside_damaged(folder) == [f"tasks/{path.name}"]
    assert len(folder.finished()) == 4


def test_the_descriptions_of_a_shard_that_is_set_aside_stay_for_other_shards(folder: ResultsFolder) -> None:
    before = folder.read_tasks()
    assert len(before) == 3
    shards = sorted(path.name for path in (folder.path / "runs").iterdir())
    (folder.path / "trials" / shards[0]).unlink()
    assert set_aside_damaged(folder) == [f"trials/{shards[0]}"]
    assert folder.read_tasks() == before
    compact(folder)
    assert folder.read_tasks() == before
    assert len(load(folder.path).runs) == 2
    assert set_aside_damaged(folder) == []


def test_damaged_provenance_is_named_and_set_aside_and_lost_provenance_is_unknown(folder: ResultsFolder) -> None:
    id = record_provenance(folder)
    path = folder.path / "provenance" / f"{id}.json"
    assert set_aside_damaged(folder) == []
    text = path.read_text()
    for other in ("", "{", "[]", "\x00", text.replace("python", "piethon"), "[" * 100_000):
        path.write_text(other)
        with pytest.raises(UsageError, match=rf"provenance/{id}\.json.*damaged.*`optathlon run`") as caught:
            load(folder.path)
        assert "\n" not in str(caught.value)
        assert set_aside_damaged(folder) == [f"provenance/{id}.json"]
        assert load(folder.path).provenance.empty
    path.write_bytes(b"\xff\xfe")
    assert set_aside_damaged(folder) == [f"provenance/{id}.json"]


@pytest.mark.parametrize(
    "mark", [None, "", "{", "[]", '{"format": 3}', '{"format": "2"}', '{"forma4": 2}', "\x00" * 16]
)
def test_a_lost_mark_is_written_again_where_the_shards_say_the_format(folder: ResultsFolder, mark: str | None) -> None:
    path = folder.path / "optathlon.json"
    path.unlink()
    if mark is not None:
        path.write_text(mark)
    with pytest.raises(UsageError):
        load(folder.path)
    assert restore_mark(folder.path)
    assert json.loads(path.read_text()) == {"format": 2}
    assert len(load(folder.path).runs) == 4
    assert not restore_mark(folder.path)


def test_a_mark_is_not_made_up(folder: ResultsFolder, tmp_path: Path) -> None:
    """Neither where the shards don't say their format, nor in a folder of something else."""
    for path in (folder.path / "runs").iterdir():
        pq.write_table(pq.read_table(path), path)
    (folder.path / "optathlon.json").write_text('{"format": 1}')
    assert not restore_mark(folder.path)
    (tmp_path / "mine" / "runs").mkdir(parents=True)
    (tmp_path / "mine" / "thesis.tex").write_text("years of work")
    assert not restore_mark(tmp_path / "mine")
    assert not (tmp_path / "mine" / "optathlon.json").exists()


@pytest.mark.parametrize("part", ["runs", "trials", "tasks"])
def test_what_is_damaged_is_neither_merged_nor_compacted(folder: ResultsFolder, tmp_path: Path, part: str) -> None:
    path = max((folder.path / part).iterdir())
    before = path.read_bytes()
    path.write_bytes(before[:30] + bytes(60) + before[90:])
    for refused in (lambda: merge(tmp_path / "all", [folder.path]), lambda: compact(folder)):
        with pytest.raises(UsageError, match=path.name):
            refused()
    path.write_bytes(before)
    compact(folder)
    assert set_aside_damaged(folder) == []
    pd.testing.assert_frame_equal(load(folder.path).runs, load(merge(tmp_path / "all", [folder.path]).folder.path).runs)
