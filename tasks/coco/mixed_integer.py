"""The suite of one objective over integers and numbers, and the space that it shares with the bi-objective one.

Source: T. Tušar, D. Brockhoff, N. Hansen: "Mixed-Integer Benchmark Problems for Single- and Bi-Objective Optimization",
GECCO 2019.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from optathlon.budget import Budget
from optathlon.facts import Evaluation, Facts
from optathlon.problem import Objective, Problem, TaskType
from optathlon.tasks.coco import functions
from optathlon.tasks.coco.suite import LICENCE, Suite, SuiteTask, best_value

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace

DIMENSIONS = (5, 10, 20, 40, 80, 160)
"""COCO's dimensions: multiples of five, for a fifth is of each kind."""

CITATION = "Tušar, Brockhoff, Hansen (2019), Mixed-Integer Benchmark Problems for Single- and Bi-Objective Optimization"

_LEVELS = (2, 4, 8, 16)
"""A fifth of the variables takes 2 values, a fifth 4, …, and the last fifth is continuous."""

_SCALES = (
    *(1, 1e-3, 1e-1, 1e-1, 1),
    *(1e-2, 1, 1e-2, 1e-2, 1e-3),
    *(1e-2, 1e-4, 1e-1, 1, 1e-1),
    *(1, 10, 1, 10, 1e-1),
    *(1, 1, 10, 1e-1),
)
"""Factors of f1 … f24, which make them about equally difficult."""


class MixedInteger(Suite):
    """`bbob-mixint/f{1…24}/d{dimension}/i{instance}`: four fifths of the hyperparameters are integers.

    The integers stand for 2, 4, 8 or 16 points of [-4, 4], of which one is where the optimum is.
    """

    name = "bbob-mixint"
    description = "COCO's bbob-mixint: 24 functions of integers (4/5) and continuous hyperparameters (1/5)"
    functions = functions.NUMBERS
    dimensions = DIMENSIONS
    recommended = (3, 8, 12, 15, 21), 10

    def task(self, function: int, dimension: int, instance: int) -> MixedIntegerTask:
        """The task of one function in one dimension and instance."""
        return MixedIntegerTask(self.name, function, functions.name(function), dimension, instance)

    def known(self, function: int, dimension: int) -> Facts:
        """What is known of all instances of one function in one dimension."""
        return Facts(
            type=TaskType.BLACKBOX,
            kind=Evaluation.FUNCTION,
            domain="synthetic",
            description=f"Minimise the {functions.name(function)} function ({functions.group(function)}) over "
            f"{dimension - dimension // 5} integers of 2, 4, 8 or 16 levels and {dimension // 5} numbers in [-5, 5].",
            floats=dimension // 5,
            integers=dimension - dimension // 5,
            optimum=True,
            seconds=1e-5,
            licence=LICENCE,
            citation=CITATION,
        )


class MixedIntegerTask(SuiteTask):
    """One function in one dimension and instance."""

    @cached_property
    def problem(self) -> Problem:
        """Integers `x0` …, then numbers in [-5, 5], and the objective `value` with its known optimum."""
        _, function, dimension, instance = self._key
        return Problem(
            space=mixed_space(self._names, 5.0),
            objectives=(Objective("value", optimum=lambda: scaled_best_value(function, instance)),),
            budget=Budget.for_dimension(dimension),
        )


def mixed_space(names: list[str], half_width: float) -> ConfigurationSpace:
    """Four fifths integers with 2, 4, 8 and 16 levels from 0, one fifth numbers in [-half_width, half_width]."""
    from ConfigSpace import ConfigurationSpace

    fifth = len(names) // 5
    ranges: list[Any] = [(0, levels - 1) for levels in _LEVELS for _ in range(fifth)]
    return ConfigurationSpace(dict(zip(names, ranges + [(-half_width, half_width)] * fifth, strict=True)))


def scaled_best_value(function: int, instance: int) -> float:
    """The least value of the mixed-integer function: its integers are laid so that they meet BBOB's optimum."""
    return _SCALES[function - 1] * best_value(function, instance)
