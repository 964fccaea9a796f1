"""What entry points and plugin files bring. Nothing of an entry point is imported until it is asked for."""

from __future__ import annotations

import importlib.util
import inspect
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from optathlon.errors import MissingDependency, UsageError
from optathlon.optimizer import Optimizer
from optathlon.task import Collection, Task


@dataclass
class Plugins:
    """What plugin files have brought."""

    optimizers: dict[str, type[Optimizer]] = field(default_factory=dict)
    collections: dict[str, Collection] = field(default_factory=dict)
    tasks: dict[str, Task] = field(default_factory=dict)
    modules: dict[Path, ModuleType] = field(default_factory=dict)


plugins = Plugins()
"""Of this process."""


@cache
def declared(group: str) -> dict[str, EntryPoint]:
    """The entry points of a group, by name."""
    return {entry.name: entry for entry in entry_points(group=group)}


def optimizer_names() -> list[str]:
    """Names of all optimizers that entry points and plugins bring."""
    return sorted({*declared("optathlon.optimizers"), *plugins.optimizers})


def collection_names() -> list[str]:
    """Names of all collections that entry points and plugins bring."""
    return sorted({*declared("optathlon.tasks"), *plugins.collections, *map(collection_of, plugins.tasks)})


def collection_of(id: str) -> str:
    """The name of the collection that a task's id begins with."""
    return id.partition("/")[0]


def loaded_plugins() -> tuple[Path, ...]:
    """The plugin files loaded so far; worker processes load the same."""
    return tuple(plugins.modules)


def load_plugin(path: Path) -> ModuleType:
    """Register the optimizers, collections and tasks that a Python file defines.

    An optimizer class `MyOptimizer` gets the name `my-optimizer`; collections and tasks bring their own.
    """
    path = path.resolve()
    if path in plugins.modules:
        return plugins.modules[path]
    if not path.is_file():
        raise UsageError(f"no plugin file {str(path)!r}")
    module = _import_file(path)
    plugins.modules[path] = module
    for item in vars(module).values():
        if inspect.isclass(item) and item.__module__ == module.__name__ and not inspect.isabstract(item):
            if issubclass(item, Optimizer):
                _register("optimizer", kebab(item.__name__), item, plugins.optimizers, optimizer_names())
            elif issubclass(item, Collection):
                _register("collection", item.name, item(), plugins.collections, collection_names())
        elif isinstance(item, Task):
            _register("task", item.id, item, plugins.tasks, list(plugins.tasks))
    return module


def require(what: str, packages: Iterable[str], install: str) -> None:
    """Raise `MissingDependency` where one of the packages is not installed."""
    for package in packages:
        if importlib.util.find_spec(package) is None:
            raise MissingDependency(what, package, install)


def kebab(name: str) -> str:
    """A class's name as an id: `my-optimizer` of `MyOptimizer`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower()


def _register(kind: str, name: str, item: Any, registered: dict[str, Any], known: list[str]) -> None:
    if name in known:
        raise UsageError(f"the {kind} {name!r} exists already: give the one in the plugin another name")
    registered[name] = item


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
