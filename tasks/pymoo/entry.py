"""What is known of a problem without building it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One problem of one size.

    Parameters
    ----------
    name:
        The second part of the id.
    group:
        The family of problems that it is of.
    objectives, dimension:
        How many objectives and hyperparameters there are.
    description:
        What is minimised, in words.
    citation:
        Where the problem was published.
    arguments:
        With which arguments pymoo builds it.
    domain:
        What it is about.
    integers:
        How many of the hyperparameters, the first ones, are integers.
    inequalities, equalities:
        How many constraints there are of each kind.
    reference:
        The hypervolume reference point; empty where there is one objective.
    optimum:
        The least value of one objective, where it is known.
    solved:
        Whether the optimum of one objective can be computed.
    front:
        Whether the hypervolume of the Pareto front is known.
    recommended:
        Whether it is one of those to compare optimizers on.
    """

    name: str
    group: str
    objectives: int
    dimension: int
    description: str
    citation: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    domain: str = "synthetic"
    integers: int = 0
    inequalities: int = 0
    equalities: int = 0
    reference: tuple[float, ...] = ()
    optimum: float | None = None
    solved: bool = False
    front: bool = False
    recommended: bool = False

    @property
    def id(self) -> str:
        """The task's id."""
        return f"pymoo/{self.name}/m{self.objectives}/d{self.dimension}"
