"""Ways to answer for a configuration: from the table's own, from the nearest one, or from what is fitted to all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from optathlon.tables.cells import Cells
from optathlon.trial import Result, Status

Config = Mapping[str, Any]

_TIES = 1e-9
"""Configurations whose squared distances differ by no more than this share are equally near."""
_DISTANCES = 2_000_000
"""So many are computed at once."""


class Answers(Protocol):
    """What a task's trials give, at one of the levels that its table has."""

    def one(self, config: Config, level: float | None, seed: int) -> Result:
        """What a trial gives."""

    def many(self, configs: Sequence[Config], level: float | None, seeds: Sequence[int]) -> list[Result]:
        """What trials at one level give."""


class Exact:
    """Looks the table's own configurations up; what it doesn't have has failed."""

    def __init__(self, cells: Cells) -> None:
        self._cells = cells
        self._levels = {value: place for place, value in enumerate(cells.levels)}
        self._places: list[tuple[str, dict[Any, int]]] = []
        stride, keys = len(cells.levels), cells.level.astype(object)
        for column, domain in zip(cells.configs.T, cells.space.domains, strict=True):
            self._places.append((domain.name, {value: (1 + at) * stride for at, value in enumerate(domain.values)}))
            keys = keys + (1 + column[cells.config].astype(object)) * stride
            stride *= len(domain.values) + 1
        self._found = {key: cell for cell, key in enumerate(keys.tolist())}

    def cell(self, config: Config, level: float | None) -> int | None:
        """The number of a cell; `None` where the table has none."""
        place = self._levels[level] + sum([places.get(config.get(name), 0) for name, places in self._places])
        return self._found.get(place)

    def one(self, config: Config, level: float | None, seed: int) -> Result:
        """The stored trial number `seed` modulo their number."""
        cell = self.cell(config, level)
        if cell is None:
            return Result(status=Status.CRASHED, error=_absent(config, level))
        return self._cells.result(cell, seed)

    def many(self, configs: Sequence[Config], level: float | None, seeds: Sequence[int]) -> list[Result]:
        """One after the other, which is as quick."""
        return [self.one(config, level, seed) for config, seed in zip(configs, seeds, strict=True)]


class Nearest:
    """Answers with the stored trial of the nearest configuration in the unit cube, of those that have the level."""

    def __init__(self, cells: Cells) -> None:
        self._cells = cells
        self._points = cells.points()
        self._at: dict[float | None, tuple[np.ndarray, np.ndarray]] = {}

    def one(self, config: Config, level: float | None, seed: int) -> Result:
        """The stored trial number `seed` modulo their number."""
        return self.many([config], level, [seed])[0]

    def many(self, configs: Sequence[Config], level: float | None, seeds: Sequence[int]) -> list[Result]:
        """All are looked up together."""
        points, cells = self._stored(level)
        rows = max(1, _DISTANCES // len(points))
        return [
            self._cells.result(int(cells[near]), seed)
            for begin in range(0, len(configs), rows)
            for near, seed in zip(
                _nearest(self._cells.space.points(configs[begin : begin + rows]), points),
                seeds[begin : begin + rows],
                strict=True,
            )
        ]

    def _stored(self, level: float | None) -> tuple[np.ndarray, np.ndarray]:
        """The points that have the level, and their cells."""
        if level not in self._at:
            cells = np.flatnonzero(self._cells.level == self._cells.levels.index(level))
            self._at[level] = self._points[self._cells.config[cells]], cells
        return self._at[level]


def _nearest(points: np.ndarray, stored: np.ndarray) -> np.ndarray:
    """Shape (n,): which of the stored points is nearest to each; of equally near ones the first."""
    from scipy.spatial.distance import cdist

    squares = cdist(points, stored, "sqeuclidean")
    near: np.ndarray = (squares <= squares.min(axis=1, keepdims=True) * (1 + _TIES) + _TIES**2).argmax(axis=1)
    return near


def _absent(config: Config, level: float | None) -> str:
    at = "" if level is None else f" at level {level:g}"
    return f"the table has no row of {dict(config)}{at}"
