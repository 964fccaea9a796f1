"""A surrogate: what random forests, fitted to the stored trials of a task, expect of any configuration."""

from __future__ import annotations

import contextlib
import os
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from optathlon.data import cache_root
from optathlon.tables.cells import Cells
from optathlon.tables.descriptor import Descriptor
from optathlon.tables.forest import Forest
from optathlon.task import short_hash
from optathlon.trial import Result, Status

MOST_CELLS = 100_000
"""Configurations times levels that a surrogate is fitted to; it takes about a minute then."""
LEAST_CONFIGURATIONS = 20
FOLDS = 5

_SAVED_DIGITS = 4
_NAMES = ("objectives", "others", "failures")
"""Of the forests: for what an optimizer sees, for everything else that is measured, and for which share fails."""


@dataclass(frozen=True)
class Samples:
    """What a surrogate is fitted to, a sample for each cell.

    Attributes
    ----------
    points:
        Shape (cells, coordinates): the configurations in the unit cube, and the level in [0, 1] if there are several.
    names:
        Of the targets: the objectives first.
    targets:
        Shape (cells, targets): means over the rows that didn't fail.
    failed:
        Shape (cells,): which share of the rows failed.
    """

    points: np.ndarray
    names: Sequence[str]
    targets: np.ndarray
    failed: np.ndarray

    @classmethod
    def of(cls, descriptor: Descriptor, cells: Cells) -> Samples:
        """Of stored trials. Tests, metrics and costs that some of them lack are left out."""
        tested = [f"test/{name}" for name, one in descriptor.objectives.items() if one.test]
        names = [*descriptor.objectives, *tested, *descriptor.metrics, "cost"]
        blocks = (cells.values, cells.tests, cells.metrics, cells.cost[:, None])
        targets = np.hstack([cells.means(block) for block in blocks])
        known = np.isfinite(targets[cells.failed_shares < 1]).all(axis=0)
        points = cells.points()[cells.config]
        if len(cells.levels) > 1:
            points = np.column_stack([points, _scaled(cells.levels, descriptor)[cells.level]])
        chosen = [name for name, there in zip(names, known, strict=True) if there]
        return cls(points, chosen, targets[:, known], cells.failed_shares)

    @property
    def succeeded(self) -> np.ndarray:
        """Shape (cells,): where there are targets."""
        return self.failed < 1


class Surrogate:
    """Answers with what is expected; a trial fails where it is expected that at least half of them do.

    Parameters
    ----------
    descriptor:
        Of the table.
    cells:
        The stored trials.
    source:
        What tells these trials from others: the fitted forests are kept in the cache under it.
    """

    def __init__(self, descriptor: Descriptor, cells: Cells, source: str) -> None:
        self._cells = cells
        self._objectives = len(descriptor.objectives)
        self._samples = Samples.of(descriptor, cells)
        self._levels = dict(zip(cells.levels, _scaled(cells.levels, descriptor), strict=True))
        self._fitted = _cached(source, lambda: _fit(self._samples, cells, self._objectives))
        self._forests = {name: _forest(self._fitted, name) for name in _NAMES if f"{name}_roots" in self._fitted}

    def one(self, config: Mapping[str, Any], level: float | None, seed: int) -> Result:
        """What is expected of a trial; the seed is of no consequence."""
        return self.many([config], level, [seed])[0]

    def many(self, configs: Sequence[Mapping[str, Any]], level: float | None, seeds: Sequence[int]) -> list[Result]:
        """The same of several."""
        points = self._cells.space.points(configs)
        if len(self._levels) > 1:
            points = np.column_stack([points, np.full(len(points), self._levels[level])])
        found = {name: forest.predict(points) for name, forest in self._forests.items()}
        expected = np.hstack([found[name] for name in _NAMES[:2] if name in found]).tolist()
        failed = found["failures"][:, 0].tolist() if "failures" in found else [0.0] * len(points)
        return [self._result(values, share) for values, share in zip(expected, failed, strict=True)]

    def quality(self) -> dict[str, float]:
        """By objective, at the full level: `cv_r2/NAME` and `cv_rank_correlation/NAME` (Spearman's).

        They compare held-out means with what forests expect of them that were fitted to the other four fifths of the
        configurations.
        """
        found = self._fitted["quality"]
        return {
            f"{measure}/{name}": round(float(value), _SAVED_DIGITS)
            for name, row in zip(self._samples.names, found, strict=False)
            for measure, value in zip(("cv_r2", "cv_rank_correlation"), row, strict=True)
        }

    def _result(self, expected: Sequence[float], failed: float) -> Result:
        named = dict(zip(self._samples.names, expected, strict=True))
        cost = named.pop("cost", None)
        if failed >= 0.5:
            return Result(status=Status.CRASHED, error="the surrogate expects that this trial fails", cost=cost)
        values = tuple(expected[: self._objectives])
        metrics = dict(list(named.items())[self._objectives :])
        return Result(values, cost=cost, metrics=metrics)


