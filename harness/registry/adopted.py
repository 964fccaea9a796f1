"""Classes and tasks that are given as they are, as in a notebook, and not by a name to find them by."""

from __future__ import annotations

import inspect
from typing import Any

from optathlon.errors import UsageError
from optathlon.optimizer import Optimizer
from optathlon.registry.plugins import kebab, optimizer_names, plugins
from optathlon.task import Task


def adopt_optimizer(given: object) -> object:
    """The id of an optimizer that is given by its class, which gets the name a plugin file would give; else `given`.

    A class that is defined again takes the place of the one before. Raises `UsageError` for another class or an object
    of one, and where another optimizer has the name.
    """
    if not (callable(given) or isinstance(given, Optimizer)):
        return given
    if not (inspect.isclass(given) and issubclass(given, Optimizer)):
        raise UsageError(f"an optimizer can't be {_shown(given)}: give an id, or a class of optathlon.Optimizer")
    name = kebab(given.__name__)
    if name in optimizer_names() and not is_adopted(name):
        raise UsageError(f"there is another optimizer {name!r}: give the class {given.__name__} another name")
    plugins.optimizers[name] = given
    plugins.adopted.add(name)
    return name


def adopt_task(given: object) -> object:
    """The id of a task that is given as a `Task`, which takes the place of one with the same id before; else `given`.

    Raises `UsageError` for a plain function or a class, and where another task has the id.
    """
    if not (callable(given) or isinstance(given, Task)):
        return given
    if not isinstance(given, Task):
        hint = "give an id, or an optathlon.Task, or decorate the function with optathlon.as_task"
        raise UsageError(f"a task can't be {_shown(given)}: {hint}")
    if given.id in plugins.tasks and not is_adopted(given.id):
        raise UsageError(f"there is another task {given.id!r}: give this one another id")
    plugins.tasks[given.id] = given
    plugins.adopted.add(given.id)
    return given.id


def is_adopted(id: str) -> bool:
    """Whether an optimizer, with or without options, or a task is known to this process alone."""
    return id in plugins.adopted or id.partition("[")[0] in plugins.adopted


def _shown(given: Any) -> str:
    return f"the class {given.__name__}" if inspect.isclass(given) else f"of type {type(given).__name__}"
