"""Doing stored runs again, as after a fault of an optimizer, a task or a machine was fixed."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from optathlon.budget import Budget, BudgetUnit
from optathlon.errors import Unknown, UsageError, storage_errors
from optathlon.experiments.code_changes import REFUSING, CodePolicy
from optathlon.experiments.driver import FolderContents, codes_of, do_runs, new_session
from optathlon.experiments.experiment import Execution, parse_shard
from optathlon.experiments.plan import choose_optimizers
from optathlon.experiments.stored import load_plugins
from optathlon.experiments.summary import Summary, stored_outcomes
from optathlon.registry.capabilities import mismatch
from optathlon.registry.editing import reload_edited
from optathlon.registry.optimizers import choose_optimizer
from optathlon.registry.tasks import make_task
from optathlon.results.folder import ResultsFolder
from optathlon.running.clocks import Clock
from optathlon.running.runs import RunSpec
from optathlon.task import Task

_PLUGIN_WORD = re.compile(r"--plugin=(?P<plugin>.+)|([\w.+-]+=)?(?P<file>[^\[]+\.py):\w+(\[.*)?")
"""A word of a command that names a plugin file."""

_IDENTITY = [
    "run", "experiment", "optimizer", "task", "task_version", "seed", "root_seed", "budget", "budget_unit", "n_workers",
    "clock", "attempt", "code", "versions", "status",
]  # fmt: skip


def retry_runs(
    folder: ResultsFolder,
    statuses: Collection[str],
    execution: Execution,
    policy: CodePolicy = REFUSING,
    *,
    shard: str | None = None,
    plugins: Sequence[Path] = (),
) -> Summary:
    """Do the stored runs of these statuses again; the new results take the place of the old ones as they come.

    Runs that the optimizer still can't do stay as they are.

    Parameters
    ----------
    folder, statuses:
        Which runs.
    execution:
        Where and within which limits.
    policy:
        What to do with runs of other code that are not done again.
    shard:
        `"i/n"`: only the i-th of n parts of them, as in an experiment.
    plugins:
        Plugin files beside those of the folder's experiments; one that is called like one of these takes its place.

    Raises `UsageError` where an optimizer or a task is not known (any more), with the plugin that is missing; where a
    task has another version now, the GPUs that it needs are not here, or other runs of an optimizer stay that other
    code did, unless the policy keeps them.
    """
    part, parts = parse_shard(shard or "1/1")
    reload_edited()
    complaints = load_plugins(folder, plugins)
    before = FolderContents.of(folder.path)
    stored = folder.finished(_IDENTITY)
    retried = np.array([status in statuses for status in stored["status"].to_pylist()], bool)
    again = map(_again, stored.filter(retried).to_pylist())
    specs = [spec for spec in again if int(spec.id, 16) % parts == part]
    with _plugins_told(folder, complaints):
        optimizers = choose_optimizers(spec.optimizer for spec in specs)
        possible = {key: _can_be_done(*key) for key in {(spec.optimizer, spec.task, spec.n_workers) for spec in specs}}
        todo = [spec for spec in specs if possible[spec.optimizer, spec.task, spec.n_workers]]
        tasks = {task: make_task(task) for task in {spec.task for spec in todo}}
    policy.refuse_staying(stored.filter(~retried), codes_of(optimizers), str(folder.path))
    _require_versions(todo, tasks)
    todo = [replace(spec, gpus=tasks[spec.task].resources.gpus) for spec in todo]
    with storage_errors(folder.path):
        session = new_session(folder, optimizers)
    elsewhere = do_runs(execution, folder, session, todo, before)
    ended, failures = stored_outcomes(folder.finished(["run", "status", "reason"]), {spec.id for spec in specs})
    return Summary(folder, ended, len(todo) - elsewhere, failures=failures)


@contextmanager
def _plugins_told(folder: ResultsFolder, complaints: Sequence[str]) -> Iterator[None]:
    """Within this block, what is unknown is so for the lack of a plugin, and the error says which one."""
    try:
        yield
    except Unknown as error:
        if error.kind not in ("optimizer", "optimizer class", "task", "collection"):
            raise
        what = str(error).partition(": ")[0]
        raise UsageError(f"{what}: {'; '.join(complaints) or _missing_plugin(folder)}") from None


def _missing_plugin(folder: ResultsFolder) -> str:
    """What to do where no stored experiment names plugins: the commands of the folder may have done so."""
    commands = (str(session.get("command", "")) for session in folder.read_provenance())
    named = dict.fromkeys(file for command in commands for file in _plugins_in(command))
    if not named:
        return "add the --plugin FILE.py that brings it"
    flags = " ".join(f"--plugin {shlex.quote(file)}" for file in named)
    return f"its runs are of a command with {flags}: add that"


def _plugins_in(command: str) -> Iterator[str]:
    """The plugin files that a command was given."""
    try:
        words = shlex.split(command)
    except ValueError:
        return
    for flag, word in pairwise(words):
        if flag == "--plugin":
            yield word
    for word in words:
        if found := _PLUGIN_WORD.fullmatch(word):
            yield found["plugin"] or found["file"]


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
