"""Multi-objective test problems with known Pareto fronts, evaluated by pymoo: ZDT, DTLZ and WFG.

Sources: Zitzler, Deb, Thiele (2000), "Comparison of Multiobjective Evolutionary Algorithms: Empirical Results"; Deb,
Thiele, Laumanns, Zitzler (2005), "Scalable Test Problems for Evolutionary Multiobjective Optimization"; Huband,
Hingston, Barone, While (2006), "A Review of Multiobjective Test Problems and a Scalable Test Problem Toolkit"; Blank,
Deb (2020), "pymoo: Multi-Objective Optimization in Python".
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, cached_property
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from optathlon.budget import Budget
from optathlon.facts import Evaluation, Facts
from optathlon.lazy import lazy_module
from optathlon.problem import Objective, Problem, TaskType
from optathlon.task import Collection, Task
from optathlon.trial import Result

if TYPE_CHECKING:
    import numpy as np
    from pymoo.core.problem import Problem as PymooProblem
else:
    np = lazy_module("numpy")

NAMES = (
    *("zdt1", "zdt2", "zdt3", "zdt4", "zdt5", "zdt6"),
    *("dtlz1", "dtlz2", "dtlz3", "dtlz4", "dtlz5", "dtlz6", "dtlz7"),
    *("wfg1", "wfg2", "wfg3", "wfg4", "wfg5", "wfg6", "wfg7", "wfg8", "wfg9"),
)

_WFG_POSITION = 4
"""pymoo's number k of position parameters of WFG problems with two or three objectives."""

_ZDT5_BITS = 30, 5
"""Bits of the first and of every further variable of ZDT5."""

_ZDT6_FIRST = 0.2807753191
"""The least first objective of ZDT6."""

_CITATIONS = {
    "zdt": 'Zitzler, Deb, Thiele (2000), "Comparison of Multiobjective Evolutionary Algorithms: Empirical Results"',
    "dtlz": 'Deb, Thiele, Laumanns, Zitzler (2005), "Scalable Test Problems for Evolutionary Multiobjective '
    'Optimization"',
    "wfg": 'Huband, Hingston, Barone, While (2006), "A Review of Multiobjective Test Problems and a Scalable Test '
    'Problem Toolkit"',
}

_MOST_DIMENSIONS = 1000

_ID = re.compile(rf"pymoo/({'|'.join(NAMES)})/m([23])/d([1-9]\d{{0,3}})", re.ASCII)


class Pymoo(Collection):
    """Ids read `pymoo/{problem}/m{objectives}/d{dimension}`, e.g. `pymoo/dtlz2/m3/d12`.

    ZDT problems have two objectives, DTLZ and WFG two or three. Listed are the dimensions of the original papers and
    a smaller one for the budgets of hyperparameter optimization; every other dimension that the problem is defined
    for can be made: at least 2 for ZDT, at least m for DTLZ, more than 4 for WFG and even for WFG2 and WFG3, and
    30 + 5 n bits for ZDT5.
    """

    name = "pymoo"
    description = "multi-objective ZDT, DTLZ and WFG problems with two or three objectives and known Pareto fronts"
    packages = ("pymoo",)
    install = "pip install 'optathlon[pymoo]'"

    def ids(self) -> Iterator[str]:
        """Every problem, its numbers of objectives and its usual dimensions."""
        for name, n_objectives in _sizes():
            for dimension in _usual_dimensions(name, n_objectives):
                yield f"pymoo/{name}/m{n_objectives}/d{dimension}"

    def facts(self) -> Iterator[tuple[Facts, Sequence[str]]]:
        """A group for each task. Recommended is the smaller dimension, for budgets of hyperparameter optimization."""
        for name, n_objectives in _sizes():
            dimensions = _usual_dimensions(name, n_objectives)
            for dimension in dimensions:
                bits = name == "zdt5"
                facts = Facts(
                    type=TaskType.MULTI_OBJECTIVE,
                    kind=Evaluation.FUNCTION,
                    domain="synthetic",
                    description=f"{name.upper()}: {n_objectives} conflicting functions of "
                    f"{dimension} {'bits' if bits else 'numbers'} are minimised.",
                    floats=0 if bits else dimension,
                    integers=dimension if bits else 0,
                    objectives=n_objectives,
                    optimum=(name, n_objectives) != ("wfg3", 3),
                    recommended=dimension == dimensions[0],
                    licence="Apache-2.0",
                    citation=_CITATIONS[_family(name)],
                )
                yield facts, [f"pymoo/{name}/m{n_objectives}/d{dimension}"]

    def make(self, id: str) -> PymooTask:
        """The task of that id; `KeyError` where there is none."""
        match = _ID.fullmatch(id)
        if match is None or int(match[3]) > _MOST_DIMENSIONS or not _exists(match[1], int(match[2]), int(match[3])):
            raise KeyError(id)
        return PymooTask(match[1], int(match[2]), int(match[3]))


