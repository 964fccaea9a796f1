"""Gibbs sampling of the hierarchical model of differences on tasks, for many pairs of optimizers at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

FREEDOM = 5.0
"""Degrees of freedom of the tasks' mean differences."""

_WARM_UP = 100
"""First draws, not used."""
_SHAPE = 2.0
"""Shape of the inverse gamma distribution of the variances within tasks."""
_LEAST_VARIANCE = 1e-9
"""The least level of the variances within tasks that is taken for possible, against the mean square of differences."""


@dataclass(frozen=True)
class Chain:
    """Draws from the posterior of the distribution of tasks' mean differences, Student's t with `FREEDOM`.

    Attributes
    ----------
    centres, scales:
        Shape (samples, pairs): its location and its scale, in the units of the differences.
    """

    centres: np.ndarray
    scales: np.ndarray


@dataclass(frozen=True)
class _Observed:
    """Seeds, shape (tasks, 1); means over them and sums of squares around these, shape (tasks, pairs)."""

    seeds: np.ndarray
    means: np.ndarray
    squares: np.ndarray


def gibbs(differences: Sequence[np.ndarray], *, least_scale: float, samples: int, rng: np.random.Generator) -> Chain:
    """Sample the posterior of the hierarchical model of Corani et al. (2017), with independent seeds.

    Differences are normal around their task's mean; the tasks' means are Student's t, with 5 degrees of freedom (the
    paper puts a prior on them), around a common centre.

    Priors, for differences divided by their root mean square: centre flat; scale of the tasks' means half-Cauchy(1)
    (Gelman 2006, Bayesian Analysis 1:515-534); variances within tasks inverse gamma(2, b) with b gamma(1/2, rate 1/2),
    so that tasks of few seeds borrow from the others.

    All conditional distributions are conjugate, by parameter expansion and by t as a scale mixture of normals (Gelman
    et al. 2013, "Bayesian Data Analysis", section 12.1). A generalised Gibbs step (Liu and Sabatti 2000, Biometrika
    87:353-369) moves along what the expansion leaves free.

    Parameters
    ----------
    differences:
        Per task, shape (seeds, pairs).
    least_scale:
        Root mean squares below are taken for this, so that the priors are proper where nothing differs.
    samples:
        How many draws, after 100 to warm up.
    rng:
        Where they come from.
    """
    square = np.mean([np.mean(task**2, axis=0) for task in differences], axis=0)
    unit = np.maximum(np.sqrt(square), least_scale)
    unit[unit == 0] = 1.0
    draws = _draws(_observe([task / unit for task in differences]), _WARM_UP + samples, rng)
    centres, scales = (np.array(drawn[_WARM_UP:]) * unit for drawn in zip(*draws, strict=True))
    return Chain(centres, scales)


def _observe(differences: list[np.ndarray]) -> _Observed:
    means = np.array([task.mean(axis=0) for task in differences])
    squares = np.array([task.var(axis=0) * len(task) for task in differences])
    return _Observed(np.array([[len(task)] for task in differences]), means, squares)


def _draws(observed: _Observed, count: int, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The centre and the scale, each of shape (pairs,), `count` times.

    A task's mean is `centre + factor * effect`; effects have the variance `variance / mixing`.
    """
    seeds, means = observed.seeds, observed.means
    tasks, pairs = means.shape
    centre, factor, variance, level = means.mean(axis=0), np.ones(pairs), np.ones(pairs), np.ones(pairs)
    effects = means - centre
    shapes = np.broadcast_to(_SHAPE + seeds / 2, means.shape)
    for _ in range(count):
        residuals = observed.squares + seeds * (means - centre - factor * effects) ** 2
        precision = rng.standard_gamma(shapes) / (level + residuals / 2)
        level = rng.standard_gamma(0.5 + tasks * _SHAPE, size=pairs) / (0.5 + precision.sum(axis=0))
        level = np.maximum(level, _LEAST_VARIANCE)
        mixing = rng.standard_gamma((FREEDOM + 1) / 2, size=means.shape) / ((FREEDOM + effects**2 / variance) / 2)
        weights = seeds * precision
        # the centre whatever the effects, then the effects given the centre: together a draw of both at once
        marginal = 1 / (factor**2 * variance / mixing + 1 / weights)
        centre = _normal(marginal.sum(axis=0), (marginal * means).sum(axis=0), rng)
        above = weights * (means - centre)
        effects = _normal(factor**2 * weights + mixing / variance, factor * above, rng)
        factor = _normal(1 + (weights * effects**2).sum(axis=0), (above * effects).sum(axis=0), rng)
        variance = (1 + (mixing * effects**2).sum(axis=0)) / 2 / rng.standard_gamma((1 + tasks) / 2, size=pairs)
        # where tasks differ much, only this moves the factor; it leaves the tasks' means and the scale as they are
        stretch = np.sqrt(2 * rng.standard_exponential(pairs) / (factor**2 + 1 / variance))
        factor, effects, variance = factor * stretch, effects / stretch, variance / stretch**2
        yield centre, np.abs(factor) * np.sqrt(variance)


def _normal(precision: np.ndarray, pull: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draws from normal distributions with means `pull / precision`."""
    drawn: np.ndarray = pull / precision + rng.standard_normal(precision.shape) / np.sqrt(precision)
    return drawn
