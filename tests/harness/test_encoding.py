"""Encodings there and back, on random spaces of every kind of hyperparameter, with conditions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from ConfigSpace import (
    AndConjunction,
    BetaIntegerHyperparameter,
    Categorical,
    ConfigurationSpace,
    Constant,
    EqualsCondition,
    Float,
    ForbiddenEqualsClause,
    GreaterThanCondition,
    InCondition,
    Integer,
    NormalFloatHyperparameter,
    OrConjunction,
)
from hypothesis import given
from hypothesis import strategies as st

from optathlon.encoding import Choice, Nesting, Number, OneHot, UnitCube, dimensions, forbidden, levels, walk
from optathlon.space import active_checker, decode

VALUES = st.lists(st.one_of(st.integers(-5, 5), st.text("abc", min_size=1), st.floats(0.25, 4)), min_size=1, max_size=5)


def same(found: dict[str, Any], expected: dict[str, Any]) -> bool:
    """Equal but for the rounding of floats on the way there and back."""
    return found.keys() == expected.keys() and all(
        math.isclose(found[name], value, rel_tol=1e-6, abs_tol=1e-9)
        if isinstance(value, float)
        else found[name] == value
        for name, value in expected.items()
    )


@st.composite
def spaces(draw: st.DrawFn) -> ConfigurationSpace:
    """Floats, integers, choices, constants, priors and two levels of conditions."""
    space = ConfigurationSpace(seed=draw(st.integers(0, 1000)))
    low, width = draw(st.floats(1e-3, 10)), draw(st.floats(0.1, 1000))
    first, count = draw(st.integers(1, 100)), draw(st.integers(1, 300))
    distinct = draw(VALUES.map(lambda values: list(dict.fromkeys(map(str, values)))))
    model = Categorical("model", ["svm", "forest", "mlp"], weights=draw(st.sampled_from([None, [1, 2, 5]])))
    kernel = Categorical("kernel", distinct)
    space.add(
        model,
        kernel,
        Float("float", (low - 5, low + width)),
        Float("log_float", (low, low + width), log=True),
        Integer("integer", (first - 50, first + count)),
        Integer("log_integer", (first, first + count), log=True),
        Categorical("ordered", [*range(draw(st.integers(2, 6)))], ordered=True),
        NormalFloatHyperparameter("normal", mu=1, sigma=2, lower=-4, upper=4),
        BetaIntegerHyperparameter("beta", alpha=3, beta=2, lower=0, upper=9),
        Constant("constant", 3),
    )
    space.add(
        InCondition(space["log_float"], model, ["svm", "mlp"]),
        AndConjunction(
            EqualsCondition(kernel, model, "svm"), GreaterThanCondition(kernel, space["integer"], first - 50)
        ),
    )
    return space


@given(spaces())
def test_configurations_come_back_from_the_unit_cube_and_from_one_hot_vectors(space: ConfigurationSpace) -> None:
    configs = decode(space, np.stack([one.get_array() for one in space.sample_configuration(20)]))
    for encoding in (UnitCube(space), OneHot(space)):
        vectors = encoding.encode(configs)
        assert vectors.min() >= 0 and vectors.max() <= 1
        for found, config in zip(encoding.decode(vectors), configs, strict=True):
            assert same(found, config)


@given(spaces(), st.integers(0, 2**31))
def test_all_vectors_decode_to_legal_active_values(space: ConfigurationSpace, seed: int) -> None:
    """Corners of the cube and points outside of it among them."""
    check, random = active_checker(space), np.random.default_rng(seed)
    for encoding, width in ((UnitCube(space), len(UnitCube(space).names)), (OneHot(space), OneHot(space).width)):
        corners = random.integers(0, 2, (10, width)).astype(float)
        for config in encoding.decode(np.concatenate([corners, random.normal(0.5, 1, (10, width))])):
            assert same(check(config), config)


@given(spaces())
def test_dimensions_are_the_hyperparameters_but_constants(space: ConfigurationSpace) -> None:
    found = {dimension.name: dimension for dimension in dimensions(space)}
    assert list(found) == [name for name in space if name != "constant"]
    check = active_checker(space)
    for end in (-math.inf, 0, math.inf):
        config: dict[str, Any] = {}
        for name, dimension in found.items():
            match dimension:
                case Number(integer=True, lower=lower, upper=upper):
                    config[name] = dimension.decode(min(max(end, lower - 0.4), upper + 0.4))
                    assert type(config[name]) is int
                case Number():
                    config[name] = dimension.decode(end)
                case Choice(values=values):
                    config[name] = dimension.decode(len(values) - 1)
                    assert dimension.ordered == (name == "ordered")
        check(config)


def test_walking_asks_for_active_hyperparameters_only() -> None:
    space = ConfigurationSpace({"model": ["svm", "forest"], "cost": (0.1, 1.0), "degree": (2, 5), "version": 3})
    space.add(EqualsCondition(space["cost"], space["model"], "svm"))
    space.add(GreaterThanCondition(space["degree"], space["cost"], 0.5))
    asked: list[str] = []

    def answer(values: dict[str, Any]) -> dict[str, Any]:
        asked.clear()
        return walk(space, lambda name: asked.append(name) or values[name])  # type: ignore[func-returns-value]

    assert set(answer({"model": "forest", "version": 3})) == set(asked) == {"model", "version"}
    assert set(answer({"model": "svm", "version": 3, "cost": 0.4})) == set(asked) == {"model", "version", "cost"}
    assert answer({"model": "svm", "version": 3, "cost": 0.9, "degree": 4})["degree"] == 4
    assert asked.index("model") < asked.index("cost") < asked.index("degree")


def test_inactive_hyperparameters_are_in_the_middle_and_choices_nowhere() -> None:
    space = ConfigurationSpace({"on": ["no", "yes"], "size": (0.0, 1.0), "kind": ["a", "b"]})
    space.add(*(EqualsCondition(space[name], space["on"], "yes") for name in ("size", "kind")))
    (point,) = UnitCube(space).encode([{"on": "no"}])
    assert dict(zip(UnitCube(space).names, point, strict=True)) == {"on": 0.25, "size": 0.5, "kind": 0.5}
    (vector,) = OneHot(space).encode([{"on": "no"}])
    columns = OneHot(space).columns
    assert [vector[columns[name]].tolist() for name in ("on", "size", "kind")] == [[1, 0], [0.5], [0, 0]]


def test_one_hot_vectors_take_the_first_of_the_greatest_whatever_the_probabilities() -> None:
    space = ConfigurationSpace()
    space.add(Categorical("kind", ["a", "b", "c"], weights=[1, 5, 1e-9]))
    vectors = np.array([[0.2, 0.1, 0.3], [0, 0, 0], [-3, -1, -1]])
    assert [config["kind"] for config in OneHot(space).decode(vectors)] == ["c", "a", "b"]


@pytest.mark.parametrize("log", [False, True])
def test_levels_ascend_and_decode_to_each_value(log: bool) -> None:
    space = ConfigurationSpace()
    space.add(Integer("n", (3, 90), log=log))
    found = levels(space["n"])
    assert (np.diff(found) > 0).all()
    assert [config["n"] for config in UnitCube(space).decode(found[:, None])] == list(range(3, 91))
    if not log:
        assert np.allclose(np.diff(found), 1 / 88)


def test_levels_need_steps() -> None:
    with pytest.raises(TypeError, match="UniformFloat"):
        levels(Float("x", (0, 1)))


def test_forbidden_rows() -> None:
    space = ConfigurationSpace({"kind": ["a", "b"], "x": (0.0, 1.0)})
    space.add(ForbiddenEqualsClause(space["kind"], "b"))
    cube = UnitCube(space)
    points = cube.encode([{"kind": "b", "x": 0.1}, {"kind": "a", "x": 0.1}])
    assert forbidden(space, cube.vectors(points)).tolist() == [True, False]


def test_where_hyperparameters_are_nested() -> None:
    """`deep` needs one of the two options that `inner` stands in: `inner` alone does not tell which."""
    space = ConfigurationSpace()
    a, b = Categorical("a", ["x", "y", "z"]), Categorical("b", ["x", "y"])
    size = Categorical("size", ["s", "m"], ordered=True)
    both, either, deep, only = (Float(name, (0, 1)) for name in ("both", "either", "deep", "only"))
    inner = Categorical("inner", ["x", "y"])
    number, ordered, constant = (Float(name, (0, 1)) for name in ("number", "ordered", "constant"))
    space.add(a, b, size, both, either, deep, only, inner, number, ordered, constant, Constant("k", 1))
    space.add(
        AndConjunction(EqualsCondition(both, a, "x"), EqualsCondition(both, b, "x")),
        OrConjunction(EqualsCondition(either, a, "x"), EqualsCondition(either, b, "x")),
        InCondition(inner, a, ["x", "y"]),
        AndConjunction(EqualsCondition(deep, a, "x"), EqualsCondition(deep, inner, "y")),
        EqualsCondition(only, inner, "x"),
        GreaterThanCondition(number, both, 0.5),
        EqualsCondition(ordered, size, "m"),
        EqualsCondition(constant, space["k"], 1),
    )
    nested = Nesting(space)
    assert nested.options == {"size": [[], []], "a": [["inner"], ["inner"], []], "b": [[], []], "inner": [["only"], []]}
    assert set(nested.top) == {"a", "b", "size", "both", "either", "deep", "number", "ordered", "constant"}
