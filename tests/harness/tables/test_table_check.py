"""What is wrong with a table or its descriptor is said at once, each in a line with the rows."""

from __future__ import annotations

import gzip
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from table_files import GRID, examined, grid_rows, made

from optathlon.errors import MissingData, UsageError
from optathlon.tables import examine, examine_file

PLAIN: dict[str, Any] = {
    "id": "mine/plain",
    "table": "plain.csv",
    "hyperparameters": {"rate": {"kind": "float", "log": True}, "kind": "categorical"},
    "objectives": {"loss": "minimize"},
    "answer": "nearest",
}


def problems(text: str | bytes, folder: Path, **keys: Any) -> list[str]:
    content = {**PLAIN, **keys}
    file = folder / content["table"]
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return examine({key: value for key, value in content.items() if value is not None}, folder).findings.problems


FINE = "rate,kind,loss\n0.1,a,1\n0.2,b,2\n0.3,a,3\n"


def test_a_fine_table_has_no_problems(tmp_path: Path) -> None:
    assert problems(FINE, tmp_path) == []


WRONG_TABLES: dict[str, tuple[str | bytes, str]] = {
    "empty": ("", "the table is empty"),
    "only a header": ("rate,kind,loss\n", "the table has no rows"),
    "no number": (FINE + "oops,a,4\nbad,b,5\n", "the column 'rate' has no number but 'oops' in rows 4 and 5: fix it"),
    "decimal commas": (FINE.replace(",", ";") + "0,4;a;4\n", r"no number but '0,4' in row 4: fix it \(write decimal"),
    "log of zero": (FINE + "0,a,4\n-1,b,4\n", "'rate' has a log scale, but values <= 0 in rows 4 and 5"),
    "infinite hyperparameter": (FINE + "inf,a,4\n", "'rate' is infinite in row 4"),
    "empty hyperparameter": (
        FINE + "0.4,,4\n",
        "no value of the hyperparameter 'kind' in row 4: fill it in, or say `when`",
    ),
    "no value": (
        FINE + "0.4,a,\n0.5,a,nan\n",
        "'loss' has no value in rows 4 and 5: fix it, or say `missing: failure`",
    ),
    "infinite value": (FINE + "0.4,a,-inf\n", "the objective 'loss' is infinite in row 4"),
    "repeated": (FINE + "0.10,a,9\n" * 7, r"7 rows have the key of an earlier row \(rows 4, 5, 6, 7, 8 and 2 more\)"),
    "constant": ("rate,kind,loss\n0.1,a,1\n0.2,b,1\n", "the objective 'loss' is 1 everywhere at the full level"),
    "one configuration": ("rate,kind,loss\n0.1,a,1\n", "it has only one configuration"),
    "no such column": (FINE.replace("rate", "Rate "), "the table has no column 'rate': did you mean 'Rate'"),
    "two columns": (FINE.replace("kind,loss", "rate,loss"), "two columns are called 'rate': rename one"),
    "too long a row": (FINE + "0.4,a,4,5\n", "Expected 3 columns, got 4"),
    "not UTF-8": (FINE.encode() + b"0.4,\xff,4\n", "save it as UTF-8"),
    "another format": (gzip.compress(FINE.encode()), r"it begins like a .csv.gz file, so rename it to that"),
}


@pytest.mark.parametrize("name", WRONG_TABLES)
def test_a_wrong_table_has_a_clear_message(name: str, tmp_path: Path) -> None:
    text, message = WRONG_TABLES[name]
    found = problems(text, tmp_path)
    assert any(re.search(message, problem) for problem in found), found
    assert all("\n" not in problem for problem in found)


