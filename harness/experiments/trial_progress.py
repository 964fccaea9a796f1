"""Progress of a single run, by its trials, which its journal tells."""

from __future__ import annotations

import time
from pathlib import Path

from optathlon.experiments.progress import ProgressDisplay
from optathlon.problem import Problem
from optathlon.running.accounting import TrialRecord
from optathlon.running.journal import read_journal

_READ_EVERY_S = 1.0


class TrialProgress(ProgressDisplay):
    """Counts the trials of the one run that goes on in a results folder, and tells the best one so far."""

    def __init__(self, problem: Problem, total: int, log: Path) -> None:
        super().__init__(total, log)
        self._objectives = problem.objectives
        self._journals = log.parent / "journal"
        self._read = -_READ_EVERY_S
        self._line = ""

    def text(self) -> str:
        """What is shown, in one line."""
        if self.counts.total():
            return super().text()
        if time.monotonic() - self._read > _READ_EVERY_S:
            self._read = time.monotonic()
            if trials := read_journal(_latest(self._journals), {}):
                self._line = self._told(trials)
        return ", ".join(filter(None, [self._line or "no trial yet", self.note]))

    def _told(self, trials: list[TrialRecord]) -> str:
        spent = sum(record.evaluations for record in trials)
        failed = [record for record in trials if record.values is None]
        parts = [f"{len(trials)} trials", f"{spent:g} evaluations"]
        if failed:
            parts.append(f"{len(failed)} failed, the last as {failed[-1].status}")
        last = next((record for record in reversed(trials) if record.values), None)
        if last is not None and last.values is not None:
            parts.append(f"trial {last.trial}: {self._values(last.values)}")
        if len(self._objectives) == 1 and (found := self._best(trials)):
            parts.append(f"best: {self._values(found.values or ())} in trial {found.trial}")
        return ", ".join(parts)

    def _best(self, trials: list[TrialRecord]) -> TrialRecord | None:
        """The best trial at the highest level so far that violates no constraint."""
        feasible = [one for one in trials if one.values and all(value <= 0 for value in one.constraints or ())]
        highest = max((one.fidelity or 0.0 for one in feasible), default=0.0)
        (objective,) = self._objectives
        return min(
            (one for one in feasible if (one.fidelity or 0.0) == highest),
            key=lambda one: objective.loss((one.values or (0.0,))[0]),
            default=None,
        )

    def _values(self, values: tuple[float, ...]) -> str:
        return ", ".join(f"{one.name} {value:.6g}" for one, value in zip(self._objectives, values, strict=True))


def _latest(folder: Path) -> Path:
    """The file of the folder that was written last; the folder itself where it has none."""
    try:
        return max(folder.glob("*.jsonl"), key=lambda path: path.stat().st_mtime_ns, default=folder)
    except FileNotFoundError:  # the run has just ended
        return folder
