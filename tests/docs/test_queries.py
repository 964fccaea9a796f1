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
from optathlon.results.planned import store_experiment
from optathlon.results.status import folder_status

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "results.md").read_text()


def outcome(program: str, name: str) -> dict[str, Any]:
    """What the page's code gives that computes this with this program."""
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    (code,) = [block for block in blocks if f"import {program}" in block and f"{name} = " in block]
    found: dict[str, Any] = {}
    exec(code, found)
    return found


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
    monkeypatch.chdir(tmp_path)
    found = outcome(program, "best")
    expected = load("out").trials.groupby(["optimizer", "task", "seed"], observed=True)["value"].min().reset_index()
    assert found["best"] == list(expected.itertuples(index=False, name=None))
    assert len(found["best"]) == 3


def test_the_query_of_what_is_left_gives_what_status_gives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("duckdb")
    stored = [Run(0, 3), Run(1, 2)]
    folder = filled(tmp_path / "out", [stored])
    store_experiment(folder, "seeds: 1\n", [Run(0).spec, Run(2).spec])
    store_experiment(folder, "seeds: 2\n", [Run(1, attempt=2).spec, Run(2).spec, Run(3).spec])
    monkeypatch.chdir(tmp_path)
    assert outcome("duckdb", "left")["left"] == [("random", 3)]
    assert folder_status(folder).left == 3


def test_the_run_has_one_type_in_runs_and_trials(tmp_path: Path) -> None:
    folder = filled(tmp_path / "out", [[Run(0, 3)]])
    types = {
        part: pq.read_schema(next((folder.path / part).iterdir())).field("run").type for part in ("runs", "trials")
    }
    assert str(types["runs"]) == str(types["trials"]) == "string"
