"""What is known of the tasks that there are, without making them."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from optathlon.errors import UsageError
from optathlon.facts import Evaluation, Facts
from optathlon.registry.plugins import collection_of, plugins
from optathlon.registry.tasks import collection, make_task
from optathlon.task import Collection, Task
from optathlon.text import described

_OF_COLLECTIONS = ("kind", "domain", "noisy", "download", "licence", "citation")
"""What an unlisted task shares with the listed ones of its collection, where these agree in it."""


class Group(NamedTuple):
    """Listed tasks that agree in all that is known of them."""

    collection: str
    facts: Facts
    ids: Sequence[str]


def is_installed(collection_name: str) -> bool:
    """Whether the packages that a collection's tasks need are installed."""
    source = collection(collection_name)
    return source is None or all(importlib.util.find_spec(package) for package in source.packages)


def task_groups(collection_name: str) -> Iterator[Group]:
    """The tasks that a collection lists, in the order of `task_ids`; `UsageError` where it can't tell."""
    source = collection(collection_name)
    try:
        if source is not None:
            yield from (Group(collection_name, facts, ids) for facts, ids in source.facts())
        for id, task in plugins.tasks.items():
            if collection_of(id) == collection_name:
                yield Group(collection_name, _described(task.facts(), source), [id])
    except UsageError:
        raise
    except Exception as error:  # a collection may raise anything
        raise UsageError(f"the facts of {collection_name!r} can't be told: {described(error)}") from None


def known_facts(ids: Iterable[str]) -> dict[str, Facts]:
    """What is known of these tasks, in their order; those of which their collection tells nothing are made."""
    found: dict[str, Facts | None] = dict.fromkeys(ids)
    for name in dict.fromkeys(map(collection_of, found)):
        groups = list(task_groups(name)) if _tells_more(collection(name)) else []
        for group in groups:
            found.update((id, group.facts) for id in group.ids if id in found)
        for id in [id for id, facts in found.items() if facts is None and collection_of(id) == name]:
            found[id] = _of_task(make_task(id), [group.facts for group in groups])
    return {id: facts for id, facts in found.items() if facts is not None}


def _tells_more(source: Collection | None) -> bool:
    """Whether a collection knows more of its tasks than they do themselves."""
    return source is not None and type(source).facts is not Collection.facts


def _of_task(task: Task, listed: Sequence[Facts]) -> Facts:
    """What the task tells, and all the listed ones have in common."""
    own = _described(task.facts(), collection(collection_of(task.id)))
    if own.kind is not Evaluation.UNKNOWN:
        return own
    shared: dict[str, Any] = {}
    for name in _OF_COLLECTIONS:
        values = {getattr(facts, name) for facts in listed}
        if len(values) == 1:
            shared[name] = values.pop()
    return replace(own, **shared)


def _described(facts: Facts, source: Collection | None) -> Facts:
    return facts if facts.description or source is None else replace(facts, description=source.description)
