"""The suites of two objectives, continuous and mixed-integer.

Sources: D. Brockhoff, A. Auger, N. Hansen, T. Tušar: "Using Well-Understood Single-Objective Functions in
Multiobjective Black-Box Optimization Test Suites", Evolutionary Computation 30(2), 2022; T. Tušar, D. Brockhoff,
N. Hansen: "Mixed-Integer Benchmark Problems for Single- and Bi-Objective Optimization", GECCO 2019.
"""

from __future__ import annotations

import math
import re
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cached_property, partial
from itertools import combinations, combinations_with_replacement
from typing import TYPE_CHECKING, Any

from optathlon.budget import Budget
from optathlon.facts import Evaluation, Facts
from optathlon.problem import Objective, Problem, TaskType
from optathlon.task import Task
from optathlon.tasks.coco import functions
from optathlon.tasks.coco.mixed_integer import CITATION, DIMENSIONS, mixed_space, scaled_best_value
from optathlon.tasks.coco.suite import INSTANCES, LICENCE, Suite, SuiteTask, best_value, box
from optathlon.trial import Result

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace

_HALF_WIDTH = 100.0
"""Numbers are in [-100, 100]: between the optima of two functions the front may leave the box of either."""

_CHOSEN = (1, 2, 6, 8, 13, 14, 15, 17, 20, 21)
"""Two functions of each group; `bbob-biobj` has all pairs of them."""

_WEIERSTRASS = 16
"""It is in no pair: its optimum is not unique."""

_PARTS = re.compile(r"bbob_f(\d+)_i(\d+)_d", re.ASCII)
"""How COCO names each of the two functions, with its instance."""


def _pairs() -> list[tuple[int, int]]:
    """The functions of f1 … f92: all pairs of ten, then all other pairs within a group."""
    chosen = list(combinations_with_replacement(_CHOSEN, 2))
    within = [pair for group in functions.GROUPS.values() for pair in combinations(group, 2)]
    return chosen + [pair for pair in within if pair not in chosen and _WEIERSTRASS not in pair]


PAIRS = _pairs()
"""The two functions of f1 … f92."""

_TWO_SPHERES = 1

_RECOMMENDED: Sequence[int] = (1, 3, 10, 24, 28, 41, 46, 53, 54, 55)


class BiObjective(Suite):
    """`bbob-biobj/f{1…55}/d{dimension}/i{1…15}`: all pairs of ten functions, each pair minimised together.

    The 92 functions of COCO's bbob-biobj-ext are these 55, and the 37 of `bbob-biobj-ext`.
    """

    name = "bbob-biobj"
    description = "COCO's bbob-biobj: 55 continuous functions with two objectives"
    functions = range(1, 56)
    dimensions = (2, 3, 5, 10, 20, 40)
    instances = INSTANCES
    recommended = _RECOMMENDED, 5

    def task(self, function: int, dimension: int, instance: int) -> BiObjectiveTask:
        """The task of one function in one dimension and instance."""
        return ContinuousPair(self.name, function, pair_name(function), dimension, instance)

    def known(self, function: int, dimension: int) -> Facts:
        """What is known of all instances of one function in one dimension."""
        return _facts(
            function,
            f"{dimension} numbers in [-100, 100]",
            floats=dimension,
            optimum=function == _TWO_SPHERES,
            seconds=5e-6,
            citation="Brockhoff, Auger, Hansen, Tušar (2022), Using Well-Understood Single-Objective Functions in "
            "Multiobjective Black-Box Optimization Test Suites",
        )


class BiObjectiveExtension(BiObjective):
    """`bbob-biobj-ext/f{56…92}/d{dimension}/i{1…15}`: 37 more pairs, each of functions of one group.

    f1 to f55 of COCO's suite of this name are those of `bbob-biobj`: they are not listed again, and made by that name.
    """

    name = "bbob-biobj-ext"
    description = "COCO's bbob-biobj-ext: the 37 functions that bbob-biobj has not, with two objectives of one group"
    functions = range(56, len(PAIRS) + 1)
    recommended = range(0), 0

    def make(self, id: str) -> Task:
        """The task of that id, or of the same function of `bbob-biobj`; `KeyError` where there is none."""
        try:
            return super().make(id)
        except KeyError:
            with suppress(KeyError):
                return BiObjective().make(id.replace(self.name, BiObjective.name, 1))
            raise


