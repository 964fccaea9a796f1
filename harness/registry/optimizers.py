"""Finding optimizers by name: entry points, `module:Class` and `file.py:Class`, with options."""

from __future__ import annotations

import importlib
import inspect
import re
import sys
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from optathlon.errors import MissingOption, UsageError, unknown
from optathlon.optimizer import Capability, Optimizer
from optathlon.paths import followed, resolved
from optathlon.problem import Problem
from optathlon.redaction import note_secrets, refuse_struck
from optathlon.registry.code import Code, code_of
from optathlon.registry.editing import note_source
from optathlon.registry.options import canonical_options, checked_options, parse_options
from optathlon.registry.plugins import (
    declared,
    import_plugin,
    kebab,
    load_class,
    load_plugin,
    optimizer_names,
    plugins,
    require,
    require_environment,
)
from optathlon.text import described

_LABEL = re.compile(r"[^\W_][\w.+-]*")


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

    @property
    def code(self) -> Code:
        """Which code it is."""
        return code_of(self.cls)

    @property
    def settings(self) -> dict[str, Any]:
        """All options: those given, and the defaults of the others."""
        parameters = list(inspect.signature(self.cls).parameters.values())[2:]
        return {one.name: one.default for one in parameters if one.default is not one.empty} | self.options

    def start(self, problem: Problem, seed: int) -> Optimizer:
        """A new optimizer on `problem`, which has no constraints for one that doesn't learn from them."""
        learns = Capability.CONSTRAINTS in self.cls.capabilities
        return self.cls(problem if learns else replace(problem, constraints=()), seed, **self.options)


def choose_optimizer(id: str) -> OptimizerChoice:
    """The optimizer of an id such as `smac-bb[acquisition=ei]`, `my_package:MyOptimizer` or `file.py:MyOptimizer`.

    A class from a file gets the name that `load_plugin` gives it, so that results don't depend on where the file is.
    `NAME=file.py:MyOptimizer` gives it another name, which takes the other's place in ids and seeds.

    Raises `UsageError` for unknown names and options, with the nearest match, and `MissingDependency` where the
    library is not installed.
    """
    name, options = parse_options(id)
    label, reference = _split_name(name)
    cls = _named(label, reference) if label else optimizer_class(reference)
    if not label and reference.rpartition(":")[0].endswith(".py"):
        name = kebab(cls.__name__)
    name = label or name
    note_source(sys.modules[cls.__module__])
    require(f"the optimizer {name!r}", cls.packages, cls.install)
    require_environment(f"the optimizer {name!r}", cls.environment)
    refuse_struck(options, f"the optimizer {name!r}")
    _require_complete(name, cls, options)
    checked = checked_options(cls, options, f"the optimizer {name!r}")
    note_secrets(checked)
    return OptimizerChoice(name, cls, checked)


def anchored(id: str) -> str:
    """The id with the path of the file that it names from the root on: so it means the same wherever a process is."""
    name, bracket, options = id.strip().partition("[")
    label, reference = _split_name(name)
    place, _, cls = reference.rpartition(":")
    if not place.endswith(".py"):
        return id
    return f"{label}{'=' * bool(label)}{resolved(place)}:{cls}{bracket}{options}"


def optimizer_class(name: str) -> type[Optimizer]:
    """The adapter class of a name without options, whether or not its library is installed."""
    if ":" in name:
        return _optimizer_at(name, load_plugin)
    if name in plugins.names:
        return _optimizer_at(plugins.names[name], import_plugin)
    if name in plugins.optimizers:
        return plugins.optimizers[name]
    if name in plugins.incomplete:
        return plugins.incomplete[name]
    entries = declared("optathlon.optimizers")
    if name not in entries:
        raise unknown("optimizer", name, optimizer_names())
    return load_class(entries[name], Optimizer)  # type: ignore[type-abstract]


def _require_complete(name: str, cls: type[Optimizer], options: Collection[str]) -> None:
    """Raise `UsageError` for a class that lacks methods, and where an option without a default is not given."""
    if lacking := sorted(getattr(cls, "__abstractmethods__", ())):
        raise UsageError(
            f"the optimizer {name!r} is abstract: its class {cls.__name__} lacks {', '.join(lacking)}: "
            "define what is lacking, or name a class that has it"
        )
    parameters = list(inspect.signature(cls).parameters.values())
    several = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    if len(parameters) < 2 and not any(one.kind in several for one in parameters):
        raise UsageError(f"the optimizer {name!r} can't start: {cls.__name__}.__init__ must take problem and seed")
    for one in parameters[2:]:
        if one.default is one.empty and one.kind not in several and one.name not in options:
            raise MissingOption(f"the optimizer {name!r} needs the option {one.name!r}: give {name}[{one.name}=VALUE]")


def _split_name(text: str) -> tuple[str, str]:
    """`NAME=file.py:Class` as name and reference; the name is empty where none is given."""
    label, equals, reference = text.partition("=")
    if not equals or "/" in label or Path(text.rpartition(":")[0]).is_file():
        return "", text
    if not _LABEL.fullmatch(label):
        raise UsageError(f"an optimizer can't be called {label!r}: use letters, digits and . _ - + for a name")
    return label, reference


def _named(label: str, reference: str) -> type[Optimizer]:
    """The class of `NAME=reference`, whose name this process knows from now on. Nothing else of a file is registered.

    Raises `UsageError` where the name stands for another class.
    """
    place, _, name = reference.rpartition(":")
    if place.endswith(".py"):
        reference = f"{followed(place)}:{name}"
    cls = _optimizer_at(reference, import_plugin)
    if label in optimizer_names() and optimizer_class(label) is not cls:
        raise UsageError(f"there is another optimizer {label!r}: give {reference!r} another name")
    plugins.names[label] = reference
    return cls


def _optimizer_at(reference: str, load: Callable[[Path], ModuleType]) -> type[Optimizer]:
    """The class that `module:Class` or `file.py:Class` names, of which the file is loaded by `load`."""
    place, _, name = reference.rpartition(":")
    if ":" not in reference:
        return optimizer_class(reference)
    if place.endswith(".py"):
        module = load(Path(place))
    else:
        try:
            module = importlib.import_module(place)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a module may raise anything while it is imported
            raise UsageError(f"can't import {place!r} of the optimizer {reference!r}: {described(error)}") from None
    cls = getattr(module, name, None)
    if not (inspect.isclass(cls) and issubclass(cls, Optimizer)):
        classes = [name for name, item in vars(module).items() if inspect.isclass(item) and issubclass(item, Optimizer)]
        raise unknown("optimizer class", name, classes, where=place)
    return cls
