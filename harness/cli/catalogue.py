"""`optathlon list` and `optathlon info`: what there is."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from optathlon.cli.flags import Plugins
from optathlon.cli.output import show
from optathlon.errors import UsageError
from optathlon.text import described

if TYPE_CHECKING:
    from optathlon.budget import Budget
    from optathlon.fidelity import Fidelity
    from optathlon.optimizer import Optimizer
    from optathlon.subsets.subset import Subset
    from optathlon.task import Task


class Kind(StrEnum):
    """What can be listed."""

    optimizers = "optimizers"
    tasks = "tasks"
    collections = "collections"
    subsets = "subsets"


def list_known(
    kind: Annotated[Kind, typer.Argument(help="What to list.")],
    pattern: Annotated[str, typer.Argument(help="Only ids that match, e.g. 'bbob/f1/*'.")] = "*",
    where: Annotated[
        str | None,
        typer.Option(
            help="Only optimizers with these capabilities: 'conditions,multi-fidelity' (both), "
            "'categoricals or conditions' (any), 'not asynchronous'."
        ),
    ] = None,
    names: Annotated[bool, typer.Option("--names", help="Just the ids, one a line.")] = False,
    plugins: Plugins = None,
) -> None:
    """List optimizers, tasks, collections or subsets."""
    import fnmatch

    from optathlon.registry.plugins import collection_names, optimizer_names

    _load(plugins)
    if where is not None and kind is not Kind.optimizers:
        raise UsageError(f"--where asks for what optimizers can do, and {kind.value} were asked for: leave it out")
    match kind:
        case Kind.optimizers:
            found = _those_with(where, optimizer_names()) if where is not None else optimizer_names()
            rows = {name: "" if names else _line(_optimizer_line, name) for name in found}
        case Kind.collections:
            rows = {name: _line(_collection_line, name) for name in collection_names()}
        case Kind.tasks:
            rows = {id: "" for name in collection_names() for id in _listed(name)}
        case Kind.subsets:
            rows = _subset_rows()
    _print_rows({id: text for id, text in rows.items() if fnmatch.fnmatchcase(id, pattern)}, names)


def info(
    id: Annotated[str, typer.Argument(help="Optimizer or task id, subset:NAME, or a table descriptor.")],
    plugins: Plugins = None,
) -> None:
    """Say what there is to know about an optimizer, a task or a subset."""
    from optathlon.registry.tasks import described_tasks, make_task

    _load(plugins)
    if id.startswith("subset:"):
        _print_subset(id.removeprefix("subset:"))
    elif described := described_tasks(id):
        for task in described:
            _print_task(make_task(task))
    elif "/" in id and ":" not in id:
        _print_task(make_task(id))
    else:
        _print_optimizer(id.partition("[")[0])


def _load(plugins: Iterable[Path] | None) -> None:
    from optathlon.registry.plugins import load_file

    for plugin in plugins or ():
        load_file(plugin)


def _those_with(where: str, names: Iterable[str]) -> Iterator[str]:
    """The optimizers that have the capabilities; a broken one is named beside the list."""
    from optathlon.registry.optimizers import optimizer_class
    from optathlon.registry.where import Where

    wanted = Where.parse(where)
    for name in names:
        try:
            cls = optimizer_class(name)
        except UsageError as error:
            show(f"optathlon: left out: {error}", file=sys.stderr)
        else:
            if wanted.holds(cls):
                yield name


def _line(describe: Callable[[str], str], name: str) -> str:
    """What there is to say of a name, or what is wrong: one broken package does not hide the others."""
    try:
        return describe(name)
    except UsageError as error:
        return f"[broken: {error}]"
    except Exception as error:  # what a package brings may raise anything
        return f"[broken: {described(error)}]"


def _listed(collection: str) -> Iterator[str]:
    """The ids of a collection's tasks; a broken one is named beside the list."""
    from optathlon.registry.tasks import task_ids

    try:
        yield from task_ids(collection)
    except UsageError as error:
        show(f"optathlon: left out: {error}", file=sys.stderr)


def _print_rows(rows: dict[str, str], names: bool) -> None:
    width = max(map(len, rows), default=0)
    for id, text in rows.items():
        show(id if names or not text else f"{id:<{width}}  {text}")


def _optimizer_line(name: str) -> str:
    from optathlon.registry.optimizers import optimizer_class

    cls = optimizer_class(name)
    return _first_line(cls) + _missing(cls.packages, cls.install) + _missing_environment(cls)


def _collection_line(name: str) -> str:
    from optathlon.registry.tasks import collection, task_ids

    source = collection(name)
    count = f"{sum(1 for _ in task_ids(name))} tasks listed"
    if source is None:
        return count
    return f"{source.description} ({count}){_missing(source.packages, source.install)}"