class MixedIntegerBiObjective(Suite):
    """`bbob-biobj-mixint/f{1…92}/d{dimension}/i{1…15}`: the pairs of both suites over integers and numbers."""

    name = "bbob-biobj-mixint"
    description = "COCO's bbob-biobj-mixint: 92 functions with two objectives of integers and continuous ones"
    functions = range(1, len(PAIRS) + 1)
    dimensions = DIMENSIONS
    instances = INSTANCES
    recommended = _RECOMMENDED, 10

    def task(self, function: int, dimension: int, instance: int) -> BiObjectiveTask:
        """The task of one function in one dimension and instance."""
        return MixedIntegerPair(self.name, function, pair_name(function), dimension, instance)

    def known(self, function: int, dimension: int) -> Facts:
        """What is known of all instances of one function in one dimension."""
        fifth = dimension // 5
        return _facts(
            function,
            f"{dimension - fifth} integers of 2, 4, 8 or 16 levels and {fifth} numbers in [-100, 100]",
            floats=fifth,
            integers=dimension - fifth,
            seconds=1e-5,
            citation=CITATION,
        )


class BiObjectiveTask(SuiteTask):
    """Two functions in one dimension, minimised together.

    The optima of the objectives are COCO's ideal point, and their references its nadir point, by which COCO normalises
    objectives: the hypervolume divided by the product of all `reference - optimum` is COCO's.
    """

    @cached_property
    def problem(self) -> Problem:
        """Hyperparameters `x0` … and the objectives `value_1` and `value_2`."""
        return Problem(
            space=self._space(),
            objectives=tuple(
                Objective(
                    f"value_{place + 1}", optimum=partial(self._ideal, place), reference=partial(self._nadir, place)
                )
                for place in range(2)
            ),
            budget=Budget.for_dimension(len(self._names)),
        )

    def evaluate(self, config: Mapping[str, Any], *, fidelity: float | None, seed: int) -> Result:
        """Both functions' values at `config`; there is no fidelity and no noise."""
        return Result(tuple(self._function(self._point(config)).tolist()))

    @abstractmethod
    def _space(self) -> ConfigurationSpace: ...

    @abstractmethod
    def _best_value(self, function: int, instance: int) -> float:
        """The least value of a function alone."""

    def _ideal(self, place: int) -> float:
        function, instance = _PARTS.findall(self._function.name)[place]
        return self._best_value(int(function), int(instance))

    def _nadir(self, place: int) -> float:
        return float(self._function.largest_fvalues_of_interest[place])


class ContinuousPair(BiObjectiveTask):
    """Two functions over [-100, 100]^dimension; of two spheres, the hypervolume of the Pareto front is known.

    Between their optima, in shares of nadir - ideal, the front is f₂ = (1 - √f₁)², and what it dominates is 5/6.
    """

    def __init__(self, suite: str, function: int, function_name: str, dimension: int, instance: int) -> None:
        super().__init__(suite, function, function_name, dimension, instance)
        if function == _TWO_SPHERES:
            span = math.prod(self._nadir(place) - self._ideal(place) for place in range(2))
            self.metadata = {**self.metadata, "optimal_hypervolume": 5 / 6 * span}

    def _space(self) -> ConfigurationSpace:
        return box(self._names, _HALF_WIDTH)

    def _best_value(self, function: int, instance: int) -> float:
        return best_value(function, instance)


class MixedIntegerPair(BiObjectiveTask):
    """Two functions of integers and of numbers in [-100, 100]."""

    def _space(self) -> ConfigurationSpace:
        return mixed_space(self._names, _HALF_WIDTH)

    def _best_value(self, function: int, instance: int) -> float:
        return scaled_best_value(function, instance)


def pair_name(function: int) -> str:
    """The names of the two functions that f1 … f92 minimises."""
    first, second = PAIRS[function - 1]
    return f"{functions.name(first)} and {functions.name(second)}"


def _facts(function: int, variables: str, **others: Any) -> Facts:
    return Facts(
        type=TaskType.MULTI_OBJECTIVE,
        kind=Evaluation.FUNCTION,
        domain="synthetic",
        description=f"Minimise two functions over {variables}: {pair_name(function)}. The ideal "
        "and the nadir point are known.",
        objectives=2,
        licence=LICENCE,
        **others,
    )
