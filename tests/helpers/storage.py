"""Small results folders, and processes that are killed or interleaved at any of their file operations."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import pyarrow.parquet as pq
import pytest

from optathlon import Budget, Status, as_task
from optathlon.results.folder import ResultsFolder
from optathlon.results.rows import Session, run_row
from optathlon.results.writer import ShardWriter
from optathlon.running.accounting import RunOutcome, TrialRecord
from optathlon.running.runs import RunSpec
from optathlon.task import Task

SESSION = Session("host", "0123")
STARTED = datetime(2024, 5, 6, 7, 8, 9, 123456, tzinfo=UTC)
TOYS: tuple[Task, ...] = tuple(
    as_task(f"toy/{name}", space={"x": (0.0, 1.0)})(lambda config: config["x"]) for name in "abc"
)


@dataclass(frozen=True)
class Run:
    """A finished run: `seed` also chooses its task, and `value` tells it from others of the same id."""

    seed: int
    trials: int = 1
    attempt: int = 1
    value: float = 0.0

    @property
    def task(self) -> Task:
        return TOYS[self.seed % len(TOYS)]

    @property
    def spec(self) -> RunSpec:
        return RunSpec("random", self.task.id, "1", self.seed, 7, Budget(5), attempt=self.attempt, experiment="mine")

    @property
    def records(self) -> list[TrialRecord]:
        return [trial_record(trial, self.value + trial / 8) for trial in range(self.trials)]


def trial_record(trial: int, value: float) -> TrialRecord:
    known = {"trial": trial, "config": {"x": 0.1 * trial}, "values": (value,), "status": "ok", "error": None}
    zeros = {"evaluations": 1.0, "ask_s": 0.5, "tell_s": 0.25, "evaluate_s": 0.125, "start": 0.0, "end": 1.0}
    rest = dict.fromkeys(TrialRecord._fields) | {"worker": 0, "over_budget": False}
    return TrialRecord(**rest | zeros | known)


def collect(writer: ShardWriter, run: Run, fingerprint: str = "f1") -> None:
    """Give a run to a writer, as a worker does."""
    outcome = RunOutcome(Status.OK, run.records, float(run.trials))
    writer.describe(run.task, fingerprint)
    writer.add(run_row(run.spec, outcome, SESSION, {"a": 1}, fingerprint, STARTED, 1.5), outcome.trials)


def write(folder: ResultsFolder, shards: Iterable[Sequence[Run]], fingerprint: str = "f1") -> Iterator[str]:
    """Write shards as one worker does; the ids of the runs as they are reported to be stored."""
    writer = ShardWriter(folder)
    for runs in shards:
        for run in runs:
            collect(writer, run, fingerprint)
        yield from writer.flush()


def filled(path: Path, *workers: Iterable[Sequence[Run]], fingerprint: str = "f1") -> ResultsFolder:
    """The results folder at `path` with what some workers wrote."""
    folder = ResultsFolder.create(path)
    for shards in workers:
        assert list(write(folder, shards, fingerprint)) == [run.spec.id for runs in shards for run in runs]
    return folder


def content(folder: ResultsFolder) -> tuple[list[dict[str, Any]], ...]:
    """All that a results folder tells: runs, trials and tasks."""
    runs, trials = folder.read()
    return runs.to_pylist(), trials.to_pylist(), folder.read_tasks()


def files(folder: Path) -> dict[str, bytes]:
    """Every file below `folder`."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


class Crash(BaseException):
    """The process was killed here."""


def crash() -> None:
    raise Crash


class Operations:
    """Counts the file operations of the store, and does something before the one of a number (from 0)."""

    def __init__(self, number: int, action: Callable[[], object]) -> None:
        self.count = 0
        self._number = number
        self._action = action
        self._dead = False

    def before_each(self) -> None:
        """A dead process operates no more: what it would tidy up stays."""
        if self._dead:
            raise Crash
        self.count += 1
        if self.count == self._number + 1:
            try:
                self._action()
            except Crash:
                self._dead = True
                raise

    def wrap(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def operation(*args: Any, **options: Any) -> Any:
            self.before_each()
            return original(*args, **options)

        return operation

    def wrap_close(self, close: Callable[..., None]) -> Callable[..., None]:
        """A dead process just doesn't: closing is also what Python does with an object that it forgets."""

        def operation(file: Any) -> None:
            if not self._dead:
                self.before_each()
                close(file)

        return operation


@contextmanager
def operations(number: int = -1, action: Callable[[], object] = crash) -> Iterator[Operations]:
    """Within this block the file operation of that number comes after `action`."""
    watched = Operations(number, action)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pq, "ParquetWriter", type("Watched", (pq.ParquetWriter,), {}))
        for place, name in (
            (pq.ParquetWriter, "__init__"),
            (pq.ParquetWriter, "write_table"),
            (os, "replace"),
            (os, "unlink"),
        ):
            patch.setattr(place, name, watched.wrap(getattr(place, name)))
        patch.setattr(pq.ParquetWriter, "close", watched.wrap_close(pq.ParquetWriter.close))
        patch.setattr(os, "fsync", watched.wrap(lambda descriptor: None))
        yield watched


def cut_temporary_files(folder: Path, random: Random) -> None:
    """A killed process leaves any part of what it was writing."""
    for path in folder.rglob(".*.tmp"):
        os.truncate(path, random.randint(0, path.stat().st_size))
