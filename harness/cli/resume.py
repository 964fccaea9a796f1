"""`optathlon resume`: go on with what a results folder holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from optathlon.cli.env import Yes, offer_environments
from optathlon.cli.flags import (
    Executor,
    ExecutorOptions,
    FailFast,
    Fresh,
    Isolate,
    KeepOld,
    Plugins,
    RunTimeout,
    TrialMemory,
    TrialTimeout,
    executor_section,
    path_argument,
    whole_number,
)

if TYPE_CHECKING:
    from optathlon.experiments.experiment import Experiment


def resume(
    results: Annotated[Path, path_argument(help="Results folder.")],
    jobs: Annotated[int | None, whole_number("--jobs", "-j", help="Worker processes.")] = None,
    trial_timeout: TrialTimeout = None,
    trial_memory: TrialMemory = None,
    run_timeout: RunTimeout = None,
    fail_fast: FailFast = None,
    isolate: Isolate = None,
    executor: Executor = None,
    executor_options: ExecutorOptions = None,
    plugins: Plugins = None,
    fresh: Fresh = None,
    keep_old: KeepOld = None,
    yes: Yes = False,
) -> None:
    """Do what is left of the experiments of a results folder.

    They are stored in it with all that `optathlon run` was told, so no flag is needed. Those given here win, and are
    stored; a --plugin takes the place of a stored one with its file name.
    """
    from optathlon.cli.run import announce, interruptions, report_summary
    from optathlon.experiments.resume import resume as resume_folder

    flags = {
        "jobs": jobs,
        "trial_timeout": trial_timeout,
        "trial_memory": trial_memory,
        "run_timeout": run_timeout,
        "fail_fast": fail_fast,
        "isolate": isolate,
        "executor": executor_section(executor, executor_options),
        "fresh": fresh,
        "keep_old": keep_old,
    }

    def prepare(experiment: Experiment) -> None:
        offer_environments(experiment.optimizers, yes)

    with interruptions(results):
        report_summary(resume_folder(results, flags, plugins or (), prepare, announce))
