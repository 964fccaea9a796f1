"""Documents of `--json`, made of what the commands find; their types are in `optathlon.cli.json_types`."""

from __future__ import annotations

import inspect
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeVar, cast

from optathlon.cli.descriptions import installing
from optathlon.cli.output import show, show_safe_lines
from optathlon.errors import UsageError
from optathlon.facts import Facts
from optathlon.redaction import redacted
from optathlon.text import described

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from optathlon.cli.json_types import (
        CarpsDocument,
        CollectionDocument,
        CompareDocument,
        FidelityDocument,
        OptimizerDetails,
        OptimizerDocument,
        ProblemDocument,
        StatusDocument,
        SubsetDocument,
        TaskDetails,
    )
    from optathlon.fidelity import Fidelity
    from optathlon.optimizer import Optimizer
    from optathlon.problem import Problem
    from optathlon.registry.facts import Group
    from optathlon.results.status import FolderStatus
    from optathlon.task import Task

D = TypeVar("D")

_FACTS = [field.name for field in fields(Facts) if field.name != "kind"]


def show_json(document: object) -> None:
    """Print a document."""
    show(json_text(document))


def json_text(document: object) -> str:
    """A document as text; numbers that are none, or infinite, are null."""
    return json.dumps(_plain(document), indent=2, allow_nan=False)


def show_json_list(documents: Iterable[object]) -> None:
    """Print a list of documents as they come, a line each: there may be many."""
    _show_list(_text(_plain(document)) for document in documents)


def show_task_list(groups: Iterable[Group]) -> None:
    """Print what `list` says of tasks, as `show_json_list` does; what those of a group share becomes text once."""
    _show_list(line for group in groups for line in _task_lines(group))


def _task_lines(group: Group) -> Iterator[str]:
    rest = _text(_known_of_task(group.collection, group.facts)).removeprefix("{")
    return (f'{{"id": {_text(id)}, {rest}' for id in group.ids)


def _show_list(lines: Iterable[str]) -> None:
    """Print documents in brackets, a line each."""
    show_safe_lines(_enclosed(iter(lines)))


def _enclosed(lines: Iterator[str]) -> Iterator[str]:
    held = "[" + next(lines, "")
    for line in lines:
        yield f"{held},"
        held = line
    yield f"{held}]"


def _text(value: object) -> str:
    """A value in one line, in ASCII, without a character that a terminal would obey."""
    try:
        text = _ENCODER.encode(value)
    except ValueError:  # a number that is none, or infinite
        text = _ENCODER.encode(_plain(value))
    return text.replace("\x7f", "\\u007f")


def _plain(value: Any) -> Any:
    """What JSON can hold; anything else as its text."""
    match value:
        case Enum():
            return _plain(value.value)
        case str() | bool() | int() | None:
            return value
        case float():
            return value if math.isfinite(value) else None
        case list() | tuple():
            return [_plain(one) for one in value]
        case Mapping():
            return {str(key): _plain(one) for key, one in value.items()}
    return _plain(value.item()) if hasattr(value, "item") else str(value)  # a number of numpy


_ENCODER = json.JSONEncoder(allow_nan=False, default=_plain)


def or_broken(kind: str, make: Callable[[str], D], id: str) -> D | Mapping[str, str]:
    """The document of an id, or what is wrong: one broken package does not hide the others."""
    try:
        return make(id)
    except UsageError as error:
        return {"id": id, "kind": kind, "broken": str(error)}
    except Exception as error:  # what a package brings may raise anything
        return {"id": id, "kind": kind, "broken": described(error)}


def optimizer_document(name: str) -> OptimizerDocument:
    """What `list` says of an optimizer."""
    from optathlon.registry.optimizers import optimizer_class

    return _of_class(name, optimizer_class(name))


def _of_class(name: str, cls: type[Optimizer]) -> OptimizerDocument:
    from optathlon.remote.environments import missing

    reason = missing(cls.environment)
    command = installing(cls.packages, cls.install)
    return {
        "id": name,
        "kind": "optimizer",
        "description": (inspect.getdoc(cls) or "").partition("\n")[0],
        "capabilities": sorted(cls.capabilities),
        "requires": sorted(cls.requires),
        "deterministic": cls.deterministic,
        "installed": not (command or reason),
        "install": command or reason or "",
    }


def optimizer_details(name: str) -> OptimizerDetails:
    """What `info` says of an optimizer."""
    from optathlon.registry.optimizers import optimizer_class
    from optathlon.registry.options import described_type

    cls = optimizer_class(name)
    options = list(inspect.signature(cls).parameters.values())[2:]
    return {
        **_of_class(name, cls),
        "documentation": inspect.getdoc(cls) or "",
        "options": [
            {"name": one.name, "type": described_type(cls, one), "default": _default(one.default)} for one in options
        ],
    }


