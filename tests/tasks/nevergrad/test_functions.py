"""Nevergrad's functions: ids, facts, values, optima."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from optathlon.facts import Facts
from optathlon.space import probes
from optathlon.tasks.nevergrad.functions import Nevergrad

pytest.importorskip("nevergrad", reason="the extra 'nevergrad' is not installed")

NEVERGRAD = Nevergrad()
IDS = list(NEVERGRAD.ids())
SIMULATIONS = [id for id in IDS if "/i" not in id]
ARTIFICIAL = [id for id in IDS if "/i" in id]


def at(point: Any) -> dict[str, float]:
    return {f"x{index}": float(value) for index, value in enumerate(point)}


def value(id: str, point: Any) -> float:
    return NEVERGRAD.make(id).evaluate(at(point), fidelity=None, seed=0).values[0]


def bounds(id: str) -> np.ndarray:
    space: Any = NEVERGRAD.make(id).problem.space
    return np.array([(space[f"x{index}"].lower, space[f"x{index}"].upper) for index in range(len(space))])


def translation(id: str) -> np.ndarray:
    """A standard normal vector, drawn with the instance as seed."""
    _, _, dimension, instance = id.split("/")
    return np.random.RandomState(int(instance[1:])).normal(0, 1, int(dimension[1:]))


def test_makes_what_it_lists() -> None:
    assert len(set(IDS)) == len(IDS) == 9 * 3 * 5 + 13
    assert [NEVERGRAD.make(id).id for id in IDS] == IDS
    assert NEVERGRAD.make("nevergrad/hm/d2/i1000").id == "nevergrad/hm/d2/i1000"


@pytest.mark.parametrize(
    "id",
    [
        *(
            "nevergrad/hm/d2",
            "nevergrad/hm/d2/i0",
            "nevergrad/hm/d2/i1001",
            "nevergrad/hm/d3/i1",
            "nevergrad/hm/d2/i1\n",
        ),
        *("nevergrad/bragg/d16/i1", "nevergrad/bragg/d17", "nevergrad/sphere/d2/i1", "nevergrad/none/d2", ""),
    ],
)
def test_other_ids_are_key_errors(id: str) -> None:
    with pytest.raises(KeyError) as caught:
        NEVERGRAD.make(id)
    assert caught.value.args == (id,)


def test_facts_are_those_of_the_problems_in_the_order_of_the_ids() -> None:
    groups = [(facts, list(ids)) for facts, ids in NEVERGRAD.facts()]
    assert [id for _, ids in groups for id in ids] == IDS
    for facts, ids in groups:
        problem = NEVERGRAD.make(ids[-1]).problem
        others = {name: getattr(facts, name) for name in ("recommended", "licence", "citation")}
        expected = Facts.of(problem, kind=facts.kind, domain=facts.domain, description=facts.description, **others)
        assert facts == replace(expected)
    assert sum(facts.recommended for facts, _ in groups) == 4


@pytest.mark.parametrize("id", ARTIFICIAL[::2])
def test_values_are_those_of_artificial_functions_with_that_translation(id: str) -> None:
    from nevergrad.functions import ArtificialFunction

    _, name, dimension, _ = id.split("/")
    native = ArtificialFunction(name, block_dimension=int(dimension[1:]))
    native.transform_var._initialize()
    native.transform_var._transforms[0].translation = translation(id)
    for point in np.random.default_rng(1).uniform(-5, 5, (5, int(dimension[1:]))):
        assert value(id, point) == native(point)
    assert bounds(id).tolist() == [[-5, 5]] * int(dimension[1:])


@pytest.mark.filterwarnings("ignore:Bounds are")
@pytest.mark.parametrize("id", SIMULATIONS)
def test_values_and_bounds_are_those_of_the_simulations(id: str) -> None:
    from nevergrad.functions.arcoating import ARCoating
    from nevergrad.functions.fishing import OptimizeFish
    from nevergrad.functions.photonics import Photonics

    _, name, size = id.split("/")
    dimension = int(size[1:])
    native: Any = {
        "arcoating": lambda: ARCoating(dimension, 400 if dimension == 10 else 700),
        "fishing": lambda: OptimizeFish(dimension),
    }.get(name, lambda: Photonics(name, dimension))()
    box = bounds(id)
    shape = native.parametrization.value.shape
    for share in np.random.default_rng(2).random((4, dimension)):
        point = box[:, 0] + share * (box[:, 1] - box[:, 0])
        assert value(id, point) == native(point.reshape(shape))
    lower, upper = (np.broadcast_to(one, shape).ravel() for one in native.parametrization.bounds)
    np.testing.assert_allclose(box, np.column_stack([lower, upper]))


@pytest.mark.parametrize("id", [id for id in ARTIFICIAL[::2] if NEVERGRAD.make(id).problem.objectives[0].has_optimum])
def test_the_optimum_is_attained_and_no_neighbour_beats_it(id: str) -> None:
    (objective,) = NEVERGRAD.make(id).problem.objectives
    assert objective.optimum is not None
    centre = translation(id)
    offset = {
        "multipeak": np.cos(np.sqrt(np.arange(len(centre)))),
        "maxdeceptive": np.full(len(centre), 0.019445508),
        "sumdeceptive": np.full(len(centre), 0.019445508),
    }.get(id.split("/")[1], np.zeros(len(centre)))
    best = centre + offset
    assert np.abs(best).max() < 5
    assert value(id, best) == pytest.approx(objective.optimum, abs=1e-12)
    rng = np.random.default_rng(3)
    for radius in (1e-3, 0.1, 5.0):
        for step in rng.uniform(-radius, radius, (5, len(centre))):
            assert value(id, np.clip(best + step, -5, 5)) >= objective.optimum - 1e-12


def test_instances_differ_and_values_repeat() -> None:
    ids = [f"nevergrad/{name}/d5/i{instance}" for name in ("hm", "multipeak") for instance in (1, 2)]
    prints = [NEVERGRAD.make(id).fingerprint() for id in ids]
    assert len(set(prints)) == 4
    assert [NEVERGRAD.make(id).fingerprint() for id in ids] == prints


def test_making_and_evaluating_draws_from_no_global_generator() -> None:
    before = np.random.get_state()[1].tolist()  # type: ignore[index]
    for id in IDS[::20]:
        task = NEVERGRAD.make(id)
        for config in probes(task.problem.space, 2):
            assert np.isfinite(task.evaluate(config, fidelity=None, seed=0).values).all()
    assert np.random.get_state()[1].tolist() == before  # type: ignore[index]
