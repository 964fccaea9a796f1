"""How an experiment stands at one moment, as the page shows it."""

from __future__ import annotations

import shlex
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from optathlon.redaction import redacted
from optathlon.results.causes import same_cause
from optathlon.results.drivers import Driver
from optathlon.results.folder import ResultsFolder
from optathlon.results.planned import planned_runs
from optathlon.results.status import COLUMNS, FolderStatus, failed_statuses, is_failure, status_of
from optathlon.text import clean
from optathlon.trial import COMPLETE, Status

_COLUMNS = [*COLUMNS, "task", "seed", "error"]
_FAILURES = 20
_LAST_LINES = 12
_RUNNING = 20
_MOST_BINS = 60
_BIN_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400)


def snapshot(folder: ResultsFolder) -> dict[str, Any]:
    """All that the page shows, as JSON values; times are seconds since 1970.

    Raises `UsageError` where the folder is gone, or a file of it is damaged.
    """
    folder = ResultsFolder.open(folder.path)
    planned = planned_runs(folder)
    finished = folder.finished(_COLUMNS)
    state = status_of(folder, finished, planned)
    runs = finished.to_pandas()
    now = time.time()
    return {
        "folder": str(folder.path),
        "now": now,
        "done": state.statuses.total(),
        "planned": state.planned,
        "left": state.left,
        "statuses": dict(state.statuses),
        "failed": sum(count for _, _, count in state.failures),
        "rate": state.rate if state.drivers else 0.0,
        "time_left": None if state.time_left is None else state.time_left.total_seconds(),
        "drivers": [_driver(driver) for driver in state.drivers],
        "journals": state.journals,
        "failures": list(_failures(runs)),
        "optimizers": _optimizers(runs, planned),
        "history": _history(runs, now if state.drivers else None),
        "files": state.files,
        "size": state.size,
        "commands": _commands(folder, state),
    }


def _driver(driver: Driver) -> dict[str, Any]:
    where = f"{driver.executor}, {driver.jobs} workers, process {driver.pid} on {driver.host}"
    running = [clean(redacted(line)) for line in driver.running[:_RUNNING]]
    return {"where": clean(where), "left": driver.left, "running": running, "more": len(driver.running) - len(running)}


def _commands(folder: ResultsFolder, state: FolderStatus) -> dict[str, str]:
    """What a user may want to do next, as commands for a shell."""
    place = shlex.quote(str(folder.path))
    commands = {}
    if state.left and not state.drivers:
        commands["resume"] = f"optathlon resume {place}"
    if failed := failed_statuses(state.statuses):
        commands["retry"] = f"optathlon retry {place} --status {','.join(failed)}"
    return commands


def _failures(runs: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Causes, the most frequent first, each with its first run and the last lines of that run's error."""
    failed = runs[is_failure(runs["status"])].sort_values(["started", "run"])
    failed = failed.assign(error=failed["error"].fillna(""))
    statuses, reasons = failed["status"].astype(str), same_cause(failed["reason"].fillna("").astype(object))
    counts = Counter(zip(statuses, reasons, strict=True))
    first: dict[tuple[str, str], Any] = {}
    for key, row in zip(zip(statuses, reasons, strict=True), failed.itertuples(), strict=True):
        first.setdefault(key, row)
    for (status, reason), count in counts.most_common(_FAILURES):
        run = first[status, reason]
        yield {
            "status": status,
            "reason": redacted(reason),
            "count": count,
            "run": f"{run.optimizer} on {run.task} with seed {run.seed}",
            "lines": redacted(_last_lines(run.error)),
        }


def _last_lines(error: str) -> str:
    """The end of an error, without the lines that only point at what is above them."""
    lines = [line for line in error.strip().splitlines() if line.strip(" ^~")]
    return "\n".join(lines[-_LAST_LINES:])


def _optimizers(runs: pd.DataFrame, planned: pa.Table | None) -> list[dict[str, Any]]:
    """By optimizer, the slowest first: runs that are planned, done and failed, and mean seconds of a run."""
    names = runs["optimizer"].astype(str)
    done, failed = names.value_counts(), names[is_failure(runs["status"])].value_counts()
    wanted = done if planned is None else planned["optimizer"].to_pandas().astype(str).value_counts()
    took = runs["seconds"].where(runs["status"].astype(str) != Status.SKIPPED).groupby(names).mean().dropna()
    every = sorted({*wanted.index, *done.index}, key=lambda name: (-took.get(name, -1.0), name))
    return [
        {
            "name": name,
            "planned": max(int(wanted.get(name, 0)), int(done.get(name, 0))),
            "done": int(done.get(name, 0)),
            "failed": int(failed.get(name, 0)),
            "seconds": None if name not in took else float(took[name]),
        }
        for name in every
    ]


def _history(runs: pd.DataFrame, now: float | None) -> dict[str, Any]:
    """How many runs ended in each of some equal spans of time, from the first run on, and until `now` if given."""
    if runs.empty:
        return {"begin": 0.0, "seconds": 1, "ok": [], "other": []}
    began = runs["started"].astype("datetime64[ns, UTC]").astype(np.int64).to_numpy() / 1e9
    ended = began + runs["seconds"].to_numpy()
    first, last = began.min(), max(ended.max(), now or 0.0)
    days = 86400 * (1 + int((last - first) // (86400 * _MOST_BINS)))
    days = 86400 * (1 + int((last - first) // (86400 * _MOST_BINS)))
    seconds = next((size for size in _BIN_S if last - first < size * _MOST_BINS), days)
    places = ((ended - first) // seconds).astype(int)
    count = int((last - first) // seconds) + 1
    complete = runs["status"].astype(str).isin(list(COMPLETE)).to_numpy()
    ok, other = (np.bincount(places[rows], minlength=count).tolist() for rows in (complete, ~complete))
    return {"begin": float(first), "seconds": seconds, "ok": ok, "other": other}
