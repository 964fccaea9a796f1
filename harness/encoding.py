"""Search spaces in the shapes that libraries take, and back: ranges and indices, the unit cube, one-hot vectors.

Constants have no place in any of them. What comes back is ready for a `Trial`; the harness adds the constants.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from optathlon.lazy import lazy_module
from optathlon.space import decode, plain
from optathlon.trial import Value

if TYPE_CHECKING:
    import numpy as np
    from ConfigSpace import ConfigurationSpace
    from ConfigSpace import hyperparameters as hp
else:
    np = lazy_module("numpy")
    hp = lazy_module("ConfigSpace.hyperparameters")


@dataclass(frozen=True, slots=True)
class Number:
    """A hyperparameter with a range.

    Attributes
    ----------
    name:
        Of the hyperparameter.
    lower, upper:
        Bounds, both included; integers for an integer hyperparameter.
    log:
        Whether it is searched on a logarithmic scale.
    integer:
        Whether only integers are legal.
    """

    name: str
    lower: float
    upper: float
    log: bool
    integer: bool

    def decode(self, value: float) -> Value:
        """The nearest legal value: libraries that compute in single precision exceed bounds by rounding."""
        bounded = min(max(value, self.lower), self.upper)
        return round(bounded) if self.integer else plain(bounded)

    @property
    def magnitude(self) -> float:
        """The largest absolute value."""
        return max(abs(self.lower), abs(self.upper))

    def at(self, share: float) -> Value:
        """The legal value at a share of the range in [0, 1]; of the logarithms' range where the scale is logarithmic.

        For libraries that can't compute with the range itself, because it is huge, narrow, or has too many integers.
        """
        if self.log:
            return self.decode(math.exp(math.log(self.lower) * (1 - share) + math.log(self.upper) * share))
        return self.decode(self.lower * (1 - share) + self.upper * share)


@dataclass(frozen=True, slots=True)
class Choice:
    """A hyperparameter with a list of values.

    Attributes
    ----------
    name:
        Of the hyperparameter.
    values:
        As plain Python objects; an index is a place in this list.
    ordered:
        Whether neighbours in the list resemble each other.
    """

    name: str
    values: tuple[Value, ...]
    ordered: bool

    def decode(self, index: int) -> Value:
        """The value at an index."""
        return self.values[index]


Dimension = Number | Choice


def dimensions(space: ConfigurationSpace) -> list[Dimension]:
    """The hyperparameters but constants, in the space's order, for libraries that take ranges and lists of values."""
    return [_dimension(hyperparameter) for hyperparameter in _free(space)]


def walk(space: ConfigurationSpace, value: Callable[[str], Value]) -> dict[str, Value]:
    """The configuration that `value` gives name by name, for libraries that define the space while they run.

    `value` is called for active hyperparameters only, constants included, and for parents before their children.
    """
    if not space.conditions:
        return {name: value(name) for name in space}
    config: dict[str, Value] = {}
    vector = np.full(len(space), np.nan)
    for index, name in enumerate(space):  # parents come before their children
        if all(condition.satisfied_by_vector(vector) for condition in space.parent_conditions_of[name]):
            config[name] = value(name)
            vector[index] = space[name].to_vector(config[name])
    return config


class Nesting:
    """Where hyperparameters stand in a tree of choices, for libraries whose search spaces are nested.

    A hyperparameter whose conditions are on choices of which each is nested in an option of the one before, or on one
    choice, is nested in the options in which it is active. Others stand at the top, active or not: those without
    conditions, and those with conditions that a tree can't express (on numbers and ordered choices, or on several
    choices side by side).

    Attributes
    ----------
    top:
        Names of the hyperparameters that are not nested, in the space's order; constants are left out.
    options:
        By the name of a choice, for each of its values the names of what is nested there.
    """

    def __init__(self, space: ConfigurationSpace) -> None:
        self._space = space
        self._choices = {one.name: one.values for one in dimensions(space) if isinstance(one, Choice)}
        self._known: dict[str, dict[str, Value]] = {}  # by name, the values of choices wherever it stands
        self.top: list[str] = []
        self.options: dict[str, list[list[str]]] = {
            name: [[] for _ in values] for name, values in self._choices.items()
        }
        for hyperparameter in _free(space):  # parents come before their children
            self._place(hyperparameter.name)

    def _place(self, name: str) -> None:
        parents = {parent.name for parent in self._space.parents_of[name]}
        home = max(parents, key=self._space.index_of.__getitem__, default="")
        known = self._known.get(home, {})
        self._known[name] = {}
        if not isinstance(self._space.get(home), hp.CategoricalHyperparameter) or not parents <= {home, *known}:
            self.top.append(name)
            return
        options = [known | {home: value} for value in self._choices[home]]
        active = [option for option in options if self._is_active(name, option)]
        for names, option in zip(self.options[home], options, strict=True):
            if option in active:
                names.append(name)
        self._known[name] = active[0] if len(active) == 1 else known

    def _is_active(self, name: str, known: Mapping[str, Value]) -> bool:
        vector = np.full(len(self._space), np.nan)
        for parent, value in known.items():
            vector[self._space.index_of[parent]] = self._space[parent].to_vector(value)
        return all(condition.satisfied_by_vector(vector) for condition in self._space.parent_conditions_of[name])


