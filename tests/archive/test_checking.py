"""What is wrong with an entry is told in a line, and a good one passes."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from archived import QUICK, Grid

from optathlon.archive.checking import REPEAT, alone, faults
from optathlon.budget import Budget
from optathlon.facts import Evaluation, Facts
from optathlon.registry.facts import known_facts
from optathlon.results.folder import ResultsFolder
from optathlon.results.writer import write_shard
from optathlon.running.runs import RunSpec

pytestmark = pytest.mark.usefixtures("three_tasks")

ROOT = Path(__file__).parents[2]
Change = Callable[[pa.Table], pa.Table]


@pytest.fixture
def edited(entry: Path, tmp_path: Path) -> Callable[..., Path]:
    """A copy of the entry, written again by Optathlon's own writer with another table of runs or trials."""

    def edit(
        runs: Change = lambda table: table,
        trials: Change = lambda table: table,
        tasks: Callable[[dict[str, str]], dict[str, str]] = lambda row: row,
    ) -> Path:
        copy = tmp_path / "edited"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(entry, copy)
        folder = ResultsFolder.open(copy)
        all_runs, all_trials = folder.read()
        described = [tasks(row) for row in folder.on_shards(folder.task_rows).values()]
        for shard in folder.on_shards(list):
            folder.delete_shard(shard)
        kept, left = runs(all_runs), trials(all_trials)
        names = set(kept["run"].to_pylist())
        of_kept = left.filter(pa.array([run in names for run in left["run"].to_pylist()], pa.bool_()))
        write_shard(folder, "edited.parquet", kept, [of_kept], described)
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
    packed, alone = told.stdout.splitlines()
    assert told.returncode == 0 and "can be packed" in packed
    assert alone.startswith("no baselines of blackbox/dev have 8 full evaluations (50, 500): packed")


def test_an_entry_of_a_budget_that_ships_has_company(grid: Grid) -> None:
    assert [*alone(grid("random", budget="50", seeds=(0,)))] == []


def test_an_edited_value_is_found_by_evaluating_again(
    edited: Callable[..., Path], in_process: Callable[..., SimpleNamespace]
) -> None:
    folder = edited(trials=replaced("values", [-1e6], rows=slice(5, 6)))
    (line,) = faults(folder)
    assert "trial 5: its value is -1000000.0, and evaluated again" in line
    told = in_process("archive", "check", folder)
    assert (told.returncode, line in told.stdout) == (1, True)
    assert [*faults(folder, sample=0, repeat=0)] == []


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


