"""Further problems of several objectives, most of them with constraints.

Reference points lie beyond the Pareto front, and where that is possible beyond the largest values that the box allows,
so that a small budget reaches them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from optathlon.tasks.pymoo.entry import Entry
from optathlon.tasks.pymoo.scalable import reference_point

_CTP = 'Deb, Pratap, Meyarivan (2001), "Constrained Test Problems for Multi-Objective Evolutionary Optimization"'
_C_DTLZ = (
    'Jain, Deb (2014), "An Evolutionary Many-Objective Optimization Algorithm Using Reference-Point Based Nondominated '
    'Sorting Approach, Part II"'
)
_DC_DTLZ = 'Li, Chen, Fu, Yao (2019), "Two-Archive Evolutionary Algorithm for Constrained Multiobjective Optimization"'
_DTLZ_VARIANTS = (
    'Deb, Jain (2014), "An Evolutionary Many-Objective Optimization Algorithm Using Reference-Point-Based Nondominated '
    'Sorting Approach, Part I"'
)
_DASCMOP = 'Fan et al. (2020), "Difficulty Adjustable and Scalable Constrained Multiobjective Test Problem Toolkit"'
_MW = 'Ma, Wang (2019), "Evolutionary Constrained Multiobjective Optimization: Test Suite Construction and Performance"'
_ZCAT = 'Zapotecas-Martínez et al. (2023), "Challenging Test Problems for Multi- and Many-Objective Optimization"'

_MW_OBJECTIVES = {4: 3, 8: 3, 14: 3}
_MW_CONSTRAINTS = {3: 2, 5: 3, 7: 2, 10: 3, 11: 4, 12: 2, 13: 2}

DIFFICULTIES = (4, 8, 12, 16)
"""DASCMOP's listed triplets: all three difficulties at 0.25, 0.5 and 0.75, and (0.5, 1, 0.5)."""

_ALL_DIFFICULTIES = range(1, 17)

_VARIANTS: dict[str, tuple[str, tuple[int, ...], str, str]] = {
    "convex_dtlz2": ("dtlz2", (2, 3), "with a convex front", _DTLZ_VARIANTS),
    "convex_dtlz4": ("dtlz4", (2, 3), "with a convex front", _DTLZ_VARIANTS),
    "inverted_dtlz1": ("dtlz1", (3,), "with an inverted front", _C_DTLZ),
    "sdtlz1": ("dtlz1", (2, 3), "with objectives scaled by 1, 10, 100", _DTLZ_VARIANTS),
    "c1dtlz1": ("dtlz1", (2, 3), "with a barrier before the front", _C_DTLZ),
    "c1dtlz3": ("dtlz3", (2, 3), "with a barrier before the front", _C_DTLZ),
    "c2dtlz2": ("dtlz2", (2, 3), "with a front in pieces", _C_DTLZ),
    "c3dtlz1": ("dtlz1", (2, 3), "with a front that the constraints form", _C_DTLZ),
    "c3dtlz4": ("dtlz4", (2, 3), "with a front that the constraints form", _C_DTLZ),
    "dc1dtlz1": ("dtlz1", (2, 3), "with a front in pieces", _DC_DTLZ),
    "dc1dtlz3": ("dtlz3", (2, 3), "with a front in pieces", _DC_DTLZ),
    "dc2dtlz1": ("dtlz1", (2, 3), "with barriers before the front", _DC_DTLZ),
    "dc2dtlz3": ("dtlz3", (2, 3), "with barriers before the front", _DC_DTLZ),
    "dc3dtlz1": ("dtlz1", (2, 3), "with barriers before a front in pieces", _DC_DTLZ),
    "dc3dtlz3": ("dtlz3", (2, 3), "with barriers before a front in pieces", _DC_DTLZ),
}
"""What each is a variant of, its numbers of objectives, how it differs, and where it was published."""

_UNKNOWN_WITH_THREE = ("c2dtlz2", "dc1dtlz1", "dc1dtlz3", "dc3dtlz1", "dc3dtlz3")
"""Of these, the hypervolume of the front is known with two objectives only."""


