"""Packing: what goes into tables and archives, and that it can be repeated and extended."""

from __future__ import annotations

import hashlib
import tarfile
from pathlib import Path

import numpy as np
import pytest
from archived import QUICK, Grid
from pandas.testing import assert_frame_equal

from optathlon.archive.frames import baselines
from optathlon.archive.inventory import inventory
from optathlon.archive.names import SHIPPED, TableName
from optathlon.archive.packing import pack_incumbents
from optathlon.archive.release import archives
from optathlon.archive.tables import table_names
from optathlon.archive.whole import pack_whole
from optathlon.archive.withheld import command_without_folders
from optathlon.errors import UsageError
from optathlon.results.frames import Results, load

NAME = TableName("blackbox", "dev", 8.0)


def contents(folder: Path) -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir()) if path.is_file()
    }


def test_a_name_is_read_back() -> None:
    for name in (NAME, TableName("multi-fidelity-objective", "test", 12.5)):
        assert TableName.parse(str(name)) == name
    assert str(NAME) == "blackbox-dev-8"


def test_runs_come_back_with_all_that_is_known_of_them(entry: Path, tmp_path: Path) -> None:
    packed = pack_incumbents([entry], tmp_path)
    assert (packed.runs, packed.new, packed.left_out.total()) == ({NAME: 18}, {NAME: 18}, 0)
    known, found = load(entry), baselines("blackbox/dev", folder=tmp_path)
    same = [name for name in known.runs.columns if name not in ("host", "error", "started", "seconds")]
    assert_frame_equal(known.runs[same], found.runs[same])
    assert set(found.runs["host"]) == {""}
    assert (abs(known.runs["started"] - found.runs["started"]).dt.total_seconds() < 1).all()
    assert_frame_equal(known.tasks, found.tasks)
    sessions = known.provenance.assign(command=known.provenance["command"].map(command_without_folders))
    assert found.provenance.to_dict() == sessions[[*found.provenance]].to_dict()
    assert [*found.trials.columns[: len(known.trials.columns)]] == [*known.trials.columns]


def test_the_incumbents_are_those_of_a_loop_over_all_trials(entry: Path, tmp_path: Path) -> None:
    pack_incumbents([entry], tmp_path)
    expected = []
    for run, trials in load(entry).trials.groupby("run", observed=True):
        best = np.inf
        for trial, value in zip(trials["trial"], trials["value"], strict=True):
            if value < best:
                best = value
                expected.append((run, trial, trial + 1.0, value))
    found = baselines(folder=tmp_path).trials.dropna(subset="value")
    rows = found[["run", "trial", "spent:evaluations", "value"]].astype({"run": str})
    assert sorted(rows.itertuples(index=False, name=None)) == sorted(expected)


def test_what_seconds_and_failures_were_is_counted_by_run(entry: Path, tmp_path: Path) -> None:
    pack_incumbents([entry], tmp_path)
    known = load(entry).trials
    seconds = (known["ask_s"].astype(float) + known["tell_s"].astype(float)).groupby(known["run"].astype(str)).sum()
    runs = baselines(folder=tmp_path).runs.set_index("run")
    np.testing.assert_allclose(runs["optimizer_seconds"], seconds.reindex(runs.index), rtol=1e-6)
    assert (runs["failed_trials"] == 0).all()


def test_packing_again_changes_nothing_and_more_runs_are_added(grid: Grid, entry: Path, tmp_path: Path) -> None:
    tables, whole = tmp_path / "tables", tmp_path / "whole"
    pack_incumbents([entry], tables)
    [*pack_whole([entry], whole, tables)]
    before = contents(tables) | contents(whole)
    assert pack_incumbents([entry], tables).new == {NAME: 0}
    [*pack_whole([entry], whole, tables)]
    assert contents(tables) | contents(whole) == before
    more = grid("halton")
    assert pack_incumbents([more], tables).new == {NAME: 9}
    [*pack_whole([more], whole, tables)]
    at_once = tmp_path / "at-once"
    pack_incumbents([more, entry], at_once)
    assert {name: part for name, part in contents(tables).items() if name in contents(at_once)} == contents(at_once)
    (described,) = archives(tables)
    assert (described.runs, described.trials) == (27, 27 * 8)


