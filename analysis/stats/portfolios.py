"""Portfolios: a few configurations of which one is good on each task, chosen greedily."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln


def scaled(losses: np.ndarray) -> np.ndarray:
    """Losses of shape (configurations, tasks) from 0, the best on a task, to 1, the worst; NaN, a failure, is 1.

    A task on which all known losses are equal, or none is known, has 0 for these.
    """
    known = np.isfinite(losses)
    low = np.min(losses, axis=0, where=known, initial=np.inf)
    high = np.max(losses, axis=0, where=known, initial=-np.inf)
    span = np.where(high > low, high - low, 1.0)
    filled = np.where(known, losses, high)
    with np.errstate(invalid="ignore"):
        found = np.where(known, (filled - low) / span, 1.0)
    return np.where(known.any(axis=0), found, 0.0)


def greedy_portfolio(losses: np.ndarray, size: int) -> list[int]:
    """The configurations of a portfolio, in the order in which they were added.

    Each step adds the one with which the mean over tasks of the best loss so far is the lowest (Feurer et al. 2022,
    JMLR 23:261, section 3.1, after Xu et al. 2010); of equally good ones the first. It ends early where no addition
    is better.

    Parameters
    ----------
    losses:
        Shape (configurations, tasks): comparable between tasks, as of `scaled`.
    size:
        The most configurations, at least 1.
    """
    best = np.full(losses.shape[1], np.inf)
    chosen: list[int] = []
    while len(chosen) < min(size, len(losses)):
        means = np.minimum(losses, best).mean(axis=1)
        addition = int(np.argmin(means))
        if chosen and means[addition] >= best.mean():
            break
        chosen.append(addition)
        best = np.minimum(best, losses[addition])
    return chosen


@dataclass(frozen=True)
class LeftOut:
    """What a portfolio made without a task does there; losses are scaled over all candidates, 0 is the best of them.

    Attributes
    ----------
    portfolio:
        The best loss of the portfolio's configurations, made of candidates that no run on the task has found.
    first:
        The loss of the first of them: the configuration that is best on average elsewhere.
    drawn:
        The expected best loss of as many of these candidates, drawn at random.
    size:
        How many configurations the portfolio has.
    """

    portfolio: float
    first: float
    drawn: float
    size: int


def leave_one_out(losses: np.ndarray, found_on: np.ndarray, size: int) -> list[LeftOut | None]:
    """For each task a portfolio made without it, judged on it; `None` where no candidate was found elsewhere.

    Parameters
    ----------
    losses:
        Shape (configurations, tasks), in the tasks' own units; NaN is a failure.
    found_on:
        Shape (configurations, tasks), boolean: on which tasks a configuration was found. What was found on the task
        that is left out alone takes no part.
    size:
        The most configurations.
    """
    judged = scaled(losses)
    found: list[LeftOut | None] = []
    for task in range(losses.shape[1]):
        others = np.arange(losses.shape[1]) != task
        able = np.flatnonzero(found_on[:, others].any(axis=1))
        if not len(able):
            found.append(None)
            continue
        chosen = able[greedy_portfolio(scaled(losses[np.ix_(able, others)]), size)]
        here = judged[chosen, task]
        drawn = expected_best(judged[able, task], len(chosen))
        found.append(LeftOut(float(here.min()), float(here[0]), drawn, len(chosen)))
    return found


def expected_best(losses: np.ndarray, draws: int) -> float:
    """The expected least of `draws` different ones of `losses`, in closed form."""
    ordered, total = np.sort(losses), len(losses)
    rank = np.arange(total - draws + 1)
    # the chance that the draw's least has this rank: all others come from the larger ones
    log_chance = _log_binomial(total - 1 - rank, draws - 1) - _log_binomial(np.array([total]), draws)
    return float(np.exp(log_chance) @ ordered[: len(rank)])


def _log_binomial(n: np.ndarray, k: int) -> np.ndarray:
    logarithm: np.ndarray = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
    return logarithm
