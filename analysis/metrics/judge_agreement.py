"""How often the judges of language models' answers were right, where that is known."""

from __future__ import annotations

import numpy as np
import pandas as pd

ACCURACY, KNOWN = "judge/accuracy", "judge/known"
"""Metrics of trials: how often the right one of two answers was preferred, and of how many pairs of which one is."""
_SIDES = {"": "", "test_": "test/"}
"""What names of columns begin with, and metrics."""


def judge_agreement(trials: pd.DataFrame) -> pd.DataFrame:
    """Of each task whose trials tell it, how often its judges preferred the right one of a right and a wrong answer.

    Parameters
    ----------
    trials:
        As `optathlon.load` returns them.

    Returns
    -------
    By task: `accuracy`, in [0, 1], over all trials, where a tie counts half; `known`, the number of pairs that it is
    of; and the same of the test side as `test_accuracy` and `test_known`. NaN and 0 where nothing is known.
    """
    if not any(f"{side}{ACCURACY}" in trials for side in _SIDES.values()):
        return pd.DataFrame(columns=[f"{name}{of}" for name in _SIDES for of in ("accuracy", "known")])
    columns: dict[str, pd.Series] = {}
    for name, side in _SIDES.items():
        accuracy, known = (_numbers(trials, f"{side}{metric}") for metric in (ACCURACY, KNOWN))
        known = known.where(accuracy.notna(), 0.0).fillna(0.0)
        right = (accuracy * known).fillna(0.0)
        tasks = trials["task"].astype(str)
        pairs = known.groupby(tasks).sum()
        columns[f"{name}accuracy"] = right.groupby(tasks).sum() / pairs.where(pairs > 0)
        columns[f"{name}known"] = pairs
    table = pd.DataFrame(columns)
    return table[(table["known"] > 0) | (table["test_known"] > 0)]


def _numbers(trials: pd.DataFrame, name: str) -> pd.Series:
    missing = pd.Series(np.nan, index=trials.index)
    return pd.to_numeric(trials[name], errors="coerce").astype(float) if name in trials else missing
