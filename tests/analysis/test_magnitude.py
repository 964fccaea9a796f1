"""Results as large as floats can be are scaled, ranked and told as any others."""

from __future__ import annotations

import re
import sys
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from optathlon.analysis.analysis import Analysis
from optathlon.analysis.metrics.normalisation import between
from optathlon.analysis.metrics.targets import SHARES
from optathlon.analysis.metrics.ties import storage_differences
from optathlon.analysis.report.section import ReportData
from optathlon.analysis.report.sections.coverage import Coverage
from optathlon.results.failures import with_failure_values
from optathlon.results.tables import load_table

LARGEST = sys.float_info.max

pytestmark = pytest.mark.filterwarnings("error")


def test_regret_is_right_where_the_range_of_a_task_is_beyond_floats() -> None:
    index = pd.MultiIndex.from_product([["a"], ["t"], range(4)], names=["optimizer", "task", "seed"])
    losses = pd.DataFrame({1.0: [-LARGEST, 0.0, LARGEST / 2, LARGEST]}, index=index)
    ends = (pd.Series({"t": value}) for value in (-LARGEST, LARGEST))
    assert between(losses, *ends)[1.0].tolist() == [0.0, 0.5, 0.75, 1.0]


def test_the_smallest_numbers_keep_their_regret() -> None:
    index = pd.MultiIndex.from_product([["a"], ["t"], range(3)], names=["optimizer", "task", "seed"])
    losses = pd.DataFrame({1.0: [0.0, 5e-324, 1e-323]}, index=index)
    ends = (pd.Series({"t": value}) for value in (0.0, 1e-323))
    assert between(losses, *ends)[1.0].tolist() == [0.0, 0.5, 1.0]


def test_a_table_of_such_values_has_regrets_and_targets(tmp_path: Path) -> None:
    finals = {"a": -LARGEST, "b": 0.0, "c": LARGEST}
    rows = [
        (name, f"t{task}", 0, step, LARGEST if step == 1 else final)
        for (name, final), task, step in product(finals.items(), range(3), (1, 2))
    ]
    pd.DataFrame(rows, columns=["optimizer", "task", "seed", "step", "value"]).to_csv(tmp_path / "t.csv", index=False)
    analysis = Analysis(load_table(tmp_path / "t.csv"))
    (result,) = analysis.comparisons
    assert result.standings["regret"].to_dict() == {"a": 0.0, "b": 0.5, "c": 1.0}
    reached = analysis.runtimes.drop(columns="spent").notna().groupby(level="optimizer").sum().sum(axis=1) / 3
    middle = sum(share >= 0.5 for share in SHARES)
    assert reached.to_dict() == {"a": len(SHARES), "b": middle, "c": sum(share >= 1 for share in SHARES)}


def test_values_of_opposite_signs_are_not_told_apart_by_precision() -> None:
    losses = pd.DataFrame([[-LARGEST, LARGEST], [LARGEST, np.nextafter(LARGEST, 0)]], columns=["a", "b"])
    assert storage_differences(losses).index.tolist() == [1]


def test_the_advice_on_the_largest_float_as_a_failure_code_works(tmp_path: Path) -> None:
    values = np.random.default_rng(0).random(60)
    values[5::4] = LARGEST
    frame = pd.DataFrame({"optimizer": "a", "task": "t", "seed": 0, "step": range(1, 61), "value": values})
    frame.to_parquet(tmp_path / "t.parquet", index=False)
    results = load_table(tmp_path / "t.parquet")
    (sentence,) = [text for text in Coverage(ReportData(Analysis(results))).caveats() if "--failure-value" in text]
    advised = re.findall(r"--failure-value ([^\s<]+)", sentence)
    (marked,) = with_failure_values(results, values=[float(value) for value in advised])
    assert (marked.trials["status"] == "crashed").sum() == 14
