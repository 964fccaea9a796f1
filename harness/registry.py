"""Finding optimizers, collections and tasks: entry points, `module:Class` names, and plugin files.

Entry points live in the groups `optathlon.optimizers` and `optathlon.tasks`. Nothing is imported until it is asked for.
"""

from __future__ import annotations

import fnmatch
import importlib
import importlib.util
import inspect
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from optathlon.data import data_root
from optathlon.errors import MissingData, MissingDependency, UsageError, unknown
from optathlon.optimizer import Optimizer
from optathlon.options import canonical_options, checked_options, parse_options
from optathlon.problem import Problem
from optathlon.task import Collection, Task

_SUBSET = "subset:"
"""What a task pattern starts with that names a subset."""


@dataclass(frozen=True)
class OptimizerChoice:
    """An optimizer with its options, as it takes part in an experiment."""

    name: str
    cls: type[Optimizer]
    options: dict[str, Any]

    @property
    def id(self) -> str:
        """The name with the options in brackets, in alphabetical order."""
        return self.name + canonical_options(self.options)

    def start(self, problem: Problem, seed: int) -> Optimizer:
        """A new optimizer on `problem`."""
        return self.cls(problem, seed, **self.options)


@dataclass
class _Plugins:
    """What plugin files have brought."""

    optimizers: dict[str, type[Optimizer]] = field(default_factory=dict)
    collections: dict[str, Collection] = field(default_factory=dict)
    tasks: dict[str, Task] = field(default_factory=dict)
    modules: dict[Path, ModuleType] = field(default_factory=dict)


_plugins = _Plugins()


def optimizer_names() -> list[str]:
    """Names of all optimizers that entry points and plugins bring."""
    return sorted({*_entry_points("optathlon.optimizers"), *_plugins.optimizers})


def collection_names() -> list[str]:
    """Names of all collections that entry points and plugins bring."""
    return sorted({*_entry_points("optathlon.tasks"), *_plugins.collections, *map(_first_part, _plugins.tasks)})


def choose_optimizer(id: str) -> OptimizerChoice:
    """The optimizer of an id such as `smac-bb[acquisition=ei]`, `my_package:MyOptimizer` or `file.py:MyOptimizer`.

    A class from a file gets the name that `load_plugin` gives it, so that results don't hang on where the file lies.

    Raises `UsageError` for unknown names and options, with the nearest match, and `MissingDependency` where the
    library is not installed.
    """
    name, options = parse_options(id)
    cls = _optimizer_class(name)
    if name.rpartition(":")[0].endswith(".py"):
        name = _kebab(cls.__name__)
    _require(f"the optimizer {name!r}", cls.packages, cls.install)
    return OptimizerChoice(name, cls, checked_options(cls, options, f"the optimizer {name!r}"))


def optimizer_class(name: str) -> type[Optimizer]:
    """The adapter class of a name without options, whether or not its library is installed."""
    return _optimizer_class(name)


def collection(name: str) -> Collection | None:
    """The collection of that name; `None` for tasks that a plugin brings without one."""
    if name in _plugins.collections:
        return _plugins.collections[name]
    entry = _entry_points("optathlon.tasks").get(name)
    return _collection_of(entry) if entry else None


def task_ids(collection_name: str) -> Iterator[str]:
    """The ids that a collection lists."""
    source = collection(collection_name)
    if source is not None:
        yield from source.ids()
    yield from (id for id in _plugins.tasks if _first_part(id) == collection_name)


def expand_tasks(patterns: Iterable[str]) -> list[str]:
    """The ids that match any of the patterns, in the order of the patterns and without repetitions.

    `*` matches any characters, `/` included; `?` one; `[12]` one of those listed. A pattern without such a character
    is an id, which need not be listed. `subset:NAME`, `subset:NAME/dev` and `subset:NAME/test` are the tasks of a
    subset or of a part of it, where NAME is a shipped one or a YAML file.
    """
    found: dict[str, None] = {}
    for pattern in patterns:
        found.update(dict.fromkeys(_meant_by(pattern)))
    return list(found)


def make_task(id: str) -> Task:
    """The task of that id; `UsageError` with the nearest match where there is none."""
    if id in _plugins.tasks:
        return _plugins.tasks[id]
    source = _known_collection(id)
    if source is not None:
        _require(f"the collection {source.name!r}", source.packages, source.install)
        try:
            return source.make(id)
        except KeyError:
            pass
    raise unknown("task", id, task_ids(_first_part(id)))


