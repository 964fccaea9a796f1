"""What an optimizer may know of a task: search space, objectives, fidelity, constraints and budget."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal

from optathlon.budget import Budget
from optathlon.fidelity import Fidelity

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace

Direction = Literal["minimize", "maximize"]


class TaskType(StrEnum):
    """The four kinds of task, by what they ask of an optimizer."""

    BLACKBOX = "blackbox"
    MULTI_FIDELITY = "multi-fidelity"
    MULTI_OBJECTIVE = "multi-objective"
    MULTI_FIDELITY_OBJECTIVE = "multi-fidelity-objective"


class _OnFirstRead:
    """A number of a dataclass that is known, unknown (`None`), or given as a function, called when it is first read."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: object | None, owner: type | None = None) -> float | None:
        if instance is None:
            return None  # the field's default
        value: float | Callable[[], float] | None = vars(instance)[self._name]
        if callable(value):
            value = vars(instance)[self._name] = value()
        return value

    def __set__(self, instance: object, value: float | Callable[[], float] | None) -> None:
        vars(instance)[self._name] = value


@dataclass(frozen=True)
class Objective:
    """One quantity to optimise, in the units and the direction its users read it in.

    `optimum` and `reference` may also be given as functions without arguments, where it takes long to find them: they
    are called when the number is first read, so that planning doesn't wait for it. Reading gives the number, always.

    Parameters
    ----------
    name:
        What is measured, e.g. `"val_accuracy"`.
    direction:
        `"minimize"` or `"maximize"`.
    lower, upper:
        Bounds on the attainable values, where known.
    optimum:
        The best attainable value, where known (noise-free, at full fidelity).
    reference:
        This objective's coordinate of the hypervolume reference point, where the task is multi-objective.
    """

    name: str
    direction: Direction = "minimize"
    lower: float = -math.inf
    upper: float = math.inf
    optimum: _OnFirstRead = _OnFirstRead()
    reference: _OnFirstRead = _OnFirstRead()

    def __post_init__(self) -> None:
        if self.direction not in ("minimize", "maximize"):
            raise ValueError(f"objective {self.name!r}: direction is 'minimize' or 'maximize', not {self.direction!r}")

    def __getstate__(self) -> dict[str, Any]:
        return asdict(self)  # the numbers: functions can't always be pickled

    @property
    def has_optimum(self) -> bool:
        """Whether the optimum is known; it isn't computed for that."""
        return vars(self)["optimum"] is not None

    def loss(self, value: float) -> float:
        """`value` as a quantity to minimise."""
        return value if self.direction == "minimize" else -value

    @property
    def worst_loss(self) -> float:
        """The largest loss that the bounds allow; `inf` where no bound is known."""
        return self.upper if self.direction == "minimize" else -self.lower


@dataclass(frozen=True, slots=True)
class Constraint:
    """A black-box constraint: a configuration is feasible when the value reported under `name` is <= 0."""

    name: str


@dataclass(frozen=True, slots=True)
class Problem:
    """All that an optimizer may know of a task.

    Parameters
    ----------
    space:
        The search space. The run loop hands each run a copy of its own, so an optimizer may seed it.
    objectives:
        At least one; results carry one value for each, in this order.
    fidelity:
        The fidelity, or `None`. An optimizer that ignores it evaluates at `fidelity.upper`.
    constraints:
        Black-box constraints; results carry one value for each, in this order.
    budget:
        When the run ends. A task gives its default here; a run puts its own in place of it.
    n_workers:
        How many trials may be pending at once.

    Raises `UsageError` for a search space that can't be searched, or has choices that can't be stored.
    """

    space: ConfigurationSpace
    objectives: tuple[Objective, ...] = (Objective("value"),)
    fidelity: Fidelity | None = None
    constraints: tuple[Constraint, ...] = ()
    budget: Budget = field(default_factory=lambda: Budget(100))
    n_workers: int = 1

    def __post_init__(self) -> None:
        if not self.objectives:
            raise ValueError("a problem needs at least one objective")
        from optathlon.space import require_usable

        require_usable(self.space)

    @property
    def type(self) -> TaskType:
        """Which of the four task types this is."""
        match self.fidelity is not None, len(self.objectives) > 1:
            case False, False:
                return TaskType.BLACKBOX
            case True, False:
                return TaskType.MULTI_FIDELITY
            case False, True:
                return TaskType.MULTI_OBJECTIVE
            case _:
                return TaskType.MULTI_FIDELITY_OBJECTIVE


__all__ = ["Constraint", "Direction", "Fidelity", "Objective", "Problem", "TaskType"]
