"""The 24 noiseless functions of the Black-Box Optimization Benchmark, evaluated by IOHexperimenter.

Sources: N. Hansen, S. Finck, R. Ros, A. Auger: "Real-Parameter Black-Box Optimization Benchmarking 2009: Noiseless
Functions Definitions", INRIA RR-6829; J. de Nobel et al.: "IOHexperimenter", Evolutionary Computation 32(3), 2024.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from ConfigSpace import ConfigurationSpace

from optathlon.budget import Budget
from optathlon.problem import Objective, Problem
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

_ID = re.compile(r"bbob/f([1-9]\d?)/d([1-9]\d{0,3})/i([1-9]\d{0,5})", re.ASCII)


class Bbob(Collection):
    """Ids read `bbob/f{function}/d{dimension}/i{instance}`, e.g. `bbob/f15/d5/i1`.

    Listed are COCO's dimensions and instances 1 to 15; any dimension from 2 to 1,000 and any instance from 1 to
    214,748 can be made.
    """

    name = "bbob"
    description = "24 noiseless continuous functions of COCO's BBOB suite, rotated and shifted by instance"
    packages = ("ioh",)

    def ids(self) -> Iterator[str]:
        """24 functions x 6 dimensions x 15 instances."""
        for function in range(1, len(FUNCTIONS) + 1):
            for dimension in DIMENSIONS:
                for instance in INSTANCES:
                    yield f"bbob/f{function}/d{dimension}/i{instance}"

    def make(self, id: str) -> BbobTask:
        """The task of that id; `KeyError` where there is none."""
        match = _ID.fullmatch(id)
        if match is None:
            raise KeyError(id)
        function, dimension, instance = map(int, match.groups())
        if function > len(FUNCTIONS) or not 2 <= dimension <= _MOST_DIMENSIONS or instance > _LAST_INSTANCE:
            raise KeyError(id)
        return BbobTask(function, dimension, instance)


class BbobTask(Task):
    """One function in one dimension and instance, minimised over [-5, 5]^dimension.

    Parameters
    ----------
    function:
        1 … 24.
    dimension:
        2 … 1,000.
    instance:
        1 … 214,748; it shifts and rotates the function.
    """

    def __init__(self, function: int, dimension: int, instance: int) -> None:
        self.id = f"bbob/f{function}/d{dimension}/i{instance}"
        self.metadata = {
            "function": function,
            "function_name": FUNCTIONS[function - 1],
            "group": next(group for group, members in GROUPS.items() if function in members),
            "dimension": dimension,
            "instance": instance,
        }
        self._key = function, instance, dimension
        self._names = [f"x{index}" for index in range(dimension)]
        self._point = itemgetter(*self._names)

    @cached_property
    def problem(self) -> Problem:
        """Hyperparameters `x0` … in [-5, 5] and the objective `value` with its known optimum."""
        return Problem(
            space=ConfigurationSpace(dict.fromkeys(self._names, (-5.0, 5.0))),
            objectives=(Objective("value", optimum=self._function.optimum.y),),
            budget=Budget.for_dimension(len(self._names)),
        )

    def evaluate(self, config: Mapping[str, Any], *, fidelity: float | None, seed: int) -> Result:
        """The function's value at `config`; there is no fidelity and no noise."""
        return Result((self._function(self._point(config)),))

    @cached_property
    def _function(self) -> BBOB:
        import ioh

        return ioh.get_problem(*self._key, ioh.ProblemClass.BBOB)
