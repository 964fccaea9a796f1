"""Every command of the analysis takes a table of any program's results where it takes a results folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

Command = Callable[..., SimpleNamespace]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """4 optimizers x 6 tasks x 2 seeds x 3 steps; larger is better, and -7.5 stands for a failure, twice for a run."""
    runs = [(o, f"c/t{t}", seed, step) for o in "abcd" for t in range(6) for seed in (0, 1) for step in (1, 2, 3)]
    rows = pd.DataFrame(runs, columns=["optimizer", "task", "seed", "step"])
    rows["value"] = [0.01 * (7 * number % 37) for number in range(len(rows))]
    failed = (rows["optimizer"] == "a") & (rows["task"] == "c/t0")
    path = tmp_path / "other.v2.csv"
    rows.assign(value=rows["value"].mask(failed, -7.5)).to_csv(path, index=False)
    return path


def test_results_are_written_beside_the_table(in_process: Command, table: Path) -> None:
    flags = ("--maximize", "--failure-value", "-7.5")
    exported = in_process("export", table, "--format", "ioh", *flags)
    assert "48 runs" in exported.stdout
    assert "2 of them have no result" in exported.stdout
    chosen = in_process("subset", "select", table, "-k", 2, "--optimizers", "a,b", *flags)
    assert chosen.returncode == 0, chosen.stderr
    subset = table.with_name("other.v2-blackbox-2.yaml")
    assert f"subset validate {table} --maximize --failure-value -7.5 {subset}" in chosen.stdout
    validated = in_process("subset", "validate", table, subset, "--held-out", "c,d", "--draws", 5, *flags)
    assert validated.returncode == 0, validated.stderr
    written = {path.name for path in table.parent.iterdir()} - {table.name}
    assert written == {"other.v2-ioh", subset.name, "other.v2-subset-other.v2-blackbox-2"}


def test_a_failure_value_that_no_trial_has_is_refused_in_one_line(in_process: Command, table: Path) -> None:
    refused = in_process("export", table, "--format", "ioh", "--failure-value", 100)
    assert refused.returncode == 2
    assert "no trial has the value 100" in refused.stderr
    assert refused.stderr.count("\n") == 1


def test_a_direction_in_the_table_and_another_asked_for_is_refused(in_process: Command, table: Path) -> None:
    pd.read_csv(table).assign(direction="minimize").to_csv(table, index=False)
    refused = in_process("export", table, "--format", "ioh", "--maximize")
    assert refused.returncode == 2
    assert "the direction in row 1 (and 143 more rows) is not 'maximize'" in refused.stderr


def test_a_table_that_is_not_there_is_called_a_table(in_process: Command, tmp_path: Path) -> None:
    refused = in_process("export", tmp_path / "none.CSV.gz", "--format", "ioh")
    assert refused.returncode == 2
    assert "no file" in refused.stderr
    assert "give a table" in refused.stderr
