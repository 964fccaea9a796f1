"""Packing: what goes into tables and archives, and that it can be repeated and extended."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tarfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from archived import QUICK, Grid
from pandas.testing import assert_frame_equal

from optathlon.archive.frames import baselines, together
from optathlon.archive.inventory import inventory
from optathlon.archive.names import SHIPPED, TableName
from optathlon.archive.packing import pack
from optathlon.archive.release import volumes_of
from optathlon.archive.tables import read_table, table_names
from optathlon.archive.whole import write_volume
from optathlon.archive.withheld import command_without_folders
from optathlon.errors import UsageError
from optathlon.results.folder import ResultsFolder
from optathlon.results.frames import Results, load
from optathlon.results.writer import write_shard

NAME = TableName("blackbox", "dev", 8.0)


def contents(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_a_name_is_read_back() -> None:
    for name in (NAME, TableName("multi-fidelity-objective", "test", 12.5)):
        assert TableName.parse(str(name)) == name
    assert str(NAME) == "blackbox-dev-8"


def test_runs_come_back_with_all_that_is_known_of_them(entry: Path, tmp_path: Path) -> None:
    packed = pack([entry], tmp_path, tmp_path)
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
    pack([entry], tmp_path, tmp_path)
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
    pack([entry], tmp_path, tmp_path)
    known = load(entry).trials
    seconds = (known["ask_s"].astype(float) + known["tell_s"].astype(float)).groupby(known["run"].astype(str)).sum()
    runs = baselines(folder=tmp_path).runs.set_index("run")
    np.testing.assert_allclose(runs["optimizer_seconds"], seconds.reindex(runs.index), rtol=1e-6)
    assert (runs["failed_trials"] == 0).all()


def test_packing_again_changes_nothing_and_more_runs_are_added(grid: Grid, entry: Path, tmp_path: Path) -> None:
    tables, whole = tmp_path / "tables", tmp_path / "whole"
    pack([entry], tables, whole)
    before = contents(tmp_path)
    again = pack([entry], tables, whole)
    assert (again.new, again.volumes) == ({NAME: 0}, [])
    assert contents(tmp_path) == before
    more = grid("halton")
    assert pack([more], tables, whole).new == {NAME: 9}
    assert contents(whole).items() > {Path(name).name: hash for name, hash in before.items() if ".tar" in name}.items()
    pack([more, entry], tmp_path / "at-once", tmp_path / "whole-at-once")
    assert parquet(tables) == parquet(tmp_path / "at-once")


def parquet(folder: Path) -> dict[str, str]:
    return {name: hash for name, hash in contents(folder).items() if name.endswith(".parquet")}


def test_each_pack_adds_a_volume_and_needs_no_earlier_one(grid: Grid, entry: Path, tmp_path: Path) -> None:
    tables = tmp_path / "tables"
    more = grid("halton")
    (first,) = pack([entry], tables, tmp_path / "first").volumes
    (second,) = pack([entry, more], tables, tmp_path / "second").volumes
    assert volumes_of(str(NAME), tables) == [first, second]
    assert [(one.runs, one.trials) for one in (first, second)] == [(18, 18 * 8), (9, 9 * 8)]
    assert [*contents(tmp_path / "second")] == [second.file]
    known, found = load(more), load(unpacked(tmp_path / "second" / second.file, tmp_path))
    assert_frame_equal(known.runs, found.runs)
    assert_frame_equal(known.trials, found.trials)
    assert inventory(tables, NAME).whole == 27


def test_equal_runs_give_equal_files_however_they_are_stored(entry: Path, tmp_path: Path) -> None:
    (volume,) = pack([entry], tmp_path / "tables", tmp_path / "whole").volumes
    by_task = unpacked(tmp_path / "whole" / volume.file, tmp_path)
    pack([by_task], tmp_path / "tables-2", tmp_path / "whole-2")
    assert contents(tmp_path / "whole") == contents(tmp_path / "whole-2")
    assert contents(tmp_path / "tables") == contents(tmp_path / "tables-2")


def test_a_run_that_was_done_again_is_packed_again(entry: Path, tmp_path: Path) -> None:
    tables, whole, later = tmp_path / "tables", tmp_path / "whole", ResultsFolder.create(tmp_path / "later")
    (first,) = pack([entry], tables, whole).volumes
    source = ResultsFolder.open(entry)
    runs, trials = source.read()
    attempts = pa.array(np.full(len(runs), 2), runs["attempt"].type)
    again = runs.set_column(runs.schema.get_field_index("attempt"), runs.schema.field("attempt"), attempts)
    shutil.copytree(entry / "provenance", later.path / "provenance", dirs_exist_ok=True)
    write_shard(later, "again.parquet", again, [trials], [*source.on_shards(source.task_rows).values()])
    packed = pack([entry, later.path], tables, whole)
    (second,) = packed.volumes
    assert (packed.new, packed.runs) == ({NAME: 18}, {NAME: 18})
    assert {*baselines(folder=tables).runs["attempt"]} == {2}
    assert volumes_of(str(NAME), tables) == [first, second]
    assert inventory(tables, NAME).whole == 18
    unpacked(whole / first.file, tmp_path)  # into the folder into which the second comes
    assert {*load(unpacked(whole / second.file, tmp_path)).runs["attempt"]} == {2}
    assert pack([entry], tables, whole).new == {NAME: 0}


def test_results_that_change_meanwhile_are_packed_again(
    entry: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("optathlon.archive.packing.write_volume", lambda sources, *rest: write_volume([], *rest))
        with pytest.raises(UsageError, match=f"of 18 new runs of {NAME} only 0 can be read whole: pack again"):
            pack([entry], tmp_path / "tables", tmp_path / "whole")
    assert contents(tmp_path) == {}
    assert pack([entry], tmp_path / "tables", tmp_path / "whole").new == {NAME: 18}


def test_two_packs_at_once_wait_for_each_other(grid: Grid, entry: Path, tmp_path: Path) -> None:
    with ThreadPoolExecutor() as pool:
        packs = [
            pool.submit(pack, [source], tmp_path / "tables", tmp_path / name)
            for source, name in ((entry, "one"), (grid("halton"), "other"))
        ]
    assert [done.result().new for done in packs] == [{NAME: 18}, {NAME: 9}]
    assert inventory(tmp_path / "tables", NAME).runs == 27
    assert len(volumes_of(str(NAME), tmp_path / "tables")) == 2


KILLED_AND_REPEATED = """
import os, shutil, sys
from pathlib import Path

