from __future__ import annotations

from pathlib import Path

import ioh
import numpy as np
import pytest

from optathlon.facts import Facts
from optathlon.tasks.ioh.graph import Graph

GRAPH = Graph()

NOT_DERIVED = ("kind", "domain", "description", "seconds", "licence", "citation")
"""Facts that don't follow from the problem."""


def value(id: str, point: list[int]) -> float:
    config = {f"x{index}": one for index, one in enumerate(point)}
    return GRAPH.make(id).evaluate(config, fidelity=None, seed=0).values[0]


def test_lists_46_problems() -> None:
    ids = list(GRAPH.ids())
    assert len(ids) == len(set(ids)) == 46
    assert [GRAPH.make(id).id for id in ids] == ids


@pytest.mark.parametrize("id", ["graph/maxcut/2100", "graph/maxcut/2005", "graph/cut/2000", "graph/packing/2301"])
def test_other_ids_are_key_errors(id: str) -> None:
    with pytest.raises(KeyError, match=id):
        GRAPH.make(id)


def test_values_and_numbers_of_bits_are_those_of_ioh() -> None:
    rng = np.random.default_rng(0)
    for id in GRAPH.ids():
        native = ioh.get_problem(int(id.rpartition("/")[2]), 1, 1, ioh.ProblemClass.GRAPH)
        assert GRAPH.make(id).metadata["dimension"] == native.meta_data.n_variables
        point = (rng.random(native.meta_data.n_variables) < 0.02).astype(int).tolist()
        assert value(id, point) == native(point)


def test_a_cut_weighs_as_much_as_the_edges_across() -> None:
    text = (Path(ioh.__file__).parent / "static" / "example_graphs" / "G1").read_text()
    first, second = np.array(text.split()[1:], dtype=int).reshape(-1, 2).T
    point = np.random.default_rng(1).integers(0, 2, 800)
    across = point[first - first.min()] != point[second - first.min()]
    assert value("graph/maxcut/2000", point.tolist()) == across.sum()


def test_facts_are_those_of_the_problems() -> None:
    for facts, ids in list(GRAPH.facts())[::9]:
        others = {name: getattr(facts, name) for name in NOT_DERIVED}
        assert facts == Facts.of(GRAPH.make(ids[0]).problem, **others)
        assert GRAPH.make(ids[0]).problem.objectives[0].direction == "maximize"
