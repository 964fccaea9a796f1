"""Values that programs stored in different precision tie where that is asked for, and are named where it is not."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optathlon.analysis.analysis import Analysis
from optathlon.analysis.compare import paired_runs
from optathlon.analysis.metrics.ties import storage_differences, tolerance_for, with_ties
from optathlon.analysis.report import write_report
from optathlon.analysis.report.page import make_page
from optathlon.errors import UsageError
from optathlon.results.frames import Results
from optathlon.results.tables import load_table

Command = Callable[..., SimpleNamespace]


def one_task(values: list[float], folder: Path) -> Results:
    rows = [(f"o{number:03}", "t", 0, 1, value) for number, value in enumerate(values)]
    columns = ["optimizer", "task", "seed", "step", "value"]
    pd.DataFrame(rows, columns=columns).to_parquet(folder / "t.parquet", index=False)
    return load_table(folder / "t.parquet")


def tied(values: list[float], tolerance: float, folder: Path) -> list[float]:
    return with_ties(one_task(values, folder), tolerance).trials["value"].tolist()


@given(
    st.lists(st.floats(-100, 100).map(lambda value: round(value, 3)), min_size=1, max_size=30),
    st.sampled_from([1e-8, 1e-3, 0.1]),
)
def test_no_value_moves_further_than_the_tolerance_and_the_order_stays(
    tmp_path_factory: pytest.TempPathFactory, values: list[float], tolerance: float
) -> None:
    merged = np.array(tied(values, tolerance, tmp_path_factory.mktemp("ties")))
    before = np.array(values)
    assert (np.abs(merged - before) <= tolerance * np.maximum(np.abs(merged), np.abs(before)) + 1e-15).all()
    order = np.argsort(before, kind="stable")
    assert (np.diff(merged[order]) >= 0).all()
    apart = np.diff(np.unique(merged))
    larger = np.maximum(np.abs(np.unique(merged)[1:]), np.abs(np.unique(merged)[:-1]))
    assert (apart > tolerance * larger).all()


def test_tasks_and_failures_are_apart(tmp_path: Path) -> None:
    table = pd.DataFrame({"optimizer": ["a", "b", "a", "b"], "task": ["t", "t", "u", "u"], "seed": 0, "step": 1})
    table.assign(value=[1.0, 1 + 1e-9, 1 - 1e-9, np.nan]).to_csv(tmp_path / "t.csv", index=False)
    values = with_ties(load_table(tmp_path / "t.csv"), 1e-8).trials["value"]
    np.testing.assert_array_equal(values, [1.0, 1.0, 1 - 1e-9, np.nan])


@pytest.mark.parametrize("tolerance", [-1e-8, 1.0, np.nan, np.inf])
def test_a_tolerance_must_be_a_share(tolerance: float, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="a share of their size from 0 to below 1"):
        tied([1.0], tolerance, tmp_path)


@pytest.mark.parametrize(
    ("stored", "tolerance"),
    [
        (0.123456789012345 * (1 + 5e-9), 1e-8),
        (float(np.float32(0.123456789012345)), 1e-7),
        (0.1234568, 1e-6),
        (0.12346, 1e-4),
        (0.12345678901, 1e-8),
    ],
)
def test_the_same_value_in_other_precision_is_found(stored: float, tolerance: float) -> None:
    losses = pd.DataFrame({"a": [0.123456789012345, 0.3], "b": [stored, 0.4], "c": [0.2, np.nan]})
    found = storage_differences(losses)
    assert found.index.tolist() == [0]
    assert tolerance_for(found) <= max(tolerance, 1e-8)
    assert abs(stored / 0.123456789012345 - 1) <= tolerance_for(found)


@pytest.mark.parametrize("other", [0.123456789012345, 0.1234571, 0.123456789012345 * (1 + 3e-8), 0.1235, 0.12])
def test_other_values_are_no_differences_of_precision(other: float) -> None:
    assert storage_differences(pd.DataFrame({"a": [0.123456789012345], "b": [other]})).empty


@pytest.fixture
def two_programs(tmp_path: Path) -> Path:
    """Optimizer `b` is `a` in single precision, a tiny bit worse or better; `c` is worse than both, on 12 tasks."""
    values = np.random.default_rng(0).random(12) + 0.5
    parts = {"a": values, "b": values.astype(np.float32).astype(float), "c": values + 1}
    rows = [(name, f"t{task:02}", 0, 1, value) for name, own in parts.items() for task, value in enumerate(own)]
    table = pd.DataFrame(rows, columns=["optimizer", "task", "seed", "step", "value"])
    table.to_csv(tmp_path / "two.csv", index=False)
    return tmp_path / "two.csv"


def test_the_page_warns_and_the_flag_is_stated_there(two_programs: Path) -> None:
    results = load_table(two_programs)
    noisy = make_page(results).html("Report")
    assert "On 12 of 12 tasks, ranks rest on differences as they come about" in noisy
    assert "--ties 1e-07" in noisy
    page = write_report(results, two_programs.parent / "tied", ties=1e-7).read_text()
    assert "Values on a task that differ by at most 1e-07 of the larger one count as equal." in page
    assert "ranks rest on differences" not in page
    standings = pd.read_csv(two_programs.parent / "tied" / "figures" / "standings.csv", index_col=0)
    assert standings["mean_rank"].to_dict() == {"a": 1.5, "b": 1.5, "c": 3.0}
    pairs = pd.read_csv(two_programs.parent / "tied" / "figures" / "pairs.csv", index_col=[0, 1])
    assert pairs["p_value"].to_dict()["a", "b"] == 1.0
    assert pairs["p_value"].to_dict()["a", "c"] == pytest.approx(2 / 2**12)


def test_results_of_the_harness_itself_bring_no_warning(two_programs: Path) -> None:
    table = load_table(two_programs)
    results = Results(table.runs, table.trials, table.tasks, table.provenance.drop(columns="file"))
    page = make_page(results).html("Report")
    assert "ranks rest on differences" not in page


def test_pairs_of_two_results_tie_together(two_programs: Path) -> None:
    results = load_table(two_programs)
    one, other = (
        Results(
            results.runs[results.runs["optimizer"] == name].assign(optimizer="a"),
            results.trials[results.trials["optimizer"] == name].assign(optimizer="a"),
            results.tasks,
            results.provenance,
        )
        for name in ("a", "b")
    )
    assert not paired_runs(one, other)["identical"].any()
    assert paired_runs(one, other, ties=1e-7)["identical"].all()
    assert len(Analysis(with_ties(results, 1e-7)).final_losses) == 36


def test_compare_names_pairs_that_may_be_equal(two_programs: Path, in_process: Command) -> None:
    table = pd.read_csv(two_programs)
    for name in ("a", "b"):
        part = table[table["optimizer"] == name].assign(optimizer="mine")
        part.to_csv(two_programs.with_name(f"{name}.csv"), index=False)
    files = [two_programs.with_name(f"{name}.csv") for name in ("a", "b")]
    compared = in_process("compare", *files)
    assert re.search(r"12 pairs of runs differ by \d(\.\d)?e-08 of the value at most", compared.stdout)
    again = in_process("compare", *files, "--ties", "1e-7")
    assert "mine: identical, value by value, in all 12 runs" in again.stdout
    assert "pairs of runs differ" not in again.stdout
