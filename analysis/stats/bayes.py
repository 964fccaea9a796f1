"""Bayesian comparison of optimizers two by two: how probable it is that one is better, equivalent or worse."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from optathlon.analysis.stats.block import block, by_pair
from optathlon.analysis.stats.gibbs import FREEDOM, Chain, gibbs
from optathlon.errors import UsageError

_PRIOR_STRENGTH = 0.5
"""Weight of the pseudo-observation at zero against that of a task (Benavoli et al. 2014; baycomp's default)."""
_BATCH = 200_000
"""Sampled weights of tasks held at once: bounds the memory, and fits a processor's cache."""
_WORK = 30_000_000
"""The most draws x tasks x pairs of optimizers, if there are more than `_FEWEST` draws."""
_FEWEST = 500
_FEW_TASKS = 80
"""Up to about so many, products of the weights of two tasks take less time than sorting."""
_ROUNDING = 1e-12


def bayesian_signed_rank(task_scores: pd.DataFrame, *, rope: float, samples: int = 5000, seed: int = 0) -> pd.DataFrame:
    """The Bayesian signed-rank test (Benavoli et al. 2014, ICML; Benavoli et al. 2017, JMLR 18:77, section 4.2).

    The differences on tasks have a Dirichlet process prior of strength 0.5 at zero. The mean difference of two tasks
    drawn from it is in favour of the first optimizer, in the region of practical equivalence, or in favour of the
    second; returned is how probable it is a posteriori that each of these is the likeliest, as by
    `baycomp.SignedRankTest`. Where optimizers don't differ and the rope is narrow, `better` or `worse` exceeds 0.95 in
    about one case of eight, 0.975 in one of fifteen: it is not a test of level 0.05.

    Parameters
    ----------
    task_scores:
        Tasks x optimizers: means over seeds, lower is better, no NaN.
    rope:
        The difference of scores up to which optimizers are equivalent in practice, at least 0.
    samples:
        How many draws from the posterior; the standard error of a probability is at most `0.5 / sqrt(samples)`. There
        are fewer, but not below 500, where draws x tasks x pairs of optimizers exceed 30 million: from 600 tasks for
        5 optimizers on, or 40 tasks for 18.
    seed:
        Seeds the draws.

    Returns
    -------
    Index (`first`, `second`), all ordered pairs of different optimizers; `better` (the first is), `equivalent`,
    `worse`, which sum to 1.

    Raises
    ------
    UsageError
        Where `rope` is negative.
    """
    _check(rope)
    table = task_scores.sort_index(axis=0).sort_index(axis=1)
    scores = table.to_numpy(dtype=float)
    first, second = np.triu_indices(scores.shape[1], k=1)
    observations = np.vstack([np.zeros(len(first)), scores[:, second] - scores[:, first]])
    draws = min(samples, max(_FEWEST, _WORK // max(1, observations.size)))
    likeliest = _signed_rank(observations, rope, draws, np.random.default_rng(seed))
    return _by_ordered_pair(table.columns, likeliest)


def hierarchical(scores: pd.Series, *, rope: float, samples: int = 1000, seed: int = 0) -> pd.DataFrame:
    """The Bayesian hierarchical comparison (Corani et al. 2017, Machine Learning 106:1817-1837) of runs on tasks.

    Differences between runs of the same (task, seed) are normal around the task's mean difference with the task's
    variance; the tasks' means are Student's t around a common mean. Other than in the paper, seeds are independent
    (there are no folds that share data), and returned is the posterior probability of where the mean difference on a
    *new* task lies, not of which region it most probably lies in: with ever more data it doesn't tend to 0 or 1.

    The priors are those of `optathlon.analysis.stats.gibbs.gibbs`.

    Parameters
    ----------
    scores:
        Index (`task`, `seed`, `optimizer`), every optimizer on every (task, seed); lower is better, no NaN.
    rope:
        The difference of scores up to which optimizers are equivalent in practice, at least 0.
    samples:
        How many draws from the posterior, after those to warm up; of 1000, the error is about 0.02.
    seed:
        Seeds the draws.

    Returns
    -------
    Index (`first`, `second`), all ordered pairs of different optimizers; `better` (the first is), `equivalent`,
    `worse`, which sum to 1.

    Raises
    ------
    UsageError
        Where `rope` is negative or no task has two seeds.
    """
    _check(rope)
    runs = block(scores)
    if runs.seeds_per_task.max() < 2:
        raise UsageError(
            "a hierarchical comparison needs two seeds on some task, and every task has one: run more seeds, or use "
            "bayesian_signed_rank"
        )
    first, second = np.triu_indices(len(runs.optimizers), k=1)
    differences = [cells[:, second] - cells[:, first] for cells in runs.by_task]
    chain = gibbs(differences, least_scale=rope / 1000, samples=samples, rng=np.random.default_rng(seed))
    return _by_ordered_pair(runs.optimizers, _regions(chain, rope))


def _check(rope: float) -> None:
    if not rope >= 0:
        raise UsageError(
            f"rope is {rope}, but a difference that makes none in practice can't be negative: give 0 or more"
        )


def _by_ordered_pair(optimizers: pd.Index, probabilities: np.ndarray) -> pd.DataFrame:
    """From `probabilities` of shape (3, unordered pairs): the first is better, equivalent, worse."""
    matrices = np.zeros((3, len(optimizers), len(optimizers)))
    first, second = np.triu_indices(len(optimizers), k=1)
    matrices[:, first, second] = probabilities
    matrices[:, second, first] = probabilities[::-1]
    return by_pair(optimizers, dict(zip(("better", "equivalent", "worse"), matrices, strict=True)))


def _signed_rank(observations: np.ndarray, rope: float, samples: int, rng: np.random.Generator) -> np.ndarray:
    """Shape (3, pairs): how probably each region is the likeliest.

    `observations`, of shape (1 + tasks, pairs), start with the pseudo-observation; all pairs share the sampled weights.
    """
    concentration = np.concatenate([[_PRIOR_STRENGTH], np.ones(len(observations) - 1)])
    weights = rng.dirichlet(concentration, size=samples)
    weigh = _by_products if len(observations) <= _FEW_TASKS else _by_sums
    batches = np.array_split(weights, -(-weights.size // _BATCH))
    counts: np.ndarray = np.sum([weigh(observations, batch, rope) for batch in batches], axis=0)
    return counts / samples


def _by_products(observations: np.ndarray, weights: np.ndarray, rope: float) -> np.ndarray:
    """Shape (3, pairs): in how many of `weights`, of shape (samples, observations), each region is the likeliest.

    By definition: two observations weigh the product of their weights, where their mean lies. It is one product of
    matrices for all pairs of optimizers, which grows with the square of the observations.
    """
    one, other = np.triu_indices(len(observations))
    products = weights[:, one] * weights[:, other] * np.where(one < other, 2.0, 1.0)

    def count(differences: np.ndarray) -> np.ndarray:
        sums = differences[one] + differences[other]
        worse, better = products @ _below(sums, -2 * rope), 1 - products @ _below(sums, 2 * rope)
        return _likeliest(np.stack([better, 1 - better - worse, worse]))

    parts = -(-observations.shape[1] * max(len(one), len(weights)) // _BATCH)
    return np.concatenate([count(part) for part in np.array_split(observations, parts, axis=1)], axis=1)


def _below(sums: np.ndarray, bound: float) -> np.ndarray:
    """1 where a sum is below `bound`, one half where it equals it, else 0."""
    share: np.ndarray = np.add(sums < bound - _ROUNDING, sums < bound + _ROUNDING, dtype=float) / 2
    return share


def _by_sums(observations: np.ndarray, weights: np.ndarray, rope: float) -> np.ndarray:
    """As `_by_products`, one pair of optimizers after the other, each by sums of sorted weights."""
    weighted = weights.T.copy()
    shares = (_shares(differences, weighted, rope)[:, :, None] for differences in observations.T)
    return np.concatenate([_likeliest(share) for share in shares], axis=1)


def _shares(differences: np.ndarray, weights: np.ndarray, rope: float) -> np.ndarray:
    """Shape (3, samples): the weight of the ordered pairs of `differences` with a mean above, within, below the rope.

    `weights` have the shape (differences, samples). In sorted order, those that make a pair with a given one too small
    come first, so that sums from the first on are enough for all pairs.
    """
    order = np.argsort(differences, kind="stable")
    ordered, weighted = differences[order], weights[order]
    sums = np.zeros((len(weighted) + 1, weighted.shape[1]))
    np.cumsum(weighted, axis=0, out=sums[1:])

    def below(bound: float) -> np.ndarray:
        """The weight of the pairs with a smaller sum; half of it of those with an equal one."""
        ends = np.searchsorted(ordered, bound - ordered + np.array([[-_ROUNDING], [_ROUNDING]]))
        weight: np.ndarray = np.einsum("ts,ts->s", weighted, (sums[ends[0]] + sums[ends[1]]) / 2)
        return weight

    worse, better = below(-2 * rope), 1 - below(2 * rope)
    return np.stack([better, 1 - better - worse, worse])


def _likeliest(shares: np.ndarray) -> np.ndarray:
    """Shape (3, pairs): in how many samples (second axis) each region has the largest share; ties are divided."""
    largest = (shares >= shares.max(axis=0) - _ROUNDING).view(np.uint8)
    among = largest.sum(axis=0, dtype=np.uint8)
    is_tied = among.max(initial=1) > 1
    counts: np.ndarray = (largest / among).sum(axis=1) if is_tied else largest.sum(axis=1, dtype=np.int32)
    return counts


def _regions(chain: Chain, rope: float) -> np.ndarray:
    """Shape (3, pairs): the chances of a new task's mean difference to be above, within and below the rope."""
    above = chances_below((chain.centres - rope) / chain.scales).mean(axis=0)
    below = chances_below((-rope - chain.centres) / chain.scales).mean(axis=0)
    return np.stack([above, 1 - above - below, below])


def chances_below(values: np.ndarray) -> np.ndarray:
    """Student's t distribution with 5 degrees of freedom (Abramowitz and Stegun 1964, 26.7.3), of the same shape.

    `scipy.special.stdtr` takes 28 times as long, as it is for any degrees of freedom.
    """
    slopes = values / math.sqrt(FREEDOM)
    squares = 1 / (1 + slopes**2)
    chances: np.ndarray = 0.5 + (np.arctan(slopes) + slopes * squares * (1 + 2 / 3 * squares)) / math.pi
    return chances