def tempered(loss: float, limit: float) -> float:
    """The loss, but on a logarithmic scale beyond +-`limit` (> 0): for libraries that square or narrow what they learn.

    The order of losses is kept.
    """
    beyond = abs(loss) / limit
    return loss if beyond <= 1 else math.copysign(limit * (1 + math.log(beyond)), loss)


class UnitCube:
    """Points in [0, 1]^d, one coordinate per hyperparameter but constants, for libraries that take vectors.

    A coordinate is the quantile of the hyperparameter's prior: numbers are linear or logarithmic, integers and ordered
    choices have bins of equal shares, unordered ones bins as wide as their probabilities.
    """

    def __init__(self, space: ConfigurationSpace) -> None:
        self._space = space
        self.names = tuple(hyperparameter.name for hyperparameter in _free(space))

    def encode(self, configs: Sequence[Mapping[str, Any]]) -> np.ndarray:
        """Points, shape (n, d), that decode to these configurations; 0.5 where a hyperparameter is inactive.

        Integers and choices are in the middle of their bins.
        """
        points = np.full((len(configs), len(self.names)), 0.5)
        for row, config in zip(points, configs, strict=True):
            for column, name in enumerate(self.names):
                if name in config:
                    row[column] = _coordinate(self._space[name], config[name])
        return points

    def decode(self, points: np.ndarray) -> list[dict[str, Value]]:
        """The active hyperparameters, constants included, at points of shape (n, d)."""
        return decode(self._space, self.vectors(points))

    def vectors(self, points: np.ndarray) -> np.ndarray:
        """As `decode`, but in ConfigSpace's own encoding, shape (n, d with constants); NaN is inactive."""
        rows = {
            name: _quantile(self._space[name], column)
            for name, column in zip(self.names, np.clip(points, 0, 1).T, strict=True)
        }
        return _vectors(self._space, rows, len(points))


class OneHot:
    """Vectors with a column for each value of an unordered choice, and one as of `UnitCube` for everything else.

    Attributes
    ----------
    columns:
        Name to columns.
    width:
        Of a vector.
    """

    def __init__(self, space: ConfigurationSpace) -> None:
        self._space = space
        self.columns: dict[str, slice] = {}
        self.width = 0
        for hyperparameter in _free(space):
            count = len(hyperparameter.choices) if isinstance(hyperparameter, hp.CategoricalHyperparameter) else 1
            self.columns[hyperparameter.name] = slice(self.width, self.width + count)
            self.width += count

    def encode(self, configs: Sequence[Mapping[str, Any]]) -> np.ndarray:
        """Vectors, shape (n, width), that decode to these configurations.

        Where a hyperparameter is inactive, a choice has zeros and everything else 0.5.
        """
        vectors = np.zeros((len(configs), self.width))
        for row, config in zip(vectors, configs, strict=True):
            for name, columns in self.columns.items():
                match self._space[name]:
                    case hp.CategoricalHyperparameter() as choice:
                        if name in config:
                            row[columns.start + _index(choice, config[name])] = 1
                    case other:
                        row[columns] = _coordinate(other, config[name]) if name in config else 0.5
        return vectors

    def decode(self, vectors: np.ndarray) -> list[dict[str, Value]]:
        """The active hyperparameters, constants included, at vectors of shape (n, width).

        The greatest of a choice's columns counts, the first of equal ones.
        """
        rows = {}
        for name, columns in self.columns.items():
            block = vectors[:, columns]
            if isinstance(self._space[name], hp.CategoricalHyperparameter):
                rows[name] = block.argmax(axis=1).astype(float)
            else:
                rows[name] = _quantile(self._space[name], np.clip(block[:, 0], 0, 1))
        return decode(self._space, _vectors(self._space, rows, len(vectors)))


def levels(hyperparameter: hp.Hyperparameter[Any, Any]) -> np.ndarray:
    """The coordinates in a unit cube of an integer's or an ordered choice's values, in ascending order."""
    match hyperparameter:
        case hp.IntegerHyperparameter(lower=lower, upper=upper):
            return np.array([_coordinate(hyperparameter, value) for value in range(lower, upper + 1)])
        case hp.OrdinalHyperparameter(sequence=sequence):
            return np.array([_coordinate(hyperparameter, value) for value in sequence])
        case _:
            raise _unsupported(hyperparameter)


def forbidden(space: ConfigurationSpace, vectors: np.ndarray) -> np.ndarray:
    """Which rows of `UnitCube.vectors`, shape (n, d with constants), a forbidden clause forbids, shape (n,)."""
    found = np.zeros(len(vectors), dtype=bool)
    for clause in space.forbidden_clauses:
        found |= clause.is_forbidden_vector_array(vectors.T)
    return found


def _free(space: ConfigurationSpace) -> Iterator[hp.Hyperparameter[Any, Any]]:
    return (hyperparameter for hyperparameter in space.values() if not isinstance(hyperparameter, hp.Constant))


