"""The best profit of a knapsack, by dynamic programming."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optathlon.lazy import lazy_module

if TYPE_CHECKING:
    import numpy as np
else:
    np = lazy_module("numpy")


def best_profit(profits: np.ndarray, weights: np.ndarray, capacity: int) -> float:
    """The largest sum of profits of items whose weights, positive integers, are at most the capacity together."""
    best = np.zeros(capacity + 1)
    for profit, weight in zip(profits.tolist(), weights.tolist(), strict=True):
        if weight <= capacity:
            best[weight:] = np.maximum(best[weight:], best[: capacity + 1 - weight] + profit)
    return float(best[-1])
