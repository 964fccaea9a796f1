"""Tables on disk are small, and come back with each of their bits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optathlon.archive.compact import compact_incumbents, compact_runs, full_incumbents, full_runs
from optathlon.archive.names import TableName
from optathlon.archive.tables import KEPT_RUNS, SESSIONS, Table, incumbents_schema, read_labels, read_table, write_table
from optathlon.errors import UsageError
from optathlon.results.schema import TASKS

NAME = TableName("blackbox", "dev", 50.0)
NUMBERS = ["constraint_1", "test/error", "value", "value_2"]
SPECIAL = [0.0, -0.0, 1.0, 3.0, 0.1, np.nan, np.inf, -np.inf, 5e-324]
EMPTY = [pa.Table.from_pylist([], schema) for schema in (incumbents_schema([]), TASKS, SESSIONS)]
INTEGERS = st.integers(-(2**31), 2**31 - 1)
FLOATS = st.sampled_from(SPECIAL) | st.floats()


@st.composite
def tables(draw: st.DrawFn) -> Table:
    ran = draw(st.lists(st.integers(0, 6), max_size=6))
    row = np.repeat(np.arange(len(ran)), ran)
    count = len(row)
    few = st.integers(0, 4) | INTEGERS
    columns: dict[str, object] = {
        "row": row.tolist(),
        "trial": draw(st.lists(few, min_size=count, max_size=count)),
        "spent:full_fidelity_trials": draw(st.lists(few, min_size=count, max_size=count)),
        "spent:evaluations": draw(st.lists(FLOATS, min_size=count, max_size=count)),
        "status": draw(st.lists(st.sampled_from(["ok", "crashed"]), min_size=count, max_size=count)),
    }
    names = draw(st.sets(st.sampled_from(NUMBERS)))
    for name in sorted(names):
        columns[name] = draw(st.lists(st.none() | FLOATS, min_size=count, max_size=count))
    lengths = draw(st.lists(few | st.just(50), min_size=len(ran), max_size=len(ran)))
    return Table(
        runs_of(lengths),
        pa.table(columns, schema=incumbents_schema(sorted(names))),
        pa.Table.from_pylist([], TASKS),
        pa.Table.from_pylist([], SESSIONS),
    )


def runs_of(lengths: list[int]) -> pa.Table:
    """Runs with these many trials."""
    row = {"optimizer": "random", "task": "toy", "task_version": "1", "root_seed": 0, "budget": 50.0, "n_workers": 1}
    started = datetime(2026, 1, 1, tzinfo=UTC)
    rows = [
        row
        | {"seed": seed, "budget_unit": "evaluations", "clock": "real", "attempt": 1, "status": "ok", "trials": trials}
        | {"started": started + timedelta(seconds=seed) if seed else None, "seconds": 0.1 * seed}
        for seed, trials in enumerate(lengths)
    ]
    return pa.Table.from_pylist(rows, KEPT_RUNS)


def same_bits(table: pa.Table, other: pa.Table) -> bool:
    return bits(table) == bits(other)


def bits(table: pa.Table) -> dict[str, list[object]]:
    """Each number as the integer of the same bits, so that NaN equals itself and -0.0 is not 0.0."""
    columns = {name: column.combine_chunks() for name, column in zip(table.column_names, table.columns, strict=True)}
    exact = {pa.float64(): pa.int64(), pa.float32(): pa.int32()}
    return {
        name: (column.view(exact[column.type]) if column.type in exact else column).to_pylist()
        for name, column in columns.items()
    }


@settings(max_examples=100, deadline=None)
@given(table=tables())
def test_every_bit_comes_back(table: Table) -> None:
    assert same_bits(full_runs(compact_runs(table.runs)), table.runs)
    assert same_bits(full_incumbents(compact_incumbents(table.incumbents, table.runs), table.runs), table.incumbents)


@settings(max_examples=10, deadline=None)
@given(table=tables())
def test_so_it_does_from_disk_and_equal_tables_give_equal_files(table: Table) -> None:
    with TemporaryDirectory() as folder:
        one, other = Path(folder, "one"), Path(folder, "other")
        write_table(one, NAME, table)
        found = read_table(one, NAME)
        write_table(other, NAME, found)
        contents = [[path.read_bytes() for path in sorted(place.iterdir())] for place in (one, other)]
    assert contents[0] == contents[1]
    for part in ("runs", "incumbents", "tasks", "sessions"):
        expected, actual = getattr(table, part), getattr(found, part)
        assert actual.schema.equals(expected.schema)
        assert same_bits(actual, expected)


def test_zeros_of_either_sign_and_all_that_is_no_number_stay_what_they_are() -> None:
    patterns = [0, 1 << 63, 0x7FF8 << 48, 0x7FF8 << 48 | 1, 0xFFF8 << 48, 0x7FF0 << 48, 0xFFF0 << 48]
    numbers = np.array(patterns * 2, np.uint64).view(float)
    zeros = np.zeros(len(numbers), np.int32)
    fixed = {"row": zeros, "trial": zeros, "spent:full_fidelity_trials": zeros, "spent:evaluations": numbers}
    table = pa.table(
        {**fixed, "status": ["ok"] * len(numbers), "value": numbers[::-1].copy()}, schema=incumbents_schema(["value"])
    )
    assert same_bits(full_incumbents(compact_incumbents(table, runs_of([50])), runs_of([50])), table)


def test_what_is_known_takes_no_space() -> None:
    trial = [0, 4, 49, 0, 3, 9, 49]
    value = [2.0, 1.0, None, 2.0, 1.5, 1.0, None]
    fixed = {
        "row": [0, 0, 0, 2, 2, 2, 2],
        "trial": trial,
        "spent:full_fidelity_trials": [number + 1 for number in trial],
        "spent:evaluations": [number + 1.0 for number in trial],
        "status": ["ok"] * 7,
    }
    table = pa.table({**fixed, "value": value}, schema=incumbents_schema(["value"]))
    stored = compact_incumbents(table, runs_of([50, 50, 50])).to_pydict()
    assert stored["row"] == [0, 0, 0, 2, 0, 0, 0]
    assert stored["trial"] == [0, 4, 0, 0, 3, 6, 0]
    assert stored["spent:full_fidelity_trials"] == [1] * 7
    assert stored["spent:evaluations"] == stored["before:spent:evaluations"] == [None] * 7
    assert stored["value"] == [2.0, 1.0, None, None, 1.5, None, None]
    assert stored["before:value"] == [None, None, None, 3, None, 4, None]


@pytest.mark.parametrize(
    ("column", "content"),
    [
        ("row", [0, 1]),
        ("row", [-1, 0]),
        ("row", [0, -1]),
        ("before:value", [1, None]),
        ("before:value", [None, -1]),
    ],
)
def test_what_no_table_gives_is_refused(column: str, content: list[int | None]) -> None:
    runs = runs_of([50])
    fixed = {"row": [0, 0], "trial": [0, 49], "spent:full_fidelity_trials": [1, 50], "spent:evaluations": [1.0, 50.0]}
    table = pa.table({**fixed, "status": ["ok", "ok"], "value": [1.0, 2.0]}, schema=incumbents_schema(["value"]))
    stored = compact_incumbents(table, runs)
    place = stored.schema.get_field_index(column)
    with pytest.raises(ValueError, match=r"nowhere|no run"):
        full_incumbents(stored.set_column(place, column, pa.array(content, pa.int32())), runs)


def test_an_older_format_is_named(tmp_path: Path) -> None:
    write_table(tmp_path, NAME, Table(runs_of([]), *EMPTY))
    path = tmp_path / f"{NAME}.incumbents.parquet"
    with pq.ParquetWriter(path, pa.schema([("row", pa.int32())])) as writer:
        writer.add_key_value_metadata({"optathlon.archive": '[1, "stamp"]'})
    with pytest.raises(UsageError, match="has format 1"):
        read_table(tmp_path, NAME)


def test_labels_of_runs_are_read_alone_as_they_are_with_all(tmp_path: Path) -> None:
    write_table(tmp_path, NAME, Table(runs_of([50, 50]), *EMPTY))
    columns = ["seed", "optimizer", "options"]
    assert read_labels(tmp_path, NAME, columns).equals(read_table(tmp_path, NAME).runs.select(columns))
