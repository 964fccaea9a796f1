"""Which hyperparameters are active, and which configurations are forbidden, is ConfigSpace's own judgement.

Random spaces with nested conditions and forbidden clauses are compared with two independent ways to tell: conditions
as the test itself wrote them down, and `Configuration(space, values)` on every subset of the values.
"""

from __future__ import annotations

import json
import math
import operator
import random
from collections.abc import Callable, Mapping
from itertools import combinations, product
from typing import Any

import numpy as np
import pytest
from ConfigSpace import (
    AndConjunction,
    Beta,
    Categorical,
    Configuration,
    ConfigurationSpace,
    Constant,
    EqualsCondition,
    Float,
    ForbiddenAndConjunction,
    ForbiddenEqualsClause,
    ForbiddenInClause,
    ForbiddenLessThanRelation,
    GreaterThanCondition,
    InCondition,
    Integer,
    LessThanCondition,
    Normal,
    NotEqualsCondition,
    OrConjunction,
)
from ConfigSpace.exceptions import (
    ActiveHyperparameterNotSetError,
    ForbiddenValueError,
    IllegalVectorizedValueError,
    InactiveHyperparameterSetError,
)
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from optathlon.errors import InvalidConfiguration
from optathlon.space import active_checker, count_configurations, decode, plain, probes

Values = dict[str, Any]
Predicate = Callable[[Values], bool]
"""Whether a condition holds, given the values of the active hyperparameters."""

_LEAVES = {
    EqualsCondition: operator.eq,
    NotEqualsCondition: operator.ne,
    GreaterThanCondition: operator.gt,
    LessThanCondition: operator.lt,
}


class RandomSpace:
    """A space, and what its conditions and forbidden clauses mean, written down a second time."""

    def __init__(self, seed: int, forbiddens: bool) -> None:
        self.random = random.Random(seed)
        self.space = ConfigurationSpace()
        self.active: dict[str, Predicate] = {}
        self.forbidden: list[Predicate] = []
        self.domains: dict[str, list[Any]] = {}
        for index in range(self.random.randint(2, 6)):
            self._add_hyperparameter(f"{'zyxwvu'[index]}{index}")
        for child in list(self.domains)[1:]:
            if self.random.random() < 0.7:
                self._add_condition(child)
        if forbiddens:
            for _ in range(self.random.randint(1, 3)):
                self._add_forbidden()

    def values(self) -> Values:
        """A legal value for every hyperparameter, active or not."""
        return {name: self.random.choice(domain) for name, domain in self.domains.items()}

    def expected(self, values: Values) -> Values | None:
        """The active part of `values`; `None` where it is forbidden."""
        active: Values = {}
        for name in self.domains:
            if name not in self.active or self.active[name](active):
                active[name] = values[name]
        return None if any(holds(active) for holds in self.forbidden) else active

    def _add_hyperparameter(self, name: str) -> None:
        pick = self.random.random
        match self.random.choice(["categorical", "ordinal", "integer", "float", "constant", "bool"]):
            case "categorical":
                self.domains[name] = ["a", "b", "c"]
                self.space.add(Categorical(name, self.domains[name]))
            case "ordinal":
                self.domains[name] = [1, 2, 4, 8]
                self.space.add(Categorical(name, self.domains[name], ordered=True))
            case "integer":
                self.domains[name] = [1, 2, 3, 4, 5]
                self.space.add(Integer(name, (1, 5), log=pick() < 0.5))
            case "float":
                self.domains[name] = [0.125, 0.25, 0.5, 1.0]
                self.space.add(Float(name, (0.125, 1.0)))
            case "bool":
                self.domains[name] = [True, False]
                self.space.add(Categorical(name, self.domains[name]))
            case "constant":
                self.domains[name] = ["fixed"]
                self.space.add(Constant(name, "fixed"))

    def _add_condition(self, child: str) -> None:
        parents = list(self.domains)[: list(self.domains).index(child)]
        leaves = [self._leaf(child, self.random.choice(parents)) for _ in range(self.random.choice([1, 1, 2, 3]))]
        conditions = [condition for condition, _ in leaves]
        predicates = [predicate for _, predicate in leaves]
        if len(leaves) == 1:
            self.space.add(conditions[0])
            self.active[child] = predicates[0]
        elif self.random.random() < 0.5:
            self.space.add(AndConjunction(*conditions))
            self.active[child] = lambda active: all(holds(active) for holds in predicates)
        else:
            self.space.add(OrConjunction(*conditions))
            self.active[child] = lambda active: any(holds(active) for holds in predicates)

    def _leaf(self, child: str, parent: str) -> tuple[Any, Predicate]:
        domain = self.domains[parent]
        ordered = isinstance(domain[0], int | float) and not isinstance(domain[0], bool)
        kind = self.random.choice([EqualsCondition, InCondition, *(_LEAVES if ordered else [NotEqualsCondition])])
        hyperparameters = self.space[child], self.space[parent]
        if kind is InCondition:
            values = self.random.sample(domain, self.random.randint(1, len(domain)))
            return InCondition(*hyperparameters, values), lambda active: active.get(parent, self) in values
        value = self.random.choice(domain)
        if kind in (GreaterThanCondition, LessThanCondition):
            value = self.random.choice(domain[1:-1] or domain)
        compare = _LEAVES[kind]
        if kind is NotEqualsCondition:  # ConfigSpace: it holds, too, while its parent is inactive
            return kind(*hyperparameters, value), lambda active: active.get(parent, self) != value
        return kind(*hyperparameters, value), lambda active: parent in active and compare(active[parent], value)

    def _add_forbidden(self) -> None:
        names = self.random.sample(list(self.domains), min(len(self.domains), self.random.randint(1, 2)))
        clauses, predicates = [], []
        for name in names:
            clause, predicate = self._forbidden_leaf(name)
            clauses.append(clause)
            predicates.append(predicate)
        default = dict(self.space.get_default_configuration())
        if not all(holds(default) for holds in predicates):  # ConfigSpace refuses to forbid the default configuration
            self.space.add(clauses[0] if len(clauses) == 1 else ForbiddenAndConjunction(*clauses))
            self.forbidden.append(lambda active: all(holds(active) for holds in predicates))

    def _forbidden_leaf(self, name: str) -> tuple[Any, Predicate]:
        domain = self.domains[name]
        if self.random.random() < 0.5:
            value = self.random.choice(domain)
            clause = ForbiddenEqualsClause(self.space[name], value)
            return clause, lambda active: name in active and active[name] == value
        values = self.random.sample(domain, self.random.randint(1, max(1, len(domain) - 1)))
        return ForbiddenInClause(self.space[name], values), lambda active: name in active and active[name] in values


