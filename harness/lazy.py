"""Modules that are imported when they are first used, for what is slow to import and not needed to list or to plan."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any


class _LazyModule(ModuleType):
    def __getattr__(self, name: str) -> Any:
        found = getattr(importlib.import_module(self.__name__), name)
        setattr(self, name, found)  # the next time it is simply there
        return found


def lazy_module(name: str) -> ModuleType:
    """The module of this name, imported when the first of its attributes is asked for. Type checkers need its import::

    if TYPE_CHECKING:
        from ConfigSpace import hyperparameters as hp
    else:
        hp = lazy_module("ConfigSpace.hyperparameters")
    """
    return _LazyModule(name)


__all__ = ["lazy_module"]
