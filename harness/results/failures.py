"""Failures that are not recorded as such: values that stand for them, and runs without a successful trial."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from optathlon.errors import UsageError
from optathlon.results.frames import Results
from optathlon.trial import COMPLETE, Status

_SINGLE_PRECISION = 1e-7
"""Relative difference of a number and what single precision stores of it."""


def with_failure_values(*results: Results, values: Sequence[float]) -> tuple[Results, ...]:
    """The results, where trials with one of these values have crashed, and runs none of whose trials is left, too.

    Parameters
    ----------
    results:
        As `optathlon.load` returns them; trials of tasks with several objectives stay as they are.
    values:
        In the user's units; a trial has one if both are equal in single precision.

    Raises `UsageError` where a value is infinite or NaN, or no trial of any of the results has it.
    """
    marked = [np.zeros(len(each.trials), dtype=bool) for each in results]
    for value in values:
        if not math.isfinite(value):
            raise UsageError(f"{value:g} can't stand for failures: give a finite value, as any other one fails anyway")
        having = [_having(each.trials, value) for each in results]
        if not any(rows.any() for rows in having):
            raise UsageError(
                f"no trial has the value {value:.12g}, which is to stand for failures: give it as it is in the results"
            )
        marked = [rows | found for rows, found in zip(marked, having, strict=True)]
    return tuple(_failed(each, rows) for each, rows in zip(results, marked, strict=True)) if values else results


def with_status_of_trials(runs: pd.DataFrame, trials: pd.DataFrame) -> pd.DataFrame:
    """The runs, where complete ones without a successful trial have the status of their last one.

    Parameters
    ----------
    runs, trials:
        As in `Results`. Runs don't diverge, but crash.
    """
    ids, complete = runs["run"].astype(str), runs["status"].astype(str).isin(list(COMPLETE))
    succeeded = trials["run"][(trials["status"] == Status.OK).to_numpy()].unique()
    others = trials[~trials["run"].isin(succeeded)]
    last = others["status"].astype(str).groupby(others["run"].astype(str), sort=False).last()
    failed = complete & ids.isin(last.index)
    status = ids.map(last.replace(Status.DIVERGED.value, Status.CRASHED.value))
    return runs.assign(
        status=runs["status"].astype(str).mask(failed, status).astype("category"),
        reason=runs["reason"].astype("str").mask(failed, "no trial succeeded"),
    )


def _having(trials: pd.DataFrame, value: float) -> np.ndarray:
    """Shape (trials,), boolean: successful, of a single objective, with this value."""
    only = trials["value_2"].isna() if "value_2" in trials else True
    equal = np.isclose(trials["value"].to_numpy(dtype=float), value, rtol=_SINGLE_PRECISION, atol=0)
    having: np.ndarray = np.asarray((trials["status"] == Status.OK) & only & equal)
    return having


def _failed(results: Results, rows: np.ndarray) -> Results:
    trials = results.trials
    trials = trials.assign(
        value=trials["value"].mask(rows),
        status=trials["status"].astype(str).mask(rows, Status.CRASHED.value).astype("category"),
        error=trials["error"].astype("str").mask(rows, "the value stands for a failure"),
    )
    return replace(results, trials=trials, runs=with_status_of_trials(results.runs, trials))