def judged_legal(space: ConfigurationSpace, values: Values) -> list[Values]:
    """All parts of `values` that ConfigSpace takes for a configuration."""
    legal = []
    for size in range(len(values) + 1):
        for names in combinations(values, size):
            part = {name: values[name] for name in names}
            try:
                Configuration(space, values=part)
            except (
                ActiveHyperparameterNotSetError,
                InactiveHyperparameterSetError,
                ForbiddenValueError,
                IllegalVectorizedValueError,
            ):
                continue
            legal.append(part)
    return legal


@given(st.integers(0, 10**6), st.booleans())
@settings(suppress_health_check=[HealthCheck.filter_too_much])
def test_activity_and_forbidden_clauses(seed: int, forbiddens: bool) -> None:
    try:
        generated = RandomSpace(seed, forbiddens)
    except ValueError:  # ConfigSpace refuses some combinations of conditions
        assume(False)
    check = active_checker(generated.space)
    for _ in range(4):
        values = generated.values()
        legal = judged_legal(generated.space, values)
        expected = generated.expected(values)
        try:
            found = check(values)
        except InvalidConfiguration as error:
            assert "forbidden" in str(error)
            assert expected is None
            assert not legal
            continue
        assert found in legal
        assert found == expected
        assert check(found) == found, "checking is idempotent"
        assert all(type(found[name]) is type(values[name]) for name in found)
        json.dumps(found)
        for name in found:
            if generated.domains[name] != ["fixed"]:
                with pytest.raises(InvalidConfiguration, match=name):
                    check({key: value for key, value in values.items() if key != name})


@given(st.integers(0, 10**6))
@settings(suppress_health_check=[HealthCheck.filter_too_much])
def test_samples_pass_unchanged_and_decode_as_configspace_does(seed: int) -> None:
    try:
        generated = RandomSpace(seed, forbiddens=seed % 2 == 0)
        generated.space.seed(seed)
        sample = generated.space.sample_configuration(8)
    except (ValueError, RuntimeError):
        assume(False)
    expected = [
        {name: pytest.approx(value, rel=1e-12) if isinstance(value, float) else plain(value) for name, value in items}
        for items in (dict(configuration).items() for configuration in sample)
    ]  # ConfigSpace rounds floats to 13 digits
    check = active_checker(generated.space)
    assert [check(configuration) for configuration in sample] == expected
    decoded = decode(generated.space, np.stack([configuration.get_array() for configuration in sample]))
    assert decoded == expected
    assert all(type(value) in (str, int, float, bool) for config in decoded for value in config.values())
    assert json.loads(json.dumps(decoded)) == decoded


