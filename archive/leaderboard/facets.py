"""Which kinds of tasks and of optimizers have a board of their own."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

ALL = "all tasks"

_DIMENSIONS = {5: "up to 5 hyperparameters", 10: "6 to 10 hyperparameters", 20: "11 to 20 hyperparameters"}
_MORE = "over 20 hyperparameters"
_SPACES = ("numbers only", "with choices", "with conditions")
_ORDER = (*_SPACES, *_DIMENSIONS.values(), _MORE)
_TYPES = {"multi-fidelity-objective": "multi-fidelity and multi-objective"}
OVERHEADS = (1.0, 10.0, 100.0)
"""Milliseconds per trial up to which optimizers have a board of their own."""


@dataclass(frozen=True)
class Facet:
    """One way to divide tasks: its name, what it is called, and by task its group; missing where it has none."""

    name: str
    title: str
    group: pd.Series

    @property
    def order(self) -> list[str]:
        """The groups that occur, as they are shown."""
        known = {str(name) for name in self.group.dropna()}
        return [name for name in _ORDER if name in known] + sorted(known - {*_ORDER})


def facets(features: pd.DataFrame) -> list[Facet]:
    """By type, by kind of search space, and by the number of hyperparameters.

    Parameters
    ----------
    features:
        As `optathlon.analysis.task_features` returns them.
    """
    types = features["type"].map(lambda name: _TYPES.get(name, name))
    columns = (features["hyperparameters"], features["conditional"])
    return [
        Facet("type", "Type of task", types),
        Facet("space", "Search space", pd.Series([*map(_space, *columns)], index=features.index, dtype=object)),
        Facet("size", "Hyperparameters", features["dimension"].map(_size).astype(object)),
    ]


def _space(hyperparameters: object, conditional: object) -> str | None:
    if not isinstance(hyperparameters, str):
        return None
    if conditional:
        return _SPACES[2]
    return _SPACES[0] if hyperparameters == "numerical" else _SPACES[1]


def _size(dimension: float) -> str | None:
    if pd.isna(dimension):
        return None
    return next((name for most, name in _DIMENSIONS.items() if dimension <= most), _MORE)
