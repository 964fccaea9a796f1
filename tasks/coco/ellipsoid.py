"""The rotated ellipsoid with a conditioning of one's choice: coco-experiment has BBOB's f10 alone, with 1e6.

Source: N. Hansen, S. Finck, R. Ros, A. Auger: "Real-Parameter Black-Box Optimization Benchmarking 2009: Noiseless
Functions Definitions", INRIA RR-6829.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from optathlon.tasks.coco.generator import rotation, shift


def rotated_ellipsoid(dimension: int, instance: int, conditioning: float) -> Callable[[np.ndarray], float]:
    """How much BBOB's rotated ellipsoid f10 would be above its optimum, were it conditioned like that."""
    seed = 10 + 10_000 * instance
    optimum, rotated = shift(dimension, seed), rotation(dimension, seed + 1_000_000)
    weights = conditioning ** np.linspace(0.0, 1.0, dimension)
    return lambda point: float(weights @ oscillated(rotated @ (point - optimum)) ** 2)


def oscillated(values: np.ndarray) -> np.ndarray:
    """The irregular wave T_osz of RR-6829, applied to each number."""
    logarithms = np.log(np.abs(values), out=np.zeros_like(values), where=values != 0)
    first, second = np.where(values > 0, 10.0, 5.5), np.where(values > 0, 7.9, 3.1)
    wave = 0.049 * (np.sin(first * logarithms) + np.sin(second * logarithms))
    transformed: np.ndarray = np.sign(values) * np.exp(logarithms + wave)
    return transformed
