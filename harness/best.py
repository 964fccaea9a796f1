"""The best of several trials."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def best_first(losses: npt.NDArray[np.float64]) -> npt.NDArray[np.intp]:
    """The trials that are best, by place, in the order of their losses; of equal ones the first comes first.

    Of one objective these are all trials; of several, those that no other trial dominates: the Pareto set, where one
    of several trials with equal losses stands for all.

    Parameters
    ----------
    losses:
        Shape (trials, objectives): finite numbers to minimise.
    """
    if losses.shape[1] == 1 or not len(losses):
        return np.argsort(losses[:, 0], kind="stable")
    from moocore import is_nondominated

    places = np.flatnonzero(is_nondominated(losses, keep_weakly=False))
    return places[np.lexsort(losses[places].T[::-1])]


__all__ = ["best_first"]
