from __future__ import annotations

from typing import Any

import ioh
import numpy as np
import pytest
from scipy.stats.qmc import Halton

from optathlon.facts import Facts
from optathlon.tasks.ioh.discrepancy import CLASSES, DIMENSIONS, FIRST, SIZES, StarDiscrepancy

DISCREPANCY = StarDiscrepancy()

NOT_DERIVED = ("kind", "domain", "description", "seconds", "licence", "citation")
"""Facts that don't follow from the problem."""


def value(id: str, point: Any) -> float:
    config = {f"x{index}": one for index, one in enumerate(point)}
    return DISCREPANCY.make(id).evaluate(config, fidelity=None, seed=0).values[0]


def test_lists_every_set_of_points() -> None:
    ids = list(DISCREPANCY.ids())
    assert len(ids) == len(set(ids)) == 2 * 3 * 10 * 7
    assert [DISCREPANCY.make(id).id for id in ids] == ids


@pytest.mark.parametrize(
    "id",
    [
        *(
            "star-discrepancy/real/sobol/n11/d2",
            "star-discrepancy/real/sobol/n10/d5",
            "star-discrepancy/real/lhs/n10/d2",
        ),
        *("star-discrepancy/real/sobol/n10", "star-discrepancy/whole/sobol/n10/d2", "other/real/sobol/n10/d2"),
    ],
)
def test_other_ids_are_key_errors(id: str) -> None:
    with pytest.raises(KeyError, match=id):
        DISCREPANCY.make(id)


@pytest.mark.parametrize("points", FIRST)
@pytest.mark.parametrize("searched", CLASSES)
def test_values_are_those_of_ioh(searched: str, points: str) -> None:
    rng = np.random.default_rng(0)
    for place, size in enumerate(SIZES):
        for dimension in DIMENSIONS[::3]:
            native = ioh.get_problem(FIRST[points] + place, 1, dimension, ioh.ProblemClass[CLASSES[searched]])
            drawn = rng.random(dimension) if searched == "real" else rng.integers(0, size + 1, dimension)
            point = drawn.tolist()
            assert value(f"star-discrepancy/{searched}/{points}/n{size}/d{dimension}", point) == native(point)
            assert set(native.bounds.ub) == {1.0 if searched == "real" else size}


def test_the_value_is_the_difference_of_volume_and_share() -> None:
    """Of Halton's first points, counted within the box and without those on its faces, the larger difference."""
    corner = np.array([0.61, 0.43])
    points = Halton(2, scramble=False).random(26)[1:]
    share = (points < corner).all(axis=1).mean()
    assert value("star-discrepancy/real/halton/n25/d2", corner) == pytest.approx(abs(corner.prod() - share))


def test_no_optimum_is_stated_and_values_are_maximised() -> None:
    (objective,) = DISCREPANCY.make("star-discrepancy/grid/uniform/n10/d2").problem.objectives
    assert (objective.direction, objective.optimum) == ("maximize", None)


def test_facts_are_those_of_the_problems() -> None:
    for facts, ids in list(DISCREPANCY.facts())[::37]:
        others = {name: getattr(facts, name) for name in NOT_DERIVED}
        assert facts == Facts.of(DISCREPANCY.make(ids[0]).problem, **others)
