"""Suites of one continuous objective without constraints: functions with tight bounds, and with many dimensions."""

from __future__ import annotations

from functools import cached_property, partial

from optathlon.budget import Budget
from optathlon.facts import Evaluation, Facts
from optathlon.problem import Objective, Problem, TaskType
from optathlon.tasks.coco import functions
from optathlon.tasks.coco.suite import LICENCE, Suite, SuiteTask, best_value, box

HALF_WIDTH = 5.0
"""Functions are minimised over [-5, 5] in each dimension."""

_ONE_PER_GROUP = (3, 8, 12, 15, 21)


class Boxed(Suite):
    """`bbob-boxed/f{1…24}/d{dimension}/i{instance}`: the optimum may lie anywhere in the box, also close to its bounds.

    They are the functions of SBOX-COST: IOHexperimenter's class SBOX gives the same values.
    """

    name = "bbob-boxed"
    description = "COCO's bbob-boxed (SBOX-COST): 24 continuous functions whose optimum may lie close to the bounds"
    functions = functions.NUMBERS
    dimensions = (2, 3, 5, 10, 20, 40)

    def task(self, function: int, dimension: int, instance: int) -> ContinuousTask:
        """The task of one function in one dimension and instance."""
        return ContinuousTask(self.name, function, functions.name(function), dimension, instance)

    def known(self, function: int, dimension: int) -> Facts:
        """What is known of all instances of one function in one dimension."""
        return _facts(
            function,
            dimension,
            "Its optimum lies anywhere in the box, also close to the bounds.",
            4e-6,
            "Vermetten, López-Ibáñez, Mersmann, Allmendinger, Anderson (2023), Analysis of Modular CMA-ES on Strict "
            "Box-Constrained Problems in the SBOX-COST Benchmarking Suite",
        )


class Largescale(Suite):
    """`bbob-largescale/f{1…24}/d{dimension}/i{instance}`: rotated in blocks of at most 40 dimensions, and permuted.

    In 20 and 40 dimensions, where there is one block, all but f9 equal the function of `bbob` of the same number.
    """

    name = "bbob-largescale"
    description = "COCO's bbob-largescale: 24 continuous functions in 20 to 640 dimensions"
    functions = functions.NUMBERS
    dimensions = (20, 40, 80, 160, 320, 640)
    recommended = _ONE_PER_GROUP, 80

    def task(self, function: int, dimension: int, instance: int) -> ContinuousTask:
        """The task of one function in one dimension and instance."""
        return ContinuousTask(self.name, function, functions.name(function), dimension, instance)

    def known(self, function: int, dimension: int) -> Facts:
        """What is known of all instances of one function in one dimension."""
        return _facts(
            function,
            dimension,
            "Rotations act within blocks of up to 40 dimensions.",
            2e-5,
            "Varelas, El Hara, Brockhoff, Hansen, Nguyen, Tušar, Auger (2020), Benchmarking Large-Scale Continuous "
            "Optimizers: The bbob-largescale Testbed, a COCO Software Guide and Beyond",
        )


class ContinuousTask(SuiteTask):
    """One function in one dimension and instance, minimised over [-5, 5]^dimension."""

    @cached_property
    def problem(self) -> Problem:
        """Hyperparameters `x0` … in [-5, 5] and the objective `value` with its known optimum."""
        _, function, dimension, instance = self._key
        return Problem(
            space=box(self._names, HALF_WIDTH),
            objectives=(Objective("value", optimum=partial(best_value, function, instance)),),
            budget=Budget.for_dimension(dimension),
        )


def _facts(function: int, dimension: int, special: str, seconds: float, citation: str) -> Facts:
    return Facts(
        type=TaskType.BLACKBOX,
        kind=Evaluation.FUNCTION,
        domain="synthetic",
        description=f"Minimise the {functions.name(function)} function ({functions.group(function)}) over "
        f"{dimension} numbers in [-5, 5]. {special}",
        floats=dimension,
        optimum=True,
        seconds=seconds,
        licence=LICENCE,
        citation=citation,
    )
