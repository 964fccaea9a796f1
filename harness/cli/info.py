"""`optathlon info`: what there is to know of an optimizer, a collection, a task or a subset."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from textwrap import wrap
from typing import TYPE_CHECKING, Annotated

import typer

from optathlon.cli.candidates import ids
from optathlon.cli.descriptions import counted, hyperparameters, missing, missing_environment, subset_line, traits
from optathlon.cli.flags import Json, Plugins
from optathlon.cli.listing import load_plugins
from optathlon.cli.output import show
from optathlon.errors import UsageError, unknown

if TYPE_CHECKING:
    from optathlon.budget import Budget
    from optathlon.fidelity import Fidelity
    from optathlon.registry.facts import Group
    from optathlon.task import Task

_WIDTH = 100
"""Characters of a line of text."""


def info(
    id: Annotated[
        str,
        typer.Argument(
            help="Id of an optimizer, a collection or a task, subset:NAME, carps:NAME, or a table descriptor.",
            autocompletion=ids,
        ),
    ],
    as_json: Json = False,
    plugins: Plugins = None,
) -> None:
    """Say what there is to know about an optimizer, a collection, a task or a subset."""
    from optathlon.registry.plugins import collection_names, optimizer_names
    from optathlon.registry.tasks import described_tasks, make_task

    load_plugins(plugins)
    if as_json:
        _print_json(id)
    elif id.startswith("subset:"):
        _print_subset(id)
    elif id.startswith("carps:"):
        _print_carps(id.removeprefix("carps:"))
    elif described := described_tasks(id):
        for task in described:
            _print_task(make_task(task))
    elif "/" in id and ":" not in id:
        _print_task(make_task(id))
    elif id in collection_names() and id not in optimizer_names():
        _print_collection(id)
    else:
        _print_optimizer(id.partition("[")[0])


def _print_json(id: str) -> None:
    from optathlon.cli import json_documents as documents
    from optathlon.registry.plugins import collection_names, optimizer_names
    from optathlon.registry.tasks import described_tasks, make_task

    document: object
    if id.startswith("subset:"):
        document = documents.subset_document(id)
    elif id.startswith("carps:"):
        document = documents.carps_document(id.removeprefix("carps:"))
    elif described := described_tasks(id):
        document = [documents.task_details(make_task(task)) for task in described]
    elif "/" in id and ":" not in id:
        document = documents.task_details(make_task(id))
    elif id in collection_names() and id not in optimizer_names():
        document = documents.collection_document(id)
    else:
        document = documents.optimizer_details(_known_optimizer(id.partition("[")[0]))
    documents.show_json(document)


def _print_optimizer(name: str) -> None:
    from optathlon.registry.optimizers import optimizer_class
    from optathlon.registry.options import described_type

    cls = optimizer_class(_known_optimizer(name))
    show(f"{name}{missing(cls.packages, cls.install)}{missing_environment(cls)}\n\n{inspect.getdoc(cls)}\n")
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


def _known_optimizer(name: str) -> str:
    """The name; `UsageError` where no optimizer and no collection is called like that."""
    from optathlon.registry.plugins import collection_names, optimizer_names

    if ":" not in name and name not in (known := optimizer_names()):
        raise unknown("optimizer or collection", name, [*known, *collection_names()])
    return name


def _print_collection(name: str) -> None:
    from optathlon.registry.facts import task_groups
    from optathlon.registry.tasks import collection

    source = collection(name)
    groups = list(task_groups(name))
    listed = counted(sum(len(group.ids) for group in groups), "task")
    show(f"{name}  ({listed} listed){missing(source.packages, source.install) if source else ''}\n")
    for line in _paragraphs(inspect.getdoc(type(source)) or "" if source else ""):
        show(line)
    if source:
        _print_fact("about", source.description)
    if source and source.data:
        _print_fact("data", source.data)
    for heading, text in _summary(groups):
        _print_fact(heading, text)


def _summary(groups: Sequence[Group]) -> Iterator[tuple[str, str]]:
    """What the listed tasks of a collection are, with headings."""
    from optathlon.cli.counts import composition

    if not groups:
        return
    types: Counter[str] = Counter()
    for group in groups:
        types[group.facts.type] += len(group.ids)
    dims = [group.facts.dims for group in groups]
    yield "types", ", ".join(f"{number:,} {one}" for one, number in types.items())
    yield "kinds", composition((group.facts, len(group.ids)) for group in groups)
    yield "dimensions", f"{min(dims)} to {max(dims)}" if min(dims) < max(dims) else str(min(dims))
    for heading, name in (("domain", "domain"), ("licence", "licence"), ("citation", "citation")):
        yield heading, "; ".join(filter(None, dict.fromkeys(getattr(group.facts, name) for group in groups)))
    yield "for example", groups[0].ids[0]


def _print_task(task: Task) -> None:
    from optathlon.registry.facts import known_facts

    problem, facts = task.problem, known_facts([task.id])[task.id]
    show(f"{task.id}  ({problem.type}, version {task.version})\n")
    for line in _paragraphs(facts.description):
        show(line)
    _print_fact("kind", f"{facts.kind}, {facts.domain}" if facts.domain != "unknown" else facts.kind)
    _print_fact("has", "; ".join((hyperparameters(facts), *traits(facts))))
    _print_fact("licence", facts.licence)
    _print_fact("citation", facts.citation)
    for objective in problem.objectives:
        optimum = "" if objective.optimum is None else f", optimum {objective.optimum:g}"
        _print_fact("objective", f"{objective.direction} {objective.name}{optimum}")
    if problem.fidelity:
        _print_fact("fidelity", str(problem.fidelity))
        for line in _hyperband_lines(problem.fidelity, problem.budget):
            show(f"{'':12}{line}")
    for constraint in problem.constraints:
        _print_fact("constraint", f"{constraint.name} <= 0")
    _print_fact("budget", f"{problem.budget} {problem.budget.unit}")
    if task.resources.needs_process:
        wanted = ((field.name, getattr(task.resources, field.name)) for field in fields(task.resources))
        _print_fact("resources", ", ".join(f"{name} {value}" for name, value in wanted if value))
    for key, value in task.metadata.items():
        _print_fact(key, str(value))
    show(f"\n{problem.space}")


def _hyperband_lines(fidelity: Fidelity, budget: Budget) -> Iterator[str]:
    """What Hyperband makes of the levels, with the usual eta, and why that isn't much, if it isn't."""
    from optathlon.fidelity import asked_level, degeneracy, first_bracket

    levels = [fidelity.snapped(asked_level(fidelity, rung.level)) for rung in first_bracket(fidelity)]
    yield f"Hyperband with eta 3 asks for {', '.join(f'{level:g}' for level in levels)}"
    if why := degeneracy(fidelity, budget.evaluations):
        yield f"note: {why}"


def _print_subset(pattern: str) -> None:
    from optathlon.subsets.subset import subset_parts

    subset, parts = subset_parts(pattern)
    made = subset.features
    show(f"{subset.name}  ({subset_line(subset)})\n")
    _print_fact("target", f"{subset.target}, seed {subset.seed}")
    if subset.strata:
        _print_fact("shares", f"of every {subset.strata} as among all tasks")
    _print_fact("points", f"{made.scale} regret, {made.distinct} different of {made.tasks}")
    _print_fact("budgets", ", ".join(made.budgets))
    _print_fact("seeds", " to ".join(map(str, dict.fromkeys(made.seeds))))
    _print_fact("left out", f"{len(made.dropped)} tasks")
    _print_fact("as worst", f"{made.imputed} missing and {made.failed} failed runs")
    _print_fact("made by", f"optathlon {subset.optathlon}: {subset.command}")
    for name, part in parts.items():
        proof = "" if part.lower_bound is None else f", proven lower bound {part.lower_bound:.4f}"
        show(f"\n{name}: {len(part.tasks)} tasks, star discrepancy {part.discrepancy:.4f}{proof}")
        show(f"  {_composition_of(part.tasks)}")
        for task in part.tasks:
            show(f"  {task}")


def _print_carps(text: str) -> None:
    """Which task of ours a name of CARP-S is, or why none is; of a subset, of each of its names."""
    from optathlon.registry.carps import carps_subset, from_carps, runnable
    from optathlon.registry.tasks import make_task

    subset = carps_subset(text)
    if subset is None:
        one = from_carps(text)
        if one.id:
            show(f"{text} of CARP-S is {one.id}\n")
            _print_task(make_task(one.id))
        else:
            show(f"{text} of CARP-S has no equal here: {one.reason}")
        return
    found = [runnable(name) for name in subset]
    here = [one.id for one in found if one.id]
    show(f"{text} of CARP-S 1.1.0 (Benjamins et al. 2025): {len(here)} of {len(subset)} tasks are here")
    show(f"  {_composition_of(here)}")
    width = max(map(len, subset))
    for one in found:
        show(f"  {one.name:<{width}}  {subset[one.name]:>4} trials  {one.id or f'[{one.reason}]'}")


def _composition_of(ids: Iterable[str]) -> str:
    from optathlon.cli.counts import composition
    from optathlon.registry.facts import known_facts

    try:
        return composition((facts, 1) for facts in known_facts(ids).values())
    except UsageError as error:
        return f"what they are is not known here: {error}"


def _paragraphs(text: str) -> Iterator[str]:
    """The lines of a text, filled, and an empty one after each paragraph."""
    for paragraph in filter(None, text.split("\n\n")):
        yield from wrap(paragraph, _WIDTH)
        yield ""


def _print_fact(heading: str, text: str) -> None:
    """A line with its heading; none where there is nothing to say."""
    if text:
        show(f"{heading:<11} {text}")
