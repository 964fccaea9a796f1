"""What entry points and plugin files bring. Nothing of an entry point is imported until it is asked for."""

from __future__ import annotations

import importlib.util
import inspect
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar

from optathlon.entries import broken, load_entry
from optathlon.environment import Environment
from optathlon.errors import MissingDependency, MissingEnvironment, UsageError
from optathlon.optimizer import Optimizer
from optathlon.paths import followed
from optathlon.task import Collection, Task
from optathlon.text import described

if TYPE_CHECKING:
    from optathlon.registry.loading import PluginFolder

T = TypeVar("T")

DESCRIPTOR_SUFFIXES = (".yaml", ".yml")
"""How the names of table descriptors end."""


Stamps = dict[Path, tuple[int, int] | None]
"""When files were written, in nanoseconds, and their sizes; `None` of what is not there."""


@dataclass
class Plugins:
    """What plugin files have brought, and the names that were given to optimizers."""

    optimizers: dict[str, type[Optimizer]] = field(default_factory=dict)
    incomplete: dict[str, type[Optimizer]] = field(default_factory=dict)
    """Optimizers that lack methods: they are not listed, and can't be chosen."""
    collections: dict[str, Collection] = field(default_factory=dict)
    tasks: dict[str, Task] = field(default_factory=dict)
    registered: dict[Path, ModuleType] = field(default_factory=dict)
    modules: dict[Path, ModuleType] = field(default_factory=dict)
    folders: dict[Path, PluginFolder] = field(default_factory=dict)
    descriptors: dict[Path, list[str]] = field(default_factory=dict)
    """The tasks' ids of each table descriptor."""
    adopted: set[str] = field(default_factory=set)
    """Names of optimizers, and ids of tasks, that were given as they are: other processes don't have them."""
    stamps: dict[Path, Stamps] = field(default_factory=dict)
    """The files of each table descriptor, itself and its tables, as they were when it was read."""
    sources: dict[str, dict[str, bytes]] = field(default_factory=dict)
    """The texts of optimizers' modules that somebody may be working on, by the module's name."""
    names: dict[str, str] = field(default_factory=dict)
    """What each given name stands for: `module:Class`, `/path/file.py:Class` or another name."""


plugins = Plugins()
"""Of this process."""


@dataclass(frozen=True)
class PluginSet:
    """What a process has loaded, for others to load the same.

    Attributes
    ----------
    files:
        The plugin files and table descriptors.
    names:
        Pairs of a name that was given to an optimizer, and what it stands for.
    """

    files: tuple[Path, ...] = ()
    names: tuple[tuple[str, str], ...] = ()

    @classmethod
    def loaded(cls) -> PluginSet:
        """What this process has loaded so far."""
        return cls((*plugins.registered, *plugins.descriptors), tuple(plugins.names.items()))

    def load(self) -> None:
        """Load the same."""
        for path in self.files:
            load_file(path)
        plugins.names.update(self.names)


@cache
def declared(group: str) -> dict[str, EntryPoint]:
    """The entry points of a group, by name."""
    return {entry.name: entry for entry in entry_points(group=group)}


def load_class(entry: EntryPoint, kind: type[T]) -> type[T]:
    """The class of an entry point; `UsageError` where it can't be imported, or is something else."""
    found = load_entry(entry)
    if inspect.isclass(found) and issubclass(found, kind):
        return found
    raise broken(entry, f"it is not a class of {kind.__name__}")


def optimizer_names() -> list[str]:
    """Names of all optimizers that entry points and plugins bring, or that were given."""
    return sorted({*declared("optathlon.optimizers"), *plugins.optimizers, *plugins.names})


def collection_names() -> list[str]:
    """Names of all collections that entry points and plugins bring."""
    return sorted({*declared("optathlon.tasks"), *plugins.collections, *map(collection_of, plugins.tasks)})


def collection_of(id: str) -> str:
    """The name of the collection that a task's id begins with."""
    return id.partition("/")[0]


def load_file(path: Path) -> None:
    """Register what a plugin file, or a table descriptor, brings."""
    if path.suffix.lower() in DESCRIPTOR_SUFFIXES:
        load_descriptor(path)
    else:
        load_plugin(path)


def load_descriptor(path: Path) -> list[str]:
    """Register the tasks of a table descriptor; their ids.

    Raises `UsageError` with the first problem, and `MissingData` where the table is not there.
    """
    from optathlon.tables import examine_file, tasks_of

    path = followed(path)
    if path not in plugins.descriptors:
        tasks = tasks_of(examine_file(path), str(path))
        for id, task in tasks.items():
            _register("task", id, task, plugins.tasks, list(plugins.tasks))
        plugins.descriptors[path] = list(tasks)
        plugins.stamps[path] = stamps(
            [path, *(path.parent / name for task in tasks.values() for name in task.data_files())]
        )
    return plugins.descriptors[path]