def rows_changed(change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> Change:
    """A table of other rows."""
    return lambda table: pa.Table.from_pylist(change(table.to_pylist()), schema=table.schema)


def tables_only(tasks: Iterable[str]) -> dict[str, Facts]:
    """The facts of these tasks, which are said to look their values up."""
    return {id: replace(facts, kind=Evaluation.TABLE) for id, facts in known_facts(tasks).items()}


def each(**values: Callable[[dict[str, Any]], Any]) -> Change:
    """A table in which these columns of every row are what is made of the row."""
    return rows_changed(lambda rows: [row | {name: make(row) for name, make in values.items()} for row in rows])


def first_half(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row for row in rows if row["trial"] < 4]


def best_first(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Trials of each run in the order of their values, with the times of those that were there."""
    made = []
    for run in dict.fromkeys(row["run"] for row in rows):
        own = [row for row in rows if row["run"] == run]
        for row, better in zip(own, sorted(own, key=lambda row: row["values"]), strict=True):
            made.append(row | {name: better[name] for name in ("config", "values")})
    return made


@pytest.mark.parametrize(
    ("runs", "trials", "told"),
    [
        ({"trials": 4, "spent": 4.0}, rows_changed(first_half), "says that it ended well, and has used 4 of 8"),
        (
            {"trials": 4},
            lambda table: each(evaluations=lambda row: 2.0)(rows_changed(first_half)(table)),
            "its evaluations is 2.0, and evaluated again 1.0",
        ),
        ({}, each(over_budget=lambda row: True), "its over_budget is True"),
        ({}, each(trial=lambda row: row["trial"] % 7), "its trial is 0, and evaluated again 1"),
        ({}, each(config=lambda row: '{"x0": 1e6}'), "its status is ok, and evaluated again invalid"),
        ({}, each(fidelity=lambda row: 0.5), "its status is ok, and evaluated again invalid"),
        ({}, each(values=lambda row: row["values"] * 2), "its value_2 is"),
        ({}, each(constraints=lambda row: [-1.0]), "its constraint_1 is -1.0, and evaluated again None"),
        ({}, each(metrics=lambda row: [("test/error", 0.0)]), "its test/error is 0.0, and evaluated again None"),
        ({}, each(start=lambda row: -row["trial"]), "its times are not in order"),
        ({}, each(end=lambda row: 1e6), "its times are not in order"),
        ({}, rows_changed(best_first), "done again, trial 0 is"),
    ],
)
def test_what_the_accounts_do_not_give_is_found(
    edited: Callable[..., Path], runs: dict[str, Any], trials: Change, told: str
) -> None:
    def changed(table: pa.Table) -> pa.Table:
        for column, value in runs.items():
            table = replaced(column, value)(table)
        return table

    lines = [*faults(edited(changed, trials))]
    assert len(lines) >= REPEAT
    assert all(told in line or "more of its trials" in line or "times" in line for line in lines)
    assert any(told in line for line in lines)


def test_a_run_of_a_larger_budget_than_it_says_is_found(edited: Callable[..., Path]) -> None:
    def named(row: dict[str, Any]) -> str:
        of = RunSpec(row["optimizer"], row["task"], row["task_version"], row["seed"], row["root_seed"], Budget(4))
        return of.id

    ids: dict[str, str] = {}

    def cheaper(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        ids.update((row["run"], named(row)) for row in rows)
        return [row | {"run": ids[row["run"]], "budget": 4.0} for row in rows]

    lines = [*faults(edited(rows_changed(cheaper), each(run=lambda row: ids[row["run"]])))]
    assert len(lines) == 18
    assert all("it has 8 trials, and its budget ends with 4" in line for line in lines)


def test_a_run_without_trials_is_not_complete(edited: Callable[..., Path]) -> None:
    lines = [*faults(edited(each(trials=lambda row: 0, spent=lambda row: 0.0), lambda trials: trials.slice(0, 0)))]
    assert len(lines) == 18
    assert all("says that it ended well, and has used 0 of 8 evaluations" in line for line in lines)


def test_a_forged_skip_is_found(edited: Callable[..., Path]) -> None:
    skipped = each(status=lambda row: "skipped", trials=lambda row: 0, spent=lambda row: 0.0)
    lines = [*faults(edited(skipped, lambda trials: trials.slice(0, 0)))]
    assert len(lines) == 6
    assert all(line.endswith("its runs are recorded as skipped, and it can do them") for line in lines)


def test_a_true_skip_passes(grid: Grid) -> None:
    assert [*faults(grid("random", "smac-hb"))] == []


@pytest.mark.parametrize(
    ("column", "change"),
    [
        ("objectives", lambda text: text.replace("minimize", "maximize")),
        ("metadata", lambda text: '{"dimension": 1}'),
        ("space", lambda text: "{}"),
        ("fidelity", lambda text: '{"name": "epochs"}'),
    ],
)
def test_an_edited_description_is_found(edited: Callable[..., Path], column: str, change: Callable[[str], str]) -> None:
    folder = edited(tasks=lambda row: row | {column: change(row[column])})
    lines = [*faults(folder)]
    assert len(lines) == len(QUICK)
    assert all(f"its {column} is not as" in line for line in lines)


@pytest.mark.parametrize(
    ("runs", "trials", "told"),
    [
        ({"status": "fine"}, {}, "runs: there is no status 'fine'"),
        ({"clock": "sundial"}, {}, "runs: there is no clock 'sundial'"),
        ({"budget_unit": "bananas"}, {}, "runs: there is no budget_unit 'bananas'"),
        ({"budget": float("nan")}, {}, "runs: a budget must be a positive number"),
        ({"versions": "["}, {}, "runs: 1 values of versions are no JSON objects"),
        ({"options": "[1]"}, {}, "runs: 1 values of options are no JSON objects"),
        ({}, {"status": "failed"}, "trials: there is no status 'failed'"),
        ({}, {"config": "{"}, "trials: 1 values of config are no JSON objects"),
        ({}, {"config": None}, "trials: 1 values of config are no JSON objects"),
    ],
)
def test_what_no_run_has_is_one_line(
    edited: Callable[..., Path], runs: dict[str, Any], trials: dict[str, Any], told: str
) -> None:
    changes = [
        each(**{name: lambda row, value=value: value for name, value in values.items()}) for values in (runs, trials)
    ]
    assert [*faults(edited(*changes))] == [told]


def test_other_options_than_the_name_says_are_found(edited: Callable[..., Path]) -> None:
    lines = [*faults(edited(runs=replaced("options", '{"a": 3}')))]
    assert lines == [f'{name}: its options are {{"a": 3}}, and by its name {{}}' for name in ("random", "sobol")]


@pytest.mark.parametrize("versions", [None, "{}"])
def test_missing_versions_are_found(edited: Callable[..., Path], versions: str | None) -> None:
    lines = [*faults(edited(runs=replaced("versions", versions)))]
    assert [line.partition(":")[0] for line in lines] == ["random", "sobol"]
    assert all("nothing says which version of" in line and "numpy" in line for line in lines)


def test_the_best_trials_are_evaluated_first(edited: Callable[..., Path]) -> None:
    """One edited value in each run, the best one, is found in a sample of twice as many as there are runs."""

    def best_edited(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        least = {row["run"]: min(other["values"] for other in rows if other["run"] == row["run"]) for row in rows}
        return [row | {"values": [0.99 * row["values"][0]] if row["values"] == least[row["run"]] else row["values"]}
                for row in rows]  # fmt: skip

    lines = [*faults(edited(trials=rows_changed(best_edited)), sample=36)]
    assert len(lines) == 18


def test_the_optimizer_that_ran_is_the_one_that_is_named(grid: Grid, edited: Callable[..., Path]) -> None:
    """Runs of one optimizer under another's name."""

    def called(row: dict[str, Any], name: str) -> str:
        of = RunSpec(name, row["task"], row["task_version"], row["seed"], row["root_seed"], Budget(8))
        return of.id

    ids: dict[str, str] = {}
    other = {"random": "sobol", "sobol": "random"}

    def swapped(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        ids.update((row["run"], called(row, other[row["optimizer"]])) for row in rows)
        codes = {row["optimizer"]: {name: row[name] for name in ("code", "versions")} for row in rows}
        return [
            row | {"run": ids[row["run"]], "optimizer": other[row["optimizer"]]} | codes[other[row["optimizer"]]]
            for row in rows
        ]

    folder = edited(rows_changed(swapped), each(run=lambda row: ids[row["run"]]))
    assert [*faults(folder, repeat=0)] == []
    lines = [*faults(folder)]
    assert len(lines) == REPEAT
    assert all("done again, trial 0 is" in line for line in lines)


def test_multi_fidelity_runs_are_done_again(grid: Grid, monkeypatch: pytest.MonkeyPatch) -> None:
    """Levels, trials that continue others and whole numbers, which are stored as others."""
    task = "mfh/h3/good"
    parts = {task: ("multi-fidelity", "dev")}
    for module in ("checking", "packing", "names"):
        monkeypatch.setattr(f"optathlon.archive.{module}.parts_of_tasks", lambda: parts)
    assert [*faults(grid("synetune-asha", "smac-hb", tasks=(task,), budget="4"), repeat=6)] == []


def test_values_of_tables_are_exact(grid: Grid, edited: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Where others tie, a value that is lower by less than rounding would win; where values are computed, they may."""
    lower = each(values=lambda row: [row["values"][0] * (1 - 5e-10)])
    assert [*faults(edited(trials=lower))] == []
    monkeypatch.setattr("optathlon.archive.checking.known_facts", tables_only)
    lines = [*faults(edited(trials=lower))]
    assert len(lines) == 18


def test_an_optimizer_of_a_file_has_the_name_that_it_was_given(
    grid: Grid, in_process: Callable[..., SimpleNamespace], tmp_path: Path
) -> None:
    file = shutil.copy(ROOT / "docs/examples/local_search.py", tmp_path / "ours.py")
    named = f"ours={file}:LocalSearch"
    folder = grid(named)
    told = in_process("archive", "check", folder, "-o", named)
    assert told.returncode == 0, told.stdout


def test_every_value_is_checked_in_a_large_sample(edited: Callable[..., Path]) -> None:
    def doubled(trials: pa.Table) -> pa.Table:
        flat = pc.multiply(pc.list_flatten(trials["values"]), 2.0).combine_chunks()
        values = pa.ListArray.from_arrays(pa.array(range(len(trials) + 1), pa.int32()), flat)
        return trials.set_column(trials.schema.get_field_index("values"), trials.schema.field("values"), values)

    lines = [*faults(edited(trials=doubled), sample=200)]
    assert len(lines) == 18
    assert all("(and 7 more of its trials differ)" in line for line in lines)
