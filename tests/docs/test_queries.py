"""The queries of other programs that the documentation shows give what `optathlon.load` gives."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from storage import Run, filled

from optathlon import load

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "results.md").read_text()


@pytest.mark.parametrize("program", ["duckdb", "polars"])
def test_a_query_of_the_page_gives_what_load_gives(
    program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside a run that was done again, and trials that a killed process left without their run."""
    pytest.importorskip(program)
    folder = filled(
        tmp_path / "out", [[Run(0, 3, value=9.0), Run(1, 2)]], [[Run(0, 2, attempt=2, value=5.0), Run(4, 4)]]
    )
    left = max((folder.path / "trials").iterdir())
    shutil.copy(left, left.with_name("left.parquet"))
    (code,) = [block for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if f"import {program}" in block]
    monkeypatch.chdir(tmp_path)
    found: dict[str, Any] = {}
    exec(code, found)
    expected = load("out").trials.groupby(["optimizer", "task", "seed"], observed=True)["value"].min().reset_index()
    assert found["best"] == list(expected.itertuples(index=False, name=None))
    assert len(found["best"]) == 3


def test_the_run_has_one_type_in_runs_and_trials(tmp_path: Path) -> None:
    folder = filled(tmp_path / "out", [[Run(0, 3)]])
    types = {
        part: pq.read_schema(next((folder.path / part).iterdir())).field("run").type for part in ("runs", "trials")
    }
    assert str(types["runs"]) == str(types["trials"]) == "string"
