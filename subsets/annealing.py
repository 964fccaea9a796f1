"""Simulated annealing of one or more disjoint subsets, by exchanges that improve the worst box of the worst subset.

An exchange takes a point out of a subset and puts another in. It is proposed so that the box where the subset's
discrepancy is attained improves, and accepted if the greatest discrepancy stays below a threshold which is drawn
first: the present one plus an exponential variate times the temperature, which is the Metropolis rule. So a proposal
need not be evaluated exactly, only be shown to exceed the threshold, and that is quick:

1. Each subset *watches* some boxes that ruled out earlier proposals, and its worst one; an exchange changes their
   excess by 1 / k or not at all.
2. Only closed boxes that hold the incoming point and miss the outgoing one can newly hold too many points, and only
   open boxes the other way round too few.
3. Where neither exceeds the old discrepancy and the worst box has improved, the greatest excess of the watched boxes is
   taken for the new discrepancy. All boxes are searched only when that comes within one temperature of the best found,
   which therefore is exact; a box that is found then is watched from there on.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from optathlon.subsets import kernels
from optathlon.subsets.baselines import proportional
from optathlon.subsets.boxes import Instance, Points, Workspace, make_workspace, sorted_members, subset_weights
from optathlon.subsets.kernels import OUTSIDE, State

STAGES = 256
"""How many temperatures there are, each a fixed factor below the one before."""
HOT, COLD = 0.08, 0.035
"""First and last temperature, in units of 1 / k, the excess of one point."""
LOCALITY = (0.7, 0.97)
"""The probability of proposing a near point, at first and at last."""
GUIDANCE = 0.9
"""The probability of proposing an exchange that improves the worst box; others let the subset drift."""
WATCHED = 48
"""How many boxes each subset watches."""


class Outcome(NamedTuple):
    """The best subsets (m, k) of one restart, and the greatest of their discrepancies."""

    energy: float
    restart: int
    subsets: Points


def make_state(instance: Instance, work: Workspace, subsets: Points) -> State:
    """The state of the given disjoint subsets (m, k), each with its worst box watched."""
    m = len(subsets)
    axes, n = instance.ranks.shape
    state = State(
        owner=np.full(n, OUTSIDE),
        members=np.stack([sorted_members(instance, subset) for subset in subsets]),
        weights=np.stack([subset_weights(instance, subset) for subset in subsets]),
        discrepancies=np.zeros(m),
        box=np.zeros((m, axes), np.int32),
        family=np.zeros(m, np.int32),
        best=subsets.copy(),
        best_energy=np.zeros(1),
        corners=np.full((m, axes, WATCHED), -1, np.int32),
        signs=np.ones((m, WATCHED)),
        counts=np.zeros((m, WATCHED), np.int32),
        offsets=np.zeros((m, WATCHED), np.int32),
        volumes=np.ones((m, WATCHED)),
        used=np.full((m, WATCHED), -1),
        clock=np.zeros(1, np.intp),
        next_box=np.zeros((m, axes), np.int32),
        next_family=np.zeros(m, np.int32),
        ranks_out=np.zeros(axes, np.int32),
        ranks_in=np.zeros(axes, np.int32),
        changes=np.zeros((2, WATCHED), np.int32),
        excesses=np.zeros(WATCHED),
    )
    for which, subset in enumerate(subsets):
        state.owner[subset] = which
        state.discrepancies[which] = kernels.worst_box(instance, work, state.members[which], state.weights[which], 0.0)
        state.box[which], state.family[which] = work.box, work.family[0]
        kernels.watch(instance, state, which, 0, work.box, int(work.family[0]))
    state.best_energy[0] = state.discrepancies.max()
    return state


def anneal(
    instance: Instance,
    neighbors: Points,
    strata: Points,
    subsets: int,
    proposals: int,
    seed: int,
    restart: int,
    stop: npt.NDArray[np.bool_],
) -> Outcome:
    """One annealing of `subsets` disjoint subsets, from random ones; it ends early if `stop[0]` becomes true.

    `strata` (n): numbers from 0 on. Exchanges leave each subset its share of each.
    """
    random = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(restart,)))
    k = instance.size
    work = make_workspace(instance)
    state = make_state(instance, work, stratified_start(strata, subsets, k, random))
    for stage in range(STAGES):
        if stop[0]:
            break
        progress = stage / (STAGES - 1)
        temperature = HOT / k * (COLD / HOT) ** progress
        locality = LOCALITY[0] + (LOCALITY[1] - LOCALITY[0]) * progress
        due = proposals * (stage + 1) // STAGES - proposals * stage // STAGES
        kernels.anneal(instance, work, state, neighbors, strata, random, due, temperature, locality, GUIDANCE, stop)
    return Outcome(float(state.best_energy[0]), restart, state.best)


def stratified_start(strata: Points, subsets: int, k: int, random: np.random.Generator) -> Points:
    """Disjoint subsets (m, k) with the shares of strata that all points have.

    Of each stratum, all subsets together have the next whole number above or below their share; points are dealt like
    cards, stratum by stratum, so that two subsets differ by at most one point in each.
    """
    order = random.permutation(len(strata))
    counts = proportional(np.bincount(strata), subsets * k)
    drawn = [order[strata[order] == stratum][:count] for stratum, count in enumerate(counts)]
    return np.ascontiguousarray(np.concatenate(drawn).reshape(k, subsets).T)


def best_of_restarts(
    run: Callable[[int, npt.NDArray[np.bool_]], Outcome], restarts: int, seconds: float | None, workers: int
) -> Outcome:
    """The best outcome of `run(restart, stop)` for all restarts, in threads; of equal ones the first.

    After `seconds`, or an exception here, `stop[0]` becomes true.
    """
    stop = np.zeros(1, np.bool_)
    with ThreadPoolExecutor(min(workers, restarts)) as pool:
        try:
            futures = [pool.submit(run, restart, stop) for restart in range(restarts)]
            limit = None if seconds is None else min(seconds, threading.TIMEOUT_MAX)
            wait(futures, timeout=limit, return_when=FIRST_EXCEPTION)
        finally:
            stop[0] = True
        return min((future.result() for future in futures), key=lambda outcome: outcome[:2])
