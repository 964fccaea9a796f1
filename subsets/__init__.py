"""Representative subsets of tasks: star discrepancy, selection, proof, and validation.

Functions take arrays and frames. The names below load on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from optathlon.lazy import lazy_names

if TYPE_CHECKING:
    from optathlon.subsets.certificate import Certificate as Certificate
    from optathlon.subsets.certificate import certify as certify
    from optathlon.subsets.discrepancy import Box as Box
    from optathlon.subsets.discrepancy import empirical_discrepancy as empirical_discrepancy
    from optathlon.subsets.discrepancy import star_discrepancy as star_discrepancy
    from optathlon.subsets.points import TaskPoints as TaskPoints
    from optathlon.subsets.points import task_points as task_points
    from optathlon.subsets.selection import Selection as Selection
    from optathlon.subsets.selection import select_disjoint as select_disjoint
    from optathlon.subsets.selection import select_subset as select_subset
    from optathlon.subsets.subset import Subset as Subset
    from optathlon.subsets.validation import Agreement as Agreement
    from optathlon.subsets.validation import validate_subset as validate_subset

_HOMES = {
    "Agreement": "validation",
    "Box": "discrepancy",
    "Certificate": "certificate",
    "Selection": "selection",
    "Subset": "subset",
    "TaskPoints": "points",
    "certify": "certificate",
    "empirical_discrepancy": "discrepancy",
    "select_disjoint": "selection",
    "select_subset": "selection",
    "star_discrepancy": "discrepancy",
    "task_points": "points",
    "validate_subset": "validation",
}

__all__ = [
    "Agreement",
    "Box",
    "Certificate",
    "Selection",
    "Subset",
    "TaskPoints",
    "certify",
    "empirical_discrepancy",
    "select_disjoint",
    "select_subset",
    "star_discrepancy",
    "task_points",
    "validate_subset",
]

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
