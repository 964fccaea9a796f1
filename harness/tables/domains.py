"""The hyperparameters of a task: their values in its rows, as a search space and as points of a unit cube."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from optathlon.tables.descriptor import Descriptor, HyperparameterColumn
from optathlon.tables.trials import Coded
from optathlon.tables.values import written_as
from optathlon.trial import Value

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace
    from ConfigSpace.hyperparameters import Hyperparameter

_APART = math.sqrt(0.5)
"""The coordinate of a choice: two different choices are at the distance 1."""
_MIDDLE = (0.5,)


@dataclass(frozen=True)
class Domain:
    """A hyperparameter of a task.

    Attributes
    ----------
    name:
        Of the hyperparameter.
    declared:
        What the descriptor says of it.
    values:
        Those that the task's rows have, and all declared levels; ascending or in their order.
    when:
        By the parent's name, the values with which it is active.
    """

    name: str
    declared: HyperparameterColumn
    values: Sequence[Value]
    when: Mapping[str, frozenset[Value]]

    @property
    def lower(self) -> float:
        """The least value of the range."""
        return self._bound(self.declared.lower, self.values[0])

    @property
    def upper(self) -> float:
        """The greatest value of the range."""
        return self._bound(self.declared.upper, self.values[-1])

    @property
    def legal(self) -> Sequence[Value]:
        """All values that a configuration may have; of a float those of the rows."""
        return range(int(self.lower), int(self.upper) + 1) if self.declared.kind == "integer" else self.values

    @property
    def is_constant(self) -> bool:
        """Whether it has one value only."""
        return self.lower == self.upper if self.declared.has_range else len(self.values) == 1

    def hyperparameter(self) -> Hyperparameter[Any, Any]:
        """As ConfigSpace has it."""
        from ConfigSpace import CategoricalHyperparameter, Constant, Float, Integer, OrdinalHyperparameter

        if self.is_constant:
            return Constant(self.name, self.values[0])
        match self.declared.kind:
            case "float":
                return Float(self.name, (self.lower, self.upper), log=self.declared.log)
            case "integer":
                return Integer(self.name, (int(self.lower), int(self.upper)), log=self.declared.log)
            case "ordinal":
                return OrdinalHyperparameter(self.name, self.values, default_value=self.values[len(self.values) // 2])
            case _:
                return CategoricalHyperparameter(self.name, self.values)

    def is_active(self, config: Mapping[str, Value]) -> bool:
        """Whether it is active in a configuration that has its parents, if they are."""
        return all(config.get(parent) in values for parent, values in self.when.items())

    def coordinates(self) -> Callable[[Value | None], tuple[float, ...]]:
        """A function from a value to its coordinates: one in [0, 1] for numbers and levels, one for each choice.

        Different choices are at the distance 1. `None` is inactive, and in the middle.
        """
        match self.declared.kind:
            case "categorical":
                count = len(self.values)
                known: dict[Any, tuple[float, ...]] = {
                    value: tuple(_APART * (place == other) for other in range(count))
                    for place, value in enumerate(self.values)
                }
                return (known | {None: (0.0,) * count}).__getitem__
            case "ordinal":
                last = len(self.values) - 1
                places = {value: (place / last,) for place, value in enumerate(self.values)}
                return (places | {None: _MIDDLE}).__getitem__
            case _:
                return self._number_coordinates()

    def _number_coordinates(self) -> Callable[[Any], tuple[float, ...]]:
        scale = math.log if self.declared.log else float
        low = scale(self.lower)
        width = scale(self.upper) - low

        def coordinate(value: Any) -> tuple[float, ...]:
            return _MIDDLE if value is None else ((scale(value) - low) / width,)

        return coordinate

    def _bound(self, declared: float | None, own: Value) -> float:
        if declared is None:
            return float(own)
        return declared


class Space:
    """All hyperparameters of a task, parents before their children; without those that are active in none of its rows.

    Attributes
    ----------
    domains:
        The hyperparameters.
    """

    def __init__(self, descriptor: Descriptor, columns: Mapping[str, Coded]) -> None:
        known: dict[str, Domain] = {}
        for name, column in columns.items():
            declared = descriptor.searched[name]
            when = {
                parent: frozenset(_written(texts, known[parent].values)) if parent in known else frozenset()
                for parent, texts in declared.when.items()
            }
            if column.values and all(when.values()):
                known[name] = Domain(name, declared, column.values, when)
        self.domains = list(known.values())
        self._coordinates = [(domain.name, domain.coordinates()) for domain in self.domains if not domain.is_constant]

    def configuration_space(self) -> ConfigurationSpace:
        """As optimizers get it."""
        from ConfigSpace import AndConjunction, ConfigurationSpace, InCondition

        space = ConfigurationSpace()
        made = {domain.name: domain.hyperparameter() for domain in self.domains}
        space.add(*made.values())
        for domain in self.domains:
            conditions = [
                InCondition(made[domain.name], made[parent], sorted(values, key=str))
                for parent, values in domain.when.items()
            ]
            if conditions:
                space.add(conditions[0] if len(conditions) == 1 else AndConjunction(*conditions))
        return space

    def points(self, configs: Sequence[Mapping[str, Any]]) -> np.ndarray:
        """Shape (n, coordinates): configurations as points of the unit cube."""
        return np.array(
            [
                [number for name, coordinate in self._coordinates for number in coordinate(config.get(name))]
                for config in configs
            ]
        ).reshape(len(configs), -1)

    def points_of(self, codes: np.ndarray) -> np.ndarray:
        """The same, of configurations by the places of their values, shape (n, hyperparameters); -1 is inactive."""
        known = dict(self._coordinates)
        blocks = [
            np.array([known[domain.name](value) for value in (*domain.values, None)])[column]
            for domain, column in zip(self.domains, codes.T, strict=True)
            if domain.name in known
        ]
        return np.hstack(blocks) if blocks else np.zeros((len(codes), 0))

    def grid(self) -> Iterator[dict[str, Value]]:
        """All configurations of the legal values, one after the other."""
        return _extended({}, self.domains)

    def grid_size(self, most: int) -> int:
        """How many configurations the grid has, counted up to `most`, unless no hyperparameter is conditional."""
        if not any(domain.when for domain in self.domains):
            return math.prod(len(domain.legal) for domain in self.domains)
        return sum(1 for _, _ in zip(range(most), self.grid(), strict=False))


def _written(texts: Sequence[str], values: Sequence[Value]) -> Iterator[Value]:
    """Those of the values that the texts name."""
    for text in texts:
        yield from filter(written_as(text), values)


def _extended(config: dict[str, Value], left: Sequence[Domain]) -> Iterator[dict[str, Value]]:
    if not left:
        yield config
        return
    first, *others = left
    if not first.is_active(config):
        yield from _extended(config, others)
        return
    for value in first.legal:
        yield from _extended({**config, first.name: value}, others)