@given(st.integers(0, 10**6), st.booleans())
@settings(suppress_health_check=[HealthCheck.filter_too_much])
def test_configurations_are_counted_as_they_can_be_written_down(seed: int, forbiddens: bool) -> None:
    try:
        generated = RandomSpace(seed, forbiddens)
    except ValueError:
        assume(False)
    if any(isinstance(domain[0], float) for domain in generated.domains.values()):
        assert count_configurations(generated.space) is None
        return
    every = (dict(zip(generated.domains, values, strict=True)) for values in product(*generated.domains.values()))
    active = [generated.expected(values) for values in every]
    distinct = {json.dumps(values, sort_keys=True) for values in active if values is not None}
    assert count_configurations(generated.space) == len(distinct)


def test_more_configurations_than_asked_for_are_not_counted() -> None:
    space = ConfigurationSpace({"a": (0, 9), "b": (0, 9)})
    assert (count_configurations(space, most=100), count_configurations(space, most=99)) == (100, None)
    space.add(EqualsCondition(space["b"], space["a"], 3))
    assert (count_configurations(space, most=19), count_configurations(space, most=18)) == (19, None)
    space.add(Integer("huge", (0, 10**15)))
    assert count_configurations(space) is None


def nested() -> ConfigurationSpace:
    """`d` hangs on `c`, `c` on `b`, `b` on `a`; the names sort against the order of the conditions."""
    space = ConfigurationSpace()
    a, b, c, d = Categorical("z", [1, 2]), Integer("y", (1, 9)), Float("x", (0.0, 1.0)), Categorical("w", ["p", "q"])
    space.add(d, c, b, a)
    space.add(EqualsCondition(b, a, 1), GreaterThanCondition(c, b, 4), LessThanCondition(d, c, 0.5))
    return space


@pytest.mark.parametrize(
    ("values", "active"),
    [
        ({"z": 2, "y": 9, "x": 0.1, "w": "p"}, ["z"]),
        ({"z": 1, "y": 4, "x": 0.1, "w": "p"}, ["z", "y"]),
        ({"z": 1, "y": 5, "x": 0.5, "w": "p"}, ["z", "y", "x"]),
        ({"z": 1, "y": 5, "x": 0.1, "w": "p"}, ["z", "y", "x", "w"]),
    ],
)
def test_a_chain_of_conditions(values: Values, active: list[str]) -> None:
    assert active_checker(nested())(values) == {name: values[name] for name in active}


def test_a_relation_between_two_hyperparameters_can_be_forbidden() -> None:
    space = ConfigurationSpace({"low": (1, 5), "high": (2, 6)})
    space.add(ForbiddenLessThanRelation(space["high"], space["low"]))
    check = active_checker(space)
    assert check({"low": 2, "high": 4}) == {"low": 2, "high": 4}
    with pytest.raises(InvalidConfiguration, match="forbidden"):
        check({"low": 4, "high": 2})


@pytest.fixture
def flat() -> Callable[[Mapping[str, Any]], Values]:
    space = ConfigurationSpace()
    space.add(
        Float("rate", (1e-5, 1e-1), log=True),
        Float("shift", (-2.0, 3.0)),
        Integer("width", (8, 512), log=True),
        Categorical("kind", ["sgd", "adam"]),
        Categorical("batch", [16, 32], ordered=True),
        Categorical("nesterov", [True, False]),
        Constant("classes", 10),
    )
    return active_checker(space)


GOOD = {"rate": 1e-3, "shift": 0.0, "width": 64, "kind": "sgd", "batch": 16, "nesterov": True, "classes": 10}


def test_constants_may_be_left_out(flat: Callable[..., Values]) -> None:
    assert flat({name: value for name, value in GOOD.items() if name != "classes"}) == GOOD
    space = nested()
    space.add(Constant("v", "fixed"))
    assert active_checker(space)({"z": 2}) == {"z": 2, "v": "fixed"}


