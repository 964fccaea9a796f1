"""`optathlon report --importance` as a user gives it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PLUGIN = """
from optathlon import as_task


@as_task("toy/one", space={"x": (0.0, 1.0)}, budget=3)
def one(config):
    return config["x"]


@as_task("toy/two", space={"x": (0.0, 1.0)}, budget=3)
def two(config):
    return config["x"]
"""


@pytest.mark.parametrize("pattern", ["toy/*", "toy/one"])
def test_a_task_that_was_run_under_two_conditions(
    in_process: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pattern: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "toys.py").write_text(PLUGIN)
    grid = ("run", "--plugin", "toys.py", "-o", "random", "--seeds", "1", "-t")
    assert in_process(*grid, "toy/*").returncode == 0
    assert in_process(*grid, "toy/one", "--budget", "4").returncode == 0
    done = in_process("report", "out", "--importance", pattern)
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "out" / "report" / "index.html").read_text(encoding="utf-8")
    assert text.count("Which hyperparameters matter") == (3 if pattern == "toy/*" else 2)
