"""What is known of BBOB's 24 functions without building them."""

from __future__ import annotations

NAMES = (
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
"""Names of the functions f1 … f24 (INRIA RR-6829)."""

GROUPS = {
    "separable": range(1, 6),
    "low or moderate conditioning": range(6, 10),
    "high conditioning and unimodal": range(10, 15),
    "multi-modal with adequate global structure": range(15, 20),
    "multi-modal with weak global structure": range(20, 25),
}
"""COCO's five groups of functions (RR-6829)."""

NUMBERS = range(1, len(NAMES) + 1)


def name(function: int) -> str:
    """The name of f1 … f24."""
    return NAMES[function - 1]


def group(function: int) -> str:
    """The group of f1 … f24."""
    return next(group for group, members in GROUPS.items() if function in members)
