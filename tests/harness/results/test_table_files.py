"""Tables as other programs write them: the same content in every format, or one line on what can't be told."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optathlon.errors import UsageError
from optathlon.results.frames import Results
from optathlon.results.tables import load_table

ROWS = "optimizer,task,seed,step,value\na,t,0,1,0.75\na,t,0,2,-0.5\na,t,1,1,1e-3\nb,t,0,1,12\n"
FINAL = [0.75, -0.5, 1e-3, 12.0]

_PACKED: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": lambda content: pa.Codec("zstd").compress(content, asbytes=True),
}


def loaded(content: bytes, name: str) -> Results:
    with TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        return load_table(path)


def refusal(content: bytes | str, name: str = "t.csv") -> str:
    with pytest.raises(UsageError) as caught:
        loaded(content.encode() if isinstance(content, str) else content, name)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@given(
    st.sampled_from([",", ";", "\t", "|"]),
    st.sampled_from([".", ","]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    st.sampled_from(sorted(_PACKED)),
    st.sampled_from([".csv", ".CSV", ".tsv", ".Tsv"]),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
)
def test_the_same_numbers_come_from_every_way_to_write_them(
    delimiter: str, mark: str, encoding: str, packed: str, ending: str, newline: str, announced: bool
) -> None:
    table = pd.read_csv(io.StringIO(ROWS))
    text = table.to_csv(index=False, sep=delimiter, decimal=mark, lineterminator=newline)
    first = f"sep={delimiter}{newline}" if announced else ""
    content = _PACKED[packed]((first + text).encode(encoding))
    results = loaded(content, f"t{ending}{packed.upper() if ending.isupper() else packed}")
    assert results.trials["value"].tolist() == FINAL
    assert results.trials["seed"].tolist() == [0, 0, 1, 0]


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=5), st.sampled_from(".,"))
def test_numbers_come_back_to_the_last_bit(values: list[float], mark: str) -> None:
    numbers = [repr(value).replace(".", mark) for value in (*values, 0.5)]
    rows = [f"a;t;0;{step};{number}" for step, number in enumerate(numbers, start=1)]
    results = loaded("\n".join(["optimizer;task;seed;step;value", *rows]).encode(), "t.csv")
    assert results.trials["value"].tolist() == [*values, 0.5]


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        (("1,234", "2,500"), "can't tell whether the comma of a number in row 1 (and 1 more row) is a decimal mark"),
        (("1,5", "0.5"), "a number in row 1 has a comma, but others have points"),
        (("1.234,5", "2,5"), "the value in row 1 is not a number but '1.234,5'"),
        (("1,234.5", "2"), "the value in row 1 is not a number but '1,234.5'"),
        (("1,234,567", "2"), "the value in row 1 is not a number but '1,234,567'"),
        (("1 234", "2"), "the value in row 1 is not a number but '1 234'"),
        (("2", "1_000"), "the value in row 2 is not a number but '1_000'"),
        (("2", "12%"), "the value in row 2 is not a number but '12%'"),
    ],
)
def test_numbers_that_may_mean_two_things_are_refused(values: tuple[str, str], complaint: str) -> None:
    rows = [f"a;t;0;{step};{value}" for step, value in enumerate(values, start=1)]
    assert complaint in refusal("\n".join(["optimizer;task;seed;step;value", *rows]))


def test_another_number_tells_what_a_comma_is() -> None:
    results = loaded(b"optimizer;task;seed;step;value\na;t;0;1;1,234\na;t;0;2;0,123\n", "t.csv")
    assert results.trials["value"].tolist() == [1.234, 0.123]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (ROWS.replace(",", " "), "columns are separated by ' '"),
        (ROWS.replace(",", "  "), "columns are separated by '  '"),
        (ROWS.replace(",", ":"), "columns are separated by ':'"),
        ("\n" + ROWS, "its first line is not the one that names the columns"),
        ("# of 2024, final\n" + ROWS, "its first line is not the one that names the columns"),
        (ROWS.replace("0.75", "0,75"), "is a comma in a number or a name: quote it"),
        (ROWS.replace("a,t", "é,t").encode("latin-1"), "save it as UTF-8"),
        (ROWS + ROWS, "the value in row 5 is not a number but 'value'"),
    ],
)
def test_what_is_wrong_with_a_text_is_named(content: str | bytes, complaint: str) -> None:
    assert complaint in refusal(content)


@pytest.mark.parametrize("packed", sorted(set(_PACKED) - {""}))
def test_a_file_that_was_cut_is_refused(packed: str) -> None:
    whole = _PACKED[packed](ROWS.encode() + b"".join(b"c,t,0,%d,0.5\n" % step for step in range(1, 9999)))
    assert "can't read" in refusal(whole[: len(whole) // 2], f"t.csv{packed}")


def parquet(columns: dict[str, object]) -> Results:
    rows = {"optimizer": ["a", "a"], "task": ["t", "t"], "seed": [0, 0], "step": [1, 2], "value": [0.5, 0.25]}
    with TemporaryDirectory() as folder:
        path = Path(folder) / "x=3"  # no partition
        path.mkdir()
        pq.write_table(pa.table(rows | columns), path / "t.Parquet")
        return load_table(path / "t.Parquet")


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_durations_are_seconds(unit: str) -> None:
    ticks = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    results = parquet({"time": pa.array([2 * ticks, 90 * ticks], pa.duration(unit))})
    assert results.trials["end"].tolist() == [2, 90]
    assert results.runs["seconds"].tolist() == [90]
    runtimes = parquet({"value": pa.array([2 * ticks, None], pa.duration(unit))})
    np.testing.assert_array_equal(runtimes.trials["value"], [2, np.nan])


def test_durations_as_pandas_writes_them_are_seconds() -> None:
    table = pd.read_csv(io.StringIO(ROWS))
    table["time"] = pd.to_timedelta([1.5, 90, 86400 * 3, 4], unit="s")
    results = loaded(table.to_csv(index=False).encode(), "t.csv")
    assert results.trials["end"].tolist() == [1.5, 90, 86400 * 3, 4]


@pytest.mark.parametrize(
    ("column", "values", "complaint"),
    [
        ("time", pa.array([0, 1], pa.timestamp("ms")), "the column 'time' holds timestamp[ms]: give seconds since"),
        ("time", pa.array([0, 1], pa.time32("ms")), "the column 'time' holds time32[ms]: give numbers"),
        ("time", ["00:00:01", "00:00:02"], "the time in row 1 (and 1 more row) is not a number but '00:00:01'"),
        ("time", ["0 days 00:00:01", "5m"], "the time in row 2 is not a duration as others are"),
        ("value", pa.array([0, 1], pa.timestamp("ms")), "the column 'value' holds timestamp[ms]: give numbers"),
        ("value", [True, False], "the column 'value' holds bool: give numbers"),
        (
            "step",
            pa.array([1, 2], pa.duration("ms")),
            "holds duration[ms]: give numbers of evaluations",
        ),
        ("seed", pa.array([1, 2], pa.duration("ms")), "holds duration[ms]: give whole numbers"),
    ],
)
def test_other_types_are_refused(column: str, values: object, complaint: str) -> None:
    with pytest.raises(UsageError) as caught:
        parquet({column: values})
    assert complaint in str(caught.value)


@pytest.mark.parametrize(
    ("seeds", "numbers"),
    [
        (pa.array([2**53, 2**53 + 1]), [2**53, 2**53 + 1]),
        (pa.array([2**63 - 1, 2**63 - 2], pa.uint64()), [2**63 - 1, 2**63 - 2]),
        ([str(2**53), str(2**53 + 1)], [2**53, 2**53 + 1]),
        (pa.array([2**53, 2**53 + 1]).dictionary_encode(), [2**53, 2**53 + 1]),
        (pa.array([2**53, 2**53 + 1]).cast(pa.decimal128(20, 0)), [2**53, 2**53 + 1]),
        (["7", "07.0"], [7, 7]),
        ([-1.0, 3.0], [-1, 3]),
    ],
)
def test_seeds_are_read_exactly(seeds: object, numbers: list[int]) -> None:
    assert sorted(parquet({"seed": seeds}).trials["seed"]) == sorted(numbers)


def test_large_seeds_of_text_files_are_read_exactly() -> None:
    content = f"optimizer,task,seed,step,value\na,t,{2**53},1,1\na,t,{2**53 + 1},1,2\na,t,{2**63 - 1},1,3\n"
    assert loaded(content.encode(), "t.csv").runs["seed"].tolist() == [2**53, 2**53 + 1, 2**63 - 1]


@pytest.mark.parametrize(
    "seeds",
    [[2.0**53 + 2, 1.0], pa.array([2.0**24 + 2, 1.0], pa.float32()), pa.array([1, 2**63], pa.uint64()), ["1", "1e19"]],
)
def test_seeds_that_may_not_be_exact_are_refused(seeds: object) -> None:
    with pytest.raises(UsageError, match="the seed in row"):
        parquet({"seed": seeds})


def test_seeds_with_separators_are_names() -> None:
    numbers = parquet({"seed": ["0_11", "01_1"]}).runs["seed"]
    assert numbers.nunique() == 2
    assert 11 not in numbers.tolist()


def test_a_number_among_named_seeds_is_itself() -> None:
    assert 7 in parquet({"seed": ["7", "fold-a"]}).runs["seed"].tolist()


def test_the_table_says_per_task_which_values_are_better() -> None:
    results = parquet({"task": ["t", "u"], "direction": ["maximize", "minimize"]})
    directions = {task: objectives[0]["direction"] for task, objectives in results.tasks["objectives"].items()}
    assert directions == {"t": "maximize", "u": "minimize"}


def test_letters_have_one_form() -> None:
    assert parquet({"optimizer": ["é", "e\u0301"]}).runs["optimizer"].nunique() == 1


def test_blanks_in_a_header_do_not_count() -> None:
    plain, spaced = (loaded(text.encode(), "t.csv") for text in (ROWS, ROWS.replace(",", " ,  ")))
    assert spaced.trials["value"].tolist() == FINAL
    assert spaced.runs["run"].tolist() == plain.runs["run"].tolist()


def test_a_column_that_is_the_same_in_all_rows_changes_no_meaning() -> None:
    assert len(parquet({"fidelity": [27.0, 27.0], "value_2": [None, None]}).trials) == 2


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"PAR1\x15\x04", "it begins like a .parquet file"),
        (gzip.compress(ROWS.encode()), "it begins like a .csv.gz file"),
        (b"PK\x03\x04\x14\x00\x06", "is not text in UTF-8"),
        (ROWS.encode("utf-16-le"), "is not text in UTF-8"),
    ],
    ids=["parquet", "gzip", "zip", "utf-16 without a mark"],
)
def test_files_under_a_wrong_name_are_told_from_text(content: bytes, complaint: str) -> None:
    assert complaint in refusal(content)


def test_what_a_library_says_is_short_and_printable() -> None:
    text = refusal(ROWS.encode() + b"\x1b[31m,t,0,1,1," + b"x" * 10**6 + b"\n")
    assert text.isprintable()
    assert len(text) < 700
