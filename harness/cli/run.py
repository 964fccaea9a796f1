"""`optathlon run`: do the runs of an experiment that are missing."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from optathlon.cli.candidates import optimizer_ids, task_ids
from optathlon.cli.env import Yes, offer_environments
from optathlon.cli.exit_codes import INTERRUPTED, SOME_FAILED
from optathlon.cli.flags import (
    Executor,
    ExecutorOptions,
    FailFast,
    Fresh,
    Isolate,
    KeepOld,
    Plugins,
    RunTimeout,
    Shard,
    TrialMemory,
    TrialTimeout,
    executor_section,
    path_argument,
    path_option,
    whole_number,
)
from optathlon.cli.names import separated
from optathlon.cli.output import show
from optathlon.paths import quoted, shown
from optathlon.redaction import redacted

if TYPE_CHECKING:
    from optathlon.experiments.plan import Plan
    from optathlon.experiments.summary import Summary
    from optathlon.running.runs import RunSpec

_REASONS_SHOWN = 10


def run(
    file: Annotated[Path | None, path_argument(help="Experiment file (YAML); flags win over it.")] = None,
    optimizers: Annotated[
        list[str] | None,
        typer.Option(
            "--optimizer",
            "-o",
            help="Optimizer id, e.g. optuna-tpe. Repeatable, or separated by commas.",
            metavar="ID",
            callback=separated,
            autocompletion=optimizer_ids,
        ),
    ] = None,
    tasks: Annotated[
        list[str] | None,
        typer.Option(
            "--task",
            "-t",
            help="Task id or pattern, e.g. 'bbob/f*/d5/i1'. Repeatable, or separated by commas.",
            metavar="PATTERN",
            callback=separated,
            autocompletion=task_ids,
        ),
    ] = None,
    where: Annotated[
        str | None,
        typer.Option(
            help="Only tasks of which this holds: 'dims <= 10 and kind == \"training\"'.", metavar="CONDITION"
        ),
    ] = None,
    seeds: Annotated[
        str | None,
        typer.Option(help="Number of seeds (5), a range (3:8) or a list (1,4,7). Default: 1.", metavar="SEEDS"),
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option(
            help="Full evaluations (50), time (600s, 10min) or cost (3600cost); default: each task's.", metavar="BUDGET"
        ),
    ] = None,
    jobs: Annotated[int | None, whole_number("--jobs", "-j", help="Worker processes. Default: 1.")] = None,
    out: Annotated[Path | None, path_option(help="Results folder; an existing one is extended. Default: out.")] = None,
    plugins: Plugins = None,
    workers_per_run: Annotated[
        int | None, whole_number(help="Trials of a run that are evaluated at once. Default: 1.")
    ] = None,
    clock: Annotated[
        str | None,
        typer.Option(
            help="virtual: simulated workers, on tasks that report costs. Default: real.", metavar="real|virtual"
        ),
    ] = None,
    charge_overhead: Annotated[
        bool | None, typer.Option("--charge-overhead", help="The optimizer's own time passes on the virtual clock.")
    ] = None,
    trial_timeout: TrialTimeout = None,
    trial_memory: TrialMemory = None,
    run_timeout: RunTimeout = None,
    fail_fast: FailFast = None,
    isolate: Isolate = None,
    shard: Shard = None,
    executor: Executor = None,
    executor_options: ExecutorOptions = None,
    root_seed: Annotated[int | None, whole_number(help="What every other seed is derived from. Default: 0.")] = None,
    name: Annotated[str | None, typer.Option(help="A label stored with every run.")] = None,
    fresh: Fresh = None,
    keep_old: KeepOld = None,
    baselines: Annotated[
        str | None,
        typer.Option(
            "--baselines",
            help="Leave out runs that ship as baselines, of all optimizers or of NAME,NAME (patterns).",
            metavar="[=NAMES]",
        ),
    ] = None,
    yes: Yes = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan and stop.")] = False,
) -> None:
    """Run every optimizer on every task with every seed.

    Repeating the command does what is missing and nothing else.
    """
    from optathlon.experiments.driver import plan_experiment, run_experiment
    from optathlon.experiments.experiment import Experiment

    flags = {
        "optimizers": optimizers,
        "tasks": tasks,
        "where": where,
        "seeds": seeds,
        "budget": budget,
        "jobs": jobs,
        "workers_per_run": workers_per_run,
        "clock": clock,
        "charge_overhead": charge_overhead,
        "trial_timeout": trial_timeout,
        "trial_memory": trial_memory,
        "run_timeout": run_timeout,
        "fail_fast": fail_fast,
        "isolate": isolate,
        "shard": shard,
        "executor": executor_section(executor, executor_options),
        "out": out,
        "plugins": plugins,
        "root_seed": root_seed,
        "name": name,
        "fresh": fresh,
        "keep_old": keep_old,
        "baselines": baselines,
    }
    experiment = Experiment.read(file, flags)
    if not dry_run:
        offer_environments(experiment.optimizers, yes)
    if dry_run:
        _print_plan(plan_experiment(experiment))
        return
    with interruptions(experiment.out):
        report_summary(run_experiment(experiment, announce), baselines=experiment.baselines)


@contextmanager
def interruptions(resumable: Path | None = None) -> Iterator[None]:
    """Within this block, say what an interruption leaves behind, and of a folder that it can be resumed."""
    try:
        yield
    except KeyboardInterrupt:
        other = f" or `optathlon resume {quoted(resumable)}`" if resumable else ""
        show(f"interrupted; finished runs are stored, and the same command{other} does the rest", file=sys.stderr)
        raise typer.Exit(INTERRUPTED) from None


def report_summary(summary: Summary, *, nothing: str = "nothing was left to do", baselines: str | None = None) -> None:
    """Print what came of it, and exit with 1 where not all is well.

    `nothing` says why there was nothing to do, and `baselines` names those whose runs were left out.
    """
    from optathlon.results.drivers import drivers
    from optathlon.results.status import failed_statuses

    for file in summary.damaged:
        show(f"optathlon: {file} was damaged and {_amends(file)}", file=sys.stderr)
    if not (summary.new or summary.missing or summary.unplaced):
        show(f"{nothing}: ", end="")
    _print_summary(summary, baselines)
    abandoned = summary.missing and not drivers(summary.folder)
    if abandoned or summary.unplaced or failed_statuses(summary.statuses):
        raise typer.Exit(SOME_FAILED)


def _amends(file: str) -> str:
    match file.partition("/")[0]:
        case "runs" | "trials":
            return "is set aside; its runs were done again"
        case "tasks":
            return "is set aside; its tasks are described again"
        case "provenance":
            return "is set aside"
        case _:
            return "is written again"


def _print_plan(plan: Plan) -> None:
    show(f"{len(plan.optimizers)} optimizers x {len(plan.tasks)} tasks: {plan.total} runs")
    show(f"  done     {len(plan.done)}")
    again = sum(spec.attempt > 1 for spec in plan.todo)
    show(f"  to do    {len(plan.todo)}" + (f" ({again} again)" if again else ""))
    show(f"  skipped  {len(plan.skipped)}")
    _print_reasons(plan.skipped)
    if plan.shipped:
        show(f"  shipped  {len(plan.shipped)}")
        for line in _shipped_lines(plan):
            show(f"    {line}")
    if plan.unplaced:
        show(f"  no GPU   {len(plan.unplaced)}")
        _print_reasons(plan.unplaced)
    if plan.levels:
        show("  levels")
        _print_levels(plan.levels)
    if plan.remarks or plan.absent:
        show("  note")
        for line in plan.absent:
            show(f"    {line}")
        _print_reasons(plan.remarks)


def announce(plan: Plan) -> None:
    """Tell what should be known before anything runs."""
    for line in (*plan.absent, *_shipped_lines(plan), *_reason_lines(plan.remarks)):
        show(f"note: {line}", file=sys.stderr)


def _shipped_lines(plan: Plan) -> Iterator[str]:
    """A line for each optimizer of which runs ship, and so needn't be done."""
    every = Counter(spec.optimizer for spec in (*plan.runs, *plan.shipped))
    shipped = Counter(spec.optimizer for spec in plan.shipped)
    for optimizer, count in [*shipped.items()][:_REASONS_SHOWN]:
        yield f"{redacted(optimizer)}: {count} of {every[optimizer]} runs ship as baselines and needn't be done"
    if len(shipped) > _REASONS_SHOWN:
        yield f"and runs of {len(shipped) - _REASONS_SHOWN} further optimizers: {shipped.total()} runs in all"


