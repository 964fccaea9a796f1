"""Ranks from 1, where equal values share the mean of theirs."""

from __future__ import annotations

import numpy as np


def midranks(values: np.ndarray, axis: int = 0) -> np.ndarray:
    """The rank of each value among those along `axis`, of the same shape; 1 is the smallest, and none may be NaN.

    As `scipy.stats.rankdata`, without the half second that `scipy.stats` takes to load.
    """
    along = np.moveaxis(np.asarray(values), axis, -1)
    order = np.argsort(along, axis=-1, kind="stable")
    ordered = np.take_along_axis(along, order, axis=-1)
    places = np.arange(along.shape[-1])
    is_new = np.ones(along.shape, dtype=bool)
    is_new[..., 1:] = ordered[..., 1:] != ordered[..., :-1]
    is_last = np.roll(is_new, -1, axis=-1)
    first = np.maximum.accumulate(np.where(is_new, places, 0), axis=-1)
    last = np.minimum.accumulate(np.where(is_last, places, len(places))[..., ::-1], axis=-1)[..., ::-1]
    ranks = np.empty(along.shape)
    np.put_along_axis(ranks, order, (first + last) / 2 + 1, axis=-1)
    return np.moveaxis(ranks, -1, axis)
