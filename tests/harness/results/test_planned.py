"""What is planned in a results folder, and what of it is left."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stored_runs import spec, store

from optathlon.errors import UsageError
from optathlon.results.folder import ResultsFolder
from optathlon.results.merge import merge
from optathlon.results.planned import planned_runs, store_experiment, stored_experiments, unfinished
from optathlon.running.runs import RunSpec

RUNS = [spec(seed, optimizer) for optimizer in ("random", "sobol") for seed in range(4)]


def left(folder: ResultsFolder) -> set[str]:
    planned = planned_runs(folder)
    assert planned is not None
    return set(unfinished(planned, folder.finished(["run", "attempt"]))["run"].to_pylist())


@given(planned=st.lists(st.lists(st.sampled_from(RUNS), unique=True), min_size=1, max_size=4),
       done=st.sets(st.sampled_from(RUNS)), again=st.sets(st.sampled_from(RUNS)))  # fmt: skip
def test_left_is_what_any_experiment_wants_and_no_shard_has(
    tmp_path_factory: pytest.TempPathFactory, planned: list[list[RunSpec]], done: set[RunSpec], again: set[RunSpec]
) -> None:
    folder = store(tmp_path_factory.mktemp("out"), [(run, []) for run in RUNS if run in done])
    wanted: dict[str, int] = {}
    for number, runs in enumerate(planned):
        specs = [replace(run, attempt=2) if number == 0 and run in again else run for run in runs]
        store_experiment(folder, f"seeds: {number}\n", specs)
    for name in {file.file.name for file in stored_experiments(folder)}:
        for row in pq.read_table(folder.path / "experiments" / name.replace("yaml", "parquet")).to_pylist():
            wanted[row["run"]] = max(wanted.get(row["run"], 0), row["attempt"])
    found = planned_runs(folder)
    assert found is not None
    assert dict(zip(found["run"].to_pylist(), found["attempt"].to_pylist(), strict=True)) == wanted
    stored = {run.id for run in done}
    assert left(folder) == {run for run, attempt in wanted.items() if attempt > (run in stored)}


def test_the_name_is_a_hash_of_the_runs_in_any_order(tmp_path: Path) -> None:
    folder = ResultsFolder.create(tmp_path / "out")
    first = store_experiment(folder, "a: 1\n", RUNS, "# first\n")
    assert first.file.stem == hashlib.sha256("".join(sorted(run.id for run in RUNS)).encode()).hexdigest()[:16]
    written = [path.stat().st_mtime_ns for path in (first.file, first.table)]
    again = store_experiment(folder, "a: 1\n", RUNS[::-1], "# second\n")
    assert (again, first.file.read_text()) == (first, "# first\na: 1\n")
    assert [path.stat().st_mtime_ns for path in (first.file, first.table)] == written, "what says the same stays"
    store_experiment(folder, "a: 2\n", RUNS, "# third\n")
    assert first.file.read_text() == "# third\na: 2\n"
    other = store_experiment(folder, "a: 1\n", RUNS[1:])
    assert stored_experiments(folder) == sorted([first, other], key=lambda stored: stored.file)


def test_many_writers_lose_nothing(tmp_path: Path) -> None:
    """As shards on several machines, some of which begin the same experiment."""
    folder = ResultsFolder.create(tmp_path / "out")
    parts = [RUNS[number % 4 :: 4] for number in range(16)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda part: store_experiment(folder, "a: 1\n", part), parts))
    assert len(stored_experiments(folder)) == 4
    assert left(folder) == {run.id for run in RUNS}
    assert not list(folder.path.rglob("*.tmp"))


def test_a_folder_of_an_earlier_version_has_no_plan(tmp_path: Path) -> None:
    assert planned_runs(store(tmp_path / "out", [(RUNS[0], [])])) is None


def test_a_plan_without_its_file_does_not_count(tmp_path: Path) -> None:
    folder = ResultsFolder.create(tmp_path / "out")
    store_experiment(folder, "a: 1\n", RUNS).file.unlink()
    assert planned_runs(folder) is None


@pytest.mark.parametrize("place", [0, 100, -20])
def test_a_changed_byte_is_told_with_what_to_do(tmp_path: Path, place: int) -> None:
    folder = ResultsFolder.create(tmp_path / "out")
    table = store_experiment(folder, "a: 1\n", RUNS).table
    content = bytearray(table.read_bytes())
    content[place] ^= 1
    table.write_bytes(content)
    with pytest.raises(UsageError, match="is missing or damaged: repeat the `optathlon run` command"):
        planned_runs(folder)
    store_experiment(folder, "a: 1\n", RUNS)
    assert left(folder) == {run.id for run in RUNS}


def test_a_merge_brings_the_experiments_along(tmp_path: Path) -> None:
    for number in range(2):
        folder = store(tmp_path / f"out{number}", [(RUNS[number], [])])
        store_experiment(folder, f"a: {number}\n", RUNS[number::2])
    merged = merge(tmp_path / "all", [tmp_path / "out0", tmp_path / "out1"]).folder
    assert left(merged) == {run.id for run in RUNS[2:]}
    assert {stored.file.read_text() for stored in stored_experiments(merged)} == {"a: 0\n", "a: 1\n"}
