"""Hypervolumes of Pareto fronts, from the definitions of the problems."""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING

from optathlon.lazy import lazy_module
from optathlon.tasks.pymoo.scalable import ZDT5_BITS, family

if TYPE_CHECKING:
    import numpy as np
else:
    np = lazy_module("numpy")

_ZDT6_FIRST = 0.2807753191
"""The least first objective of ZDT6."""


def optimal_hypervolume(name: str, reference: tuple[float, ...]) -> float:
    """The hypervolume that the whole Pareto front of ZDT, DTLZ or WFG dominates, where it is known.

    Parameters
    ----------
    name:
        One of `scalable.NAMES`; WFG3 with three objectives is not known.
    reference:
        The reference point, beyond the front in each coordinate.
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
        case _:
            nadir = range(2, 2 * m + 1, 2) if family(name) == "wfg" else (0.5 if name == "dtlz1" else 1.0,) * m
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
    ones = np.arange(ZDT5_BITS[0] + 1)
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
            return float(math.pi ** (m / 2) / math.gamma(m / 2 + 1) / 2**m)
    others = (1 - np.cos(np.pi / 2 * grid)) ** (m - 1)
    return float(np.trapezoid(np.minimum.accumulate(last), others)) * (1.0 if m == 2 else 1 - math.pi / 4)