def stamps(files: Iterable[Path]) -> Stamps:
    """The files as they are now."""

    def stamp(file: Path) -> tuple[int, int] | None:
        try:
            return file.stat().st_mtime_ns, file.stat().st_size
        except OSError:
            return None

    return {file: stamp(file) for file in files}


def load_plugin(path: Path) -> ModuleType:
    """Register the optimizers, collections and tasks that a Python file defines.

    An optimizer class `MyOptimizer` gets the name `my-optimizer`; collections and tasks bring their own.
    """
    path = followed(path)
    if path in plugins.registered:
        return plugins.registered[path]
    module = import_plugin(path)
    for item in vars(module).values():
        if inspect.isclass(item) and item.__module__ == module.__name__:
            if inspect.isabstract(item):
                if issubclass(item, Optimizer):
                    plugins.incomplete[kebab(item.__name__)] = item
            elif issubclass(item, Optimizer):
                _register("optimizer", kebab(item.__name__), item, plugins.optimizers, optimizer_names())
            elif issubclass(item, Collection):
                source = made(item, str(path))
                _register("collection", source.name, source, plugins.collections, collection_names())
        elif isinstance(item, Task):
            _register("task", item.id, item, plugins.tasks, list(plugins.tasks))
    plugins.registered[path] = module
    return module


@dataclass(frozen=True)
class Brought:
    """What a plugin file has registered, by the names that it has here; optimizers that lack methods are apart."""

    optimizers: dict[str, type[Optimizer]]
    incomplete: dict[str, type[Optimizer]]
    collections: dict[str, Collection]
    tasks: dict[str, Task]


def brought_by(path: Path) -> Brought:
    """What a plugin file brings; it is loaded if it was not. Raises `UsageError` as `load_plugin`."""
    module = load_plugin(path)
    items = list(vars(module).values())

    def own(known: dict[str, T]) -> dict[str, T]:
        return {name: item for name, item in known.items() if any(item is one or type(item) is one for one in items)}

    return Brought(own(plugins.optimizers), own(plugins.incomplete), own(plugins.collections), own(plugins.tasks))


def import_plugin(path: Path) -> ModuleType:
    """The module of a Python file, without registering anything of it.

    Raises `UsageError` where there is none, and where it can't be imported.
    """
    path = followed(path)
    if path not in plugins.modules:
        if not path.is_file():
            raise UsageError(f"no plugin file {str(path)!r}")
        if path.suffix != ".py":
            raise UsageError(
                f"the plugin {str(path)!r} is not a Python file, nor a table descriptor: its name must end with .py or "
                ".yaml"
            )
        if path.parent not in plugins.folders:
            from optathlon.registry.loading import PluginFolder

            plugins.folders[path.parent] = PluginFolder(path.parent)
        plugins.modules[path] = plugins.folders[path.parent].load(path)
    return plugins.modules[path]


def made(cls: type[Collection], where: str) -> Collection:
    """A collection of its class, which stands in `where`; `UsageError` where it can't be made or lacks its name."""
    try:
        source = cls()
        source.name, source.description  # noqa: B018, both must be there
    except Exception as error:  # a plugin may raise anything
        raise UsageError(f"can't make the collection {cls.__name__} of {where!r}: {described(error)}") from None
    return source


def require(what: str, packages: Iterable[str], install: str) -> None:
    """Raise `MissingDependency` where one of the packages is not installed."""
    for package in packages:
        if importlib.util.find_spec(package) is None:
            raise MissingDependency(what, package, install)


def require_environment(what: str, environment: Environment | None) -> None:
    """Raise `MissingEnvironment` where the virtual environment that an optimizer needs can't be used."""
    from optathlon.remote.environments import missing

    if reason := missing(environment):
        raise MissingEnvironment(f"{what} has an environment of its own: {reason}")


def kebab(name: str) -> str:
    """A class's name as an id: `my-optimizer` of `MyOptimizer`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower()


def _register(kind: str, name: str, item: Any, registered: dict[str, Any], known: list[str]) -> None:
    if name in known:
        other = ", or give it one by -o NAME=FILE.py:CLASS" if kind == "optimizer" else ""
        raise UsageError(f"the {kind} {name!r} exists already: give the one in the plugin another name{other}")
    registered[name] = item