def _default(value: object) -> object:
    return None if value is inspect.Parameter.empty else value


def _known_of_task(collection: str, facts: Facts) -> dict[str, Any]:
    """All that `list` says of a task but its id, which comes first."""
    others = {name: getattr(facts, name) for name in _FACTS}
    return {"kind": "task", "collection": collection, "evaluation": facts.kind, **others}


def task_details(task: Task) -> TaskDetails:
    """What `info` says of a task."""
    from optathlon.registry.facts import known_facts
    from optathlon.registry.plugins import collection_of

    document: Any = {
        "id": task.id,
        **_known_of_task(collection_of(task.id), known_facts([task.id])[task.id]),
        "version": task.version,
        "metadata": dict(task.metadata),
        "problem": _problem_document(task.problem),
    }
    return cast("TaskDetails", document)


def _problem_document(problem: Problem) -> ProblemDocument:
    return {
        "objectives": [
            {"name": one.name, "direction": one.direction, "optimum": one.optimum} for one in problem.objectives
        ],
        "fidelity": _fidelity_document(problem.fidelity) if problem.fidelity else None,
        "constraints": [one.name for one in problem.constraints],
        "budget": {"amount": problem.budget.amount, "unit": problem.budget.unit.value},
        "space": problem.space.to_serialized_dict(),
    }


def _fidelity_document(fidelity: Fidelity) -> FidelityDocument:
    return {
        "name": fidelity.name,
        "lower": fidelity.lower,
        "upper": fidelity.upper,
        "levels": list(fidelity.levels),
    }


def collection_document(name: str) -> CollectionDocument:
    """What `list` and `info` say of a collection."""
    from optathlon.registry.tasks import collection, task_ids

    source = collection(name)
    command = installing(source.packages, source.install) if source else ""
    return {
        "id": name,
        "kind": "collection",
        "description": source.description if source else "",
        "tasks": sum(1 for _ in task_ids(name)),
        "installed": not command,
        "install": command,
        "data": source.data if source else "",
    }


def subset_document(pattern: str) -> SubsetDocument:
    """What `list` and `info` say of a subset, `subset:NAME`, or of a part of it."""
    from optathlon.subsets.subset import subset_parts

    subset, parts = subset_parts(pattern)
    return {
        "id": pattern,
        "kind": "subset",
        "type": subset.type,
        "of": subset.features.tasks,
        "optimizers": subset.features.optimizers,
        "parts": [
            {
                "name": name,
                "tasks": list(part.tasks),
                "discrepancy": part.discrepancy,
                "lower_bound": part.lower_bound,
            }
            for name, part in parts.items()
        ],
    }


def carps_document(text: str) -> CarpsDocument:
    """What `info` says of a name, or of a subset, of CARP-S."""
    from optathlon.registry.carps import carps_subset, from_carps, runnable

    subset = carps_subset(text)
    found = [from_carps(text)] if subset is None else [runnable(name) for name in subset]
    return {
        "id": f"carps:{text}",
        "kind": "carps",
        "tasks": {one.name: one.id or None for one in found},
        "reasons": {one.name: one.reason for one in found if not one.id},
    }


def status_document(folder: Path, state: FolderStatus) -> StatusDocument:
    """What `status` says of a folder."""
    left = state.time_left
    return {
        "folder": str(folder),
        "statuses": dict(sorted(state.statuses.items())),
        "failures": [
            {"status": status, "reason": redacted(reason), "runs": runs} for status, reason, runs in state.failures
        ],
        "drivers": [
            {
                "host": driver.host,
                "pid": driver.pid,
                "executor": driver.executor,
                "jobs": driver.jobs,
                "total": driver.total,
                "left": driver.left,
                "running": list(driver.running),
            }
            for driver in state.drivers
        ],
        "planned": state.planned,
        "left": state.left,
        "journals": state.journals,
        "rate": state.rate,
        "seconds_left": None if left is None else left.total_seconds(),
        "slowest": [
            {"optimizer": optimizer, "seconds": seconds, "runs": runs} for optimizer, seconds, runs in state.slowest
        ],
        "files": state.files,
        "bytes": state.size,
    }


def compare_document(
    names: Sequence[str], changes: pd.DataFrame, tasks: pd.DataFrame, notes: Iterable[str], page: Path
) -> CompareDocument:
    """What `compare` says of two sets of results."""
    document: Any = {
        "first": names[0],
        "second": names[1],
        "changes": changes.reset_index().to_dict("records"),
        "tasks": tasks.reset_index().to_dict("records"),
        "notes": list(notes),
        "report": str(page),
    }
    return cast("CompareDocument", document)
