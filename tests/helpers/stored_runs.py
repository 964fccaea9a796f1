"""Runs with given trials, written as shards."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from optathlon import Budget, Status, as_task
from optathlon.results.folder import ResultsFolder
from optathlon.results.rows import Session, run_row
from optathlon.results.writer import ShardWriter
from optathlon.running.accounting import RunOutcome, TrialRecord
from optathlon.running.runs import RunSpec

SESSION = Session("host", "0123")
STARTED = datetime(2024, 5, 6, 7, 8, 9, 123456, tzinfo=UTC)


@as_task("toy/plain", space={"x": (0.0, 1.0)})
def plain_task(config: dict[str, float]) -> float:
    return config["x"]


def record(trial: int, **changes: Any) -> TrialRecord:
    values = TrialRecord(
        trial=trial,
        config={"x": 0.1 * trial},
        fidelity=None,
        parent=None,
        evaluations=1.0,
        values=(float(trial),),
        constraints=None,
        metrics=None,
        status="ok",
        error=None,
        cost=None,
        ask_s=0.5,
        tell_s=0.25,
        evaluate_s=0.125,
        start=float(trial),
        end=trial + 0.5,
        worker=0,
        over_budget=False,
    )
    return values._replace(**changes)


def store(
    path: Path,
    runs: Sequence[tuple[RunSpec, list[TrialRecord]]],
    *,
    status: Status = Status.OK,
    fingerprint: str = "f1",
    task: Any = plain_task,
) -> ResultsFolder:
    """Write the runs as one shard."""
    folder = ResultsFolder.create(path)
    writer = ShardWriter(folder)
    for spec, trials in runs:
        outcome = RunOutcome(status, trials, float(len(trials)))
        writer.add(run_row(spec, outcome, SESSION, {"a": 1}, fingerprint, STARTED, 1.5), trials)
    writer.describe(task, fingerprint)
    assert writer.flush() == [spec.id for spec, _ in runs]
    return folder


def spec(seed: int = 0, optimizer: str = "random", task: str = "toy/plain") -> RunSpec:
    return RunSpec(optimizer, task, "1", seed, 7, Budget(5), experiment="mine")
