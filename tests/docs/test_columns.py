"""The page on columns has all that are stored, with their types."""

from __future__ import annotations

import re
from pathlib import Path

import pyarrow as pa
import pytest

from optathlon.results.schema import RUNS, STORED_TRIALS, TASKS

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "columns.md").read_text("utf-8")


def documented(section: str) -> dict[str, str]:
    """The types of the columns of a section, by name."""
    text = PAGE.partition(f"### {section}\n")[2].partition("\n#")[0]
    found: dict[str, str] = {}
    for row in re.findall(r"^\| (`.*?) \| (.*?) \|", text, re.MULTILINE):
        names = re.findall(r"`(\w+)`", row[0])
        types = row[1].replace("&lt;", "<").replace("&gt;", ">")
        each = types.split(", ") if "<" not in types and "[" not in types else [types]
        found |= dict(zip(names, each if len(each) > 1 else each * len(names), strict=True))
    return found


@pytest.mark.parametrize(("section", "schema"), [("runs", RUNS), ("trials", STORED_TRIALS), ("tasks", TASKS)])
def test_stored_columns_have_their_types(section: str, schema: pa.Schema) -> None:
    stored = {field.name: str(field.type).replace("element: ", "") for field in schema}
    plain = {name: "string" if kind.startswith("dictionary") else kind for name, kind in stored.items()}
    assert documented(section) == {name: re.sub(r"list<item: ", "list<", kind) for name, kind in plain.items()}
