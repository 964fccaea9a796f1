"""The suite with constraints.

Source: P. Dufossé, N. Hansen, D. Brockhoff, P. R. Sampaio, A. Atamna, A. Auger: "Building scalable test problems for
benchmarking constrained optimizers", 2022.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from optathlon.budget import Budget
from optathlon.facts import Evaluation, Facts
from optathlon.problem import Constraint, Objective, Problem, TaskType
from optathlon.tasks.coco.suite import LICENCE, Suite, SuiteTask
from optathlon.trial import Result

_OBJECTIVES = (
    "Sphere",
    "Separable Ellipsoid",
    "Linear Slope",
    "Rotated Ellipsoid",
    "Discus",
    "Bent Cigar",
    "Different Powers",
    "Separable Rastrigin",
    "Rotated Rastrigin",
)
"""Each is combined with six numbers of constraints: f1 … f6 have the first, f7 … f12 the second, …"""

_NUMBERS_OF_CONSTRAINTS = 6


class Constrained(Suite):
    """`bbob-constrained/f{1…54}/d{dimension}/i{instance}`: 9 functions with 6 numbers of constraints each.

    The constraints are linear, and distorted with the function where that is. A third of them is not active at the
    optimum, which is known.
    """

    name = "bbob-constrained"
    description = "COCO's bbob-constrained: 54 continuous functions with 1 to 189 constraints"
    functions = range(1, len(_OBJECTIVES) * _NUMBERS_OF_CONSTRAINTS + 1)
    dimensions = (2, 3, 5, 10, 20, 40)
    recommended = range(3, 55, _NUMBERS_OF_CONSTRAINTS), 5

    def task(self, function: int, dimension: int, instance: int) -> ConstrainedTask:
        """The task of one function in one dimension and instance."""
        return ConstrainedTask(self.name, function, objective_name(function), dimension, instance)

    def known(self, function: int, dimension: int) -> Facts:
        """What is known of all instances of one function in one dimension."""
        constraints = number_of_constraints(function, dimension)
        return Facts(
            type=TaskType.BLACKBOX,
            kind=Evaluation.FUNCTION,
            domain="synthetic",
            description=f"Minimise the {objective_name(function)} function over {dimension} numbers in [-5, 5], where "
            f"{constraints} {'constraints' if constraints > 1 else 'constraint'} must be at most 0. The default "
            "configuration is feasible.",
            floats=dimension,
            constraints=constraints,
            optimum=True,
            seconds=2e-5,
            licence=LICENCE,
            citation="Dufossé, Hansen, Brockhoff, Sampaio, Atamna, Auger (2022), Building scalable test problems for "
            "benchmarking constrained optimizers",
        )


class ConstrainedTask(SuiteTask):
    """One function with its constraints in one dimension and instance, minimised over [-5, 5]^dimension."""

    @cached_property
    def problem(self) -> Problem:
        """Hyperparameters `x0` … in [-5, 5], the objective `value`, and the constraints `g1` …

        The default configuration is COCO's initial solution, which is feasible.
        """
        from ConfigSpace import ConfigurationSpace, UniformFloatHyperparameter

        _, function, dimension, _ = self._key
        initial = zip(self._names, self._function.initial_solution.tolist(), strict=True)
        space = ConfigurationSpace()
        space.add([UniformFloatHyperparameter(name, -5.0, 5.0, default_value=value) for name, value in initial])
        return Problem(
            space=space,
            objectives=(Objective("value", optimum=self._best_value),),
            constraints=tuple(
                Constraint(f"g{number}") for number in range(1, number_of_constraints(function, dimension) + 1)
            ),
            budget=Budget.for_dimension(dimension),
        )

    def evaluate(self, config: Mapping[str, Any], *, fidelity: float | None, seed: int) -> Result:
        """The function's value and the constraints' values at `config`; there is no fidelity and no noise."""
        point = self._point(config)
        constraints = self._function.constraint(point).tolist()
        return Result((float(self._function(point)),), constraints=tuple(constraints))

    def _best_value(self) -> float:
        """The value at the feasible optimum, which is BBOB's random point of this function and instance."""
        from optathlon.tasks.coco.generator import shift

        _, function, dimension, instance = self._key
        return float(self._function(shift(dimension, function + 10_000 * instance)))


def objective_name(function: int) -> str:
    """The function that f1 … f54 minimises."""
    return _OBJECTIVES[(function - 1) // _NUMBERS_OF_CONSTRAINTS]


def number_of_constraints(function: int, dimension: int) -> int:
    """1, 2, 6, 6 + n/2, 6 + n or 6 + 3n that are active at the optimum, and half as many that aren't, rounded down."""
    active = (1, 2, 6, 6 + dimension // 2, 6 + dimension, 6 + 3 * dimension)[(function - 1) % _NUMBERS_OF_CONSTRAINTS]
    return active + active // 2
