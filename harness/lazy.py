"""What is imported when it is first used: slow modules, and the names of a package that has many."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any


class _LazyModule(ModuleType):
    def __getattr__(self, name: str) -> Any:
        found = getattr(importlib.import_module(self.__name__), name)
        setattr(self, name, found)  # the next time it is simply there
        return found

    def __dir__(self) -> list[str]:
        return dir(importlib.import_module(self.__name__))


def lazy_module(name: str) -> ModuleType:
    """The module of this name, imported when the first of its attributes is asked for. Type checkers need its import::

    if TYPE_CHECKING:
        from ConfigSpace import hyperparameters as hp
    else:
        hp = lazy_module("ConfigSpace.hyperparameters")
    """
    return _LazyModule(name)


def lazy_names(package: str, homes: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """`__getattr__` and `__dir__` of a package whose names load on first use; `homes` has each name's module in it::

    __getattr__, __dir__ = lazy_names(__name__, {"Budget": "budget"})
    """

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        found = getattr(importlib.import_module(f"{package}.{homes[name]}"), name)
        setattr(sys.modules[package], name, found)
        return found

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *homes})

    return get, names


__all__ = ["lazy_module", "lazy_names"]
