"""Values that are equal but for the precision in which they were stored."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from optathlon.analysis.metrics.magnitude import room
from optathlon.analysis.metrics.objectives import is_multi_objective
from optathlon.errors import UsageError

if TYPE_CHECKING:
    from optathlon.results.frames import Results

PRECISION = 1e-8
"""Values that differ by at most this share of the larger one may well be one value, whatever their digits."""

_COARSEST = 5e-5
_FEWEST_DIGITS = 5
"""Values may also be one value rounded to so many significant digits, or more, if they differ by at most that share."""


def with_ties(results: Results, tolerance: float) -> Results:
    """The results, where values on a task are equal if they differ by at most `tolerance` of the larger one.

    Values are grouped from the smallest on: a group is all that are within the tolerance of its smallest one, which
    they become. So values keep their order, and none moves further than the tolerance. Tasks with several objectives
    stay as they are.

    Parameters
    ----------
    results:
        As `optathlon.load` returns them.
    tolerance:
        Relative, in [0, 1); 0 changes nothing.

    Raises `UsageError` where the tolerance is outside of that.
    """
    if not 0 <= tolerance < 1:
        raise UsageError(
            f"can't take values within {tolerance:g} for equal: give a share of their size from 0 to below 1, such as "
            "1e-8"
        )
    if tolerance == 0:
        return results
    trials = results.trials
    task = trials["task"].astype(str)
    several = results.tasks.index[[is_multi_objective(row) for _, row in results.tasks.iterrows()]]
    single = ~task.isin(several) & np.isfinite(trials["value"])
    merged = trials["value"][single].groupby(task[single]).transform(lambda own: _merged(own.to_numpy(), tolerance))
    return replace(results, trials=trials.assign(value=trials["value"].where(~single, merged)))


def storage_differences(losses: pd.DataFrame) -> pd.Series:
    """Where optimizers are told apart by what may be one value, stored in different precision.

    These are neighbours by loss that differ by at most `PRECISION` of the larger one, or of which one is the other in
    single precision, or rounded to fewer digits.

    Parameters
    ----------
    losses:
        Final losses: one row per pair of task and seed, one column per optimizer; NaN without a result.

    Returns
    -------
    Index as `losses`, only rows with such neighbours: their largest relative difference.
    """
    ordered = np.sort(losses.to_numpy(dtype=float), axis=1)
    low, high = ordered[:, :-1], ordered[:, 1:]
    unit = room(low, high)
    with np.errstate(divide="ignore", invalid="ignore"):
        difference = (high * unit - low * unit) / (unit * np.maximum(np.abs(low), np.abs(high)))
    near = (difference > 0) & (difference <= _COARSEST)
    for row, column in np.argwhere(near & (difference > PRECISION)):
        near[row, column] = _is_rounded(float(low[row, column]), float(high[row, column]))
    largest = pd.Series(np.where(near, difference, 0.0).max(axis=1, initial=0.0), index=losses.index)
    return largest[largest > 0]


def tolerance_for(differences: pd.Series) -> float:
    """The smallest power of ten, at least `PRECISION`, that makes such values equal."""
    return max(PRECISION, 10.0 ** math.ceil(math.log10(float(differences.max()))))


def _merged(values: np.ndarray, tolerance: float) -> np.ndarray:
    """The values, each the smallest of its group."""
    distinct, place = np.unique(values, return_inverse=True)
    merged = distinct.copy()
    for position in range(1, len(distinct)):
        first, value = merged[position - 1], distinct[position]
        if value - first <= tolerance * max(abs(first), abs(value)):
            merged[position] = first
    of_values: np.ndarray = merged[place]
    return of_values


def _is_rounded(one: float, other: float) -> bool:
    """Whether one of two values is the other one with fewer digits."""
    return any(
        float(np.float32(long)) == short or (_digits(short) >= _FEWEST_DIGITS and _rounds_to(long, short))
        for short, long in ((one, other), (other, one))
    )


def _rounds_to(long: float, short: float) -> bool:
    digits = _digits(short)
    return _digits(long) > digits + 1 and float(f"{long:.{digits - 1}e}") == short


def _digits(value: float) -> int:
    """Significant decimal digits."""
    return len(f"{value!r}".partition("e")[0].replace(".", "").lstrip("-0").rstrip("0"))
