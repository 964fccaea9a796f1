"""Values that stand for failures, and runs without a successful trial."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from optathlon.errors import UsageError
from optathlon.results.failures import with_failure_values
from optathlon.results.frames import Results
from optathlon.results.tables import load_table


def results(tmp_path: Path, values: dict[str, list[float]], **columns: object) -> Results:
    rows = [(o, "t", 0, step, value) for o, own in values.items() for step, value in enumerate(own, start=1)]
    table = pd.DataFrame(rows, columns=["optimizer", "task", "seed", "step", "value"]).assign(**columns)
    table.to_csv(tmp_path / "t.csv", index=False)
    return load_table(tmp_path / "t.csv")


def statuses(found: Results) -> dict[str, str]:
    return dict(zip(found.runs["optimizer"], found.runs["status"], strict=True))


def test_failure_values_become_failures_also_where_they_were_stored_in_single_precision(tmp_path: Path) -> None:
    before = results(tmp_path, {"a": [0.1, float(np.float32(2.288))], "b": [2.288, 2.2881], "c": [2.288]})
    (after,) = with_failure_values(before, values=[2.288])
    assert after.trials["status"].tolist() == ["ok", "crashed", "crashed", "ok", "crashed"]
    assert after.trials["value"].isna().tolist() == [False, True, True, False, True]
    assert statuses(after) == {"a": "ok", "b": "ok", "c": "crashed"}
    assert statuses(before) == dict.fromkeys("abc", "ok")
    assert after.runs.dtypes.astype(str).equals(before.runs.dtypes.astype(str))


def test_a_failure_value_must_be_in_some_of_the_results(tmp_path: Path) -> None:
    one, other = (results(tmp_path, values) for values in ({"a": [0.1, 100.0]}, {"a": [0.2]}))
    marked = with_failure_values(one, other, values=[100])
    assert [each.trials["status"].tolist() for each in marked] == [["ok", "crashed"], ["ok"]]
    with pytest.raises(UsageError, match=r"no trial has the value 99\.5"):
        with_failure_values(one, other, values=[100, 99.5])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_failure_value_is_finite(value: float, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="give a finite value"):
        with_failure_values(results(tmp_path, {"a": [0.1, np.inf]}), values=[value])


def test_runs_of_a_table_fail_where_no_trial_succeeded(tmp_path: Path) -> None:
    values = {"a": [np.nan, 0.5], "b": [np.nan, np.nan], "c": [np.inf], "d": [0.5, 0.5]}
    status = ["ok", "ok", "crashed", "timeout", "ok", "ok", "diverged"]
    found = results(tmp_path, values, status=status)
    assert statuses(found) == {"a": "ok", "b": "timeout", "c": "invalid", "d": "ok"}
    assert statuses(results(tmp_path, {"d": [0.5]}, status=["diverged"])) == {"d": "crashed"}
    assert found.runs["reason"].notna().tolist() == [False, True, True, False]