WRONG_DESCRIPTORS: dict[str, tuple[dict[str, Any], str]] = {
    "unknown key": ({"objektives": {}}, "unknown key 'objektives': did you mean 'objectives'?"),
    "unknown key of a part": (
        {"hyperparameters": {"rate": {"kind": "float", "lgo": True}, "kind": "categorical"}},
        "unknown key 'lgo' in hyperparameters.rate: did you mean 'log'?",
    ),
    "missing key": ({"objectives": None}, "objectives is missing: give it"),
    "no collection": ({"id": "plain"}, "id: give 'collection/name'"),
    "unknown kind": ({"hyperparameters": {"rate": "flaot"}}, "hyperparameters.rate.kind: input should be 'float'"),
    "direction": ({"objectives": {"loss": "maximise"}}, "objectives.loss.direction: input should be 'minimize'"),
    "exact floats": ({"answer": "exact"}, "an exact look-up knows no values between those of the table, and rate"),
    "log of choices": ({"hyperparameters": {"kind": {"kind": "categorical", "log": True}}}, "it has no range"),
    "levels of a range": ({"hyperparameters": {"rate": {"kind": "float", "levels": [1]}}}, "it has no levels"),
    "bounds": ({"hyperparameters": {"rate": {"kind": "float", "lower": 2, "upper": 1}}}, "lower is 2, and upper 1"),
    "log bound": ({"hyperparameters": {"rate": {"kind": "float", "lower": 0, "log": 1}}}, "a log scale begins above 0"),
    "twice a level": ({"hyperparameters": {"kind": {"kind": "ordinal", "levels": ["a", "a"]}}}, "a level stands twice"),
    "text as levels": (
        {"hyperparameters": {"kind": "ordinal"}},
        "is not a number but 'a' in rows 1, 2 and 3: give its `levels`",
    ),
    "other levels": (
        {"hyperparameters": {"kind": {"kind": "ordinal", "levels": ["a", "c"]}}},
        "the hyperparameter 'kind' is none of its levels in row 2",
    ),
    "unknown parent": (
        {"hyperparameters": {"rate": {"kind": "float", "when": {"kidn": "a"}}, "kind": "categorical"}},
        "hyperparameters.rate.when: no hyperparameter 'kidn': did you mean 'kind'?",
    ),
    "unknown value of a parent": (
        {"hyperparameters": {"rate": {"kind": "float", "when": {"kind": "c"}}, "kind": "categorical"}},
        "'kind' is nowhere 'c': known are 'a', 'b'",
    ),
    "circle": (
        {
            "hyperparameters": {
                "rate": {"kind": "integer", "when": {"kind": "a"}},
                "kind": {"kind": "categorical", "when": {"rate": "1"}},
            }
        },
        "the conditions of rate, kind form a circle",
    ),
    "unknown row filter": ({"where": {"kind": "c"}}, "where.kind: no row has 'c'"),
    "integer": (
        {"hyperparameters": {"rate": "integer"}},
        "'rate' is not a whole number in rows 1, 2 and 3: make it a float",
    ),
    "fidelity": ({"fidelity": "kind"}, "the column 'kind' has no number but 'a' in rows 1, 2 and 3"),
    "budget": ({"budget": "a lot"}, "budget: can't read the budget 'a lot'"),
    "truth": (
        {"fidelity": {"column": "rate", "resumable": "maybe"}},
        "fidelity.resumable: input should be a valid boolean",
    ),
}


@pytest.mark.parametrize("name", WRONG_DESCRIPTORS)
def test_a_wrong_descriptor_has_a_clear_message(name: str, tmp_path: Path) -> None:
    keys, message = WRONG_DESCRIPTORS[name]
    found = problems(FINE, tmp_path, **keys)
    assert any(message in problem for problem in found), found
    assert all("\n" not in problem for problem in found)


