"""`optathlon retry`: do failed runs again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

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
    from optathlon.experiments.code_changes import CodePolicy
    from optathlon.experiments.experiment import Execution
    from optathlon.experiments.retry import retry_runs
    from optathlon.results.folder import ResultsFolder
    from optathlon.trial import Status

    known = [str(one) for one in Status]
    statuses = [part.strip() for part in status.split(",")]
    for one in statuses:
        if one not in known:
            raise unknown("status", one, known)
    folder = ResultsFolder.open(results)
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
        report_summary(retry_runs(folder, statuses, execution, policy, shard=shard, plugins=plugins or ()))
