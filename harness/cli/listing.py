"""`optathlon list`: what there is."""

from __future__ import annotations

import fnmatch
import inspect
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from optathlon.cli.candidates import ids
from optathlon.cli.descriptions import counted, hyperparameters, missing, missing_environment, subset_line, traits
from optathlon.cli.flags import Json, Plugins
from optathlon.cli.output import show, show_lines
from optathlon.errors import UsageError
from optathlon.text import described

if TYPE_CHECKING:
    from optathlon.registry.facts import Group


class Kind(StrEnum):
    """What can be listed."""

    optimizers = "optimizers"
    tasks = "tasks"
    collections = "collections"
    subsets = "subsets"


def list_known(
    kind: Annotated[Kind, typer.Argument(help="What to list.")],
    pattern: Annotated[str, typer.Argument(help="Only ids that match, e.g. 'bbob/f1/*'.", autocompletion=ids)] = "*",
    where: Annotated[
        str | None,
        typer.Option(
            help="Only tasks of which this holds: 'dims <= 10 and conditional and kind == \"training\"'; only "
            "optimizers with these capabilities: 'categoricals or conditions, not asynchronous'.",
            metavar="CONDITION",
        ),
    ] = None,
    names: Annotated[bool, typer.Option("--names", help="Just the ids, one a line.")] = False,
    count: Annotated[bool, typer.Option("--count", help="How many tasks there are of each kind.")] = False,
    as_json: Json = False,
    plugins: Plugins = None,
) -> None:
    """List optimizers, tasks, collections or subsets."""
    load_plugins(plugins)
    if as_json and (names or count):
        raise UsageError("--json lists all that is known: leave --names and --count out")
    if where is not None and kind not in (Kind.optimizers, Kind.tasks):
        raise UsageError(f"--where asks for optimizers or tasks, and {kind.value} were asked for: leave it out")
    if count and (kind is not Kind.tasks or names):
        raise UsageError("--count counts tasks: write `optathlon list tasks --count`, without --names")
    if as_json:
        _list_json(kind, pattern, where)
        return
    match kind:
        case Kind.optimizers:
            rows = _optimizer_rows(where, names)
        case Kind.collections:
            rows = _collection_rows(names)
        case Kind.subsets:
            rows = _subset_rows()
        case Kind.tasks:
            _list_tasks(pattern, where, count, names or not sys.stdout.isatty())
            return
    found = {id: text for id, text in rows.items() if fnmatch.fnmatchcase(id, pattern)}
    _print_rows(found, names)
    if not found:
        _say_none(kind, pattern, where)


def _list_json(kind: Kind, pattern: str, where: str | None) -> None:
    from optathlon.cli import json_documents as documents
    from optathlon.registry.plugins import collection_names

    match kind:
        case Kind.tasks:
            documents.show_task_list(_groups(pattern, where))
        case Kind.optimizers:
            _show_each("optimizer", documents.optimizer_document, fnmatch.filter(_optimizers(where), pattern))
        case Kind.collections:
            _show_each("collection", documents.collection_document, fnmatch.filter(collection_names(), pattern))
        case Kind.subsets:
            from optathlon.subsets.subset import PREFIX, shipped  # which loads pydantic

            subsets = [PREFIX + name for name in fnmatch.filter(shipped(), pattern)]
            _show_each("subset", documents.subset_document, subsets)


def _show_each(kind: str, make: Callable[[str], object], ids: Iterable[str]) -> None:
    from optathlon.cli.json_documents import or_broken, show_json_list

    show_json_list(or_broken(kind, make, id) for id in ids)


def load_plugins(plugins: Iterable[Path] | None) -> None:
    """Register what plugin files bring, as they are now."""
    from optathlon.registry.editing import reload_edited
    from optathlon.registry.plugins import load_file

    reload_edited()
    for plugin in plugins or ():
        load_file(plugin)


def _list_tasks(pattern: str, where: str | None, count: bool, names: bool) -> None:
    from optathlon.cli.counts import count_lines

    if count:
        show_lines(count_lines(_groups(pattern, where)))
    elif names:
        found = _ids(pattern) if where is None else (id for group in _groups(pattern, where) for id in group.ids)
        first = next(found, None)
        if first is None:
            _say_none(Kind.tasks, pattern, where)
        else:
            show_lines(chain([first], found))
    else:
        groups = list(_groups(pattern, where))
        _print_columns(groups)
        if not groups:
            _say_none(Kind.tasks, pattern, where)


def _say_none(kind: Kind, pattern: str, where: str | None) -> None:
    """Say beside the list that it is empty, and why."""
    condition = "" if where is None else f" and fulfil {where!r}"
    show(f"optathlon: no {kind.value} match {pattern!r}{condition}", file=sys.stderr)


