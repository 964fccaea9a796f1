"""Runs in this very process, one after the other: for notebooks, where classes are in no file, and for debuggers."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from optathlon.errors import UsageError
from optathlon.experiments.executors.executor import Assignment, Executor
from optathlon.experiments.executors.messages import (
    Batch,
    Ended,
    Flush,
    Interrupted,
    Order,
    Refused,
    RunElsewhere,
    Stored,
    Verify,
)
from optathlon.experiments.executors.worker import Worker
from optathlon.running.gpus import visible_gpus
from optathlon.running.runs import RunSpec


class InProcessExecutor(Executor):
    """Does runs in this process. Nothing protects it from a library that crashes it; `local` is for that."""

    def __init__(self, options: Any, assignment: Assignment) -> None:
        self._settings = replace(assignment.settings, driver=None)
        self._watcher = assignment.watcher
        self._ended: dict[str, Ended] = {}

    @classmethod
    def available_gpus(cls) -> float:
        """Those that this process sees."""
        return len(visible_gpus())

    def run(self, runs: Sequence[RunSpec], stored_fingerprints: Mapping[str, str]) -> None:
        """Do all runs; see `Executor`."""
        with tempfile.TemporaryDirectory(prefix="optathlon-") as scratch:
            worker = Worker(self._settings, 0, Path(scratch))
            try:
                for task, fingerprint in stored_fingerprints.items():
                    self._order(worker, Verify(task, fingerprint))
                for place, spec in enumerate(runs):
                    self._watcher.tick([spec], len(runs) - place)
                    if self._watcher.is_done(spec):
                        self._watcher.elsewhere(spec)
                    else:
                        self._order(worker, Batch([spec]))
                self._order(worker, Flush())
            finally:
                worker.close()

    def _order(self, worker: Worker, order: Order) -> None:
        for report in worker.handle(order):
            match report:
                case Ended(run):
                    self._ended[run] = report
                case RunElsewhere(run):
                    self._watcher.elsewhere(next(spec for spec in getattr(order, "runs", ()) if spec.id == run))
                case Stored(stored):
                    for run in stored:
                        ended = self._ended.pop(run)
                        self._watcher.ended(ended.status, ended.reason)
                case Refused(message):
                    raise UsageError(message)
                case Interrupted(error):
                    raise error