class PymooTask(Task):
    """One problem with its objectives `f1` … minimised.

    Metadata hold the hypervolume of the Pareto front, where it is known: everywhere but for WFG3 with three
    objectives, whose front is larger than the line it was designed to be (Ishibuchi, Masuda, Nojima, 2016). WFG1 only
    nears it: with most dimensions its optimal distance parameters are not floating-point numbers, and the function
    sends a rounding error of 1e-17 to 0.46.

    Parameters
    ----------
    name:
        One of `NAMES`.
    n_objectives:
        2 or 3.
    dimension:
        The number of hyperparameters.
    """

    def __init__(self, name: str, n_objectives: int, dimension: int) -> None:
        self.id = f"pymoo/{name}/m{n_objectives}/d{dimension}"
        self._name = name
        self._reference = reference_point(name, n_objectives, dimension)
        self._names = [f"x{index}" for index in range(dimension)]
        self._point = itemgetter(*self._names)

    @cached_property
    def metadata(self) -> Mapping[str, str | int | float | bool]:  # type: ignore[override]
        """The problem's name and sizes, and the hypervolume of its Pareto front (milliseconds to compute)."""
        known: dict[str, str | int | float | bool] = {
            "function": self._name,
            "group": _family(self._name),
            "n_objectives": len(self._reference),
            "dimension": len(self._names),
        }
        hypervolume = optimal_hypervolume(self._name, self._reference)
        return known if hypervolume is None else known | {"optimal_hypervolume": hypervolume}

    @cached_property
    def problem(self) -> Problem:
        """Hyperparameters `x0` … (0 or 1 in ZDT5, floats elsewhere) and objectives with their reference point."""
        from ConfigSpace import ConfigurationSpace

        return Problem(
            space=ConfigurationSpace(dict(zip(self._names, self._domains(), strict=True))),
            objectives=tuple(
                Objective(f"f{index}", reference=reference) for index, reference in enumerate(self._reference, start=1)
            ),
            budget=Budget.for_dimension(len(self._names)),
        )

    def evaluate(self, config: Mapping[str, Any], *, fidelity: float | None, seed: int) -> Result:
        """The objectives' values at `config`; there is no fidelity and no noise."""
        values = self._pymoo.evaluate(np.array(self._point(config), dtype=float), return_values_of=["F"])
        return Result(tuple(values.tolist()))

    def _domains(self) -> list[tuple[float, float] | tuple[int, int]]:
        if self._name == "zdt5":
            return [(0, 1)] * len(self._names)
        return list(zip(self._pymoo.xl.tolist(), self._pymoo.xu.tolist(), strict=True))

    @cached_property
    def _pymoo(self) -> PymooProblem:
        from pymoo.problems import get_problem

        dimension = len(self._names)
        if self._name == "zdt5":
            first, further = _ZDT5_BITS
            return get_problem("zdt5", m=1 + (dimension - first) // further)
        sizes = {} if _family(self._name) == "zdt" else {"n_obj": len(self._reference)}
        return get_problem(self._name, n_var=dimension, **sizes)


def reference_point(name: str, n_objectives: int, dimension: int) -> tuple[float, ...]:
    """The hypervolume reference point.

    For ZDT and DTLZ it is that of BoTorch's test problems (Balandat et al., 2020), which are set for small budgets:
    ZDT 11 (Yang et al., 2019), DTLZ1 400, DTLZ3 10,000, DTLZ2 and DTLZ4 1.1, DTLZ5 10, DTLZ7 15. For WFG it is the
    customary (3, 5, 7): 2 i + 1 is the largest value that objective i takes (Huband et al., 2006). Largest values
    bound DTLZ6 too, which BoTorch lacks, and the second objective of ZDT4, where 11 is out of a small budget's reach.
    """
    match name:
        case "zdt4":
            return 11.0, 1.0 + 45.0 * (dimension - 1)
        case "dtlz6":
            return (2.0 + dimension - n_objectives,) * n_objectives
        case _ if _family(name) == "wfg":
            return tuple(2.0 * index + 1 for index in range(1, n_objectives + 1))
        case _ if _family(name) == "zdt":
            return 11.0, 11.0
        case _:
            coordinate = {"dtlz1": 400.0, "dtlz2": 1.1, "dtlz3": 10_000.0, "dtlz4": 1.1, "dtlz5": 10.0, "dtlz7": 15.0}
            return (coordinate[name],) * n_objectives


def optimal_hypervolume(name: str, reference: tuple[float, ...]) -> float | None:
    """The hypervolume that a problem's whole Pareto front dominates; `None` where the front is not known.

    Parameters
    ----------
    name:
        One of `NAMES`.
    reference:
        The reference point, beyond the front in each of the two or three coordinates.
    """
    m, grid = len(reference), _grid()
    match name:
        case "zdt1" | "zdt4":
            volume = _area(grid**2, 1 - grid, reference)
        case "zdt2":
            volume = _area(grid, 1 - grid**2, reference)
        case "zdt3":
            volume = _area(grid**2, 1 - grid - grid**2 * np.sin(10 * np.pi * grid**2), reference)
        case "zdt5":
            volume = _zdt5_area(reference)
        case "zdt6":
            first = _ZDT6_FIRST + (1 - _ZDT6_FIRST) * grid
            volume = _area(first, 1 - first**2, reference)
        case "dtlz5" | "dtlz6" if m == 3:
            volume = _quarter_circle_volume(reference[0])
        case "dtlz7":
            volume = _dtlz7_volume(reference)
        case "wfg3" if m == 3:
            return None
        case _:
            nadir = range(2, 2 * m + 1, 2) if _family(name) == "wfg" else (0.5 if name == "dtlz1" else 1.0,) * m
            volume = math.prod(reference) - math.prod(nadir) * _volume_below(name, m)
    return volume


@cache
def _grid() -> np.ndarray:
    """Where fronts are integrated: piecewise smooth integrands are exact to about 1e-9."""
    return np.linspace(0.0, 1.0, 100_001)


def _area(first: np.ndarray, second: np.ndarray, reference: tuple[float, ...]) -> float:
    """The area that a curve dominates: `second` over the increasing `first`; dominated stretches may be in it."""
    attained = np.minimum.accumulate(second)
    inner = np.trapezoid(reference[1] - attained, first)
    return float(inner + (reference[0] - first[-1]) * (reference[1] - attained[-1]))


def _zdt5_area(reference: tuple[float, ...]) -> float:
    """ZDT5's front is 31 points (1 + u, (m - 1) / (1 + u)), which pymoo scales to [0, 1] in each objective."""
    ones = np.arange(_ZDT5_BITS[0] + 1)
    first = ones / ones[-1]
    second = (1 / (1 + ones) - 1 / 31) / (1 - 1 / 31)
    return float(np.diff(first, append=reference[0]) @ (reference[1] - second))


def _quarter_circle_volume(reference: float) -> float:
    """What the quarter circle (cos t, cos t, √2 sin t) / √2 of DTLZ5 and DTLZ6 dominates in the cube of that side.

    A point (a, b, c) is dominated where c² >= 1 - 2 min(a, b)²; the rest of the cube is integrated over min(a, b).
    """
    return reference**3 - 2 * (reference * math.pi / (4 * math.sqrt(2)) - 1 / 6)


def _dtlz7_volume(reference: tuple[float, ...]) -> float:
    """DTLZ7's last objective is at least 2 m - Σ p(f_i) over the others in [0, 1], p(f) = f (1 + sin 3πf).

    What is dominated above (f_1, …) is given by the running maximum of p, and the integral of a sum is a sum.
    """
    m, side, grid = len(reference), reference[0], _grid()
    attained = np.maximum.accumulate(grid * (1 + np.sin(3 * np.pi * grid)))
    integral = np.trapezoid(attained, grid) + (side - 1) * attained[-1]
    return float(side ** (m - 1) * (reference[-1] - 2 * m) + (m - 1) * side ** (m - 2) * integral)


def _volume_below(name: str, m: int) -> float:
    """The part of [0, 1]^m that a front with ideal point 0 and nadir point 1 leaves undominated.

    The last objective of WFG1 and WFG2 is a function h of one parameter x, while the others are c(x) = 1 - cos(πx/2)
    times a point of a convex circular arc in m - 1 dimensions, which leaves 1 (m = 2) or 1 - π/4 (m = 3) undominated.
    """
    grid = _grid()
    match name:
        case "wfg1":
            last = 1 - grid - np.cos(10 * np.pi * grid + np.pi / 2) / (10 * np.pi)
        case "wfg2":
            last = 1 - grid * np.cos(5 * np.pi * grid) ** 2
        case "dtlz1" | "wfg3":  # linear
            return 1 / math.factorial(m)
        case _:  # spherical
            return math.pi / 4 if m == 2 else math.pi / 6
    others = (1 - np.cos(np.pi / 2 * grid)) ** (m - 1)
    return float(np.trapezoid(np.minimum.accumulate(last), others)) * (1.0 if m == 2 else 1 - math.pi / 4)


def _sizes() -> Iterator[tuple[str, int]]:
    """Every problem with each of its numbers of objectives."""
    for name in NAMES:
        for n_objectives in (2,) if _family(name) == "zdt" else (2, 3):
            yield name, n_objectives


def _family(name: str) -> str:
    return name.rstrip("0123456789")


def _usual_dimensions(name: str, m: int) -> list[int]:
    """A small dimension and those of the papers that introduced the problem."""
    exceptions = {"zdt4": (6, 10), "zdt5": (35, 80), "zdt6": (6, 10), "dtlz1": (6, m + 4), "dtlz7": (6, m + 19)}
    families = {"zdt": (6, 30), "dtlz": (6, m + 9), "wfg": (6, 10, 24)}
    return sorted({*exceptions.get(name, families[_family(name)])})


def _exists(name: str, n_objectives: int, dimension: int) -> bool:
    """Whether the problem is defined with so many objectives and hyperparameters."""
    match name:
        case "zdt5":
            first, further = _ZDT5_BITS
            return n_objectives == 2 and dimension > first and (dimension - first) % further == 0
        case "wfg2" | "wfg3":
            return dimension > _WFG_POSITION and dimension % 2 == 0
        case _ if _family(name) == "zdt":
            return n_objectives == 2 and dimension >= 2
        case _ if _family(name) == "dtlz":
            return dimension >= n_objectives
        case _:
            return dimension > _WFG_POSITION
