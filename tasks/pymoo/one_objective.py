"""Problems of one objective, with and without constraints.

Sources: Liang et al. (2006), "Problem Definitions and Evaluation Criteria for the CEC 2006 Special Session on
Constrained Real-Parameter Optimization", for G1 … G24 and their optima; pymoo for the others.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from optathlon.tasks.pymoo.entry import Entry

PYMOO = 'Blank, Deb (2020), "pymoo: Multi-Objective Optimization in Python"'

_CEC2006 = (
    'Liang et al. (2006), "Problem Definitions and Evaluation Criteria for the CEC 2006 Special Session on Constrained '
    'Real-Parameter Optimization"'
)

_SCHWEFEL = 418.9829 - 418.9828872724339
"""The least value for each dimension: pymoo adds a rounded constant."""

_OPTIMA = {
    **dict.fromkeys(("ackley", "griewank", "rastrigin", "rosenbrock", "sphere", "zakharov"), 0.0),
    "schwefel": _SCHWEFEL,
}
"""For each dimension."""

_DIMENSIONS = (2, 5, 10)

_G: dict[int, tuple[int, int, int, float | None]] = {
    1: (13, 9, 0, -15.0),
    2: (20, 2, 0, -0.80361910412559),
    3: (10, 0, 1, -(1.0001**5)),
    4: (5, 6, 0, -30665.538671783),
    5: (4, 2, 3, 5126.4967140071),
    6: (2, 2, 0, -6961.81387558015),
    7: (10, 8, 0, 24.30620906818),
    8: (2, 2, 0, -0.0958250414180359),
    9: (7, 4, 0, 680.630057374402),
    10: (8, 6, 0, 7049.24802052867),
    11: (2, 1, 0, 0.75),
    12: (3, 1, 0, -1.0),
    13: (5, 0, 3, 0.053941514041898),
    14: (10, 0, 3, -47.7648884594915),
    15: (3, 0, 2, 961.715022289961),
    16: (5, 38, 0, -1.90515525853479),
    17: (6, 0, 4, None),
    18: (9, 13, 0, -0.866025403784439),
    19: (15, 5, 0, 32.6555929502463),
    20: (24, 6, 14, None),
    21: (7, 1, 5, 193.724510070035),
    22: (22, 1, 19, None),
    23: (9, 2, 4, None),
    24: (2, 2, 0, -5.50801327159536),
}
"""Dimension, inequalities, equalities and the optimum, unless it is doubtful; G11 has an inequality in pymoo."""


def listed() -> Iterator[Entry]:
    """Every problem, functions in 2, 5 and 10 dimensions, knapsacks of 20, 50 and 100 items."""
    for name, optimum in _OPTIMA.items():
        for dimension in _DIMENSIONS:
            yield _function(name, dimension, dimension * optimum, {"n_var": dimension})
    yield _function("himmelblau", 2, 0.0, {})
    for number, (dimension, inequalities, equalities, best) in _G.items():
        yield Entry(
            name=f"g{number}",
            group="g",
            objectives=1,
            dimension=dimension,
            description=f"Minimise G{number} of {dimension} numbers under {inequalities} inequalities and {equalities} "
            "equalities, which are met within 0.0001.",
            citation=_CEC2006,
            inequalities=inequalities,
            equalities=equalities,
            optimum=best,
        )
    yield from _designs()
    for items in (20, 50, 100):
        yield _knapsack(items)


def _knapsack(items: int) -> Entry:
    """pymoo's random knapsack of so many items; its seed is 1."""
    return Entry(
        name="knapsack",
        group="knapsack",
        objectives=1,
        dimension=items,
        description=f"Choose among {items} items with random profits and weights, within a tenth of all weight: the "
        "negative profit is minimised.",
        citation=PYMOO,
        arguments={"n_items": items},
        domain="combinatorial",
        integers=items,
        inequalities=1,
        solved=True,
        recommended=items == 50,
    )


def _function(name: str, dimension: int, optimum: float, arguments: dict[str, Any]) -> Entry:
    return Entry(
        name=name,
        group="functions",
        objectives=1,
        dimension=dimension,
        description=f"Minimise the {name.title()} function of {dimension} numbers.",
        citation=PYMOO,
        arguments=arguments,
        optimum=optimum,
    )


def _designs() -> Iterator[Entry]:
    yield Entry(
        name="cantilevered_beam",
        group="engineering",
        objectives=1,
        dimension=4,
        description="Minimise the volume of a cantilevered I-beam by its four measures, within limits of stress and "
        "deflection.",
        citation=PYMOO,
        domain="engineering",
        inequalities=2,
        optimum=92.769308319,
        recommended=True,
    )
    yield Entry(
        name="pressure_vessel",
        group="engineering",
        objectives=1,
        dimension=4,
        description="Minimise the cost of a pressure vessel: two thicknesses in sixteenths of an inch, the radius and "
        "the length, within limits of pressure and volume.",
        citation='Kannan, Kramer (1994), "An Augmented Lagrange Multiplier Based Method for Mixed Integer Discrete '
        'Continuous Optimization and Its Applications to Mechanical Design"',
        domain="engineering",
        integers=2,
        inequalities=4,
        optimum=6059.714335048436,
        recommended=True,
    )
