"""Configurations as numbers, and what becomes of them when they take each other's values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from graphlib import TopologicalSorter
from typing import Any

import numpy as np
import pandas as pd

_COMPARISONS: Mapping[str, Callable[[np.ndarray, list[float]], np.ndarray]] = {
    "EQ": np.equal,
    "NEQ": np.not_equal,
    "LT": np.less,
    "GT": np.greater,
    "IN": np.isin,
}
"""ConfigSpace's names of them."""


@dataclass(frozen=True)
class Encoded:
    """Configurations as numbers, one column per hyperparameter that can vary.

    Attributes
    ----------
    choices:
        By name of the hyperparameter: its choices, which are encoded by their position; `None` of numbers.
    conditions:
        By conditional hyperparameter, parents before their children: what must hold for it to be active, as
        ConfigSpace's dictionary.
    typical:
        Shape (hyperparameters,): the median among the configurations that have it active.
    values:
        Shape (configurations, hyperparameters). An inactive hyperparameter stands at its typical value.
    active:
        Boolean, of the same shape.
    """

    choices: Mapping[str, list[Any] | None]
    conditions: Mapping[str, Mapping[str, Any]]
    typical: np.ndarray
    values: np.ndarray
    active: np.ndarray

    @property
    def names(self) -> list[str]:
        """Of the hyperparameters, in the order of the columns."""
        return list(self.choices)

    def of(self, rows: np.ndarray) -> Encoded:
        """Some of the configurations, copied; `rows` is a mask, or positions."""
        return replace(self, values=self.values[rows], active=self.active[rows])

    def shuffled(self, name: str, rng: np.random.Generator) -> np.ndarray:
        """The values, those of one hyperparameter shuffled among the configurations that have it active."""
        rows = np.flatnonzero(self.active[:, self._column(name)])
        values = self.values.copy()
        values[rows] = self.of(rows)._taking(name, self.of(rng.permutation(rows)))
        return values

    def _taking(self, name: str, donors: Encoded) -> np.ndarray:
        """The values, one hyperparameter's from the donors.

        Where that switches others on, they are as the donor has them; where it switches them off, they are inactive.
        """
        taken = replace(self, values=self.values.copy(), active=self.active.copy())
        taken.values[:, self._column(name)] = donors.values[:, self._column(name)]
        for child, condition in self.conditions.items():
            column, active = self._column(child), taken._holds(condition)
            switched = active != self._holds(condition)
            state = np.where(active, donors.values[:, column], self.typical[column])
            taken.values[switched, column] = state[switched]
            taken.active[switched, column] = active[switched]
        return taken.values

    def _column(self, name: str) -> int:
        return self.names.index(name)

    def _holds(self, condition: Mapping[str, Any]) -> np.ndarray:
        """Where a condition, or a conjunction of some, holds; one on a constant is taken to hold."""
        if "conditions" in condition:
            combine = np.logical_and if condition["type"] == "AND" else np.logical_or
            return reduce(combine, [self._holds(part) for part in condition["conditions"]])
        parent = condition["parent"]
        if parent not in self.choices:
            return np.ones(len(self.values), dtype=bool)
        choices, column = self.choices[parent], self._column(parent)
        numbers = [_number(value, choices) for value in condition.get("values", [condition.get("value")])]
        compared = _COMPARISONS[condition["type"]](self.values[:, column], numbers)
        holds: np.ndarray = self.active[:, column] & compared
        return holds


def encoded(configs: Sequence[Mapping[str, Any]], space: Mapping[str, Any]) -> Encoded:
    """Configurations as numbers.

    Parameters
    ----------
    configs:
        The active hyperparameters of each.
    space:
        ConfigSpace's dictionary.
    """
    varying = sorted(
        (entry for entry in space.get("hyperparameters", []) if entry["type"] != "constant"),
        key=lambda entry: str(entry["name"]),
    )
    choices = {str(entry["name"]): entry.get("choices", entry.get("sequence")) for entry in varying}
    columns = {name: [_number(config.get(name), choices[name]) for config in configs] for name in choices}
    frame = pd.DataFrame(columns, index=range(len(configs)), dtype=float)
    typical = frame.quantile(interpolation="lower").fillna(0.0) if len(frame) else pd.Series(0.0, frame.columns)
    return Encoded(
        choices=choices,
        conditions=_conditions(choices, space.get("conditions", [])),
        typical=typical.to_numpy(),
        values=frame.fillna(typical).to_numpy(),
        active=frame.notna().to_numpy(),
    )


def _number(value: Any, choices: list[Any] | None) -> float:
    if choices is None:
        return np.nan if value is None else float(value)
    return float(choices.index(value)) if value in choices else np.nan


def _conditions(names: Mapping[str, Any], entries: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """By child, of which each has one entry, parents first."""
    by_child = {str(entry["child"]): entry for entry in entries if entry["child"] in names}
    parents = {child: {*_parents(entry)} for child, entry in by_child.items()}
    return {name: by_child[name] for name in TopologicalSorter(parents).static_order() if name in by_child}


def _parents(condition: Mapping[str, Any]) -> Iterator[str]:
    """The hyperparameters on which a condition, or a conjunction of some, depends."""
    if "conditions" in condition:
        for part in condition["conditions"]:
            yield from _parents(part)
    else:
        yield condition["parent"]
