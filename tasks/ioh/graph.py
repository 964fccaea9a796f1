"""Problems on graphs that come with ioh: maximum cut, maximum coverage, and packing while travelling.

ioh's other problems on graphs, with 1,395 to 338,090 variables, are too large for search spaces of single values.

Source: J. de Nobel, F. Ye, D. Vermetten, H. Wang, C. Doerr, T. Bäck: "IOHexperimenter: Benchmarking Platform for
Iterative Optimization Heuristics", Evolutionary Computation 32(3), 2024.
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

FAMILIES = {
    "maxcut": range(2000, 2005),
    "maxcoverage": range(2100, 2140),
    "packing": range(2300, 2301),
}
"""ioh's numbers of the problems."""

GOALS = {
    "maxcut": "Split the vertices of a graph in two, so that the edges between them weigh most.",
    "maxcoverage": "Choose vertices of a graph within a budget, so that they cover most others.",
    "packing": "Choose items to pick up on a tour, so that their profit less the travel costs is highest.",
}

_VERTICES = (
    *(450, 450, 595, 760) * 7,
    *(425, 425, 204, 204, 379, 379, 615, 615, 715, 715, 500, 500),
)
"""Of the graphs of maximum coverage."""

_ID = re.compile(r"graph/([a-z]+)/(2\d{3})", re.ASCII)


class Graph(Collection):
    """Ids read `graph/{maxcut,maxcoverage,packing}/{number}`, with ioh's numbers of problems.

    ioh gives a choice beyond its budget or capacity the negative excess as its value.
    """

    name = "graph"
    description = "46 problems on graphs of 204 to 800 bits: maximum cut, maximum coverage, packing while travelling"
    packages = ("ioh",)

    def ids(self) -> Iterator[str]:
        """Every problem of up to 800 variables."""
        return (f"graph/{family}/{number}" for family, numbers in FAMILIES.items() for number in numbers)

    def make(self, id: str) -> GraphTask:
        """The task of that id; `KeyError` where there is none."""
        match = _ID.fullmatch(id)
        if match is None or int(match[2]) not in FAMILIES.get(match[1], ()):
            raise KeyError(id)
        return GraphTask(match[1], int(match[2]))

    def facts(self) -> Iterator[tuple[Facts, Sequence[str]]]:
        """A group for each problem."""
        for family, numbers in FAMILIES.items():
            for number in numbers:
                facts = Facts(
                    type=TaskType.BLACKBOX,
                    kind=Evaluation.FUNCTION,
                    domain="combinatorial",
                    description=GOALS[family],
                    integers=variables(family, number),
                    seconds=2e-5,
                    licence=LICENCE,
                    citation="de Nobel, Ye, Vermetten, Wang, Doerr, Bäck (2024), IOHexperimenter: Benchmarking "
                    "Platform for Iterative Optimization Heuristics",
                )
                yield facts, (f"graph/{family}/{number}",)


class GraphTask(IohTask):
    """One problem on a graph, maximised."""

    def __init__(self, family: str, number: int) -> None:
        dimension = variables(family, number)
        super().__init__(
            f"graph/{family}/{number}",
            Key("GRAPH", number, dimension),
            {"family": family, "number": number, "dimension": dimension},
        )

    @cached_property
    def problem(self) -> Problem:
        """The bits `x0` … as integers 0 or 1, and the objective `value`."""
        return Problem(
            space=bits(self._names),
            objectives=(Objective("value", "maximize"),),
            budget=Budget.for_dimension(len(self._names)),
        )


def variables(family: str, number: int) -> int:
    """How many bits the problem has."""
    match family:
        case "maxcut":
            return 800
        case "maxcoverage":
            return _VERTICES[FAMILIES[family].index(number)]
        case _:
            return 279
