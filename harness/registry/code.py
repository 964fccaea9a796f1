"""Which code an optimizer is: its source, and the versions of what brought it and of the libraries behind it."""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions, version

from optathlon.function_source import sources_without_file
from optathlon.optimizer import Optimizer
from optathlon.remote.adapters import source_files
from optathlon.remote.environments import read
from optathlon.source import sources_of
from optathlon.task import short_hash

_OWN = "optathlon"


@dataclass(frozen=True, slots=True)
class Code:
    """The code of an optimizer at the time of a run, as far as it is known.

    Attributes
    ----------
    source:
        A hash of its classes' modules, of what these import that nobody installed, and of the files that its process
        runs (`optathlon.remote`); empty where unknown.
    versions:
        The distributions that brought them, and those of the libraries behind it (`Optimizer.packages`, and what the
        modules import of classes that don't say), with their versions, and those that its own virtual environment was
        made for; JSON; empty where unknown.
    """

    source: str = ""
    versions: str = ""

    @property
    def id(self) -> str:
        """A hash of both; empty where nothing is known."""
        return short_hash(f"{self.source} {self.versions}") if self else ""

    def __bool__(self) -> bool:
        return bool(self.source or self.versions)

    def difference(self, now: Code) -> str:
        """What changed, in a few words: `"smac from 2.3.0 to 2.4.1"`; empty where nothing is known to have."""
        if self == now or not (self and now):
            return ""
        parts = ["its source changed"] if self.source != now.source else []
        before, after = (json.loads(code.versions or "{}") for code in (self, now))
        for name in sorted({*before, *after}):
            if before.get(name) != after.get(name):
                parts.append(f"{name} from {before.get(name, 'none')} to {after.get(name, 'none')}")
        return ", ".join(parts)


UNKNOWN = Code()
"""The code of runs that were stored without it."""


@cache
def code_of(cls: type[Optimizer]) -> Code:
    """The code of an optimizer's class, of this process: what was loaded first counts."""
    texts: dict[str, str] = {}
    others: set[str] = set()
    undeclared: set[str] = set()
    holders: set[str] = set()
    for base in cls.__mro__:
        if not issubclass(base, Optimizer) or base is Optimizer:
            continue
        found = sources_of(sys.modules[base.__module__])
        if not found.texts:
            found = sources_without_file(base)
        texts |= {f"{base.__name__} {name}": short_hash(text.hex()) for name, text in found.texts.items()}
        holders.add(base.__module__.partition(".")[0])
        others |= found.others
        if "packages" not in vars(base) and not base.__module__.startswith(f"{_OWN}."):
            undeclared |= found.others  # what somebody's heir of an optimizer needs beside what that declares
    texts |= {name: short_hash(text.hex()) for name, text in source_files(cls).items()}
    versions = dict(_versions({_OWN, *holders, *(cls.packages or others), *undeclared}))
    if cls.environment is not None and (found_there := read(cls.environment.name)):
        versions |= {f"{name} in {cls.environment.name}": one for name, one in found_there.versions().items()}
    source = short_hash(json.dumps(texts, sort_keys=True)) if texts else ""
    return Code(source, json.dumps(versions, sort_keys=True))


def _versions(modules: Collection[str]) -> Iterator[tuple[str, str]]:
    """The installed distributions of these top-level modules, with their versions."""
    for module in sorted(set(modules) - sys.stdlib_module_names):
        for name in _distributions(module):
            yield name, version(name)


def _distributions(module: str) -> list[str]:
    """The names of the distributions that a top-level module comes from; looking through all of them takes a while."""
    try:
        found = distribution(module)
    except (PackageNotFoundError, ValueError):
        return _distributions_by_module().get(module, [])
    if module in (found.read_text("top_level.txt") or module).split():
        return [found.name]
    return _distributions_by_module().get(module, [])


@cache
def _distributions_by_module() -> Mapping[str, list[str]]:
    return {module: sorted(set(names)) for module, names in packages_distributions().items()}
