"""`optathlon retry`: do failed runs again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from optathlon.cli.flags import (
    Executor,
    ExecutorOptions,
    FailFast,
    Isolate,
    KeepOld,
    Plugins,
    RunTimeout,
    Shard,
    TrialMemory,
    TrialTimeout,
    executor_section,
    path_argument,
)
from optathlon.cli.output import show
from optathlon.paths import quoted

if TYPE_CHECKING:
    from optathlon.results.folder import ResultsFolder


def retry(
    results: Annotated[Path, path_argument(help="Results folder.")],
    status: Annotated[str, typer.Option(help="Which runs, by status: crashed,timeout,memory,stalled,skipped,…")],
    jobs: Annotated[int, typer.Option("--jobs", "-j", help="Worker processes.")] = 1,
    trial_timeout: TrialTimeout = None,
    trial_memory: TrialMemory = None,
    run_timeout: RunTimeout = None,
    fail_fast: FailFast = None,
    isolate: Isolate = None,
    keep_old: KeepOld = None,
    plugins: Plugins = None,
    shard: Shard = None,
    executor: Executor = None,
    executor_options: ExecutorOptions = None,
) -> None:
    """Do the runs of a results folder that have these statuses again.

    Plugins of the folder's experiments are found. A new result takes the place of the old one when it is stored; until
    then the old one stands.
    """
    from optathlon.cli.run import interruptions, report_summary
    from optathlon.errors import unknown
    from optathlon.results.folder import ResultsFolder
    from optathlon.trial import Status

    known = [str(one) for one in Status]
    statuses = [part.strip() for part in status.split(",")]
    for one in statuses:
        if one not in known:
            raise unknown("status", one, known)
    folder = ResultsFolder.open(results)
    if why := _why_none(folder, results, statuses):
        show(f"nothing to do again: {why}")
        return
    from optathlon.experiments.code_changes import CodePolicy  # which loads all that runs
    from optathlon.experiments.experiment import Execution
    from optathlon.experiments.retry import retry_runs

    flags = {
        "jobs": jobs,
        "trial_timeout": trial_timeout,
        "trial_memory": trial_memory,
        "run_timeout": run_timeout,
        "fail_fast": fail_fast,
        "isolate": isolate,
        "executor": executor_section(executor, executor_options),
    }
    execution = Execution.read(None, flags)
    policy = CodePolicy(keep_old=bool(keep_old))
    with interruptions():
        summary = retry_runs(folder, statuses, execution, policy, shard=shard, plugins=plugins or ())
        if not summary.statuses:
            show(f"nothing to do again: none of these runs is in the part {shard}")
            return
        report_summary(summary, nothing="nothing to do again, as the optimizers still can't do these")


def _why_none(folder: ResultsFolder, results: Path, statuses: Sequence[str]) -> str:
    """Why no run is to be done again; empty where one is."""
    from optathlon.results.status import counts_of, failed_statuses

    counts = counts_of(folder.finished(["run", "status"])["status"])
    if not counts:
        return f"{results} has no runs yet"
    if counts.keys() & set(statuses):
        return ""
    there = ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))
    failed = ",".join(failed_statuses(counts))
    others = f": for those that failed give --status {failed}" if failed else ""
    return f"no run in {quoted(results)} is {' or '.join(statuses)}, there are {there}{others}"
