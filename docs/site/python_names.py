"""The pages on the public names of Python, which mkdocstrings fills from their docstrings."""

from __future__ import annotations

import importlib
import inspect
from types import ModuleType

MODULES = (
    "optathlon",
    "optathlon.analysis",
    "optathlon.analysis.report",
    "optathlon.subsets",
    "optathlon.encoding",
    "optathlon.fidelity",
    "optathlon.options",
    "optathlon.callback",
    "optathlon.generations",
    "optathlon.continuing",
    "optathlon.generators",
    "optathlon.remote",
    "optathlon.shares",
    "optathlon.data_source",
    "optathlon.llm.judging",
    "optathlon.llm.win_rate",
    "optathlon.llm.labelled_pairs",
    "optathlon.testing.conformance",
    "optathlon.errors",
)
"""What optimizers, tasks, judges and analyses of one's own are written with."""


def page_of(module: str) -> str:
    """The page on a module, as Markdown."""
    names = "".join(f"        - {name}\n" for name in public_names(importlib.import_module(module)))
    return f"# {module}\n\n::: {module}\n    options:\n      members:\n{names}"


def public_names(module: ModuleType) -> list[str]:
    """Those of `__all__`; without one, the classes and functions that the module defines and doesn't hide."""
    if hasattr(module, "__all__"):
        return sorted(module.__all__)
    return [
        name
        for name, found in vars(module).items()
        if not name.startswith("_")
        and (inspect.isclass(found) or inspect.isfunction(found))
        and found.__module__ == module.__name__
    ]
