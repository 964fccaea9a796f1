"""Finding optimizers by name: entry points, `module:Class` and `file.py:Class`, with options."""

from __future__ import annotations

import importlib
import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optathlon.errors import UsageError, unknown
from optathlon.optimizer import Optimizer
from optathlon.problem import Problem
from optathlon.redaction import note_secrets, refuse_struck
from optathlon.registry.options import canonical_options, checked_options, parse_options
from optathlon.registry.plugins import declared, kebab, load_plugin, optimizer_names, plugins, require


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
    def settings(self) -> dict[str, Any]:
        """All options: those given, and the defaults of the others."""
        parameters = list(inspect.signature(self.cls).parameters.values())[2:]
        return {one.name: one.default for one in parameters} | self.options

    def start(self, problem: Problem, seed: int) -> Optimizer:
        """A new optimizer on `problem`."""
        return self.cls(problem, seed, **self.options)


def choose_optimizer(id: str) -> OptimizerChoice:
    """The optimizer of an id such as `smac-bb[acquisition=ei]`, `my_package:MyOptimizer` or `file.py:MyOptimizer`.

    A class from a file gets the name that `load_plugin` gives it, so that results don't depend on where the file is.

    Raises `UsageError` for unknown names and options, with the nearest match, and `MissingDependency` where the
    library is not installed.
    """
    name, options = parse_options(id)
    cls = optimizer_class(name)
    if name.rpartition(":")[0].endswith(".py"):
        name = kebab(cls.__name__)
    require(f"the optimizer {name!r}", cls.packages, cls.install)
    refuse_struck(options, f"the optimizer {name!r}")
    checked = checked_options(cls, options, f"the optimizer {name!r}")
    note_secrets(checked)
    return OptimizerChoice(name, cls, checked)


def optimizer_class(name: str) -> type[Optimizer]:
    """The adapter class of a name without options, whether or not its library is installed."""
    if ":" in name:
        return _optimizer_at(name)
    if name in plugins.optimizers:
        return plugins.optimizers[name]
    entries = declared("optathlon.optimizers")
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
