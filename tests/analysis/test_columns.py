from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from storage import Run, filled

from optathlon import load
from optathlon.analysis.analysis import Analysis
from optathlon.analysis.metrics.axes import OrderedTrials
from optathlon.analysis.metrics.columns import READ_COLUMNS, TRIAL_COLUMNS
from optathlon.cli.source import read_results
from optathlon.errors import UsageError
from optathlon.results.frames import Results
from optathlon.results.schema import TRIALS


@pytest.mark.parametrize("name", TRIAL_COLUMNS)
def test_a_missing_column_is_named_and_never_taken_for_missing_values(plain: Results, name: str) -> None:
    with pytest.raises(UsageError, match=rf"`{name}`.*load the results with all columns"):
        Analysis(replace(plain, trials=plain.trials.drop(columns=name)))


def test_only_metrics_may_be_absent(plain: Results) -> None:
    ordered = OrderedTrials(replace(plain, trials=plain.trials.drop(columns="worker")))
    with pytest.raises(UsageError, match="`worker`"):
        ordered.column("worker")
    assert np.isnan(ordered.metric("tokens")).all()
    assert np.isnan(ordered.spent("gpu_seconds")).all()


def test_configurations_are_needed_only_for_what_is_made_of_them(plain: Results) -> None:
    analysis = Analysis(replace(plain, trials=plain.trials.drop(columns="config")))
    assert analysis.final_losses.notna().all()
    with pytest.raises(UsageError, match="`config`"):
        analysis.trials_of("toy/f0")


def test_what_commands_read_is_enough_and_python_reads_all(tmp_path: Path) -> None:
    filled(tmp_path / "out", [[Run(seed, trials=3) for seed in range(3)]])
    whole, read = load(tmp_path / "out").trials, read_results(tmp_path / "out")
    flat = {"values", "constraints", "metrics"}
    assert {*TRIALS.names} - flat <= {*whole}
    assert {*TRIAL_COLUMNS} <= {*read.trials} < {*whole}
    assert "config" in read_results(tmp_path / "out", configurations=True).trials
    assert {*READ_COLUMNS} >= {*TRIAL_COLUMNS}
    Analysis(read)
