"""What is known of a test function without building it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from optathlon.problem import Direction, TaskType

BOTORCH = 'Balandat et al. (2020), "BoTorch: A Framework for Efficient Monte-Carlo Bayesian Optimization"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One function in one dimension.

    Parameters
    ----------
    name:
        The second part of the id.
    source:
        The module and the class in `botorch.test_functions`, with a dot between them.
    dimension:
        How many hyperparameters there are, without the fidelity.
    description:
        What is minimised or maximised, in words.
    arguments:
        With which arguments the class is built.
    citation:
        Where the function was published.
    domain:
        What it is about.
    direction:
        `"maximize"` where BoTorch maximises by default.
    integers:
        How many of the hyperparameters, the first ones, are integers.
    constraints:
        How many constraints there are.
    fidelities:
        How many of the last inputs are set to the level of the fidelity.
    costs:
        Of a fidelity that is a choice of models: the last input by the model's cost, which is the level.
    optimum:
        The best value of one objective, where it is known.
    reference:
        The hypervolume reference point; empty where there is one objective.
    hypervolume:
        That of the Pareto front, where it is known.
    recommended:
        Whether it is one of those to compare optimizers on.
    """

    name: str
    source: str
    dimension: int
    description: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    citation: str = BOTORCH
    domain: str = "synthetic"
    direction: Direction = "minimize"
    integers: int = 0
    constraints: int = 0
    fidelities: int = 0
    costs: Mapping[float, float] = field(default_factory=dict)
    optimum: float | None = None
    reference: tuple[float, ...] = ()
    hypervolume: float | None = None
    recommended: bool = False

    @property
    def id(self) -> str:
        """The task's id."""
        return f"botorch/{self.name}/d{self.dimension}"

    @property
    def objectives(self) -> int:
        """How many objectives there are."""
        return len(self.reference) or 1

    @property
    def type(self) -> TaskType:
        """Which of the four task types it is."""
        several = self.objectives > 1
        if self.fidelities:
            return TaskType.MULTI_FIDELITY_OBJECTIVE if several else TaskType.MULTI_FIDELITY
        return TaskType.MULTI_OBJECTIVE if several else TaskType.BLACKBOX