def loaded_plugins() -> tuple[Path, ...]:
    """The plugin files loaded so far; worker processes load the same."""
    return tuple(_plugins.modules)


def load_plugin(path: Path) -> ModuleType:
    """Register the optimizers, collections and tasks that a Python file defines.

    An optimizer class `MyOptimizer` gets the name `my-optimizer`; collections and tasks bring their own.
    """
    path = path.resolve()
    if path in _plugins.modules:
        return _plugins.modules[path]
    if not path.is_file():
        raise UsageError(f"no plugin file {str(path)!r}")
    module = _import_file(path)
    _plugins.modules[path] = module
    for item in vars(module).values():
        if inspect.isclass(item) and item.__module__ == module.__name__ and not inspect.isabstract(item):
            if issubclass(item, Optimizer):
                _register("optimizer", _kebab(item.__name__), item, _plugins.optimizers, optimizer_names())
            elif issubclass(item, Collection):
                _register("collection", item.name, item(), _plugins.collections, collection_names())
        elif isinstance(item, Task):
            _register("task", item.id, item, _plugins.tasks, list(_plugins.tasks))
    return module


def _register(kind: str, name: str, item: Any, registered: dict[str, Any], known: list[str]) -> None:
    if name in known:
        raise UsageError(f"the {kind} {name!r} exists already: give the one in the plugin another name")
    registered[name] = item


def _optimizer_class(name: str) -> type[Optimizer]:
    if ":" in name:
        return _optimizer_at(name)
    if name in _plugins.optimizers:
        return _plugins.optimizers[name]
    entries = _entry_points("optathlon.optimizers")
    if name not in entries:
        raise unknown("optimizer", name, optimizer_names())
    cls: type[Optimizer] = entries[name].load()
    return cls


def _optimizer_at(reference: str) -> type[Optimizer]:
    """The class that `module:Class` or `file.py:Class` names."""
    place, _, name = reference.rpartition(":")
    if place.endswith(".py"):
        module = load_plugin(Path(place))
    else:
        try:
            module = importlib.import_module(place)
        except (ImportError, ValueError, TypeError) as error:
            raise UsageError(f"can't import {place!r} of the optimizer {reference!r}: {error}") from None
    cls = getattr(module, name, None)
    if not (inspect.isclass(cls) and issubclass(cls, Optimizer)):
        classes = [name for name, item in vars(module).items() if inspect.isclass(item) and issubclass(item, Optimizer)]
        raise unknown("optimizer class", name, classes, where=place)
    return cls


def _meant_by(pattern: str) -> list[str]:
    if pattern.startswith(_SUBSET):
        from optathlon.subsets.subset import subset_tasks

        return [make_task(id).id for id in subset_tasks(pattern)]
    return _matching(pattern) if _is_pattern(pattern) else [make_task(pattern).id]


def _matching(pattern: str) -> list[str]:
    first = _first_part(pattern)
    names = [name for name in collection_names() if fnmatch.fnmatchcase(name, first)] if "/" in pattern else []
    if not names and not _is_pattern(first):
        raise unknown("collection", first, collection_names(), where=f"the task pattern {pattern!r}")
    matches = []
    for name in names or collection_names():
        listed = list(task_ids(name))
        if not listed and name == first:
            raise _nothing_listed(name)
        found = fnmatch.filter(listed, pattern)
        source = collection(name)
        if found and source is not None:
            _require(f"the collection {name!r}", source.packages, source.install)
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
    name = _first_part(id)
    if name not in collection_names():
        raise unknown("collection", name, collection_names(), where=f"the task {id!r}")
    return collection(name)


def _require(what: str, packages: Iterable[str], install: str) -> None:
    for package in packages:
        if importlib.util.find_spec(package) is None:
            raise MissingDependency(what, package, install)


@cache
def _entry_points(group: str) -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=group)}


@cache
def _collection_of(entry: EntryPoint) -> Collection:
    instance: Collection = entry.load()()
    return instance


def _import_file(path: Path) -> ModuleType:
    name = f"optathlon_plugin_{re.sub(r'[^0-9A-Za-z_]', '_', path.stem)}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UsageError(f"the plugin {str(path)!r} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # a plugin may fail in any way while it is imported
        del sys.modules[name]
        raise UsageError(f"can't import the plugin {str(path)!r}: {type(error).__name__}: {error}") from error
    return module


def _is_pattern(text: str) -> bool:
    return any(character in text for character in "*?[")


def _first_part(id: str) -> str:
    return id.partition("/")[0]


def _kebab(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower()