def _dimension(hyperparameter: hp.Hyperparameter[Any, Any]) -> Dimension:
    match hyperparameter:
        case hp.FloatHyperparameter(name=name, lower=lower, upper=upper, log=log):
            return Number(name, float(lower), float(upper), log, integer=False)
        case hp.IntegerHyperparameter(name=name, lower=lower, upper=upper, log=log):
            return Number(name, int(lower), int(upper), log, integer=True)
        case hp.OrdinalHyperparameter(name=name, sequence=values):
            return Choice(name, tuple(map(plain, values)), ordered=True)
        case hp.CategoricalHyperparameter(name=name, choices=values):
            return Choice(name, tuple(map(plain, values)), ordered=False)
        case _:
            raise _unsupported(hyperparameter)


def _unsupported(hyperparameter: hp.Hyperparameter[Any, Any]) -> TypeError:
    return TypeError(
        f"hyperparameter {hyperparameter.name!r}: the kind {type(hyperparameter).__name__} is not supported here"
    )


def _index(choice: hp.CategoricalHyperparameter | hp.OrdinalHyperparameter, value: Any) -> int:
    return int(choice.to_vector(value))


def _quantile(hyperparameter: hp.Hyperparameter[Any, Any], unit: np.ndarray) -> np.ndarray:
    """The values, in ConfigSpace's encoding, at the quantiles `unit` of the hyperparameter's prior."""
    match hyperparameter:
        case hp.CategoricalHyperparameter():
            edges = np.cumsum(hyperparameter.probabilities)[:-1]
            return np.asarray(np.searchsorted(edges, unit, side="right"), dtype=float)
        case hp.OrdinalHyperparameter(sequence=sequence):
            return np.asarray(np.minimum(np.floor(unit * len(sequence)), len(sequence) - 1))
        case hp.UniformFloatHyperparameter():
            return unit
        case hp.UniformIntegerHyperparameter():
            return _round(hyperparameter, unit)
        case hp.FloatHyperparameter():
            return np.asarray(_prior(hyperparameter).ppf(unit))
        case hp.IntegerHyperparameter():
            return _round(hyperparameter, np.asarray(_prior(hyperparameter).ppf(unit)))
        case _:
            raise _unsupported(hyperparameter)


def _coordinate(hyperparameter: hp.Hyperparameter[Any, Any], value: Any) -> float:
    """A coordinate whose quantile is this value: the middle of its bin, if it has one."""
    match hyperparameter:
        case hp.CategoricalHyperparameter():
            index = _index(hyperparameter, value)
            edges = np.concatenate([[0], np.cumsum(hyperparameter.probabilities)])
            return float(edges[index] + edges[index + 1]) / 2
        case hp.OrdinalHyperparameter(sequence=sequence):
            return (_index(hyperparameter, value) + 0.5) / len(sequence)
        case hp.UniformFloatHyperparameter():
            return float(hyperparameter.to_vector(value))
        case hp.UniformIntegerHyperparameter(lower=lower, upper=upper, log=log):
            share = float((value - lower + 0.5) / (upper - lower + 1))
            if not log:
                return share
            return float(np.log1p(share * (upper - lower) / lower) / np.log(upper / lower))
        case hp.FloatHyperparameter() | hp.IntegerHyperparameter():
            return float(_prior(hyperparameter).cdf(hyperparameter.to_vector(value)))
        case _:
            raise _unsupported(hyperparameter)


def _prior(hyperparameter: hp.Hyperparameter[Any, Any]) -> Any:
    """A normal or beta prior; ConfigSpace has no public quantile function."""
    distribution: Any = hyperparameter._vector_dist
    return distribution.rv


def _round(hyperparameter: hp.IntegerHyperparameter, vector: np.ndarray) -> np.ndarray:
    """Each integer gets an equal share of the range, at the bounds too, as where ConfigSpace samples."""
    from ConfigSpace.functional import quantize, quantize_log

    bins = hyperparameter.upper - hyperparameter.lower + 1
    if hyperparameter.log:
        bounds = (hyperparameter.lower, hyperparameter.upper)
        return quantize_log(vector, bounds=(0, 1), scale_slice=bounds, bins=bins)
    return quantize(vector, bounds=(0, 1), bins=bins)


def _vectors(space: ConfigurationSpace, rows: Mapping[str, np.ndarray], count: int) -> np.ndarray:
    """Rows by name as vectors in ConfigSpace's encoding, shape (count, d with constants); NaN where inactive."""
    vectors = np.stack([rows[name] if name in rows else np.zeros(count) for name in space])
    for index, name in enumerate(space):  # parents come before their children
        for condition in space.parent_conditions_of[name]:
            vectors[index, ~condition.satisfied_by_vector_array(vectors)] = np.nan
    return vectors.T


__all__ = [
    "Choice",
    "Dimension",
    "Nesting",
    "Number",
    "OneHot",
    "UnitCube",
    "dimensions",
    "forbidden",
    "levels",
    "tempered",
    "walk",
]
