"""Doing an experiment: plan, results folder, workers, and what came of it."""

from __future__ import annotations

import os
import platform
from collections import Counter
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from optathlon.budget import Budget, BudgetUnit
from optathlon.errors import UsageError, storage_errors
from optathlon.experiments.code_changes import REFUSING, CodePolicy
from optathlon.experiments.executors.choice import choose_executor
from optathlon.experiments.executors.executor import Assignment
from optathlon.experiments.executors.messages import WorkerSettings
from optathlon.experiments.experiment import Execution, Experiment
from optathlon.experiments.plan import Plan, choose_optimizers, make_plan
from optathlon.experiments.progress import ProgressDisplay
from optathlon.redaction import redacted_id
from optathlon.registry.capabilities import mismatch
from optathlon.registry.code import Code
from optathlon.registry.editing import reload_edited
from optathlon.registry.optimizers import OptimizerChoice, choose_optimizer
from optathlon.registry.plugins import PluginSet, load_file
from optathlon.registry.tasks import make_task
from optathlon.results.codes import CODE_COLUMNS
from optathlon.results.damage import restore_mark, set_aside_damaged
from optathlon.results.drivers import DriverRecord, OtherDrivers, drivers, shard_files
from optathlon.results.folder import MARK, ResultsFolder, refuse_uncreatable
from optathlon.results.provenance import record_provenance
from optathlon.results.rows import Session, run_row
from optathlon.results.schema import RUNS
from optathlon.results.status import failures_by_cause
from optathlon.results.writer import ShardWriter, new_shard, task_row, write_shard
from optathlon.running.accounting import RunOutcome
from optathlon.running.clocks import Clock
from optathlon.running.interruption import terminating_as_interrupt
from optathlon.running.journal import discard_journal, journal_path, read_header, read_journal, salvaged
from optathlon.running.runs import RunSpec
from optathlon.task import Task
from optathlon.trial import Status

_ROWS_AT_ONCE = 50_000
_SEEN = ["run", "attempt", "task", "task_version", "fingerprint", "reason", *CODE_COLUMNS]
_IDENTITY = [
    "run", "experiment", "optimizer", "task", "task_version", "seed", "root_seed", "budget", "budget_unit", "n_workers",
    "clock", "attempt", "code", "versions", "status",
]  # fmt: skip