def _subset_rows() -> dict[str, str]:
    from optathlon.subsets.subset import Subset, shipped

    return {name: _subset_line(Subset.read(name)) for name in shipped()}


def _subset_line(subset: Subset) -> str:
    parts = ", ".join(f"{len(part.tasks)} {name}" for name, part in subset.parts.items())
    made = subset.features
    return f"{subset.type}: {parts} of {made.tasks} tasks, by {', '.join(made.optimizers)}"


def _missing(packages: Iterable[str], install: str) -> str:
    absent = [package for package in packages if importlib.util.find_spec(package) is None]
    return f" [not installed: {install}]" if absent else ""


def _missing_environment(cls: type[Optimizer]) -> str:
    from optathlon.remote.environments import missing

    reason = missing(cls.environment)
    return f" [{reason}]" if reason else ""


def _first_line(cls: type) -> str:
    return (inspect.getdoc(cls) or "").partition("\n")[0]


def _print_optimizer(name: str) -> None:
    from optathlon.registry.optimizers import optimizer_class
    from optathlon.registry.options import described_type

    cls = optimizer_class(name)
    show(f"{name}{_missing(cls.packages, cls.install)}{_missing_environment(cls)}\n\n{inspect.getdoc(cls)}\n")
    show(f"capabilities   {', '.join(sorted(cls.capabilities)) or 'none'}")
    if cls.requires:
        show(f"requires       {', '.join(sorted(cls.requires))}")
    if cls.environment:
        show(f"environment    {cls.environment.name}: {', '.join(cls.environment.requirements)}")
    show(f"deterministic  {'yes' if cls.deterministic else 'no'}")
    options = list(inspect.signature(cls).parameters.values())[2:]
    show("options        " + ("none" if not options else ""))
    for option in options:
        show(f"  {option.name}: {described_type(cls, option)} = {option.default!r}")


def _print_task(task: Task) -> None:
    problem = task.problem
    show(f"{task.id}  ({problem.type}, version {task.version})\n")
    for objective in problem.objectives:
        optimum = "" if objective.optimum is None else f", optimum {objective.optimum:g}"
        show(f"objective   {objective.direction} {objective.name}{optimum}")
    if problem.fidelity:
        show(f"fidelity    {problem.fidelity}")
        for line in _hyperband_lines(problem.fidelity, problem.budget):
            show(f"            {line}")
    for constraint in problem.constraints:
        show(f"constraint  {constraint.name} <= 0")
    show(f"budget      {problem.budget} {problem.budget.unit}")
    if task.resources.needs_process:
        wanted = ((field.name, getattr(task.resources, field.name)) for field in fields(task.resources))
        show(f"resources   {', '.join(f'{name} {value}' for name, value in wanted if value)}")
    for key, value in task.metadata.items():
        show(f"{key:<11} {value}")
    show(f"\n{problem.space}")


def _hyperband_lines(fidelity: Fidelity, budget: Budget) -> Iterator[str]:
    """What Hyperband makes of the levels, with the usual eta, and why that isn't much, if it isn't."""
    from optathlon.fidelity import asked_level, degeneracy, first_bracket

    levels = [fidelity.snapped(asked_level(fidelity, rung.level)) for rung in first_bracket(fidelity)]
    yield f"Hyperband with eta 3 asks for {', '.join(f'{level:g}' for level in levels)}"
    if why := degeneracy(fidelity, budget.evaluations):
        yield f"note: {why}"


def _print_subset(name: str) -> None:
    from optathlon.subsets.subset import Subset

    subset = Subset.read(name)
    made = subset.features
    show(f"{subset.name}  ({_subset_line(subset)})\n")
    show(f"target      {subset.target}, seed {subset.seed}")
    show(f"points      {made.scale} regret, {made.distinct} different of {made.tasks}")
    show(f"budgets     {', '.join(made.budgets)}")
    show(f"seeds       {' to '.join(map(str, dict.fromkeys(made.seeds)))}")
    show(f"left out    {len(made.dropped)} tasks")
    show(f"as worst    {made.imputed} missing and {made.failed} failed runs")
    show(f"made by     optathlon {subset.optathlon}: {subset.command}")
    for part_name, part in subset.parts.items():
        proof = "" if part.lower_bound is None else f", proven lower bound {part.lower_bound:.4f}"
        show(f"\n{part_name}: {len(part.tasks)} tasks, star discrepancy {part.discrepancy:.4f}{proof}")
        for task in part.tasks:
            show(f"  {task}")
