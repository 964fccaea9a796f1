"""Whether a collection's facts are those of its tasks."""

from __future__ import annotations

from collections.abc import Sequence

from optathlon.facts import Facts
from optathlon.task import Collection

STATED = (
    *("kind", "domain", "description", "noisy", "optimum", "seconds", "download", "recommended", "licence", "citation"),
)
"""What does not follow from a task's problem, but for a single optimum."""


def require_facts_of_tasks(collection: Collection, *, step: int = 1) -> None:
    """All ids have facts, in their order, and those of every `step`-th one are what its problem says."""
    found: list[tuple[Facts, str]] = [(facts, id) for facts, ids in collection.facts() for id in ids]
    assert [id for _, id in found] == list(collection.ids())
    for facts, id in found[::step]:
        problem = collection.make(id).problem
        stated = {name: getattr(facts, name) for name in STATED}
        assert facts == Facts.of(problem, **stated), id
        assert facts.optimum or any(objective.optimum is None for objective in problem.objectives), id


def recommended(collection: Collection) -> Sequence[str]:
    """The ids that are recommended."""
    return [id for facts, ids in collection.facts() if facts.recommended for id in ids]