def _ids(pattern: str) -> Iterator[str]:
    """The ids that match; a broken collection is named beside the list."""
    from optathlon.registry.tasks import task_ids

    for name in _collections(pattern):
        with _left_out():
            yield from _matching(task_ids(name), pattern)


def _groups(pattern: str, where: str | None) -> Iterator[Group]:
    """The tasks that match, with what is known of them; a broken collection is named beside the list."""
    from optathlon.registry.conditions import parse_condition
    from optathlon.registry.facts import task_groups
    from optathlon.registry.where import TASKS, of_task

    holds = None if where is None else parse_condition(where, TASKS)
    for name in _collections(pattern):
        with _left_out():
            for group in task_groups(name):
                ids = _matching(group.ids, pattern)
                if ids and (holds is None or holds(of_task(name, group.facts))):
                    yield group._replace(ids=ids)


def _collections(pattern: str) -> list[str]:
    """The collections whose ids may match: one, where the pattern begins with its name."""
    from optathlon.registry.plugins import collection_names
    from optathlon.registry.tasks import is_pattern

    first, slash, _ = pattern.partition("/")
    return [name for name in collection_names() if not slash or is_pattern(first) or name == first]


def _matching(ids: Iterable[str], pattern: str) -> Sequence[str]:
    return list(ids) if pattern == "*" else fnmatch.filter(ids, pattern)


@contextmanager
def _left_out() -> Iterator[None]:
    """Within this block, what is broken is named beside the list, and hides nothing else."""
    try:
        yield
    except UsageError as error:
        show(f"optathlon: left out: {error}", file=sys.stderr)


def _print_columns(groups: Sequence[Group]) -> None:
    """A line for each task: its id, and what is known of it in a few words."""
    cells = [
        (group.facts.type, group.facts.kind, hyperparameters(group.facts), "; ".join(traits(group.facts)))
        for group in groups
    ]
    width = max((len(id) for group in groups for id in group.ids), default=0)
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for group, row in zip(groups, cells, strict=True):
        text = "  ".join(f"{cell:<{wide}}" for cell, wide in zip(row, widths, strict=True)).rstrip()
        show_lines(f"{id:<{width}}  {text}" for id in group.ids)


def _optimizer_rows(where: str | None, names: bool) -> dict[str, str]:
    return {name: "" if names else _line(_optimizer_line, name) for name in _optimizers(where)}


def _optimizers(where: str | None) -> list[str]:
    from optathlon.registry.plugins import optimizer_names

    return optimizer_names() if where is None else list(_those_with(where, optimizer_names()))


def _those_with(where: str, names: Iterable[str]) -> Iterator[str]:
    """The optimizers that have the capabilities; a broken one is named beside the list."""
    from optathlon.registry.conditions import parse_condition
    from optathlon.registry.optimizers import optimizer_class
    from optathlon.registry.where import OPTIMIZERS, of_optimizer

    holds = parse_condition(where, OPTIMIZERS)
    for name in names:
        with _left_out():
            if holds(of_optimizer(optimizer_class(name))):
                yield name


def _optimizer_line(name: str) -> str:
    from optathlon.registry.optimizers import optimizer_class

    cls = optimizer_class(name)
    first_line = (inspect.getdoc(cls) or "").partition("\n")[0]
    return first_line + missing(cls.packages, cls.install) + missing_environment(cls)


def _collection_rows(names: bool) -> dict[str, str]:
    from optathlon.registry.plugins import collection_names

    return {name: "" if names else _line(_collection_line, name) for name in collection_names()}


def _collection_line(name: str) -> str:
    from optathlon.registry.tasks import collection, task_ids

    source = collection(name)
    count = f"{counted(sum(1 for _ in task_ids(name)), 'task')} listed"
    if source is None:
        return count
    return f"{source.description} ({count}){missing(source.packages, source.install)}"


def _subset_rows() -> dict[str, str]:
    from optathlon.subsets.subset import Subset, shipped

    return {name: subset_line(Subset.read(name)) for name in shipped()}


def _line(describe: Callable[[str], str], name: str) -> str:
    """What there is to say of a name, or what is wrong: one broken package does not hide the others."""
    try:
        return describe(name)
    except UsageError as error:
        return f"[broken: {error}]"
    except Exception as error:  # what a package brings may raise anything
        return f"[broken: {described(error)}]"


def _print_rows(rows: dict[str, str], names: bool) -> None:
    width = max(map(len, rows), default=0)
    show_lines(id if names or not text else f"{id:<{width}}  {text}" for id, text in rows.items())