from optathlon.archive.packing import pack

start, end, *sources = map(Path, sys.argv[1:])


def packed(folder, steps):
    'Whether a pack ends that is killed before the step of this number: whatever is renamed in its two folders.'
    if child := os.fork():
        return os.waitpid(child, 0)[1] == 0

    def counted(step):
        def call(source, target, **options):
            nonlocal steps
            if Path(source).parent in folders or Path(target).parent in folders:
                steps -= 1
                if steps < 0:
                    os._exit(9)
            return step(source, target, **options)
        return call

    folders = {folder / "tables", folder / "whole"}
    os.rename, os.replace = counted(os.rename), counted(os.replace)
    pack(sources, *sorted(folders))
    os._exit(0)


steps = 0
while True:
    folder = end / str(steps)
    shutil.copytree(start, folder)
    if packed(folder, steps):
        break
    assert packed(folder, 1000)
    steps += 1
"""


def test_a_pack_that_is_killed_at_any_step_and_repeated_loses_nothing(grid: Grid, entry: Path, tmp_path: Path) -> None:
    start, end = tmp_path / "start", tmp_path / "end"
    pack([entry], start / "tables", start / "whole")
    subprocess.run(
        [sys.executable, "-c", KILLED_AND_REPEATED, start, end, entry, grid("halton")],
        check=True,
    )
    *killed, unharmed = (contents(end / str(steps)) for steps in range(len([*end.iterdir()])))
    assert len(killed) == 7, (
        "a volume comes, then what is ready gets its name, and its four files and a description come"
    )
    assert len(unharmed) == 7
    assert killed == [unharmed] * len(killed)


def test_few_trials_in_memory_give_the_same_volume(
    entry: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack([entry], tmp_path / "tables", tmp_path / "whole")
    monkeypatch.setattr("optathlon.archive.whole._MOST_TRIALS", 1)
    pack([entry], tmp_path / "tables-2", tmp_path / "whole-2")
    assert contents(tmp_path / "whole") == contents(tmp_path / "whole-2")


def unpacked(archive: Path, folder: Path) -> Path:
    with tarfile.open(archive) as tar:
        tar.extractall(folder / "unpacked", filter="data")
    return folder / "unpacked" / str(NAME)


def test_a_volume_is_a_results_folder_with_all_trials(entry: Path, tmp_path: Path) -> None:
    (volume,) = pack([entry], tmp_path / "tables", tmp_path).volumes
    archive = tmp_path / volume.file
    assert volume.size == archive.stat().st_size
    assert volume.sha256 == hashlib.sha256(archive.read_bytes()).hexdigest()
    known, found = load(entry), load(unpacked(archive, tmp_path))
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
    packed = pack([folder], tmp_path, tmp_path)
    assert packed.runs == {}
    assert packed.left_out == {reason: len(load(folder).runs)}


def test_what_is_missing_of_a_table_is_counted(entry: Path, grid: Grid, tmp_path: Path) -> None:
    pack([entry, grid("halton", seeds=(1,), tasks=QUICK[:1])], tmp_path, tmp_path)
    found = inventory(tmp_path, NAME)
    assert (found.runs, found.optimizers, found.tasks, found.seeds) == (19, 3, 3, 3)
    assert found.missing == 20 * (2 * 3 + 1) - 19


def test_a_damaged_table_is_refused(entry: Path, tmp_path: Path) -> None:
    pack([entry], tmp_path, tmp_path)
    path = tmp_path / f"{NAME}.incumbents.parquet"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UsageError, match="damaged"):
        baselines(folder=tmp_path)


def test_what_is_not_there_is_named(entry: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no baselines are here"):
        baselines(folder=tmp_path)
    pack([entry], tmp_path, tmp_path)
    with pytest.raises(UsageError, match="did you mean 'blackbox/dev'"):
        baselines("blackbox/dve", folder=tmp_path)
    with pytest.raises(UsageError, match="give one of 8"):
        baselines(budget=9, folder=tmp_path)
    with pytest.raises(UsageError, match="did you mean 'random'"):
        baselines(optimizers=["randon"], folder=tmp_path)


def test_tables_without_sessions_are_read(entry: Path, tmp_path: Path) -> None:
    pack([entry], tmp_path, tmp_path)
    table = read_table(tmp_path, NAME)
    found = together([replace(table, sessions=table.sessions.slice(0, 0))])
    assert len(found.runs) == 18 and found.provenance.empty and found.provenance.index.name == "provenance"


def test_those_that_are_asked_for_are_selected(entry: Path, tmp_path: Path) -> None:
    pack([entry], tmp_path, tmp_path)
    one = baselines("blackbox", optimizers="rand*", tasks="bbob/*", folder=tmp_path)
    assert {*one.runs["optimizer"].astype(str)} == {"random"}
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
    """As copies of a part of a folder are."""
    pack([entry], tmp_path, tmp_path)
    before = (tmp_path / f"{NAME}.runs.parquet").read_bytes()
    pack([grid("halton")], tmp_path, tmp_path)
    (tmp_path / f"{NAME}.runs.parquet").write_bytes(before)
    with pytest.raises(UsageError, match="not of one pack"):
        baselines(folder=tmp_path)


@pytest.mark.parametrize(
    "text", ["", "volumes: 3\n", "volumes: []\n", "volumes:\n- file: a.tar\n", "file: a.tar\nsha256: b\n", "volumes: ["]
)
def test_a_broken_description_is_one_line(text: str, tmp_path: Path) -> None:
    (tmp_path / f"{NAME}.whole.yaml").write_text(text)
    with pytest.raises(UsageError, match=r"whole\.yaml"):
        volumes_of(str(NAME), tmp_path)