def listed() -> Iterator[Entry]:
    """Every problem with its usual dimensions."""
    yield from _classics()
    yield from _designs()
    yield from _variants()
    for number in range(1, 9):
        for dimension in (2, 10):
            yield _ctp(number, dimension)
    for number in range(1, 15):
        for dimension in (6, 15):
            yield _mw(number, dimension)
    for number in range(1, 10):
        for difficulty in DIFFICULTIES:
            yield _dascmop(number, difficulty)
    for number in range(1, 21):
        for objectives in (2, 3):
            for dimension in (10, 30):
                yield _zcat(number, objectives, dimension)


def unlisted() -> Iterator[Entry]:
    """The other difficulties of DASCMOP."""
    for number in range(1, 10):
        for difficulty in _ALL_DIFFICULTIES:
            if difficulty not in DIFFICULTIES:
                yield _dascmop(number, difficulty)


def _classics() -> Iterator[Entry]:
    yield _classic("bnh", 2, 'Binh, Korn (1997), "MOBES"', inequalities=2, reference=(140.0, 51.0), front=True)
    yield _classic(
        "srn",
        2,
        'Srinivas, Deb (1994), "Multiobjective Optimization Using Nondominated Sorting in Genetic Algorithms"',
        inequalities=2,
        reference=(927.0, 180.0),
        front=True,
    )
    yield _classic(
        "tnk",
        2,
        'Tanaka, Watanabe, Furukawa, Tanino (1995), "GA-Based Decision Support System for Multicriteria Optimization"',
        inequalities=2,
        reference=(1.21, 1.21),
    )
    yield _classic(
        "osy",
        6,
        'Osyczka, Kundu (1995), "A New Method to Solve Generalized Multicriteria Optimization Problems Using the '
        'Simple Genetic Algorithm"',
        inequalities=6,
        reference=(0.0, 386.0),
    )
    yield _classic(
        "kursawe",
        3,
        'Kursawe (1991), "A Variant of Evolution Strategies for Vector Optimization"',
        reference=(0.0, 26.0),
    )
    for dimension in (2, 5):
        yield _classic(
            "omnitest",
            dimension,
            'Deb, Tiwari (2008), "Omni-Optimizer: A Generic Evolutionary Algorithm for Single and Multi-Objective '
            'Optimization"',
            arguments={"n_var": dimension},
            reference=(float(dimension),) * 2,
            front=True,
        )
    for name in ("sympart", "sympart_rotated"):
        yield _classic(
            name,
            2,
            'Rudolph, Naujoks, Preuss (2007), "Capabilities of EMOA to Detect and Preserve Equivalent Pareto Subsets"',
            reference=(100.0, 100.0),
            front=True,
        )


def _classic(name: str, dimension: int, citation: str, **others: Any) -> Entry:
    return Entry(
        name=name,
        group="classics",
        objectives=2,
        dimension=dimension,
        description=f"{name.upper()}: two conflicting functions of {dimension} numbers are minimised.",
        citation=citation,
        **others,
    )


def _designs() -> Iterator[Entry]:
    yield Entry(
        name="truss2d",
        group="engineering",
        objectives=2,
        dimension=3,
        description="Minimise the volume and the stress of a truss of two bars by their cross-sections and a height.",
        citation='Deb, Pratap, Moitra (2000), "Mechanical Component Design for Multiple Objectives Using Elitist '
        'Non-dominated Sorting GA"',
        domain="engineering",
        inequalities=1,
        reference=(0.1, 1e5),
        recommended=True,
    )
    yield Entry(
        name="welded_beam",
        group="engineering",
        objectives=2,
        dimension=4,
        description="Minimise the cost and the deflection of a welded beam by its four measures, within limits of "
        "stress and buckling.",
        citation='Deb, Sundar (2006), "Reference Point Based Multi-Objective Optimization Using Evolutionary '
        'Algorithms"',
        domain="engineering",
        inequalities=4,
        reference=(40.0, 0.015),
        recommended=True,
    )
    yield Entry(
        name="carside",
        group="engineering",
        objectives=3,
        dimension=7,
        description="Minimise the weight of a car's side, the force on a passenger, and the velocity of the pillar in "
        "an impact, by seven thicknesses, under ten safety constraints.",
        citation=_C_DTLZ,
        domain="engineering",
        inequalities=10,
        reference=(43.0, 4.5, 13.1),
        recommended=True,
    )
    yield Entry(
        name="water_resources",
        group="engineering",
        objectives=5,
        dimension=3,
        description="Plan the drainage of an urban area: five costs and damages are minimised by storage capacity, "
        "treatment rate and overflow rate, under seven constraints.",
        citation='Ray, Tai, Seow (2001), "Multiobjective Design Optimization by an Evolutionary Algorithm"',
        domain="engineering",
        inequalities=7,
        reference=(84e3, 1360.0, 2.86e6, 1.61e7, 3.6e5),
        recommended=True,
    )


