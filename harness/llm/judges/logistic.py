"""From differences in worth to preferences."""

from __future__ import annotations

import numpy as np


def logistic(differences: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-difference)): the probability that the first is preferred (Bradley and Terry 1952), elementwise."""
    with np.errstate(over="ignore"):
        preferences: np.ndarray = 1.0 / (1.0 + np.exp(-differences))
    return preferences