Display = Callable[[int, Path], ProgressDisplay]
"""Makes what shows the progress of so many runs, and logs it to a file."""


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
    """

    folder: ResultsFolder
    statuses: Counter[str]
    new: int
    missing: int = 0
    unplaced: int = 0
    failures: Sequence[tuple[str, str, int]] = ()
    damaged: Sequence[str] = ()


@dataclass(frozen=True)
class FolderContents:
    """What a results folder held before it was decided what to do: its shards, and its finished runs.

    `finished` has the columns `run`, `attempt`, `task`, `task_version`, `fingerprint`, `status`, `reason`, and
    `CODE_COLUMNS`.
    """

    shards: set[Path]
    finished: pa.Table

    @classmethod
    def of(cls, path: Path) -> FolderContents:
        """Look at the folder, which need not exist yet. Reading millions of runs takes a while: look once."""
        shards = shard_files(path)
        if ResultsFolder.is_new(path):
            return cls(shards, pa.table({name: pa.array([], pa.string()) for name in _SEEN}))
        return cls(shards, ResultsFolder.open(path).finished(_SEEN))


def plan_experiment(experiment: Experiment) -> Plan:
    """The plan of an experiment, given what its results folder holds. Writes nothing.

    Raises `UsageError` where the experiment can't be done.
    """
    plan = _plan(experiment, _contents(experiment))
    refuse_uncreatable(experiment.out)
    return plan


def run_experiment(
    experiment: Experiment,
    announce: Callable[[Plan], None] = lambda plan: None,
    display: Display = ProgressDisplay,
) -> Summary:
    """Do what is missing of an experiment, and store it; `announce` is told the plan before anything runs.

    `display` makes what shows the progress, from the number of runs and the file to log to.

    Raises `UsageError` where the experiment can't be done, and `Interruption` where runs can't go on, as where results
    can't be written. A KeyboardInterrupt (or SIGTERM) ends the workers after they have stored what they finished, and
    goes on.
    """
    damaged = _set_aside_damaged(experiment.out)
    before = _contents(experiment)
    plan = _plan(experiment, before)
    announce(plan)
    folder = ResultsFolder.create(experiment.out)
    with storage_errors(folder.path):
        session = _session(folder, plan.optimizers)
    with storage_errors(folder.path):
        _describe_again(folder, before, plan.tasks)
    bookkeeper = _Bookkeeper(folder, session)
    bookkeeper.store((spec, RunOutcome(Status.SKIPPED, [], 0.0, reason)) for spec, reason in plan.skipped)
    elsewhere = _do(experiment, folder, session, plan.todo, before, display)
    ids = {*plan.done, *(spec.id for spec in plan.todo), *(spec.id for spec, _ in plan.skipped)}
    attempted = len(plan.todo) + len(plan.skipped)
    statuses, failures = _outcomes(folder.finished(_SEEN) if attempted else before.finished, ids)
    new = attempted - elsewhere
    return Summary(folder, statuses, new, len(ids) - statuses.total(), len(plan.unplaced), failures, damaged)


def retry_runs(
    folder: ResultsFolder, statuses: Collection[str], execution: Execution, policy: CodePolicy = REFUSING
) -> Summary:
    """Do the stored runs of these statuses again; the new results take the place of the old ones as they come.

    Runs that the optimizer still can't do stay as they are. Raises `UsageError` where an optimizer or a task is not
    known (any more), a task has another version now, the GPUs that it needs are not here, or other runs of an optimizer
    stay that other code did, unless the policy keeps them.
    """
    before = FolderContents.of(folder.path)
    stored = folder.finished(_IDENTITY)
    retried = np.array([status in statuses for status in stored["status"].to_pylist()], bool)
    specs = [_again(row) for row in stored.filter(retried).to_pylist()]
    optimizers = choose_optimizers(spec.optimizer for spec in specs)
    policy.refuse_staying(stored.filter(~retried), _codes(optimizers), str(folder.path))
    possible = {key: _can_be_done(*key) for key in {(spec.optimizer, spec.task, spec.n_workers) for spec in specs}}
    todo = [spec for spec in specs if possible[spec.optimizer, spec.task, spec.n_workers]]
    tasks = {task: make_task(task) for task in {spec.task for spec in todo}}
    _require_versions(todo, tasks)
    todo = [replace(spec, gpus=tasks[spec.task].resources.gpus) for spec in todo]
    with storage_errors(folder.path):
        session = _session(folder, optimizers)
    elsewhere = _do(execution, folder, session, todo, before)
    statuses, failures = _outcomes(folder.finished(_SEEN), {spec.id for spec in specs})
    return Summary(folder, statuses, len(todo) - elsewhere, failures=failures)


@dataclass(frozen=True)
class MachineDriver:
    """Does runs in worker processes of the machine on which it is called; executors may send it to other machines."""

    execution: Execution
    folder: ResultsFolder
    session: Session
    plugins: PluginSet

    def __call__(self, runs: list[RunSpec]) -> int:
        """Do those that are not stored, and store them; how many of them other drivers do."""
        self.plugins.load()
        before = FolderContents.of(self.folder.path)
        return _do(self.execution, self.folder, self.session, list(_without_stored(runs, before)), before)


def _do(
    execution: Execution,
    folder: ResultsFolder,
    session: Session,
    runs: list[RunSpec],
    before: FolderContents,
    display: Display = ProgressDisplay,
) -> int:
    """Do the runs, and store them; `before` is what the folder held. Returns how many other drivers do."""
    if not runs:
        return 0
    codes = {optimizer: session.code_of(optimizer).id for optimizer in {spec.optimizer for spec in runs}}
    _refuse_drivers_of_other_code(folder, codes)
    _remove_stale_journals(folder, before)
    choice = choose_executor(execution.executor)
    with (
        terminating_as_interrupt(),
        display(len(runs), folder.path / "log.txt") as progress,
        DriverRecord(folder, choice.kind, execution.jobs, len(runs), codes) as record,
    ):
        settings = WorkerSettings(folder, session, PluginSet.loaded(), execution.limits, os.getpid(), record.id)
        others = OtherDrivers(folder, record.id, before.shards)
        watcher = _Watcher(progress, record, others, _Bookkeeper(folder, session))
        locally = execution.model_copy(update={"executor": "local"})
        drive = MachineDriver(locally, settings.for_other_machines().folder, session, settings.plugins)
        executor = choice.start(Assignment(execution.jobs, settings, watcher, drive))
        executor.run(others.in_order(runs), _fingerprints_to_verify(folder, before, runs))
    return watcher.elsewhere_count


class _Watcher:
    """Tells people and other drivers how it goes, and stores the runs that no worker can."""

    def __init__(
        self, progress: ProgressDisplay, record: DriverRecord, others: OtherDrivers, bookkeeper: _Bookkeeper
    ) -> None:
        self.elsewhere_count = 0
        self._progress = progress
        self._record = record
        self._others = others
        self._bookkeeper = bookkeeper

    def ended(self, status: Status, reason: str = "") -> None:
        self._progress.ended(status, reason)

    def elsewhere(self, spec: RunSpec) -> None:
        self.elsewhere_count += 1
        self._progress.elsewhere()

    def lost(self, spec: RunSpec, status: Status, reason: str, seconds: float) -> None:
        self._bookkeeper.store_lost(spec, status, reason, seconds)
        self._progress.ended(status, reason)

    def tick(self, running: Sequence[RunSpec], left: int) -> None:
        lines = [f"{redacted_id(spec.optimizer)} on {spec.task} with seed {spec.seed}" for spec in running]
        self._record.update(left, lines)
        self._progress.tick()

    def note(self, text: str) -> None:
        self._progress.note = text

    def is_done(self, spec: RunSpec) -> bool:
        return self._others.have_stored(spec)

    def is_stored(self, spec: RunSpec) -> bool:
        return self._others.is_stored(spec)


class _Bookkeeper:
    """Stores the runs that no worker can: skipped ones, and those that took their worker down."""

    def __init__(self, folder: ResultsFolder, session: Session) -> None:
        self._folder = folder
        self._writer = ShardWriter(folder)
        self._session = session

    def store(self, runs: Iterable[tuple[RunSpec, RunOutcome]], seconds: float = 0.0) -> None:
        """Store runs that have just ended, after so many seconds each."""
        started = datetime.now(UTC) - timedelta(seconds=seconds)
        runs = iter(runs)
        while some := list(islice(runs, _ROWS_AT_ONCE)):
            for spec, outcome in some:
                options = choose_optimizer(spec.optimizer).options
                if not self._writer.has_described(spec.task):
                    self._writer.describe(make_task(spec.task), fingerprint="")
                self._writer.add(run_row(spec, outcome, self._session, options, None, started, seconds), outcome.trials)
            with storage_errors(self._folder.path):
                self._writer.flush()

    def store_lost(self, spec: RunSpec, status: Status, reason: str, seconds: float) -> None:
        """Store what the journal has of a run that was ended with its worker."""
        path = journal_path(self._folder.path, spec.id)
        code = self._session.code_of(spec.optimizer).id
        trials = read_journal(path, {"run": spec.id, "attempt": spec.attempt, "code": code})
        self.store([(spec, salvaged(trials, spec.budget, status, reason))], seconds)
        discard_journal(path)


def _set_aside_damaged(path: Path) -> Sequence[str]:
    if not path.is_dir() or ResultsFolder.is_new(path):
        return ()
    with storage_errors(path):
        restored = [MARK] if restore_mark(path) else []
        return [*restored, *set_aside_damaged(ResultsFolder.open(path))]


def _describe_again(folder: ResultsFolder, before: FolderContents, tasks: Iterable[str]) -> None:
    """Describe those of the tasks that have runs, but whose description was damaged or lost."""
    described = folder.on_shards(folder.task_rows).keys()
    columns = before.finished.select(["task", "task_version", "fingerprint"]).to_pydict()
    fingerprints: dict[tuple[str, str], str] = {}
    for task, version, fingerprint in zip(*columns.values(), strict=True):
        fingerprints[task, version] = fingerprints.get((task, version)) or fingerprint or ""
    lost = [task for task in map(make_task, tasks) if (task.id, task.version) in fingerprints.keys() - described]
    if lost:
        rows = [task_row(task, fingerprints[task.id, task.version]) for task in lost]
        write_shard(folder, new_shard(), RUNS.empty_table(), (), rows)


def _contents(experiment: Experiment) -> FolderContents:
    if experiment.out.is_file():
        raise UsageError(f"{str(experiment.out)!r} is a file: give another --out folder")
    return FolderContents.of(experiment.out)


def _plan(experiment: Experiment, before: FolderContents) -> Plan:
    reload_edited()
    for plugin in experiment.plugins:
        load_file(plugin)
    gpus = choose_executor(experiment.executor).cls.available_gpus()
    codes = {redacted_id(id): code for id, code in _codes(choose_optimizers(experiment.optimizers)).items()}
    attempts = experiment.code_policy.runs_to_repeat(before.finished, codes, str(experiment.out))
    return make_plan(experiment, set(before.finished["run"].to_pylist()), gpus, attempts)


def _codes(optimizers: Mapping[str, OptimizerChoice]) -> dict[str, Code]:
    return {id: optimizer.code for id, optimizer in optimizers.items()}


def _session(folder: ResultsFolder, optimizers: Mapping[str, OptimizerChoice]) -> Session:
    return Session(platform.node(), record_provenance(folder), _codes(optimizers))


def _without_stored(runs: list[RunSpec], before: FolderContents) -> Iterator[RunSpec]:
    stored = before.finished.select(["run", "attempt"]).to_pydict()
    attempts = dict(zip(stored["run"], stored["attempt"], strict=True))
    return (spec for spec in runs if spec.id not in attempts or (attempts[spec.id] or 1) < spec.attempt)


def _remove_stale_journals(folder: ResultsFolder, before: FolderContents) -> None:
    """Remove journals of runs that were stored a moment before their worker was killed."""
    journals = {path.stem: path for path in (folder.path / "journal").glob("*.jsonl")}
    if journals:
        stored = before.finished.select(["run", "attempt"]).to_pydict()
        for run, attempt in zip(stored["run"], stored["attempt"], strict=True):
            if run in journals and read_header(journals[run]).get("attempt", 0) <= (attempt or 1):
                discard_journal(journals[run])


def _refuse_drivers_of_other_code(folder: ResultsFolder, codes: Mapping[str, str]) -> None:
    """Raise `UsageError` where a driver is at runs of the same optimizers that are other code for it."""
    for driver in drivers(folder).values():
        for optimizer, code in driver.codes.items():
            if code and codes.get(optimizer, code) not in ("", code):
                raise UsageError(
                    f"process {driver.pid} on {driver.host} is doing runs of {optimizer!r} by other code in "
                    f"{str(folder.path)!r}: wait until it has ended, or give another --out folder"
                )


def _can_be_done(optimizer: str, task: str, n_workers: int) -> bool:
    problem = replace(make_task(task).problem, n_workers=n_workers)
    return not mismatch(choose_optimizer(optimizer).cls, problem)


def _require_versions(runs: Iterable[RunSpec], tasks: Mapping[str, Task]) -> None:
    """Raise `UsageError` unless the tasks have the versions of the runs."""
    for id, version in {(spec.task, spec.task_version) for spec in runs}:
        if tasks[id].version != version:
            raise UsageError(f"{id!r} has version {tasks[id].version} now, its runs have {version}: run it again")


def _again(row: dict[str, Any]) -> RunSpec:
    """The run of a stored row, once more."""
    return RunSpec(
        row["optimizer"],
        row["task"],
        row["task_version"],
        row["seed"],
        row["root_seed"],
        Budget(row["budget"], BudgetUnit(row["budget_unit"])),
        row["n_workers"],
        Clock(row["clock"]),
        row["attempt"] + 1,
        experiment=row["experiment"] or "",
    )


def _fingerprints_to_verify(folder: ResultsFolder, before: FolderContents, runs: Iterable[RunSpec]) -> dict[str, str]:
    """Stored fingerprints of the tasks that have, in the same version, both finished runs and runs to do.

    The descriptions of tasks may know more of one than the runs do, where it has several parts.
    """
    stored = before.finished.select(["task", "task_version", "fingerprint"]).to_pydict()
    needed = {(spec.task, spec.task_version) for spec in runs}
    rows = zip(stored["task"], stored["task_version"], stored["fingerprint"], strict=True)
    found = {task: fingerprint for task, version, fingerprint in rows if (task, version) in needed and fingerprint}
    if any("." in fingerprint for fingerprint in found.values()):
        described = folder.on_shards(folder.task_rows)
        found |= {task: described[task, version]["fingerprint"] for task, version in needed & described.keys()}
    return {task: fingerprint for task, fingerprint in found.items() if fingerprint}


def _outcomes(stored: pa.Table, ids: Container[str]) -> tuple[Counter[str], list[tuple[str, str, int]]]:
    """How many of these runs have which status, and their failures."""
    rows = zip(*(stored[name].to_pylist() for name in ("run", "status", "reason")), strict=True)
    ended = Counter((status, reason) for run, status, reason in rows if run in ids)
    statuses: Counter[str] = Counter()
    for (status, _), count in ended.items():
        statuses[status] += count
    return statuses, failures_by_cause(ended)
