"""The kinds of LLM tasks: each module or folder here is one, or a few that are alike, and is found by standing here.

A kind is a subclass of `LLMTask` with a `kind`, the second part of its tasks' ids. All that is special to it stands in
its module: search space, objectives, fidelity, measures, its section of a setup's YAML, and what its results come from
beside the setup.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator, Mapping
from importlib import import_module

from optathlon.tasks.llm.setups import Section
from optathlon.tasks.llm.task import LLMTask


def _found() -> Iterator[type[LLMTask]]:
    for module in pkgutil.iter_modules(__path__, f"{__name__}."):
        for value in vars(import_module(module.name)).values():
            if isinstance(value, type) and issubclass(value, LLMTask) and value.__module__ == module.name:
                yield value


KINDS: Mapping[str, type[LLMTask]] = {cls.kind: cls for cls in _found()}
"""The task classes, by the second part of their ids."""

SECTIONS: Mapping[str, type[Section]] = {
    cls.section_key or kind: cls.section for kind, cls in KINDS.items() if cls.section is not None
}
"""What the kinds need of setups, by the keys in the YAML files."""
