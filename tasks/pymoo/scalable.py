"""ZDT, DTLZ and WFG: problems of any dimension, whose Pareto fronts are known.

Sources: Zitzler, Deb, Thiele (2000), "Comparison of Multiobjective Evolutionary Algorithms: Empirical Results"; Deb,
Thiele, Laumanns, Zitzler (2005), "Scalable Test Problems for Evolutionary Multiobjective Optimization"; Huband,
Hingston, Barone, While (2006), "A Review of Multiobjective Test Problems and a Scalable Test Problem Toolkit".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from optathlon.tasks.pymoo.entry import Entry

NAMES = (
    *("zdt1", "zdt2", "zdt3", "zdt4", "zdt5", "zdt6"),
    *("dtlz1", "dtlz2", "dtlz3", "dtlz4", "dtlz5", "dtlz6", "dtlz7"),
    *("wfg1", "wfg2", "wfg3", "wfg4", "wfg5", "wfg6", "wfg7", "wfg8", "wfg9"),
)

_WITH_MANY_OBJECTIVES = ("dtlz1", "dtlz2", "dtlz3", "dtlz4")
"""They are listed with five objectives too."""

_MANY = 5

_WFG_POSITION = 4
"""pymoo's number k of position parameters of WFG problems with two or three objectives."""

ZDT5_BITS = 30, 5
"""Bits of the first and of every further variable of ZDT5."""

_CITATIONS = {
    "zdt": 'Zitzler, Deb, Thiele (2000), "Comparison of Multiobjective Evolutionary Algorithms: Empirical Results"',
    "dtlz": 'Deb, Thiele, Laumanns, Zitzler (2005), "Scalable Test Problems for Evolutionary Multiobjective '
    'Optimization"',
    "wfg": 'Huband, Hingston, Barone, While (2006), "A Review of Multiobjective Test Problems and a Scalable Test '
    'Problem Toolkit"',
}

_MOST_DIMENSIONS = 1000


def listed() -> Iterator[Entry]:
    """Every problem with its numbers of objectives and its usual dimensions."""
    for name in NAMES:
        for objectives in _numbers_of_objectives(name):
            for dimension in _usual_dimensions(name, objectives):
                yield _entry(name, objectives, dimension)


def entry(name: str, objectives: int, dimension: int) -> Entry | None:
    """The problem of that size, which need not be listed; `None` where it is not defined."""
    defined = name in NAMES and objectives in _numbers_of_objectives(name) and dimension <= _MOST_DIMENSIONS
    return _entry(name, objectives, dimension) if defined and _exists(name, objectives, dimension) else None


def family(name: str) -> str:
    """`"zdt"`, `"dtlz"` or `"wfg"`."""
    return name.rstrip("0123456789")


def reference_point(name: str, objectives: int, dimension: int) -> tuple[float, ...]:
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
            return (2.0 + dimension - objectives,) * objectives
        case _ if family(name) == "wfg":
            return tuple(2.0 * index + 1 for index in range(1, objectives + 1))
        case _ if family(name) == "zdt":
            return 11.0, 11.0
        case _:
            coordinate = {"dtlz1": 400.0, "dtlz2": 1.1, "dtlz3": 10_000.0, "dtlz4": 1.1, "dtlz5": 10.0, "dtlz7": 15.0}
            return (coordinate[name],) * objectives


def _entry(name: str, objectives: int, dimension: int) -> Entry:
    bits = name == "zdt5"
    return Entry(
        name=name,
        group=family(name),
        objectives=objectives,
        dimension=dimension,
        description=f"{name.upper()}: {objectives} conflicting functions of "
        f"{dimension} {'bits' if bits else 'numbers'} are minimised.",
        citation=_CITATIONS[family(name)],
        arguments=_arguments(name, objectives, dimension),
        integers=dimension if bits else 0,
        reference=reference_point(name, objectives, dimension),
        front=(name, objectives) != ("wfg3", 3),
        recommended=objectives < _MANY and dimension == _usual_dimensions(name, objectives)[0],
    )


def _arguments(name: str, objectives: int, dimension: int) -> dict[str, Any]:
    if name == "zdt5":
        first, further = ZDT5_BITS
        return {"m": 1 + (dimension - first) // further}
    return {"n_var": dimension} | ({} if family(name) == "zdt" else {"n_obj": objectives})


def _numbers_of_objectives(name: str) -> tuple[int, ...]:
    if family(name) == "zdt":
        return (2,)
    return (2, 3, _MANY) if name in _WITH_MANY_OBJECTIVES else (2, 3)


def _usual_dimensions(name: str, m: int) -> list[int]:
    """A small dimension and those of the papers that introduced the problem."""
    small = 6 if m < _MANY else 9
    exceptions = {"zdt4": (6, 10), "zdt5": (35, 80), "zdt6": (6, 10), "dtlz1": (small, m + 4), "dtlz7": (6, m + 19)}
    families = {"zdt": (6, 30), "dtlz": (small, m + 9), "wfg": (6, 10, 24)}
    return sorted({*exceptions.get(name, families[family(name)])})


def _exists(name: str, objectives: int, dimension: int) -> bool:
    """Whether the problem is defined with so many objectives and hyperparameters."""
    match name:
        case "zdt5":
            first, further = ZDT5_BITS
            return dimension > first and (dimension - first) % further == 0
        case "wfg2" | "wfg3":
            return dimension > _WFG_POSITION and dimension % 2 == 0
        case _ if family(name) == "zdt":
            return dimension >= 2
        case _ if family(name) == "dtlz":
            return dimension >= objectives
        case _:
            return dimension > _WFG_POSITION