def test_an_archive_does_not_lose_runs_whose_file_is_elsewhere(grid: Grid, entry: Path, tmp_path: Path) -> None:
    tables, first, other = (tmp_path / name for name in ("tables", "first", "other"))
    pack_incumbents([entry], tables)
    [*pack_whole([entry], first, tables)]
    before = contents(tables)
    more = grid("halton")
    with pytest.raises(UsageError, match=rf"{NAME}.tar would have 9 runs, and is described with 18: put its earlier"):
        [*pack_whole([more], other, tables)]
    assert contents(tables) == before and contents(other) == {}
    [*pack_whole([entry, more], other, tables)]
    assert [one.runs for one in archives(tables)] == [27]


def test_an_archive_holds_a_results_folder_with_all_trials(entry: Path, tmp_path: Path) -> None:
    pack_incumbents([entry], tmp_path / "tables")
    (described,) = pack_whole([entry], tmp_path, tmp_path / "tables")
    archive = tmp_path / described.file
    assert described.size == archive.stat().st_size
    assert described.sha256 == hashlib.sha256(archive.read_bytes()).hexdigest()
    with tarfile.open(archive) as tar:
        tar.extractall(tmp_path / "unpacked", filter="data")
    known, found = load(entry), load(tmp_path / "unpacked" / str(NAME))
    assert_frame_equal(known.runs, found.runs)
    assert_frame_equal(known.trials, found.trials)
    assert_frame_equal(known.tasks, found.tasks)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"tasks": ("bbob/f1/d2/i1",)}, "on tasks of no shipped subset"),
        ({"budget": "1s", "tasks": QUICK[:1], "seeds": (0,)}, "with a budget of seconds or cost"),
    ],
)
def test_other_runs_are_left_out_with_the_reason(
    changes: dict[str, object], reason: str, grid: Grid, tmp_path: Path
) -> None:
    folder = grid("random", **changes)
    packed = pack_incumbents([folder], tmp_path)
    assert packed.runs == {}
    assert packed.left_out == {reason: len(load(folder).runs)}


def test_what_is_missing_of_a_table_is_counted(entry: Path, tmp_path: Path) -> None:
    pack_incumbents([entry], tmp_path)
    found = inventory(tmp_path, NAME)
    assert (found.runs, found.optimizers, found.tasks, found.seeds) == (18, 2, 3, 3)
    assert found.missing == 2 * 20 * 3 - 18


def test_a_damaged_table_is_refused(entry: Path, tmp_path: Path) -> None:
    pack_incumbents([entry], tmp_path)
    path = tmp_path / f"{NAME}.incumbents.parquet"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UsageError, match="damaged"):
        baselines(folder=tmp_path)


def test_what_is_not_there_is_named(entry: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no baselines are here"):
        baselines(folder=tmp_path)
    pack_incumbents([entry], tmp_path)
    with pytest.raises(UsageError, match="did you mean 'blackbox/dev'"):
        baselines("blackbox/dve", folder=tmp_path)
    with pytest.raises(UsageError, match="give one of 8"):
        baselines(budget=9, folder=tmp_path)
    with pytest.raises(UsageError, match="did you mean 'random'"):
        baselines(optimizers=["randon"], folder=tmp_path)


def test_those_that_are_asked_for_are_selected(entry: Path, tmp_path: Path) -> None:
    pack_incumbents([entry], tmp_path)
    found = baselines("blackbox", budget=8, optimizers=["rand*"], tasks=["bbob/*"], seeds=[1], folder=tmp_path)
    assert {*found.runs["optimizer"]} == {"random"}
    assert {*found.runs["seed"]} == {1}
    assert {*found.trials["task"].astype(str)} == {"bbob/f16/d5/i1", "bbob/f17/d5/i1"}


def test_what_ships_can_be_read_and_is_small() -> None:
    assert table_names(SHIPPED)
    found: Results = baselines()
    assert found.trials["run"].isin(found.runs["run"]).all()
    assert sum(path.stat().st_size for path in SHIPPED.iterdir() if path.is_file()) < 10 * 2**20


def test_files_of_two_packs_are_not_taken_for_a_table(entry: Path, grid: Grid, tmp_path: Path) -> None:
    """As a pack leaves them that is killed between two files."""
    pack_incumbents([entry], tmp_path)
    before = (tmp_path / f"{NAME}.runs.parquet").read_bytes()
    pack_incumbents([grid("halton")], tmp_path)
    (tmp_path / f"{NAME}.runs.parquet").write_bytes(before)
    with pytest.raises(UsageError, match="not of one pack"):
        baselines(folder=tmp_path)
