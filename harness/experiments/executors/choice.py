"""Finding executors by name, with options: `slurm`, or `{kind: slurm, time: 2h}`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from optathlon.errors import UsageError, first_complaint, unknown
from optathlon.experiments.executors.executor import Assignment, Executor, ExecutorOptions
from optathlon.registry.plugins import declared, load_class, require

GROUP = "optathlon.executors"
"""The entry points by which executors are found."""

Section = str | Mapping[str, Any]
"""An executor in an experiment file: its kind, or a mapping of `kind` and options."""


@dataclass(frozen=True)
class ExecutorChoice:
    """An executor with its options."""

    kind: str
    cls: type[Executor]
    options: ExecutorOptions

    def start(self, assignment: Assignment) -> Executor:
        """The executor; `MissingDependency` where a package that it needs is not installed."""
        require(f"the executor {self.kind!r}", self.cls.packages, self.cls.install)
        return self.cls(self.options, assignment)


def choose_executor(section: Section) -> ExecutorChoice:
    """The executor of a section.

    Raises `UsageError` in one line: for an unknown kind or option, with the nearest match, and for a wrong value.
    """
    kind, given = _split(section)
    entries = declared(GROUP)
    if kind not in entries:
        raise unknown("executor", kind, entries)
    cls = load_class(entries[kind], Executor)  # type: ignore[type-abstract]
    return ExecutorChoice(kind, cls, _checked(kind, cls.options, given))


def overlaid(below: Section | None, above: Section) -> Section:
    """The section `above`, with what `below` says beside it where both mean the same kind."""
    upper = {"kind": above} if isinstance(above, str) else dict(above)
    lower = dict(below) if isinstance(below, Mapping) else {"kind": below or "local"}
    return lower | upper if upper.get("kind", lower.get("kind")) == lower.get("kind") else upper


def _split(section: Section) -> tuple[str, dict[str, Any]]:
    if isinstance(section, str):
        return section, {}
    options = {str(key): value for key, value in section.items()}
    if "kind" not in options:
        raise UsageError("the section `executor` has no kind: give e.g. `kind: slurm`")
    return str(options.pop("kind")), options


def _checked(kind: str, options: type[ExecutorOptions], given: Mapping[str, Any]) -> ExecutorOptions:
    try:
        return options.model_validate(given)
    except ValidationError as error:
        (key, complaint), first = first_complaint(error), error.errors()[0]
    if first["type"] != "extra_forbidden":
        raise UsageError(f"the option {key}={first['input']} of the executor {kind!r}: {complaint}")
    if not options.model_fields:
        raise UsageError(f"the executor {kind!r} has no options, but {key!r} is given: give another --executor")
    raise unknown("option", key, options.model_fields, where=f"the executor {kind!r}")