def _fit(samples: Samples, cells: Cells, objectives: int) -> dict[str, np.ndarray]:
    points, targets = samples.points[samples.succeeded], samples.targets[samples.succeeded]
    forests = {"objectives": Forest.fit(points, targets[:, :objectives])}
    if targets.shape[1] > objectives:
        forests["others"] = Forest.fit(points, targets[:, objectives:])
    if samples.failed.any():
        forests["failures"] = Forest.fit(samples.points, samples.failed[:, None])
    fitted = {f"{name}_{key}": one for name, forest in forests.items() for key, one in forest.arrays().items()}
    return fitted | {"quality": _quality(samples, cells, objectives)}


def _quality(samples: Samples, cells: Cells, objectives: int) -> np.ndarray:
    """Shape (objectives, 2): the coefficient of determination, and Spearman's rank correlation."""
    from scipy.stats import spearmanr

    fold = np.random.default_rng(0).permutation(len(cells.configs))[cells.config] % FOLDS
    full = cells.level == len(cells.levels) - 1
    expected = np.full((len(fold), objectives), np.nan)
    for number in range(FOLDS):
        held = (fold == number) & full & samples.succeeded
        if held.any():
            chosen = (fold != number) & samples.succeeded
            forest = Forest.fit(samples.points[chosen], samples.targets[chosen, :objectives])
            expected[held] = forest.predict(samples.points[held])
    held = full & samples.succeeded
    measured = samples.targets[held, :objectives]
    squares = ((measured - expected[held]) ** 2).sum(axis=0) / ((measured - measured.mean(axis=0)) ** 2).sum(axis=0)
    ranks = [spearmanr(one, other).statistic for one, other in zip(measured.T, expected[held].T, strict=True)]
    return np.column_stack([1 - squares, np.nan_to_num(ranks)])


def _scaled(levels: Sequence[float | None], descriptor: Descriptor) -> np.ndarray:
    """Shape (levels,): the levels in [0, 1]."""
    if len(levels) == 1:
        return np.zeros(1)
    numbers = np.array(levels, dtype=float)
    if descriptor.fidelity and descriptor.fidelity.log:
        numbers = np.log(numbers)
    return np.asarray((numbers - numbers[0]) / (numbers[-1] - numbers[0]))


def _forest(fitted: Mapping[str, np.ndarray], name: str) -> Forest:
    return Forest(**{key.removeprefix(f"{name}_"): one for key, one in fitted.items() if key.startswith(f"{name}_")})


def _cached(source: str, fit: Any) -> dict[str, np.ndarray]:
    """What is in the cache, or is fitted and put there; a cache that can't be used is of no consequence."""
    import sklearn

    path = cache_root() / "tables" / f"{short_hash(f'{source} {sklearn.__version__} {np.__version__}')}.npz"
    with contextlib.suppress(OSError, ValueError, EOFError, zipfile.BadZipFile), np.load(path) as found:
        return dict(found)
    fitted: dict[str, np.ndarray] = fit()
    with contextlib.suppress(OSError):
        _write(path, fitted)
    return fitted


def _write(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, suffix=".npz")
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
