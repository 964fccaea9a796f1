"""Hyperparameters that are shares of a whole, as of the data sets in a mixture: one encoding, in both directions.

Optimizers search boxes, and shares that add up to 1 are none. By stick-breaking, n shares are n - 1 numbers in [0, 1].
The first one is what the first share takes of the whole, the second what the second share takes of what is left, and so
on; the last share is the rest. Each number is bent so that uniform numbers are uniform mixtures: of what is left for m
shares, the number u takes 1 - (1 - u)^(1 / (m - 1)), the quantile u of the distribution Beta(1, m - 1).

Dirichlet distributions are made so in J. Sethuraman: "A Constructive Definition of Dirichlet Priors", Statistica
Sinica 4, 1994.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from optathlon.errors import UsageError

ROUNDING = 1e-6
"""So far from 1 may the sum of shares be."""


def shares_of(numbers: Sequence[float]) -> list[float]:
    """The n shares, each >= 0 and together 1, that n - 1 numbers in [0, 1] stand for."""
    left, shares = 1.0, []
    for place, number in enumerate(numbers):
        taken = 1 - (1 - number) ** (1 / (len(numbers) - place))
        shares.append(left * taken)
        left *= 1 - taken
    return [*shares, left]


def numbers_of(shares: Sequence[float]) -> list[float]:
    """The n - 1 numbers in [0, 1] that stand for n shares; 0.5 where nothing is left to break.

    Raises `UsageError` for shares that are negative, or whose sum is not 1 within a millionth.
    """
    if len(shares) < 2 or min(shares) < 0 or abs(math.fsum(shares) - 1) > ROUNDING:
        raise UsageError(f"{list(shares)} are not shares of a whole: give at least two numbers >= 0 whose sum is 1")
    numbers = []
    for place, share in enumerate(shares[:-1]):
        left = math.fsum(shares[place:])
        power = len(shares) - 1 - place
        numbers.append(1 - (1 - min(share / left, 1.0)) ** power if left > 0 else 0.5)
    return numbers


__all__ = ["ROUNDING", "numbers_of", "shares_of"]