def _variants() -> Iterator[Entry]:
    for name, (base, numbers, difference, citation) in _VARIANTS.items():
        for objectives in numbers:
            for dimension in (6, 12):
                yield Entry(
                    name=name,
                    group="dtlz-variants",
                    objectives=objectives,
                    dimension=dimension,
                    description=f"{base.upper()} {difference}: {objectives} conflicting functions of {dimension} "
                    "numbers are minimised.",
                    citation=citation,
                    arguments={"n_var": dimension, "n_obj": objectives},
                    inequalities=_variants_constraints(name, objectives),
                    reference=_variants_reference(name, base, objectives, dimension),
                    front=objectives == 2 or name not in _UNKNOWN_WITH_THREE,
                )


def _variants_constraints(name: str, objectives: int) -> int:
    match name[:3]:
        case "c1d" | "c2d" | "dc1":
            return 1
        case "dc2":
            return 2
        case "c3d" | "dc3":
            return objectives
        case _:
            return 0


def _variants_reference(name: str, base: str, objectives: int, dimension: int) -> tuple[float, ...]:
    if name == "c3dtlz4":
        return (2.2,) * objectives
    reference = reference_point(base, objectives, dimension)
    return tuple(value * 10**place for place, value in enumerate(reference)) if name == "sdtlz1" else reference


def _ctp(number: int, dimension: int) -> Entry:
    largest = 20.0 if number in (6, 8) else 1.0
    return Entry(
        name=f"ctp{number}",
        group="ctp",
        objectives=2,
        dimension=dimension,
        description=f"CTP{number}: two conflicting functions of {dimension} numbers are minimised, whose constraints "
        "cut the front into pieces, or hide it.",
        citation=_CTP,
        arguments={"n_var": dimension},
        inequalities=2 if number in (1, 8) else 1,
        reference=(1.1, 1 + largest * (dimension - 1)),
    )


def _mw(number: int, dimension: int) -> Entry:
    objectives = _MW_OBJECTIVES.get(number, 2)
    return Entry(
        name=f"mw{number}",
        group="mw",
        objectives=objectives,
        dimension=dimension,
        description=f"MW{number}: {objectives} conflicting functions of {dimension} numbers are minimised; small "
        "feasible regions.",
        citation=_MW,
        arguments={"n_var": dimension},
        inequalities=_MW_CONSTRAINTS.get(number, 1),
        reference=(2.0,) * objectives,
    )


def _dascmop(number: int, difficulty: int) -> Entry:
    objectives = 2 if number < 7 else 3
    largest = 31.0 if number in (1, 2, 3, 9) else 68.0
    return Entry(
        name=f"dascmop{number}-{difficulty}",
        group="dascmop",
        objectives=objectives,
        dimension=30,
        description=f"DASCMOP{number} of difficulty {difficulty}: {objectives} conflicting functions of 30 numbers are "
        "minimised.",
        citation=_DASCMOP,
        arguments={"difficulty" if objectives == 2 else "difficulty_factors": difficulty},
        inequalities=11 if objectives == 2 else 7,
        reference=(largest,) * objectives,
    )


def _zcat(number: int, objectives: int, dimension: int) -> Entry:
    return Entry(
        name=f"zcat{number}",
        group="zcat",
        objectives=objectives,
        dimension=dimension,
        description=f"ZCAT{number}: {objectives} conflicting functions of {dimension} numbers are minimised.",
        citation=_ZCAT,
        arguments={"n_var": dimension, "n_obj": objectives},
        reference=tuple(11.0 * place**2 for place in range(1, objectives + 1)),
    )
