"""Doing an experiment: plan, results folder, workers, and what came of it."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

import pyarrow as pa

from optathlon.destination import require_folder_place
from optathlon.errors import UsageError, storage_errors
from optathlon.experiments.executors.choice import choose_executor
from optathlon.experiments.executors.executor import Assignment
from optathlon.experiments.executors.messages import WorkerSettings
from optathlon.experiments.experiment import Execution, Experiment
from optathlon.experiments.plan import Plan, choose_optimizers, make_plan
from optathlon.experiments.progress import ProgressDisplay
from optathlon.experiments.stored import store
from optathlon.experiments.summary import Summary, stored_outcomes
from optathlon.redaction import redacted_id
from optathlon.registry.code import Code
from optathlon.registry.editing import reload_edited
from optathlon.registry.optimizers import OptimizerChoice, choose_optimizer
from optathlon.registry.plugins import PluginSet, load_file
from optathlon.registry.tasks import make_task
from optathlon.results.codes import CODE_COLUMNS
from optathlon.results.damage import set_aside_damage
from optathlon.results.drivers import DriverRecord, OtherDrivers, drivers, shard_files
from optathlon.results.folder import ResultsFolder
from optathlon.results.provenance import record_provenance
from optathlon.results.rows import Session, run_row
from optathlon.results.schema import RUNS
from optathlon.results.writer import ShardWriter, new_shard, task_row, write_shard
from optathlon.running.accounting import RunOutcome
from optathlon.running.interruption import terminating_as_interrupt
from optathlon.running.journal import discard_journal, journal_path, read_header, read_journal, salvaged
from optathlon.running.runs import RunSpec
from optathlon.trial import Status

_ROWS_AT_ONCE = 50_000
_SEEN = ["run", "attempt", "task", "task_version", "fingerprint", "reason", *CODE_COLUMNS]

Display = Callable[[int, Path], ProgressDisplay]
"""Makes what shows the progress of so many runs, and logs it to a file."""


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
    if not experiment.out.is_dir():
        require_folder_place(experiment.out)
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
    damaged = set_aside_damage(experiment.out)
    before = _contents(experiment)
    plan = _plan(experiment, before)
    announce(plan)
    folder = ResultsFolder.create(experiment.out)
    with storage_errors(folder.path):
        session = new_session(folder, plan.optimizers)
        store(experiment, plan, folder)
        _describe_again(folder, before, plan.tasks)
    bookkeeper = _Bookkeeper(folder, session)
    bookkeeper.store((spec, RunOutcome(Status.SKIPPED, [], 0.0, reason)) for spec, reason in plan.skipped)
    elsewhere = do_runs(experiment, folder, session, plan.todo, before, display)
    ids = {spec.id for spec in plan.runs} - {spec.id for spec, _ in plan.unplaced}
    attempted = len(plan.todo) + len(plan.skipped)
    statuses, failures = stored_outcomes(folder.finished(_SEEN) if attempted else before.finished, ids)
    new = attempted - elsewhere
    missing, notes = len(ids) - statuses.total(), list(_notes(plan.tasks))
    return Summary(folder, statuses, new, missing, len(plan.unplaced), failures, damaged, notes)


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
        return do_runs(self.execution, self.folder, self.session, list(_without_stored(runs, before)), before)


def do_runs(
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


def _notes(tasks: Iterable[str]) -> Iterator[str]:
    """What the tasks tell of their data: a line for all of those that tell the same."""
    tasks_by_note: dict[str, list[str]] = {}
    for task in map(make_task, tasks):
        for note in task.notes():
            tasks_by_note.setdefault(note, []).append(task.id)
    for note, ids in tasks_by_note.items():
        yield f"{ids[0]}{f' and {len(ids) - 1} others' if len(ids) > 1 else ''}: {note}"


def _contents(experiment: Experiment) -> FolderContents:
    if experiment.out.is_file():
        raise UsageError(f"{str(experiment.out)!r} is a file: give another --out folder")
    return FolderContents.of(experiment.out)


def _plan(experiment: Experiment, before: FolderContents) -> Plan:
    reload_edited()
    for plugin in experiment.plugins:
        load_file(plugin)
    gpus = choose_executor(experiment.executor).cls.available_gpus()
    codes = {redacted_id(id): code for id, code in codes_of(choose_optimizers(experiment.optimizers)).items()}
    attempts = experiment.code_policy.runs_to_repeat(before.finished, codes, str(experiment.out))
    return make_plan(experiment, set(before.finished["run"].to_pylist()), gpus, attempts)


def codes_of(optimizers: Mapping[str, OptimizerChoice]) -> dict[str, Code]:
    """Which code each optimizer is now, by id."""
    return {id: optimizer.code for id, optimizer in optimizers.items()}


def new_session(folder: ResultsFolder, optimizers: Mapping[str, OptimizerChoice]) -> Session:
    """What runs of these optimizers have in common that are done now; its provenance is stored."""
    return Session(platform.node(), record_provenance(folder), codes_of(optimizers))


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
