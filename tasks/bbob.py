"""The 24 noiseless functions of the Black-Box Optimization Benchmark, evaluated by IOHexperimenter.

Sources: N. Hansen, S. Finck, R. Ros, A. Auger: "Real-Parameter Black-Box Optimization Benchmarking 2009: Noiseless
Functions Definitions", INRIA RR-6829; J. de Nobel et al.: "IOHexperimenter", Evolutionary Computation 32(3), 2024.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from optathlon.budget import Budget
from optathlon.facts import Evaluation, Facts
from optathlon.problem import Objective, Problem, TaskType
from optathlon.task import Collection, Task
from optathlon.trial import Result

if TYPE_CHECKING:
    from ioh.iohcpp.problem import BBOB

FUNCTIONS = (
    "Sphere",
    "Separable Ellipsoid",
    "Separable Rastrigin",
    "Büche-Rastrigin",
    "Linear Slope",
    "Attractive Sector",
    "Step Ellipsoid",
    "Rosenbrock",
    "Rotated Rosenbrock",
    "Rotated Ellipsoid",
    "Discus",
    "Bent Cigar",
    "Sharp Ridge",
    "Different Powers",
    "Rotated Rastrigin",
    "Weierstrass",
    "Schaffers F7",
    "Ill-conditioned Schaffers F7",
    "Composite Griewank-Rosenbrock",
    "Schwefel",
    "Gallagher 101 Peaks",
    "Gallagher 21 Peaks",
    "Katsuura",
    "Lunacek bi-Rastrigin",
)
"""Names of the functions f1 … f24 (RR-6829)."""

GROUPS = {
    "separable": range(1, 6),
    "low or moderate conditioning": range(6, 10),
    "high conditioning and unimodal": range(10, 15),
    "multi-modal with adequate global structure": range(15, 20),
    "multi-modal with weak global structure": range(20, 25),
}
"""COCO's five groups of functions (RR-6829)."""

DIMENSIONS = (2, 3, 5, 10, 20, 40)
"""COCO's dimensions."""

INSTANCES = range(1, 16)

_LAST_INSTANCE = 214_748
"""BBOB seeds an instance by 10,000 * instance + function, which has to fit a signed 32-bit integer."""

_MOST_DIMENSIONS = 1000
"""A function keeps rotations of dimension x dimension numbers; COCO's largest suite ends at 640."""

_ID = re.compile(r"bbob/f([1-9]\d?)/d([1-9]\d{0,3})/i(0|[1-9]\d{0,5})", re.ASCII)

_RECOMMENDED_DIMENSION = 5
"""The first instances of all functions in this dimension are recommended."""


class Bbob(Collection):
    """Ids read `bbob/f{function}/d{dimension}/i{instance}`, e.g. `bbob/f15/d5/i1`.

    Listed are COCO's dimensions and instances 1 to 15; any dimension from 2 to 1,000 and any instance from 0 to
    214,748 can be made.
    """

    name = "bbob"
    description = "24 noiseless continuous functions of COCO's BBOB suite, rotated and shifted by instance"
    packages = ("ioh",)

    def ids(self) -> Iterator[str]:
        """24 functions x 6 dimensions x 15 instances."""
        for function in range(1, len(FUNCTIONS) + 1):
            for dimension in DIMENSIONS:
                yield from _listed(function, dimension)

    def make(self, id: str) -> BbobTask:
        """The task of that id; `KeyError` where there is none."""
        match = _ID.fullmatch(id)
        if match is None:
            raise KeyError(id)
        function, dimension, instance = map(int, match.groups())
        if function > len(FUNCTIONS) or not 2 <= dimension <= _MOST_DIMENSIONS or instance > _LAST_INSTANCE:
            raise KeyError(id)
        return BbobTask(function, dimension, instance)

    def facts(self) -> Iterator[tuple[Facts, Sequence[str]]]:
        """A group for each function and dimension; the recommended tasks are groups of their own."""
        for function in range(1, len(FUNCTIONS) + 1):
            for dimension in DIMENSIONS:
                facts, ids = _facts(function, dimension), _listed(function, dimension)
                if dimension == _RECOMMENDED_DIMENSION:
                    yield replace(facts, recommended=True), ids[:1]
                    ids = ids[1:]
                yield facts, ids


class BbobTask(Task):
    """One function in one dimension and instance, minimised over [-5, 5]^dimension.

    Parameters
    ----------
    function:
        1 … 24.
    dimension:
        2 … 1,000.
    instance:
        0 … 214,748; it shifts and rotates the function.
    """

    def __init__(self, function: int, dimension: int, instance: int) -> None:
        self.id = f"bbob/f{function}/d{dimension}/i{instance}"
        self.metadata = {
            "function": function,
            "function_name": FUNCTIONS[function - 1],
            "group": _group(function),
            "dimension": dimension,
            "instance": instance,
        }
        self._key = function, instance, dimension
        self._names = [f"x{index}" for index in range(dimension)]
        self._point = itemgetter(*self._names)

    @cached_property
    def problem(self) -> Problem:
        """Hyperparameters `x0` … in [-5, 5] and the objective `value` with its known optimum."""
        from ConfigSpace import ConfigurationSpace

        return Problem(
            space=ConfigurationSpace(dict.fromkeys(self._names, (-5.0, 5.0))),
            objectives=(Objective("value", optimum=self._best_value),),
            budget=Budget.for_dimension(len(self._names)),
        )

    def evaluate(self, config: Mapping[str, Any], *, fidelity: float | None, seed: int) -> Result:
        """The function's value at `config`; there is no fidelity and no noise."""
        return Result((self._function(self._point(config)),))

    @cached_property
    def _function(self) -> BBOB:
        return _ioh_function(*self._key)

    def _best_value(self) -> float:
        """The least value, which is the same in every dimension (RR-6829), so that it is found in two."""
        function, instance, _ = self._key
        return float(_ioh_function(function, instance, 2).optimum.y)


def _ioh_function(function: int, instance: int, dimension: int) -> BBOB:
    import ioh

    return ioh.get_problem(function, instance, dimension, ioh.ProblemClass.BBOB)


def _listed(function: int, dimension: int) -> list[str]:
    return [f"bbob/f{function}/d{dimension}/i{instance}" for instance in INSTANCES]


def _group(function: int) -> str:
    return next(group for group, members in GROUPS.items() if function in members)


def _facts(function: int, dimension: int) -> Facts:
    return Facts(
        type=TaskType.BLACKBOX,
        kind=Evaluation.FUNCTION,
        domain="synthetic",
        description=f"Minimise the {FUNCTIONS[function - 1]} function ({_group(function)}), shifted and rotated by "
        f"instance, over {dimension} numbers in [-5, 5].",
        floats=dimension,
        optimum=True,
        seconds=3e-6,
        licence="BSD-3-Clause",
        citation="Hansen, Finck, Ros, Auger (2009), Real-Parameter Black-Box Optimization Benchmarking 2009: Noiseless "
        "Functions Definitions",
    )
