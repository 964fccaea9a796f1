"""How a results folder stands: what is done, running, failed and left, and how fast it goes."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from optathlon.results import arrow
from optathlon.results.causes import causes
from optathlon.results.drivers import Driver, drivers
from optathlon.results.folder import ResultsFolder
from optathlon.results.planned import planned_runs, unfinished
from optathlon.trial import COMPLETE, Status

if TYPE_CHECKING:
    import pandas as pd

WINDOW_S = 600.0
"""The rate is that of the runs which ended in so many last seconds."""
COLUMNS = ["run", "attempt", "optimizer", "status", "reason", "started", "seconds"]
"""Of finished runs, what their status is told by."""
_SLOWEST = 5
_NO_FAILURES = frozenset({*COMPLETE, Status.SKIPPED})


@dataclass(frozen=True)
class FolderStatus:
    """The state of a results folder.

    Attributes
    ----------
    statuses:
        Stored runs by status.
    failures:
        Stored runs that are neither complete nor skipped, by status and reason, the most frequent first.
    planned:
        How many runs its experiments have; `None` where no experiment is stored.
    left:
        How many of these are not stored; where no experiment is, how many the drivers at work have left.
    drivers:
        Who is at work on it.
    journals:
        Long runs that have begun and are not stored, whether they go on now or were killed.
    rate:
        Runs that ended per second in the last `WINDOW_S` seconds; 0 where none did.
    slowest:
        Mean wall-clock seconds of a run, and the number of runs, of the slowest optimizers.
    files, size:
        Number of files, and bytes on disk.
    """

    statuses: Counter[str]
    failures: list[tuple[str, str, int]]
    planned: int | None
    left: int
    drivers: list[Driver]
    journals: int
    rate: float
    slowest: list[tuple[str, float, int]]
    files: int
    size: int

    @property
    def time_left(self) -> timedelta | None:
        """How long the drivers at work will take at the present rate; `None` where that can't be told."""
        going_on = sum(driver.left for driver in self.drivers)
        left = self.left or going_on  # runs that are retried are stored already
        return timedelta(seconds=round(left / self.rate)) if going_on and self.rate else None


def folder_status(folder: ResultsFolder) -> FolderStatus:
    """Look at the folder once. Raises `UsageError` where a file of it is damaged."""
    planned = planned_runs(folder)
    return status_of(folder, folder.finished(COLUMNS), planned)


def status_of(folder: ResultsFolder, finished: pa.Table, planned: pa.Table | None) -> FolderStatus:
    """The status of a folder with these finished runs (with `COLUMNS`), and these planned ones."""
    runs = _plain(finished)
    ended: Counter[tuple[str, str | None]] = Counter()
    statuses: Counter[str] = Counter()
    group, names = arrow.groups(runs["status"], runs["reason"])
    for (status, reason), count in zip(names, np.bincount(group).tolist(), strict=True):
        ended[str(status), reason] += count
        statuses[str(status)] += count
    sizes = list(_sizes(folder.path))
    at_work = list(drivers(folder).values())
    left = sum(driver.left for driver in at_work) if planned is None else len(unfinished(planned, finished))
    return FolderStatus(
        statuses=statuses,
        failures=failures_by_cause(ended),
        planned=None if planned is None else len(planned),
        left=left,
        drivers=at_work,
        journals=len(list((folder.path / "journal").glob("*.jsonl"))),
        rate=_rate(runs, time.time()),
        slowest=_slowest(runs),
        files=len(sizes),
        size=sum(sizes),
    )


def counts_of(statuses: pa.ChunkedArray) -> Counter[str]:
    """How many runs have which of these statuses."""
    group, names = arrow.groups(statuses.cast(pa.string()))
    counts = np.bincount(group).tolist() if len(statuses) else []
    return Counter({str(status): count for (status,), count in zip(names, counts, strict=True)})


def _sizes(path: Path) -> Iterator[int]:
    for file in path.rglob("*"):
        with contextlib.suppress(OSError):  # it has just gone
            if file.is_file():
                yield file.stat().st_size


def failed_statuses(statuses: Iterable[str]) -> list[str]:
    """Those among the statuses of runs that say that a run failed."""
    return sorted(set(statuses) - _NO_FAILURES)


def is_failure(statuses: pd.Series) -> pd.Series:
    """Which of these statuses say that a run failed."""
    return ~statuses.astype(str).isin(list(_NO_FAILURES))


def failures_by_cause(ended: Counter[tuple[str, str | None]]) -> list[tuple[str, str, int]]:
    """The failures among so many runs by status and reason: status, cause and number, the most frequent first."""
    failed = {(status, reason or ""): count for (status, reason), count in ended.items() if status not in _NO_FAILURES}
    reasons: Counter[str] = Counter()
    for (_, reason), count in failed.items():
        reasons[reason] += count
    cause_of = causes(reasons)
    counts: Counter[tuple[str, str]] = Counter()
    for (status, reason), count in failed.items():
        counts[status, cause_of[reason]] += count
    return [(status, cause, count) for (status, cause), count in counts.most_common()]


def _plain(finished: pa.Table) -> pa.Table:
    """With texts as such. To compare them with one of Python, Arrow would load pandas."""
    for name in ("optimizer", "status", "reason"):
        finished = finished.set_column(finished.column_names.index(name), name, finished[name].cast(pa.string()))
    return finished


def _rate(runs: pa.Table, now: float) -> float:
    """Runs per second since the first of those that ended lately began, or since the window opened."""
    if not len(runs):
        return 0.0
    began = arrow.numbers(runs["started"].cast(pa.timestamp("us", "UTC")).cast(pa.int64())) / 1e6
    lately = (now - WINDOW_S < began + arrow.numbers(runs["seconds"])) & (began <= now)
    if not lately.any():
        return 0.0
    return float(lately.sum() / max(now - max(began[lately].min(), now - WINDOW_S), 1e-3))


def _slowest(runs: pa.Table) -> list[tuple[str, float, int]]:
    seconds: dict[str, float] = {}
    done: Counter[str] = Counter()
    group, names = arrow.groups(runs["optimizer"], runs["status"])
    counts = np.bincount(group).tolist()
    sums = np.bincount(group, arrow.numbers(runs["seconds"])).tolist()
    for (optimizer, status), count, total in zip(names, counts, sums, strict=True):
        if status != Status.SKIPPED:
            seconds[str(optimizer)] = seconds.get(str(optimizer), 0.0) + total
            done[str(optimizer)] += count
    means = [(name, total / done[name], done[name]) for name, total in seconds.items()]
    return sorted(means, key=lambda one: (-one[1], one[0]))[:_SLOWEST]
