"""Ways to answer for a configuration: from the table's own, from the nearest one, or from what is fitted to all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from optathlon.tables.cells import Cells
from optathlon.trial import Result, Status

Config = Mapping[str, Any]

_TIES = 1e-9
"""Configurations whose distances differ by no more than this share are equally near; the first one counts."""


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
        self._trees: dict[float | None, tuple[Any, np.ndarray]] = {}

    def one(self, config: Config, level: float | None, seed: int) -> Result:
        """The stored trial number `seed` modulo their number."""
        return self.many([config], level, [seed])[0]

    def many(self, configs: Sequence[Config], level: float | None, seeds: Sequence[int]) -> list[Result]:
        """All are looked up together."""
        tree, cells = self._tree(level)
        points = self._cells.space.points(configs)
        distances = tree.query(points)[0]
        near = tree.query_ball_point(points, distances * (1 + _TIES) + _TIES)
        return [self._cells.result(int(cells[min(found)]), seed) for found, seed in zip(near, seeds, strict=True)]

    def _tree(self, level: float | None) -> tuple[Any, np.ndarray]:
        from scipy.spatial import KDTree

        if level not in self._trees:
            cells = np.flatnonzero(self._cells.level == self._cells.levels.index(level))
            self._trees[level] = KDTree(self._points[self._cells.config[cells]]), cells
        return self._trees[level]

    @cached_property
    def _points(self) -> np.ndarray:
        return self._cells.points()


def _absent(config: Config, level: float | None) -> str:
    at = "" if level is None else f" at level {level:g}"
    return f"the table has no row of {dict(config)}{at}"
