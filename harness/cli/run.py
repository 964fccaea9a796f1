"""`optathlon run`: do the runs of an experiment that are missing."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from optathlon.cli.exit_codes import INTERRUPTED, SOME_FAILED

if TYPE_CHECKING:
    from optathlon.driver import Summary
    from optathlon.plan import Plan

_REASONS_SHOWN = 10


def run(
    file: Annotated[Path | None, typer.Argument(help="Experiment file (YAML); flags win over it.")] = None,
    optimizers: Annotated[
        list[str] | None, typer.Option("--optimizer", "-o", help="Optimizer id, e.g. optuna-tpe. Repeatable.")
    ] = None,
    tasks: Annotated[
        list[str] | None, typer.Option("--task", "-t", help="Task id or pattern, e.g. 'bbob/f*/d5/i1'. Repeatable.")
    ] = None,
    seeds: Annotated[str | None, typer.Option(help="Number of seeds (5), a range (3:8) or a list (1,4,7).")] = None,
    budget: Annotated[
        str | None,
        typer.Option(help="Full evaluations (50), time (600s, 10min) or cost (3600cost); default: each task's."),
    ] = None,
    jobs: Annotated[int | None, typer.Option("--jobs", "-j", help="Worker processes.")] = None,
    out: Annotated[Path | None, typer.Option(help="Results folder; an existing one is extended. Default: out.")] = None,
    plugins: Annotated[
        list[Path] | None, typer.Option("--plugin", help="Python file with optimizers and tasks. Repeatable.")
    ] = None,
    root_seed: Annotated[int | None, typer.Option(help="What every other seed is derived from. Default: 0.")] = None,
    name: Annotated[str | None, typer.Option(help="A label stored with every run.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan and stop.")] = False,
) -> None:
    """Run every optimizer on every task with every seed.

    Repeating the command does what is missing and nothing else.
    """
    from optathlon.driver import plan_experiment, run_experiment
    from optathlon.experiment import Experiment

    flags = {
        "optimizers": optimizers,
        "tasks": tasks,
        "seeds": seeds,
        "budget": budget,
        "jobs": jobs,
        "out": out,
        "plugins": plugins,
        "root_seed": root_seed,
        "name": name,
    }
    experiment = Experiment.read(file, flags)
    if dry_run:
        _print_plan(plan_experiment(experiment))
        return
    try:
        summary = run_experiment(experiment)
    except KeyboardInterrupt:
        print("interrupted; finished runs are stored, and the same command does the rest", file=sys.stderr)
        raise typer.Exit(INTERRUPTED) from None
    _print_summary(summary)
    if set(summary.statuses) - {"ok", "skipped"}:
        raise typer.Exit(SOME_FAILED)


def _print_plan(plan: Plan) -> None:
    print(f"{len(plan.optimizers)} optimizers x {len(plan.tasks)} tasks: {plan.total} runs")
    print(f"  done     {len(plan.done)}")
    print(f"  to do    {len(plan.todo)}")
    print(f"  skipped  {len(plan.skipped)}")
    reasons: dict[tuple[str, str], set[str]] = {}
    for spec, reason in plan.skipped:
        reasons.setdefault((spec.optimizer, reason), set()).add(spec.task)
    for (optimizer, reason), tasks in list(reasons.items())[:_REASONS_SHOWN]:
        examples = ", ".join(sorted(tasks)[:2]) + (", …" if len(tasks) > 2 else "")
        print(f"    {optimizer}: {reason} ({len(tasks)} tasks: {examples})")
    if len(reasons) > _REASONS_SHOWN:
        print(f"    and {len(reasons) - _REASONS_SHOWN} further reasons")


def _print_summary(summary: Summary) -> None:
    counts = ", ".join(f"{count} {status}" for status, count in sorted(summary.statuses.items()))
    print(f"{summary.statuses.total()} runs in {summary.folder.path} ({summary.new} new): {counts or 'none'}")
    print(f"next: optathlon report {summary.folder.path}")
