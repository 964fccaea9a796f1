"""The stored trials of one task, a cell for each configuration and level."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from math import isnan
from typing import Any

import numpy as np

from optathlon.tables.descriptor import Descriptor
from optathlon.tables.domains import Space
from optathlon.tables.trials import INACTIVE, Coded, Trials
from optathlon.trial import Result, Value


class Cells:
    """The trials in some rows of a table, sorted by configuration, level and repetition.

    Attributes
    ----------
    space:
        The hyperparameters.
    configs:
        Shape (configurations, hyperparameters): places in the values of the space's domains; -1 is inactive. They are
        in the order in which the table has them first.
    levels:
        Ascending; the single one `None` without a fidelity.
    config, level:
        Shape (cells,): the place of each cell in these.
    starts, counts:
        Of each cell, its first row and how many there are, in the sorted order.
    values, tests, metrics, cost, failure:
        As those of `Trials`, in the sorted order.
    """

    def __init__(self, descriptor: Descriptor, trials: Trials, rows: np.ndarray) -> None:
        self._descriptor = descriptor
        columns = {
            name: Coded(column.codes[rows], column.values) if descriptor.searched[name].levels else column.having(rows)
            for name, column in trials.hyperparameters.items()
        }
        self.space = Space(descriptor, columns)
        codes = np.column_stack([columns[domain.name].codes for domain in self.space.domains])
        config, first = _distinct(codes)
        self.configs = codes[first]
        level = trials.level.having(rows)
        self.levels: Sequence[Any] = level.values or (None,)
        order = np.lexsort((rows, trials.repetition.codes[rows], level.codes, config))
        keys, starts, counts = np.unique(
            config[order] * len(self.levels) + level.codes[order], return_index=True, return_counts=True
        )
        self.config, self.level = np.divmod(keys, len(self.levels))
        self.starts: list[int] = starts.tolist()
        self.counts: list[int] = counts.tolist()
        self.rows = rows[order]
        self.values, self.tests, self.metrics = (
            block[self.rows] for block in (trials.values, trials.tests, trials.metrics)
        )
        self.cost = trials.cost[self.rows]
        self.failure = trials.failure[self.rows]
        self._failures = trials.failures
        self._tested = [f"test/{name}" for name, one in descriptor.objectives.items() if one.test]

    def result(self, cell: int, seed: int) -> Result:
        """What the stored trial number `seed` modulo their number gave."""
        row = self.starts[cell] + seed % self.counts[cell]
        cost = self._costs[row]
        if place := self._failed[row]:
            status, error = self._failures[place]
            return Result(status=status, error=error, cost=cost)
        return Result(self._stored[row], cost=cost, metrics=self._named(row, cell))

    def configuration(self, number: int) -> dict[str, Value]:
        """The active hyperparameters of a configuration."""
        codes = self.configs[number].tolist()
        pairs = zip(self.space.domains, codes, strict=True)
        return {domain.name: domain.values[code] for domain, code in pairs if code != INACTIVE}

    def points(self) -> np.ndarray:
        """Shape (configurations, coordinates): the configurations in the unit cube."""
        return self.space.points_of(self.configs)

    def means(self, block: np.ndarray) -> np.ndarray:
        """Shape (cells, …): the means of rows of `values`, `tests`, `metrics` or `cost` that didn't fail; else NaN."""
        succeeded = self.failure == 0
        counts = np.add.reduceat(succeeded.astype(float), self.starts)
        filled = np.where(succeeded.reshape(-1, *[1] * (block.ndim - 1)), block, 0.0)
        sums = np.add.reduceat(filled, self.starts, axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(sums / counts.reshape(-1, *[1] * (block.ndim - 1)))

    @cached_property
    def failed_shares(self) -> np.ndarray:
        """Shape (cells,): which share of a cell's rows failed."""
        return np.asarray(np.add.reduceat((self.failure > 0).astype(float), self.starts) / np.array(self.counts))

    @cached_property
    def full(self) -> np.ndarray:
        """Shape (n, objectives): means of the cells at the full level none of whose rows failed."""
        means = self.means(self.values)
        return np.asarray(means[(self.level == len(self.levels) - 1) & (self.failed_shares == 0)])

    @property
    def is_noisy(self) -> bool:
        """Whether a configuration has several trials at a level."""
        return max(self.counts) > 1

    @cached_property
    def _stored(self) -> list[tuple[float, ...]]:
        return list(map(tuple, self.values.tolist()))

    @cached_property
    def _costs(self) -> list[float | None]:
        return [None if isnan(cost) else cost for cost in self.cost.tolist()]

    @cached_property
    def _failed(self) -> list[int]:
        return list(self.failure.tolist())

    @cached_property
    def _mean_tests(self) -> list[list[float]]:
        return list(self.means(self.tests).tolist())

    @cached_property
    def _more(self) -> list[list[float]]:
        return list(self.metrics.tolist())

    def _named(self, row: int, cell: int) -> Mapping[str, float]:
        named = dict(zip(self._descriptor.metrics, self._more[row], strict=True)) if self._descriptor.metrics else {}
        if self._tested:
            named.update(zip(self._tested, self._mean_tests[cell], strict=True))
        return named


def _distinct(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Shape (rows,): the number of each different row, as they come first; and where each does."""
    import pandas as pd

    number = np.zeros(len(codes), dtype=np.int64)
    for column in codes.T:
        number = pd.factorize(number * (column.max() + 2) + column + 1)[0]
    return number, np.unique(number, return_index=True)[1]
