"""The noise of BBOB's noisy functions.

Source: N. Hansen, S. Finck, R. Ros, A. Auger: "Real-Parameter Black-Box Optimization Benchmarking 2009: Noisy Functions
Definitions", INRIA RR-6869.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import numpy as np

_EXACT_BELOW = 1e-8
"""Values closer to the optimum have no noise."""

_OFFSET = 1.01e-8
"""It keeps noise from lifting a value over the target precision of 1e-8."""


Noise: TypeAlias = "Callable[[float, np.random.Generator], float]"
"""What becomes of an excess over the optimal value, which is at least 0, with the random numbers of the generator."""


def with_noise(excess: float, noise: Noise, generator: np.random.Generator) -> float:
    """The noisy excess over the optimal value, 1.01e-8 added; below 1e-8 the excess itself."""
    return excess if excess < _EXACT_BELOW else noise(excess, generator) + _OFFSET


def gaussian(*, beta: float) -> Noise:
    """The excess times exp(beta N), where N is standard normal."""
    return lambda excess, generator: excess * math.exp(beta * generator.standard_normal())


def uniform(*, alpha: float, beta: float) -> Noise:
    """The excess times U^beta max(1, (1e9 / excess)^(alpha V)), where U and V are uniform on [0, 1)."""

    def noise(excess: float, generator: np.random.Generator) -> float:
        first, second = generator.random(2).tolist()
        return float(excess * first**beta * max(1.0, (1e9 / (excess + 1e-99)) ** (alpha * second)))

    return noise


def cauchy(*, alpha: float, p: float) -> Noise:
    """The excess plus alpha max(0, 1000 + C), where C is 0, or with probability p Cauchy distributed."""

    def noise(excess: float, generator: np.random.Generator) -> float:
        outlier = generator.random() < p
        numerator, denominator = generator.standard_normal(2).tolist()
        return float(excess + alpha * max(0.0, 1000.0 + outlier * numerator / (abs(denominator) + 1e-199)))

    return noise


def model(kind: str, severity: str, dimension: int) -> Noise:
    """The noise that RR-6869 calls `"Gaussian"`, `"uniform"` or `"Cauchy"`, `"moderate"` or `"severe"`."""
    match kind, severity:
        case "Gaussian", "moderate":
            return gaussian(beta=0.01)
        case "Gaussian", "severe":
            return gaussian(beta=1.0)
        case "uniform", "moderate":
            return uniform(alpha=0.01 * (0.49 + 1 / dimension), beta=0.01)
        case "uniform", "severe":
            return uniform(alpha=0.49 + 1 / dimension, beta=1.0)
        case "Cauchy", "moderate":
            return cauchy(alpha=0.01, p=0.05)
        case _:
            return cauchy(alpha=1.0, p=0.2)
