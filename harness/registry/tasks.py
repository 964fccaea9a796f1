"""Finding collections and tasks by name."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import EntryPoint
from pathlib import Path

from optathlon.data import data_root
from optathlon.errors import MissingData, UsageError, unknown
from optathlon.paths import expanded
from optathlon.registry.plugins import (
    DESCRIPTOR_SUFFIXES,
    collection_names,
    collection_of,
    declared,
    load_class,
    load_descriptor,
    made,
    plugins,
    require,
)
from optathlon.table_file import is_called_a_table
from optathlon.task import Collection, Task
from optathlon.text import described


def collection(name: str) -> Collection | None:
    """The collection of that name; `None` for tasks that a plugin brings without one."""
    if name in plugins.collections:
        return plugins.collections[name]
    entry = declared("optathlon.tasks").get(name)
    return _instance(entry) if entry else None


def task_ids(collection_name: str) -> Iterator[str]:
    """The ids that a collection lists."""
    source = collection(collection_name)
    if source is not None:
        yield from _listed(source)
    yield from (id for id in plugins.tasks if collection_of(id) == collection_name)


def expand_tasks(patterns: Iterable[str]) -> list[str]:
    """The ids that match any of the patterns, in the order of the patterns and without repetitions.

    `*` matches any characters, `/` included; `?` one; `[12]` one of those listed. A pattern without such a character
    is an id, which need not be listed. A table descriptor, `FILE.yaml`, stands for its tasks.
    """
    found: dict[str, None] = {}
    for pattern in patterns:
        found.update(dict.fromkeys(described_tasks(pattern) or _expanded(pattern)))
    return list(found)


def described_tasks(name: str) -> list[str]:
    """The ids of the tasks of a table descriptor; none where `name` is not called like a file of that kind.

    Raises `UsageError` where it is called like a table, and for a descriptor as `load_descriptor`.
    """
    path = expanded(name)
    if path.suffix.lower() in DESCRIPTOR_SUFFIXES:
        return load_descriptor(path)
    if name not in plugins.tasks:
        refuse_table(name)
    return []


def refuse_table(name: str) -> None:
    """Raise `UsageError` for the name of a table where a task, or its descriptor, was to be named."""
    if is_called_a_table(Path(name)):
        raise UsageError(
            f"{name!r} is a table: say what its columns mean in a descriptor, which `optathlon table init {name}` "
            "begins, and give the descriptor in its place"
        )


def make_task(id: str) -> Task:
    """The task of that id; `UsageError` with the nearest match where there is none."""
    if id in plugins.tasks:
        return plugins.tasks[id]
    source = _known_collection(id)
    if source is not None:
        require(f"the collection {source.name!r}", source.packages, source.install)
        try:
            return source.make(id)
        except KeyError:
            pass
    raise unknown("task", id, task_ids(collection_of(id)))


def _listed(source: Collection) -> Iterator[str]:
    try:
        yield from source.ids()
    except UsageError:
        raise
    except Exception as error:  # a collection may raise anything
        raise UsageError(f"the collection {source.name!r} can't list its tasks: {described(error)}") from None


def _expanded(pattern: str) -> list[str]:
    return _matching(pattern) if is_pattern(pattern) else [make_task(pattern).id]


def _matching(pattern: str) -> list[str]:
    first = collection_of(pattern)
    names = [name for name in collection_names() if fnmatch.fnmatchcase(name, first)] if "/" in pattern else []
    if not names and not is_pattern(first):
        raise unknown("collection", first, collection_names(), where=f"the task pattern {pattern!r}")
    matches = []
    for name in names or collection_names():
        listed = list(task_ids(name))
        if not listed and name == first:
            raise _nothing_listed(name)
        found = fnmatch.filter(listed, pattern)
        source = collection(name)
        if found and source is not None:
            require(f"the collection {name!r}", source.packages, source.install)
        matches += found
    if not matches:
        raise unknown("task", pattern, (id for name in names or collection_names() for id in task_ids(name)))
    return matches


def _nothing_listed(name: str) -> UsageError:
    source = collection(name)
    if source is None or not source.data:
        return UsageError(f"the collection {name!r} lists no tasks: give a whole id")
    return MissingData(f"the collection {name!r} finds no data in {data_root() / name}: {source.data} to that folder")


def _known_collection(id: str) -> Collection | None:
    name = collection_of(id)
    if name not in collection_names():
        raise unknown("collection", name, collection_names(), where=f"the task {id!r}")
    return collection(name)


@cache
def _instance(entry: EntryPoint) -> Collection:
    return made(load_class(entry, Collection), entry.value)  # type: ignore[type-abstract]


def is_pattern(text: str) -> bool:
    """Whether it stands for the ids that it matches, and not for itself."""
    return any(character in text for character in "*?[")
