"""Doing an experiment: plan, results folder, workers, and what came of it."""

from __future__ import annotations

import os
import platform
import signal
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from types import FrameType

from optathlon.accounting import Outcome
from optathlon.errors import UsageError
from optathlon.executors.local import LocalExecutor
from optathlon.executors.worker import WorkerSettings
from optathlon.experiment import Experiment
from optathlon.plan import Plan, make_plan
from optathlon.progress import Progress
from optathlon.provenance import record_provenance
from optathlon.registry import load_plugin, loaded_plugins, make_task
from optathlon.runs import RunSpec
from optathlon.store.folder import ResultsFolder
from optathlon.store.rows import Session, run_row
from optathlon.store.writer import ShardWriter
from optathlon.trial import Status


@dataclass(frozen=True)
class Summary:
    """What came of an experiment: all its runs in the results folder, by status, and how many are new."""

    folder: ResultsFolder
    statuses: Counter[str]
    new: int


def plan_experiment(experiment: Experiment) -> Plan:
    """The plan of an experiment, given what its results folder holds. Writes nothing.

    Raises `UsageError` where the experiment can't be done.
    """
    for plugin in experiment.plugins:
        load_plugin(plugin)
    finished: set[str] = set()
    if experiment.out.is_file():
        raise UsageError(f"{str(experiment.out)!r} is a file: give another --out folder")
    if experiment.out.exists() and any(experiment.out.iterdir()):
        finished = set(ResultsFolder.open(experiment.out).finished()["run"].to_pylist())
    return make_plan(experiment, finished)


def run_experiment(experiment: Experiment) -> Summary:
    """Do what is missing of an experiment, and store it.

    Raises `UsageError` where the experiment can't be done. A KeyboardInterrupt (or SIGTERM) ends the workers after
    they have stored what they finished, and goes on to the caller.
    """
    plan = plan_experiment(experiment)
    folder = ResultsFolder.create(experiment.out)
    session = Session(experiment.name, platform.node(), record_provenance(folder))
    bookkeeper = _Bookkeeper(folder, session, plan)
    bookkeeper.store((spec, Outcome(Status.SKIPPED, [], 0.0, reason)) for spec, reason in plan.skipped)
    if plan.todo:
        _do_runs(plan, experiment.jobs, WorkerSettings(folder, session, loaded_plugins(), os.getpid()), bookkeeper)
    return Summary(folder, _statuses(folder, plan), len(plan.todo) + len(plan.skipped))


def _do_runs(plan: Plan, jobs: int, settings: WorkerSettings, bookkeeper: _Bookkeeper) -> None:
    folder = settings.folder
    with _terminating_as_interrupt(), Progress(len(plan.todo), folder.path / "log.txt") as progress:

        def on_death(spec: RunSpec, reason: str) -> None:
            bookkeeper.store([(spec, Outcome(Status.CRASHED, [], 0.0, reason))])
            progress.ended(Status.CRASHED)

        executor = LocalExecutor(jobs, settings, progress.ended, on_death, progress.tick)
        executor.run(plan.todo, _fingerprints_to_verify(folder, plan))


class _Bookkeeper:
    """Stores the runs that no worker can: skipped ones, and those that took their worker down."""

    def __init__(self, folder: ResultsFolder, session: Session, plan: Plan) -> None:
        self._writer = ShardWriter(folder)
        self._session = session
        self._plan = plan

    def store(self, runs: Iterable[tuple[RunSpec, Outcome]]) -> None:
        now = datetime.now(UTC)
        for spec, outcome in runs:
            options = self._plan.optimizers[spec.optimizer].options
            if not self._writer.has_described(spec.task):
                self._writer.describe(make_task(spec.task), fingerprint="")
            self._writer.add(run_row(spec, outcome, self._session, options, None, now, 0.0), outcome.trials)
        self._writer.flush()


def _fingerprints_to_verify(folder: ResultsFolder, plan: Plan) -> dict[str, str]:
    """Stored fingerprints of the tasks that have, in the same version, both finished runs and runs to do."""
    stored = folder.finished().select(["task", "task_version", "fingerprint"]).to_pydict()
    wanted = {(spec.task, spec.task_version) for spec in plan.todo}
    rows = zip(stored["task"], stored["task_version"], stored["fingerprint"], strict=True)
    return {task: fingerprint for task, version, fingerprint in rows if (task, version) in wanted and fingerprint}


def _statuses(folder: ResultsFolder, plan: Plan) -> Counter[str]:
    wanted = {*plan.done, *(spec.id for spec in plan.todo), *(spec.id for spec, _ in plan.skipped)}
    stored = folder.finished()
    statuses = dict(zip(stored["run"].to_pylist(), stored["status"].to_pylist(), strict=True))
    return Counter(status for run, status in statuses.items() if run in wanted)


@contextmanager
def _terminating_as_interrupt() -> Iterator[None]:
    """Within this block SIGTERM ends the experiment as cleanly as Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
