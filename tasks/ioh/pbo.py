"""The pseudo-Boolean problems of IOHprofiler.

Source: C. Doerr, F. Ye, N. Horesh, H. Wang, O. M. Shir, T. Bäck: "Benchmarking Discrete Optimization Heuristics with
IOHprofiler", Applied Soft Computing 88, 2020.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cached_property

from optathlon.budget import Budget
from optathlon.facts import Evaluation, Facts
from optathlon.problem import Objective, Problem, TaskType
from optathlon.task import Collection
from optathlon.tasks.ioh.task import LICENCE, IohTask, Key, bits

NAMES = (
    "OneMax",
    "LeadingOnes",
    "Linear",
    "OneMax with half of the bits",
    "OneMax with nine tenths of the bits",
    "OneMax with neutrality",
    "OneMax with epistasis",
    "OneMax with ruggedness 1",
    "OneMax with ruggedness 2",
    "OneMax with ruggedness 3",
    "LeadingOnes with half of the bits",
    "LeadingOnes with nine tenths of the bits",
    "LeadingOnes with neutrality",
    "LeadingOnes with epistasis",
    "LeadingOnes with ruggedness 1",
    "LeadingOnes with ruggedness 2",
    "LeadingOnes with ruggedness 3",
    "Low autocorrelation binary sequences",
    "Ising ring",
    "Ising torus",
    "Ising triangular lattice",
    "Maximum independent vertex set",
    "N queens",
    "Concatenated trap",
    "NK landscapes",
)
"""Names of the functions f1 … f25."""

DIMENSIONS = (16, 64, 100)
"""IOHprofiler's, all of them squares; it has 625, too, which can be made."""

INSTANCES = range(1, 16)

_UNLISTED_DIMENSIONS = (625,)

_LAST_INSTANCE = 100

_UNKNOWN_OPTIMUM = (18, 22, 24, 25)
"""ioh states infinity for f18 and f25, and what isn't the best for f24 and, but for the first instance, f22."""

_ID = re.compile(r"pbo/f([1-9]\d?)/d([1-9]\d{0,2})/i([1-9]\d{0,2})", re.ASCII)


class Pbo(Collection):
    """Ids read `pbo/f{1…25}/d{bits}/i{instance}`: functions of bits, which are maximised.

    Instance 1 is the function itself. Instances 2 to 50 flip some bits, 51 to 100 permute them, and all scale and shift
    the values.
    """

    name = "pbo"
    description = "IOHprofiler's 25 pseudo-Boolean functions of 16, 64 and 100 bits, maximised"
    packages = ("ioh",)

    def ids(self) -> Iterator[str]:
        """Every function, listed number of bits and listed instance."""
        for function in range(1, len(NAMES) + 1):
            for dimension in DIMENSIONS:
                yield from _listed(function, dimension)

    def make(self, id: str) -> PboTask:
        """The task of that id; `KeyError` where there is none."""
        match = _ID.fullmatch(id)
        if match is None:
            raise KeyError(id)
        function, dimension, instance = map(int, match.groups())
        known = dimension in DIMENSIONS + _UNLISTED_DIMENSIONS
        if function > len(NAMES) or not known or instance > _LAST_INSTANCE:
            raise KeyError(id)
        return PboTask(function, dimension, instance)

    def facts(self) -> Iterator[tuple[Facts, Sequence[str]]]:
        """A group for each function and number of bits."""
        for function, name in enumerate(NAMES, start=1):
            for dimension in DIMENSIONS:
                facts = Facts(
                    type=TaskType.BLACKBOX,
                    kind=Evaluation.FUNCTION,
                    domain="synthetic",
                    description=f"Maximise the pseudo-Boolean function {name} of {dimension} bits.",
                    integers=dimension,
                    optimum=function not in _UNKNOWN_OPTIMUM,
                    seconds=7e-6,
                    licence=LICENCE,
                    citation="Doerr, Ye, Horesh, Wang, Shir, Bäck (2020), Benchmarking Discrete Optimization "
                    "Heuristics with IOHprofiler",
                )
                yield facts, _listed(function, dimension)


class PboTask(IohTask):
    """One function of some bits in one instance, maximised."""

    def __init__(self, function: int, dimension: int, instance: int) -> None:
        super().__init__(
            f"pbo/f{function}/d{dimension}/i{instance}",
            Key("PBO", function, dimension, instance),
            {
                "function": function,
                "function_name": NAMES[function - 1],
                "dimension": dimension,
                "instance": instance,
            },
        )

    @cached_property
    def problem(self) -> Problem:
        """The bits `x0` … as integers 0 or 1, and the objective `value` with its optimum where that is known."""
        known = self._key.number not in _UNKNOWN_OPTIMUM
        return Problem(
            space=bits(self._names),
            objectives=(Objective("value", "maximize", optimum=self._best_value if known else None),),
            budget=Budget.for_dimension(len(self._names)),
        )

    def _best_value(self) -> float:
        return float(self._function.optimum.y)


def _listed(function: int, dimension: int) -> list[str]:
    return [f"pbo/f{function}/d{dimension}/i{instance}" for instance in INSTANCES]
