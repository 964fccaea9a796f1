"""What is known of a task without building it: to count tasks, to filter them, and to read."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from optathlon.problem import Problem, TaskType

if TYPE_CHECKING:
    from ConfigSpace.hyperparameters import Hyperparameter


class Evaluation(StrEnum):
    """What a trial does."""

    FUNCTION = "function"
    """It computes a formula."""
    TABLE = "table"
    """It looks up a stored real trial."""
    SURROGATE = "surrogate"
    """It asks a model that was fitted to real trials."""
    TRAINING = "training"
    """It trains, or does other real work."""
    UNKNOWN = "unknown"
    """The task's author does not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of a task, or of several that agree in all of it.

    Parameters
    ----------
    type:
        Which of the four task types it is.
    kind:
        What a trial does.
    domain:
        What it is about, in a word or two: `"synthetic"`, `"tabular data"`, `"neural networks"`.
    description:
        What is tuned on what, and what the objectives mean: one to three sentences for people, and for optimizers that
        read.
    floats, integers, ordinals, categoricals:
        How many hyperparameters there are of each kind; constants are not counted.
    conditional, forbidden, log:
        Whether there are conditions, forbidden configurations, logarithmic scales.
    objectives, constraints:
        How many.
    noisy:
        Whether a trial's seed changes its values.
    fidelity:
        The fidelity's name; empty where there is none.
    resumable:
        Whether a trial at a higher level can go on from one at a lower level.
    optimum:
        Whether the optimum, or the hypervolume of the Pareto front, is known.
    seconds:
        About how long a full evaluation takes, in CPU-seconds; `None` where nobody measured it.
    download:
        Whether data must be fetched first.
    recommended:
        Whether it is one of those to compare optimizers on: realistic or classical, verified, and none like another.
    licence:
        SPDX identifier of the code or data that the values come from; `"unstated"` where it is.
    citation:
        Where it was published: authors, year, title.
    """

    type: TaskType
    kind: Evaluation
    domain: str
    description: str
    floats: int = 0
    integers: int = 0
    ordinals: int = 0
    categoricals: int = 0
    conditional: bool = False
    forbidden: bool = False
    log: bool = False
    objectives: int = 1
    constraints: int = 0
    noisy: bool = False
    fidelity: str = ""
    resumable: bool = False
    optimum: bool = False
    seconds: float | None = None
    download: bool = False
    recommended: bool = False
    licence: str = "unstated"
    citation: str = ""

    @property
    def dims(self) -> int:
        """How many hyperparameters there are."""
        return self.floats + self.integers + self.ordinals + self.categoricals

    @property
    def mixed(self) -> bool:
        """Whether there are hyperparameters of several kinds."""
        return sum(map(bool, (self.floats, self.integers, self.ordinals, self.categoricals))) > 1

    @property
    def real(self) -> bool:
        """Whether values are those of real trials, now or when they were stored or fitted, and not of a formula."""
        return self.kind in (Evaluation.TABLE, Evaluation.SURROGATE, Evaluation.TRAINING)

    @classmethod
    def of(cls, problem: Problem, *, kind: Evaluation, domain: str, description: str, **others: Any) -> Facts:
        """The facts that follow from a problem, with `others`, which don't, by name."""
        own = {"kind": kind, "domain": domain, "description": description}
        return cls(**{**shown_by(problem), **own, **others})


def shown_by(problem: Problem) -> dict[str, Any]:
    """The fields of `Facts` that a problem shows, by name: all that is known of its space, objectives and fidelity.

    With several objectives `optimum` is false: whether the Pareto front is known, no problem shows.
    """
    fidelity, hyperparameters = problem.fidelity, list(problem.space.values())
    counted = Counter(map(_counted_as, hyperparameters))
    return {
        "type": problem.type,
        **{field: counted[field] for field in ("floats", "integers", "ordinals", "categoricals")},
        "conditional": bool(problem.space.conditions),
        "forbidden": bool(problem.space.forbidden_clauses),
        "log": any(getattr(one, "log", False) for one in hyperparameters),
        "objectives": len(problem.objectives),
        "constraints": len(problem.constraints),
        "fidelity": fidelity.name if fidelity else "",
        "resumable": bool(fidelity and fidelity.resumable),
        "optimum": len(problem.objectives) == 1 and problem.objectives[0].has_optimum,
    }


def _counted_as(hyperparameter: Hyperparameter[Any, Any]) -> str:
    """Which field of `Facts` counts it; empty for a constant."""
    from ConfigSpace.hyperparameters import (
        CategoricalHyperparameter,
        FloatHyperparameter,
        IntegerHyperparameter,
        OrdinalHyperparameter,
    )

    fields = {
        FloatHyperparameter: "floats",
        IntegerHyperparameter: "integers",
        OrdinalHyperparameter: "ordinals",
        CategoricalHyperparameter: "categoricals",
    }
    return next((field for kind, field in fields.items() if isinstance(hyperparameter, kind)), "")