def test_numpy_values_become_plain(flat: Callable[..., Values]) -> None:
    config = {
        "rate": np.float32(0.01),
        "shift": np.int64(1),
        "width": np.float64(64.0),
        "kind": np.str_("adam"),
        "batch": np.int32(32),
        "nesterov": np.bool_(False),
        "classes": np.int64(10),
    }
    found = flat(config)
    assert found == {
        **GOOD,
        "rate": float(np.float32(0.01)),
        "shift": 1.0,
        "kind": "adam",
        "batch": 32,
        "nesterov": False,
    }
    kinds = {"rate": float, "shift": float, "width": int, "kind": str, "batch": int, "nesterov": bool, "classes": int}
    assert {name: type(value) for name, value in found.items()} == kinds


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("rate", 0.0),
        ("rate", -1e-3),
        ("rate", 0.2),
        ("rate", math.nan),
        ("rate", math.inf),
        ("rate", 10**400),
        ("rate", None),
        ("rate", "fast"),
        ("rate", 1e-5 * (1 - 1e-6)),
        ("shift", 3.0 + 1e-6),
        ("shift", [1.0]),
        ("width", 7),
        ("width", 513),
        ("width", 64.5),
        ("width", math.nan),
        ("width", math.inf),
        ("width", "64"),
        ("width", None),
        ("kind", "SGD"),
        ("kind", 0),
        ("kind", ["sgd"]),
        ("kind", None),
        ("batch", 17),
        ("batch", "16"),
        ("nesterov", "yes"),
        ("classes", 11),
        ("ghost", 1),
        (7, 1),
    ],
    ids=repr,
)
def test_what_is_no_legal_value(flat: Callable[..., Values], name: str, value: object) -> None:
    with pytest.raises(InvalidConfiguration) as caught:
        flat({**GOOD, name: value})
    assert str(name) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("lacking", sorted(set(GOOD) - {"classes"}))
def test_a_missing_value_is_named(flat: Callable[..., Values], lacking: str) -> None:
    with pytest.raises(InvalidConfiguration, match=f"no value for the active hyperparameter '{lacking}'"):
        flat({name: value for name, value in GOOD.items() if name != lacking})


@pytest.mark.parametrize(
    ("name", "value", "clipped"),
    [
        ("rate", math.exp(math.log(1e-1)) * (1 + 1e-12), 1e-1),
        ("rate", 1e-5 * (1 - 1e-12), 1e-5),
        ("shift", 3.0 + 1e-12, 3.0),
        ("shift", -2.0 - 1e-12, -2.0),
    ],
)
def test_rounding_at_a_bound_is_clipped(flat: Callable[..., Values], name: str, value: float, clipped: float) -> None:
    assert flat({**GOOD, name: value})[name] == clipped


def test_values_of_inactive_hyperparameters_do_not_matter() -> None:
    """Libraries fill them with whatever they like; it is stripped, not judged."""
    check = active_checker(nested())
    for value in (5, 99, None, math.nan, "nothing"):
        assert check({"z": 2, "y": value}) == {"z": 2}
    with pytest.raises(InvalidConfiguration, match="ghost"):
        check({"z": 2, "ghost": 1})


def test_choices_of_mixed_types_stay_apart() -> None:
    space = ConfigurationSpace()
    space.add(Categorical("depth", [1, "unlimited", 2.5]))
    check = active_checker(space)
    for value in (1, "unlimited", 2.5):
        assert check({"depth": value}) == {"depth": value}
    with pytest.raises(InvalidConfiguration):
        check({"depth": "1"})


def test_other_distributions_have_the_same_domains() -> None:
    space = ConfigurationSpace()
    space.add(Float("beta", (0.0, 1.0), distribution=Beta(2, 5)), Integer("normal", (0, 10), distribution=Normal(5, 2)))
    check = active_checker(space)
    assert check({"beta": 0.25, "normal": 10}) == {"beta": 0.25, "normal": 10}
    with pytest.raises(InvalidConfiguration):
        check({"beta": 0.25, "normal": 11})


def test_probes_are_fixed_and_leave_the_space_alone() -> None:
    space = nested()
    space.seed(3)
    first = probes(space, 5)
    assert first[0] == {name: plain(value) for name, value in dict(space.get_default_configuration()).items()}
    sample = dict(space.sample_configuration())
    assert probes(space, 5) == probes(nested(), 5) == first
    space.seed(3)
    assert dict(space.sample_configuration()) == sample
    assert probes(space, 3) == first[:3]
    assert len({json.dumps(probe, sort_keys=True) for probe in first}) > 1
