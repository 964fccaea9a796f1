"""What `--where` can ask of optimizers and of tasks; for how to ask see `optathlon.registry.conditions`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import get_type_hints

from optathlon.errors import UsageError
from optathlon.facts import Evaluation, Facts
from optathlon.optimizer import Capability, Optimizer
from optathlon.problem import TaskType
from optathlon.registry.conditions import Subject, Vocabulary, parse_condition
from optathlon.registry.facts import known_facts
from optathlon.registry.plugins import collection_of

OPTIMIZERS = Vocabulary(
    "capability",
    "'categoricals or conditions, not asynchronous'",
    dict.fromkeys((*(one.value for one in Capability), "deterministic"), bool),
)
"""What an optimizer's class declares."""


def _kind(hint: object) -> type:
    """`bool`, `float` or `str` for the type of a fact."""
    if hint is bool:
        return bool
    return str if isinstance(hint, type) and issubclass(hint, str) else float


_HINTS = get_type_hints(Facts)
_OF_FACTS = {one.name: _kind(_HINTS[one.name]) for one in fields(Facts)} | {
    "dims": float,
    "mixed": bool,
    "real": bool,
}

TASKS = Vocabulary(
    "fact",
    "'dims <= 10 and kind == \"training\"'",
    {"collection": str, **_OF_FACTS},
    {"type": tuple(one.value for one in TaskType), "kind": tuple(one.value for one in Evaluation)},
)
"""What is known of a task without making it: the fields and properties of `Facts`, and its collection."""


def tasks_where(ids: Sequence[str], text: str) -> list[str]:
    """Those of the tasks of which a condition holds, in their order.

    Raises `UsageError` where the condition can't be read, or holds for none of them.
    """
    holds = parse_condition(text, TASKS)
    found = [id for id, facts in known_facts(ids).items() if holds(of_task(collection_of(id), facts))]
    if not found:
        raise UsageError(f"--where {text!r} holds for none of the {len(ids):,} tasks: give another")
    return found


def of_optimizer(optimizer: type[Optimizer]) -> Subject:
    """What an optimizer's class declares, by the names of `OPTIMIZERS`."""
    declared: dict[str, bool] = {one.value: one in optimizer.capabilities for one in Capability}
    return declared | {"deterministic": optimizer.deterministic}


def of_task(collection: str, facts: Facts) -> Subject:
    """What is known of a task of that collection, by the names of `TASKS`."""
    return {"collection": collection, **{name: getattr(facts, name) for name in _OF_FACTS}}
