"""What ids and names may become that are begun on the command line."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from optathlon.errors import UsageError

_SUBSET = "subset:"


def optimizer_ids(incomplete: str) -> list[str]:
    """Ids of optimizers that begin so, after those that stand before a comma."""
    from optathlon.registry.plugins import optimizer_names

    before, comma, last = incomplete.rpartition(",")
    return [f"{before}{comma}{id}" for id in _beginning(optimizer_names(), last)]


def task_ids(incomplete: str) -> list[str]:
    """How ids of tasks that begin so go on, after those that stand before a comma."""
    before, comma, last = incomplete.rpartition(",")
    return [f"{before}{comma}{id}" for id in _tasks(last)]


def _tasks(incomplete: str) -> list[str]:
    """How ids of tasks that begin so go on, up to the next slash: first collections and subsets, then what is below."""
    from optathlon.registry.plugins import collection_names

    if incomplete.startswith(_SUBSET):
        return _beginning(_subsets(), incomplete)
    collection, slash, _ = incomplete.partition("/")
    if not slash:
        return _beginning([*(f"{name}/" for name in collection_names()), _SUBSET], incomplete)
    return list(dict.fromkeys(_up_to_slash(id, len(incomplete)) for id in _beginning(_listed(collection), incomplete)))


def ids(incomplete: str) -> list[str]:
    """Ids of optimizers and of tasks."""
    return [*optimizer_ids(incomplete), *task_ids(incomplete)]


def collection_names(incomplete: str) -> list[str]:
    """Names of collections that begin so."""
    from optathlon.registry.plugins import collection_names as names

    return _beginning(names(), incomplete)


def _beginning(names: Iterable[str], incomplete: str) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]


def _subsets() -> list[str]:
    from optathlon.subsets.subset import shipped

    names = [_SUBSET + name for name in shipped()]
    return [*names, *(f"{name}/{part}" for name in names for part in ("dev", "test"))]


def _listed(collection: str) -> list[str]:
    """The ids of a collection; none where there is no such collection, or it can't be loaded."""
    from optathlon.registry.tasks import task_ids

    with suppress(UsageError):
        return list(task_ids(collection))
    return []


def _up_to_slash(id: str, position: int) -> str:
    """The id up to the first slash from the position on."""
    end = id.find("/", position) + 1
    return id[:end] if end else id
