"""What ran, what failed and what is missing: shown before any result."""

from __future__ import annotations

import pandas as pd

from optathlon.results.causes import same_cause
from optathlon.trial import COMPLETE, Status


def coverage(runs: pd.DataFrame) -> pd.DataFrame:
    """Runs by optimizer and collection.

    Returns
    -------
    Index (`optimizer`, `collection`), complete; `ok` (with those that had nothing left to try), `failed`, `skipped`,
    and `missing`: pairs of task and seed that some optimizer has and this one has no record of.
    """
    status = runs["status"].astype(str)
    kind = status.where(~has_failed(runs), "failed").replace(Status.EXHAUSTED.value, Status.OK.value)
    keys = [runs["optimizer"].astype(str).rename("optimizer"), runs["collection"].astype(str).rename("collection")]
    counts = pd.crosstab(keys, kind).reindex(columns=["ok", "failed", "skipped"], fill_value=0)
    optimizers, collections = (sorted(key.unique()) for key in keys)
    complete = pd.MultiIndex.from_product([optimizers, collections], names=["optimizer", "collection"])
    counts = counts.reindex(complete, fill_value=0)
    pairs = runs[["collection", "task", "seed"]].astype({"collection": str, "task": str}).drop_duplicates()
    expected = pairs.groupby("collection").size()
    counts["missing"] = counts.index.get_level_values("collection").map(expected.to_dict()) - counts.sum(axis=1)
    counts.columns.name = None
    return counts


def has_failed(runs: pd.DataFrame) -> pd.Series:
    """Boolean, by run: whether it is neither complete nor skipped."""
    return ~runs["status"].astype(str).isin([*COMPLETE, Status.SKIPPED])


def run_failures(runs: pd.DataFrame) -> pd.DataFrame:
    """Runs that are not complete, by optimizer, status and cause, the most frequent first.

    Returns
    -------
    `optimizer`, `status`, `reason` (or the last line of the error; one where only numbers differ), `runs`, `tasks` (how
    many), `example` (one task).
    """
    failed = runs[~runs["status"].astype(str).isin(list(COMPLETE))]
    reason = failed["reason"].fillna(failed["error"].map(_last_line)).fillna("no reason recorded")
    frame = failed[["optimizer", "status", "task"]].astype(str).assign(reason=same_cause(reason.astype(str)))
    return _grouped(frame, "runs")


def trial_failures(trials: pd.DataFrame) -> pd.DataFrame:
    """Trials that are not `ok`, by optimizer, status and cause, the most frequent first.

    Returns
    -------
    `optimizer`, `status`, `reason` (the last line of the error; one where only numbers differ), `trials`, `tasks` (how
    many), `example` (one task).
    """
    failed = trials[(trials["status"] != "ok").to_numpy()]
    reason = failed["error"].map(_last_line).fillna("no error recorded")
    frame = failed[["optimizer", "status", "task"]].astype(str).assign(reason=same_cause(reason.astype(str)))
    return _grouped(frame, "trials")


def failed_trial_share(trials: pd.DataFrame) -> pd.Series:
    """The share of trials that are not `ok`, by optimizer, in [0, 1]."""
    share = (trials["status"] != "ok").groupby(trials["optimizer"], observed=True).mean()
    return share.set_axis(share.index.astype(str)).sort_index().rename("failed_trials")


def _grouped(frame: pd.DataFrame, count: str) -> pd.DataFrame:
    """How many rows (called `count`), how many tasks and one of them, by optimizer, status and reason."""
    grouped = frame.groupby(["optimizer", "status", "reason"])["task"]
    table = pd.DataFrame({count: grouped.size(), "tasks": grouped.nunique(), "example": grouped.min()}).reset_index()
    order = [count, "optimizer", "status", "reason"]
    return table.sort_values(order, ascending=[False, True, True, True]).reset_index(drop=True)


def _last_line(error: object) -> str | None:
    lines = error.strip().splitlines() if isinstance(error, str) else []
    return lines[-1].strip() if lines else None