def test_ten_problems_are_told_at_once(tmp_path: Path) -> None:
    text = (
        "rate,depth,kind,epochs,loss,hours\n"
        "0.1,1,a,1,0.5,1\n"
        "0.1,1,a,1,0.6,1\n"
        "-1,2,a,1,0.7,1\n"
        "x,2,a,1,0.8,1\n"
        "0.2,2.5,a,1,0.9,1\n"
        "0.3,2,,1,0.9,1\n"
        "0.4,2,b,0,0.9,1\n"
        "0.5,2,b,1,,1\n"
        "0.6,2,b,1,inf,1\n"
        "0.7,2,b,1,0.1,-4\n"
        "0.8,2,b,1,0.2,1 h\n"
    )
    hyperparameters = {**PLAIN["hyperparameters"], "depth": "integer"}
    found = problems(text, tmp_path, hyperparameters=hyperparameters, fidelity="epochs", cost="hours")
    rows = [
        [int(number) for number in re.findall(r"\d+", place)]
        for problem in found
        for place in re.findall(r"rows? [\d, and]+", problem)
    ]
    assert rows == [[4], [3], [6], [5], [8], [9], [7], [11], [10], [2]]


def test_an_unknown_key_hides_nothing_else(tmp_path: Path) -> None:
    found = problems(FINE + "x,a,4\n", tmp_path, sead="seed", objectives={"loss": "minimise", "lost": "minimize"})
    assert [problem.partition(":")[0] for problem in found] == [
        "objectives.loss.direction",
        "unknown key 'sead'",
        "the table has no column 'lost'",
        "the column 'rate' has no number but 'x' in row 4",
    ]


def test_missing_levels_are_a_note(tmp_path: Path) -> None:
    rows = grid_rows()
    found = examined(rows[~((rows["rate"] == 0.1) & (rows["epochs"] == 3))], tmp_path, answer="nearest")
    assert not found.findings.problems
    (note,) = found.findings.notes
    assert note.startswith("4 configurations lack some levels of the fidelity (the first is of mine/grid: ")
    assert note.endswith("has only 1, 9)")


def test_rows_outside_of_a_range_are_left_out_with_a_note(tmp_path: Path) -> None:
    (tmp_path / "plain.csv").write_text(FINE)
    hyperparameters = {"rate": {"kind": "float", "upper": 0.25}, "kind": "categorical"}
    found = examine({**PLAIN, "hyperparameters": hyperparameters}, tmp_path)
    assert found.findings.notes == ["left out: row 3, where 'rate' is outside of [-inf, 0.25]"]
    assert found.tasks["mine/plain"].metadata["rows"] == 2


def test_a_table_of_too_many_cells_is_refused_while_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("optathlon.tables.columns.MOST_CELLS", 700)
    for table in ("t.csv", "t.csv.gz", "t.parquet"):
        (problem,) = examined(grid_rows(), tmp_path, table=table).findings.problems
        assert "has more than 700 cells in the columns that are read" in problem
    found = examined(grid_rows(), tmp_path, cost=None, metrics=[], seed=None, where={"seed": "1"}, fidelity=None)
    assert "more than 700 cells" not in str(found.findings.problems)


def test_other_columns_are_not_read(tmp_path: Path) -> None:
    rows = grid_rows().assign(notes="not a number", other=[object.__name__] * 108)
    assert made(rows, tmp_path).problem.fidelity is not None


def test_a_table_that_is_not_there_is_missing_data(tmp_path: Path) -> None:
    with pytest.raises(MissingData, match=r"no file .*trials.csv.*: put the table there, or correct the key `table`"):
        examine(GRID, tmp_path)


@pytest.mark.parametrize("text", ["- a\n- b\n", "just text\n", ""])
def test_a_file_that_is_no_mapping_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "d.yaml").write_text(text)
    with pytest.raises(UsageError, match="must be a mapping with keys such as id, table"):
        examine_file(tmp_path / "d.yaml")


def test_parquet_columns_of_something_else_are_refused(tmp_path: Path) -> None:
    rows = grid_rows()
    rows["rate"] = pd.to_datetime("2020-01-01") + pd.to_timedelta(rows["rate"], unit="D")
    keys = {"hyperparameters": {"rate": "integer"}, "table": "t.parquet"}
    found = examined(rows, tmp_path, **keys).findings.problems
    assert any("the column 'rate' holds timestamp" in problem for problem in found)
