"""Hypervolumes of the Pareto fronts of further problems, from their definitions.

pymoo's own fronts are not used: that of SRN, for instance, lacks both of its ends.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

from optathlon.lazy import lazy_module

if TYPE_CHECKING:
    import numpy as np
else:
    np = lazy_module("numpy")

_STEPS = 20_001

_C2DTLZ2_RADIUS = 0.2
"""With two objectives."""

Piece: TypeAlias = "tuple[np.ndarray, np.ndarray]"
"""Values of the first objective, increasing, and of the second."""


def optimal_hypervolume(name: str, reference: tuple[float, ...]) -> float:
    """The hypervolume that the whole Pareto front dominates below the reference point, which lies beyond it.

    Fronts of variants of DTLZ are those of the problem that they vary where a constraint only bars the way. DTLZ
    attains all points above its front, so that constraints on objectives alone give the front of C3-DTLZ.
    """
    if name == "inverted_dtlz1":
        return _inverted_volume(reference[0] - 0.5)
    if name == "omnitest":  # a quarter of a circle around 0, of radius n
        n, (first, second) = reference[0], reference
        return n * second + math.pi / 4 * n**2 + first * (second + n)
    if name in _PIECES:
        return pieces_area(_PIECES[name](), reference)
    return math.prod(reference) - _volume_below(name, len(reference))


def pieces_area(pieces: Sequence[Piece], reference: tuple[float, ...]) -> float:
    """The area that a curve in pieces dominates; dominated stretches may be in it."""
    area, end, attained = 0.0, float(pieces[0][0][0]), reference[1]
    for first, second in pieces:
        running = np.minimum(np.minimum.accumulate(second), attained)
        area += (first[0] - end) * (reference[1] - attained) + np.trapezoid(reference[1] - running, first)
        end, attained = float(first[-1]), float(running[-1])
    return float(area + (reference[0] - end) * (reference[1] - attained))


def _volume_below(name: str, m: int) -> float:
    """What the front leaves undominated where all objectives are positive."""
    two = m == 2
    volumes = {
        "c1dtlz1": 0.5**m / math.factorial(m),
        "c1dtlz3": math.pi / 4 if two else math.pi / 6,
        "c3dtlz1": m / math.factorial(m) / (m + 1),  # Σ f + min f = 1
        "c3dtlz4": 2 * math.atan(2 if two else 4 / 3),  # Σ f² - 3/4 max f² = 1
        "convex_dtlz2": 1 / 3 if two else 1 / 30,  # √f₁ + … + f_m = 1
        "sdtlz1": math.prod(0.5 * 10**place for place in range(m)) / math.factorial(m),
    }
    same = {"dc2dtlz1": "c1dtlz1", "dc2dtlz3": "c1dtlz3", "convex_dtlz4": "convex_dtlz2"}
    return float(volumes[same.get(name, name)])


def _inverted_volume(beyond: float) -> float:
    """Inverted DTLZ1 with three objectives: Σ min(f, 1/2) >= 1, up to so far beyond 1/2 in each coordinate."""
    in_cube = {3: 1 / 48, 2: 1 / 8, 1: 1 / 2, 0: 1.0}
    return math.fsum(math.comb(3, within) * beyond ** (3 - within) * volume for within, volume in in_cube.items())


def _bnh() -> list[Piece]:
    """Both hyperparameters grow together to 3, and then the first one alone to 5."""
    together, alone = np.linspace(0, 3, _STEPS), np.linspace(3, 5, _STEPS)
    return [(8 * together**2, 2 * (together - 5) ** 2), (4 * alone**2 + 36, (alone - 5) ** 2 + 4)]


def _srn() -> list[Piece]:
    """Along the linear constraint to (-2.5, 2.5), up to the circle of radius 15, and along it to the least f₂."""
    top = math.sqrt(225 - 2.5**2)
    line, up, around = np.linspace(3.7, 2.5, _STEPS), np.linspace(2.5, top, _STEPS), np.linspace(-2.5, -6, _STEPS)
    points = ((3 * line - 10, line), (np.full(_STEPS, -2.5), up), (around, np.sqrt(225 - around**2)))
    return [(2 + (x - 2) ** 2 + (y - 1) ** 2, 9 * x - (y - 1) ** 2) for x, y in points]


def _sympart() -> list[Piece]:
    """f₁ = (1 + t)² and f₂ = (1 - t)²."""
    share = np.linspace(0, 2, _STEPS)
    return [(share**2, (2 - share) ** 2)]


def _c2dtlz2() -> list[Piece]:
    """Where the unit circle is close enough to the axes and to the diagonal."""
    width = 2 * math.asin(_C2DTLZ2_RADIUS / 2)
    return _arcs([(0, width), (math.pi / 4 - width, math.pi / 4 + width), (math.pi / 2 - width, math.pi / 2)])


def _arcs(angles: Sequence[tuple[float, float]]) -> list[Piece]:
    """Parts of the unit circle, by angles from the second axis."""
    return [(np.sin(angle), np.cos(angle)) for angle in (np.linspace(*ends, _STEPS) for ends in angles)]


def _bands(least_cosine: float) -> list[tuple[float, float]]:
    """Where cos(5πx) is at least this much in [0, 1], for DC1 and DC3."""
    half = math.acos(least_cosine) / (5 * math.pi)
    return [(max(centre - half, 0.0), min(centre + half, 1.0)) for centre in (0.0, 0.4, 0.8)]


def _linear_bands(least_cosine: float) -> list[Piece]:
    """DTLZ1: f₁ = x / 2 and f₂ = (1 - x) / 2."""
    return [(x / 2, (1 - x) / 2) for x in (np.linspace(*ends, _STEPS) for ends in _bands(least_cosine))]


def _circular_bands(least_cosine: float) -> list[Piece]:
    """DTLZ3: f₁ = cos(πx / 2), which falls, and f₂ = sin(πx / 2)."""
    return _arcs([(math.pi / 2 * (1 - high), math.pi / 2 * (1 - low)) for low, high in reversed(_bands(least_cosine))])


_PIECES: dict[str, Callable[[], list[Piece]]] = {
    "bnh": _bnh,
    "srn": _srn,
    "sympart": _sympart,
    "sympart_rotated": _sympart,
    "c2dtlz2": _c2dtlz2,
    "dc1dtlz1": lambda: _linear_bands(0.95),
    "dc1dtlz3": lambda: _circular_bands(0.95),
    "dc3dtlz1": lambda: _linear_bands(0.5),
    "dc3dtlz3": lambda: _circular_bands(0.5),
}
