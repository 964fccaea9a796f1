"""How unevenly a set of points fills the unit cube, as something to maximise.

Source: F. Clément, D. Vermetten, J. de Nobel, A. D. Jesus, L. Paquete, C. Doerr: "Computing Star Discrepancies with
Numerical Black-Box Optimization Algorithms", GECCO 2023.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cached_property

from optathlon.budget import Budget
from optathlon.facts import Evaluation, Facts
from optathlon.problem import Objective, Problem, TaskType
from optathlon.task import Collection
from optathlon.tasks.ioh.task import LICENCE, IohTask, Key

CLASSES = {"real": "STAR_REAL", "grid": "STAR_INTEGER"}
"""ioh's class, by what is searched: any corner, or only those that lie on a point's coordinates."""

FIRST = {"uniform": 30, "sobol": 40, "halton": 50}
"""ioh's number of the smallest set, by how its points are drawn."""

SIZES = (10, 25, 50, 100, 150, 200, 250, 500, 750, 1000)
"""How many points a set has."""

DIMENSIONS = (2, 3, 4, 6, 8, 10, 15)
"""Those of the paper."""

_ID = re.compile(r"star-discrepancy/(real|grid)/(uniform|sobol|halton)/n([1-9]\d{1,3})/d([1-9]\d?)", re.ASCII)


class StarDiscrepancy(Collection):
    """Ids read `star-discrepancy/{real,grid}/{uniform,sobol,halton}/n{points}/d{dimension}`."""

    name = "star-discrepancy"
    description = "local star discrepancies of uniform, Sobol and Halton points in 2 to 15 dimensions, maximised"
    packages = ("ioh",)

    def ids(self) -> Iterator[str]:
        """Every search space, set of points and dimension."""
        return (id for _, ids in self.facts() for id in ids)

    def make(self, id: str) -> StarDiscrepancyTask:
        """The task of that id; `KeyError` where there is none."""
        match = _ID.fullmatch(id)
        if match is None or int(match[3]) not in SIZES or int(match[4]) not in DIMENSIONS:
            raise KeyError(id)
        return StarDiscrepancyTask(match[1], match[2], int(match[3]), int(match[4]))

    def facts(self) -> Iterator[tuple[Facts, Sequence[str]]]:
        """A group for each set of points."""
        for searched in CLASSES:
            for points in FIRST:
                for size in SIZES:
                    for dimension in DIMENSIONS:
                        id = f"star-discrepancy/{searched}/{points}/n{size}/d{dimension}"
                        yield _facts(searched, points, size, dimension), (id,)


class StarDiscrepancyTask(IohTask):
    """The local star discrepancy of one set of points, maximised.

    It is the difference between the volume of the box from the origin to a corner, and the share of points in it.
    """

    def __init__(self, searched: str, points: str, size: int, dimension: int) -> None:
        super().__init__(
            f"star-discrepancy/{searched}/{points}/n{size}/d{dimension}",
            Key(CLASSES[searched], FIRST[points] + SIZES.index(size), dimension),
            {"searched": searched, "points": points, "size": size, "dimension": dimension},
        )
        self._range = (0.0, 1.0) if searched == "real" else (0, size)

    @cached_property
    def problem(self) -> Problem:
        """The corner `x0` …, as numbers or as ranks among the points, and the objective `discrepancy`."""
        from ConfigSpace import ConfigurationSpace

        return Problem(
            space=ConfigurationSpace(dict.fromkeys(self._names, self._range)),
            objectives=(Objective("discrepancy", "maximize", 0.0, 1.0),),
            budget=Budget.for_dimension(len(self._names)),
        )


def _facts(searched: str, points: str, size: int, dimension: int) -> Facts:
    corner = "numbers in [0, 1]" if searched == "real" else f"integers from 0 to {size}, the ranks of coordinates"
    return Facts(
        type=TaskType.BLACKBOX,
        kind=Evaluation.FUNCTION,
        domain="synthetic",
        description=f"Find the box from the origin whose volume differs most from its share of {size} {points} points "
        f"in {dimension} dimensions. Its corner is given by {dimension} {corner}.",
        floats=dimension if searched == "real" else 0,
        integers=dimension if searched == "grid" else 0,
        seconds=4e-6,
        licence=LICENCE,
        citation="Clément, Vermetten, de Nobel, Jesus, Paquete, Doerr (2023), Computing Star Discrepancies with "
        "Numerical Black-Box Optimization Algorithms",
    )
