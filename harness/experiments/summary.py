"""What came of an experiment, as its results folder tells it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Sequence
from dataclasses import dataclass

import pyarrow as pa

from optathlon.html_table import html_table
from optathlon.redaction import redacted
from optathlon.results.folder import ResultsFolder
from optathlon.results.status import failures_by_cause


@dataclass(frozen=True)
class Summary:
    """What came of an experiment.

    Attributes
    ----------
    folder:
        Where its results are.
    statuses:
        How many of its stored runs have which status.
    new:
        How many of them this call stored.
    missing:
        How many of its runs are not stored, as other drivers are at them, or were.
    unplaced:
        How many need GPUs that are not here.
    failures:
        Of its runs that are neither complete nor skipped: status, reason and how many, the most frequent first.
    damaged:
        Files of the results folder that were found damaged, and set aside or written again; where they were of a shard,
        its runs were done again.
    notes:
        What the tasks tell of their data (`Task.notes`), with the task's id before it.
    """

    folder: ResultsFolder
    statuses: Counter[str]
    new: int
    missing: int = 0
    unplaced: int = 0
    failures: Sequence[tuple[str, str, int]] = ()
    damaged: Sequence[str] = ()
    notes: Sequence[str] = ()

    def _repr_html_(self) -> str:
        """What a notebook shows: how many runs ended how, and why some failed."""
        title = f"{self.statuses.total():,} runs in {self.folder.path} ({self.new:,} new)"
        reasons = {status: f"{count:,} x {redacted(reason)}" for status, reason, count in reversed(self.failures)}
        rows = [(status, count, reasons.get(status, "")) for status, count in sorted(self.statuses.items())]
        return html_table(title, ("status", "runs", "most frequent reason"), rows)


def stored_outcomes(stored: pa.Table, ids: Container[str]) -> tuple[Counter[str], list[tuple[str, str, int]]]:
    """How many of the runs with these ids have which status, and their failures; `stored` are the finished runs."""
    rows = zip(*(stored[name].to_pylist() for name in ("run", "status", "reason")), strict=True)
    ended = Counter((status, reason) for run, status, reason in rows if run in ids)
    statuses: Counter[str] = Counter()
    for (status, _), count in ended.items():
        statuses[status] += count
    return statuses, failures_by_cause(ended)
