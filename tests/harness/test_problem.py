from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from dataclasses import FrozenInstanceError, asdict, replace

import pytest
from ConfigSpace import ConfigurationSpace

from optathlon.facts import Evaluation, Facts
from optathlon.problem import Objective, Problem


@pytest.fixture
def calls() -> list[float]:
    return []


@pytest.fixture
def found(calls: list[float]) -> Callable[[], float]:
    """A slow way to the number 2.5, which notes that it was gone."""

    def find() -> float:
        calls.append(2.5)
        return 2.5

    return find


def test_an_optimum_that_is_a_function_is_found_once_on_first_read(
    found: Callable[[], float], calls: list[float]
) -> None:
    objective = Objective("value", optimum=found)
    assert calls == []
    assert objective.optimum == 2.5
    assert objective.optimum == 2.5
    assert calls == [2.5]


def test_a_reference_may_be_a_function_too(found: Callable[[], float]) -> None:
    assert Objective("value", reference=found).reference == 2.5


def test_a_problem_and_its_facts_do_not_look_for_the_optimum(found: Callable[[], float], calls: list[float]) -> None:
    objective = Objective("value", optimum=found)
    problem = Problem(ConfigurationSpace({"x": (0.0, 1.0)}), (objective,))
    assert Facts.of(problem, kind=Evaluation.FUNCTION, domain="", description="").optimum
    assert replace(problem, n_workers=2).objectives[0].has_optimum
    assert calls == []


def test_the_optima_apart_of_several_objectives_are_not_an_optimum() -> None:
    objectives = (Objective("first", optimum=0.0), Objective("second", optimum=0.0))
    problem = Problem(ConfigurationSpace({"x": (0.0, 1.0)}), objectives)
    assert not Facts.of(problem, kind=Evaluation.FUNCTION, domain="", description="").optimum


@pytest.mark.parametrize("optimum", [None, 2.5])
def test_an_optimum_that_is_a_number_or_unknown_is_read_as_it_is(optimum: float | None) -> None:
    objective = Objective("value", optimum=optimum)
    assert objective.optimum == optimum
    assert objective.has_optimum is (optimum is not None)
    assert Objective("value").optimum is None


def test_given_as_a_function_it_is_compared_stored_copied_and_pickled_as_the_number(
    found: Callable[[], float],
) -> None:
    plain = Objective("value", "maximize", 0.0, 5.0, optimum=2.5, reference=1.0)

    def lazy() -> Objective:
        return Objective("value", "maximize", 0.0, 5.0, optimum=found, reference=lambda: 1.0)

    assert lazy() == plain
    assert hash(lazy()) == hash(plain)
    assert repr(lazy()) == repr(plain)
    assert asdict(lazy()) == asdict(plain)
    assert replace(lazy(), name="other") == replace(plain, name="other")
    assert copy.deepcopy(lazy()) == plain
    assert pickle.loads(pickle.dumps(lazy())) == plain


def test_objectives_can_not_be_changed() -> None:
    objective = Objective("value")
    with pytest.raises(FrozenInstanceError):
        objective.optimum = 3.0  # type: ignore[misc]


def test_what_is_raised_on_the_way_to_the_optimum_is_not_hidden() -> None:
    def fail() -> float:
        raise ImportError("no such library")

    objective = Objective("value", optimum=fail)
    with pytest.raises(ImportError, match="no such library"):
        _ = objective.optimum
