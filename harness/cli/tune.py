"""`optathlon tune`: one optimizer on one's own function, and what came of it."""

from __future__ import annotations

import inspect
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from optathlon.cli.env import Yes, offer_environments
from optathlon.cli.exit_codes import SOME_FAILED
from optathlon.cli.flags import (
    FailFast,
    Isolate,
    KeepOld,
    Plugins,
    RunTimeout,
    TrialMemory,
    TrialTimeout,
    path_option,
    whole_number,
)
from optathlon.cli.output import show
from optathlon.errors import UsageError, unknown
from optathlon.paths import shown

if TYPE_CHECKING:
    from optathlon.experiments.plan import Plan
    from optathlon.experiments.summary import Summary
    from optathlon.task import Task


def tune(
    function: Annotated[
        str, typer.Argument(help="FILE.py:FUNCTION, with @as_task above it; or the id of a task.", metavar="FUNCTION")
    ],
    optimizer: Annotated[str, typer.Option("--optimizer", "-o", help="Optimizer id, e.g. smac-hpo.", metavar="ID")],
    budget: Annotated[
        str | None,
        typer.Option(help="Full evaluations (40), time (600s, 2h) or cost (3600cost). Default: the task's own."),
    ] = None,
    seed: Annotated[int, whole_number(help="Of the optimizer, and of the function's noise.")] = 0,
    workers: Annotated[int, whole_number("--workers", "-w", help="Trials that are evaluated at once.")] = 1,
    out: Annotated[Path, path_option(help="Results folder; an existing one is extended.")] = Path("tuned"),
    trial_timeout: TrialTimeout = None,
    trial_memory: TrialMemory = None,
    run_timeout: RunTimeout = None,
    fail_fast: FailFast = None,
    isolate: Isolate = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Do it again where the optimizer's code has changed.")] = False,
    keep_old: KeepOld = None,
    plugins: Plugins = None,
    report: Annotated[bool, typer.Option(help="Write a report at the end.")] = True,
    yes: Yes = False,
) -> None:
    """Tune your own function by one optimizer.

    It keeps a journal: the same command goes on after a kill or Ctrl-C. At the end it prints the best configuration.
    """
    from optathlon.cli.listing import load_plugins
    from optathlon.cli.run import interruptions
    from optathlon.experiments.driver import run_experiment
    from optathlon.experiments.experiment import Experiment
    from optathlon.experiments.trial_progress import TrialProgress

    load_plugins(plugins)
    task, file = _task(function)
    offer_environments([optimizer], yes)
    experiment = Experiment.read(
        None,
        {
            "optimizers": [optimizer],
            "tasks": [task.id],
            "seeds": f"{seed},",
            "budget": budget,
            "workers_per_run": workers,
            "out": out,
            "plugins": [*(plugins or ()), *([file] if file else [])],
            "trial_timeout": trial_timeout,
            "trial_memory": trial_memory,
            "run_timeout": run_timeout,
            "fail_fast": fail_fast,
            "isolate": isolate,
            "fresh": [optimizer] if fresh else [],
            "keep_old": keep_old,
            "name": "tune",
        },
    )
    with interruptions():
        _conclude(run_experiment(experiment, _announce, partial(TrialProgress, task.problem)), task, report)


def _task(function: str) -> tuple[Task, Path | None]:
    """The task that is meant, and the file in which it stands."""
    from optathlon.registry.plugins import load_plugin
    from optathlon.registry.tasks import make_task
    from optathlon.task import Task

    place, colon, name = function.rpartition(":") if not function.endswith(".py") else (function, "", "")
    if not place.endswith(".py"):
        return make_task(function), None
    found = vars(load_plugin(Path(place)))
    tasks = {key: item for key, item in found.items() if isinstance(item, Task)}
    if name in tasks or (not colon and len(tasks) == 1):
        return tasks.get(name) or next(iter(tasks.values())), Path(place)
    if not colon:
        raise UsageError(f"{place!r} has {_tasks(tasks)}: name one, as {place}:{next(iter(tasks), 'train')}")
    if inspect.isroutine(found.get(name)):
        raise UsageError(
            f"{name!r} in {place!r} is a plain function: say what its search space is by @as_task(…) above it, as in "
            "what `optathlon init task` writes"
        )
    functions = [key for key, item in found.items() if inspect.isroutine(item)]
    raise unknown("function", name, [*tasks, *functions], where=f"{place!r}, which has {_tasks(tasks)}")


def _tasks(names: object) -> str:
    listed = ", ".join(map(str, names))  # type: ignore[call-overload]
    return f"the tasks {listed}" if listed else "no task (a function with @as_task above it)"


def _announce(plan: Plan) -> None:
    """Tell what should be known before it begins; raise `UsageError` where it can't."""
    for spec, reason in (*plan.skipped, *plan.unplaced):
        raise UsageError(f"{spec.optimizer!r} can't tune {spec.task!r}: {reason}")
    for spec, text in plan.remarks:
        show(f"note: {spec.optimizer}: {text}", file=sys.stderr)


def _conclude(summary: Summary, task: Task, report: bool) -> None:
    """Print what came of it, write the report, and exit with 1 where not all is well."""
    from optathlon.cli.best import print_best
    from optathlon.results.frames import load
    from optathlon.trial import COMPLETE

    folder = summary.folder.path
    if summary.missing:
        show(f"another process is at it: see optathlon status {shown(folder)}", file=sys.stderr)
        raise typer.Exit(SOME_FAILED)
    results = load(folder, tasks=[task.id])
    print_best(results)
    for status, reason, _ in summary.failures:
        show(f"it ended as {status}: {reason or 'no reason given'}; `optathlon retry` does it again", file=sys.stderr)
    if report:
        from optathlon.analysis.report import write_report

        show(f"the report is {write_report(results, folder / 'report', title=f'Tuning {task.id}')}")
    show(f"next: optathlon best {shown(folder)} --as python")
    if set(summary.statuses) - COMPLETE:
        raise typer.Exit(SOME_FAILED)
