"""What is wrong with an entry is told in a line, and a good one passes."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from archived import QUICK, Grid

from optathlon.archive.checking import faults
from optathlon.results.folder import ResultsFolder
from optathlon.results.writer import write_shard

pytestmark = pytest.mark.usefixtures("three_tasks")

Change = Callable[[pa.Table], pa.Table]


@pytest.fixture
def edited(entry: Path, tmp_path: Path) -> Callable[..., Path]:
    """A copy of the entry, written again by Optathlon's own writer with another table of runs or trials."""

    def edit(runs: Change = lambda table: table, trials: Change = lambda table: table) -> Path:
        copy = tmp_path / "edited"
        shutil.copytree(entry, copy)
        folder = ResultsFolder.open(copy)
        all_runs, all_trials = folder.read()
        tasks = [*folder.on_shards(folder.task_rows).values()]
        for shard in folder.on_shards(list):
            folder.delete_shard(shard)
        kept = runs(all_runs)
        names = set(kept["run"].to_pylist())
        of_kept = all_trials.filter(pa.array([run in names for run in all_trials["run"].to_pylist()]))
        write_shard(folder, "edited.parquet", kept, [trials(of_kept)], tasks)
        return copy

    return edit


def replaced(column: str, value: Any, *, rows: slice = slice(None)) -> Change:
    """A table in which some rows of a column have this value."""

    def change(table: pa.Table) -> pa.Table:
        values = np.array([*table[column].to_pylist(), None], dtype=object)[:-1]
        for row in range(len(values))[rows]:
            values[row] = value
        field = table.schema.field(column)
        return table.set_column(table.schema.get_field_index(column), field, pa.array([*values], field.type))

    return change


def test_a_good_entry_passes(entry: Path, in_process: Callable[..., SimpleNamespace]) -> None:
    assert [*faults(entry)] == []
    told = in_process("archive", "check", entry)
    assert (told.returncode, "can be packed" in told.stdout) == (0, True)


def test_an_edited_value_is_found_by_evaluating_again(
    edited: Callable[..., Path], in_process: Callable[..., SimpleNamespace]
) -> None:
    folder = edited(trials=replaced("values", [-1e6], rows=slice(5, 6)))
    (line,) = faults(folder)
    assert "trial 5: its value is -1000000.0, and evaluated again" in line
    told = in_process("archive", "check", folder)
    assert (told.returncode, line in told.stdout) == (1, True)
    assert [*faults(folder, sample=0)] == []


def test_a_file_that_another_program_wrote_is_found(edited: Callable[..., Path]) -> None:
    folder = edited()
    path = folder / "trials" / "edited.parquet"
    pq.write_table(pq.read_table(path).replace_schema_metadata(None), path)
    (line,) = faults(folder)
    assert line == f"{path}: it has no seal, so another program than Optathlon wrote it"


def test_a_changed_byte_is_found(edited: Callable[..., Path]) -> None:
    folder = edited()
    path = folder / "trials" / "edited.parquet"
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 1
    path.write_bytes(content)
    assert [*faults(folder)] == [f"{path}: it is missing, or not as it was written"]


def test_another_fingerprint_is_found(edited: Callable[..., Path]) -> None:
    lines = [*faults(edited(runs=replaced("fingerprint", "0123456789abcdef")))]
    assert len(lines) == len(QUICK)
    assert all("its fingerprint is 0123456789abcdef, here it is" in line for line in lines)


def test_a_missing_seed_is_found(edited: Callable[..., Path]) -> None:
    (line,) = faults(edited(runs=lambda runs: runs.slice(1)))
    assert line.endswith("with budget 8: no run with seed 0")


def test_chosen_seeds_are_found(grid: Grid) -> None:
    (line,) = faults(grid("random", seeds=(1, 4, 7)))
    assert line.startswith("blackbox/dev: its seeds are 1, 4, 7: they must be 0, 1, …")


def test_too_few_seeds_are_found(grid: Grid) -> None:
    (line,) = faults(grid("random", seeds=(0,)))
    assert "3 at least" in line


def test_a_relabelled_seed_is_found(edited: Callable[..., Path]) -> None:
    lines = [*faults(edited(runs=replaced("seed", 9, rows=slice(0, 1))))]
    assert any("its id is not that of this optimizer, task, version, seed and budget" in line for line in lines)


def test_a_version_of_a_task_that_does_not_exist_is_found(edited: Callable[..., Path]) -> None:
    lines = [*faults(edited(runs=replaced("task_version", "7")))]
    assert any("there is no version 7 of it" in line for line in lines)


def test_a_version_of_a_library_that_was_not_there_is_found(edited: Callable[..., Path]) -> None:
    lines = [*faults(edited(runs=replaced("versions", '{"optathlon": "99.0"}')))]
    assert any("random: it says optathlon 99.0, and its session" in line for line in lines)


def test_a_modified_optimizer_under_its_name_is_found(edited: Callable[..., Path]) -> None:
    lines = [*faults(edited(runs=replaced("code", "fedcba9876543210")))]
    assert [line.partition(":")[0] for line in lines] == ["random", "sobol"]
    assert all("it was modified, so give it another name" in line for line in lines)


def test_another_amount_spent_than_that_of_the_trials_is_found(edited: Callable[..., Path]) -> None:
    lines = [*faults(edited(runs=replaced("spent", 5.0)))]
    assert len(lines) == 18
    assert all("it says that it spent 5 evaluations, its trials 8" in line for line in lines)


def test_every_value_is_checked_in_a_large_sample(edited: Callable[..., Path]) -> None:
    def doubled(trials: pa.Table) -> pa.Table:
        flat = pc.multiply(pc.list_flatten(trials["values"]), 2.0).combine_chunks()
        values = pa.ListArray.from_arrays(pa.array(range(len(trials) + 1), pa.int32()), flat)
        return trials.set_column(trials.schema.get_field_index("values"), trials.schema.field("values"), values)

    assert len([*faults(edited(trials=doubled), sample=50)]) == 50
