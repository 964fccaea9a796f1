"""Hypervolume over the trials of a run (computed by moocore)."""

from __future__ import annotations

import numpy as np

_DIGITS = 12
"""Significant digits kept, so that equal fronts reached in another order tie instead of differing by rounding."""


def running_hypervolume(losses: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """The hypervolume of the non-dominated set after each trial.

    Parameters
    ----------
    losses:
        Shape (n, m): m objectives to minimise, in trial order; finite.
    reference:
        Shape (m,): the point up to which volume counts.

    Returns
    -------
    Shape (n,), never decreasing, >= 0; points that don't strictly dominate the reference add nothing.
    """
    import moocore

    volumes = np.zeros(len(losses))
    front = np.empty((0, len(reference)))
    volume = 0.0
    for index, point in enumerate(losses):
        if np.all(point < reference) and not np.any(np.all(front <= point, axis=1)):
            front = np.vstack([front[~np.all(front >= point, axis=1)], point])
            volume = float(f"{moocore.hypervolume(front, ref=reference):.{_DIGITS}g}")
        volumes[index] = volume
    return volumes