def _print_reasons(runs: list[tuple[RunSpec, str]]) -> None:
    for line in _reason_lines(runs):
        show(f"    {line}")


def _print_levels(runs: list[tuple[RunSpec, str]]) -> None:
    """A line for each way through a fidelity: no optimizer is left out."""
    found: dict[str, tuple[dict[str, None], set[str]]] = {}
    for spec, text in runs:
        optimizers, tasks = found.setdefault(text, ({}, set()))
        optimizers[spec.optimizer] = None
        tasks.add(spec.task)
    for text, (optimizers, tasks) in found.items():
        show(f"    {redacted(', '.join(optimizers))}: {text} ({_examples(tasks)})")


def _examples(tasks: Collection[str]) -> str:
    return f"{len(tasks)} tasks: {', '.join(sorted(tasks)[:2])}" + (", …" if len(tasks) > 2 else "")


def _reason_lines(runs: list[tuple[RunSpec, str]]) -> Iterator[str]:
    """A line for each optimizer and reason, with examples of tasks."""
    reasons: dict[tuple[str, str], set[str]] = {}
    for spec, reason in runs:
        reasons.setdefault((spec.optimizer, reason), set()).add(spec.task)
    for (optimizer, reason), tasks in list(reasons.items())[:_REASONS_SHOWN]:
        yield f"{redacted(optimizer)}: {redacted(reason)} ({_examples(tasks)})"
    if len(reasons) > _REASONS_SHOWN:
        yield f"and {len(reasons) - _REASONS_SHOWN} further reasons"


def _print_summary(summary: Summary, baselines: str | None) -> None:
    from optathlon.cli.source import read_flags
    from optathlon.results.status import failed_statuses

    counts = ", ".join(f"{count} {status}" for status, count in sorted(summary.statuses.items()))
    show(f"{summary.statuses.total()} runs in {shown(summary.folder.path)} ({summary.new} new): {counts or 'none'}")
    for status, reason, count in summary.failures[:_REASONS_SHOWN]:
        show(f"  {count} {status}: {redacted(reason) or 'no reason given'}")
    if len(summary.failures) > _REASONS_SHOWN:
        show(f"  and {len(summary.failures) - _REASONS_SHOWN} further reasons: see optathlon status")
    for note in summary.notes:
        show(f"note: {note}")
    if summary.missing:
        show(f"{summary.missing} runs are not stored, as another driver began them: see optathlon status")
    if summary.unplaced:
        show(f"{summary.unplaced} runs need GPUs that are not here: see --dry-run")
    folder = quoted(summary.folder.path)
    if failed := failed_statuses(summary.statuses):
        show(f"again: optathlon retry {folder} --status {','.join(failed)}")
    if baselines and not summary.statuses:
        show("next: runs of an optimizer of your own, or optathlon leaderboard")
    else:
        show(f"next: {' '.join(['optathlon report', folder, *read_flags(False, None, baselines)])}")
