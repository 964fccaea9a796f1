"""Gibbs sampling of the hierarchical model of differences on tasks, for many pairs of optimizers at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass

import numpy as np

FREEDOM = 5.0
"""Degrees of freedom of the tasks' mean differences."""

_WARM_UP = 100
"""First draws, not used."""
_SHAPE = 2.0
"""Shape of the inverse gamma distribution of the variances within tasks."""
_LEAST_VARIANCE = 1e-9
"""The least level of the variances within tasks that is taken for possible, against the mean square of differences."""

_CACHED = 20_000
"""Tasks x pairs that are sampled at once: as many as a processor's cache holds."""


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


@dataclass(frozen=True)
class _Chances:
    """Standard random numbers of every draw, the same for all pairs: shape (draws,) or (draws, tasks, 1)."""

    precision: np.ndarray
    level: np.ndarray
    mixing: np.ndarray
    centre: np.ndarray
    effects: np.ndarray
    factor: np.ndarray
    variance: np.ndarray
    stretch: np.ndarray


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

    All pairs share their random numbers: the chain of each is what it would be alone, so its error is the same, but
    the errors of pairs are alike.

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
    chances = _draw_chances(np.array([len(task) for task in differences]), _WARM_UP + samples, rng)
    parts = np.array_split(np.arange(len(unit)), -(-len(unit) * len(differences) // _CACHED))
    chains = [_chain(_observe([task[:, part] / unit[part] for task in differences]), chances) for part in parts]
    centres, scales = (np.concatenate(drawn, axis=1) * unit for drawn in zip(*chains, strict=True))
    return Chain(centres, scales)


def _draw_chances(seeds: np.ndarray, draws: int, rng: np.random.Generator) -> _Chances:
    """From the number of seeds of each task."""
    tasks = len(seeds)
    of_tasks = (draws, tasks, 1)
    return _Chances(
        precision=rng.standard_gamma(np.broadcast_to(_SHAPE + seeds[:, None] / 2, of_tasks)),
        level=rng.standard_gamma(0.5 + tasks * _SHAPE, size=draws),
        mixing=rng.standard_gamma((FREEDOM + 1) / 2, size=of_tasks),
        centre=rng.standard_normal(draws),
        effects=rng.standard_normal(of_tasks),
        factor=rng.standard_normal(draws),
        variance=rng.standard_gamma((1 + tasks) / 2, size=draws),
        stretch=rng.standard_exponential(draws),
    )


def _chain(observed: _Observed, chances: _Chances) -> tuple[np.ndarray, np.ndarray]:
    """Centres and scales after warming up, of shape (samples, pairs)."""
    centres, scales = zip(*_draws(observed, chances), strict=True)
    return np.array(centres[_WARM_UP:]), np.array(scales[_WARM_UP:])


def _observe(differences: list[np.ndarray]) -> _Observed:
    means = np.array([task.mean(axis=0) for task in differences])
    squares = np.array([task.var(axis=0) * len(task) for task in differences])
    return _Observed(np.array([[len(task)] for task in differences]), means, squares)


def _draws(observed: _Observed, chances: _Chances) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The centre and the scale, each of shape (pairs,), of every draw.

    A task's mean is `centre + factor * effect`; effects have the variance `variance / mixing`.
    """
    seeds, means = observed.seeds, observed.means
    half_seeds, half_squares = seeds / 2, observed.squares / 2
    pairs = means.shape[1]
    centre, factor, variance, level = means.mean(axis=0), np.ones(pairs), np.ones(pairs), np.ones(pairs)
    away = effects = means - centre
    for drawn in map(_Chances, *astuple(chances)):
        residuals = half_squares + half_seeds * (away - factor * effects) ** 2
        precision = drawn.precision / (level + residuals)
        level = drawn.level / (0.5 + precision.sum(axis=0))
        level = np.maximum(level, _LEAST_VARIANCE)
        mixing = 2 * drawn.mixing / (FREEDOM + effects**2 / variance)
        weights = seeds * precision
        # the centre whatever the effects, then the effects given the centre: together a draw of both at once
        marginal = 1 / (factor**2 * variance / mixing + 1 / weights)
        centre = _normal(marginal.sum(axis=0), (marginal * means).sum(axis=0), drawn.centre)
        away = means - centre
        above = weights * away
        effects = _normal(factor**2 * weights + mixing / variance, factor * above, drawn.effects)
        squares = effects**2
        factor = _normal(1 + (weights * squares).sum(axis=0), (above * effects).sum(axis=0), drawn.factor)
        variance = (1 + (mixing * squares).sum(axis=0)) / 2 / drawn.variance
        # where tasks differ much, only this moves the factor; it leaves the tasks' means and the scale as they are
        stretch = np.sqrt(2 * drawn.stretch / (factor**2 + 1 / variance))
        factor, effects, variance = factor * stretch, effects / stretch, variance / stretch**2
        yield centre, np.abs(factor) * np.sqrt(variance)


def _normal(precision: np.ndarray, pull: np.ndarray, standard: np.ndarray) -> np.ndarray:
    """Draws from normal distributions with means `pull / precision`, given such of the standard one."""
    drawn: np.ndarray = pull / precision + standard / np.sqrt(precision)
    return drawn
