"""BBOB's own random numbers, from which it shifts and rotates its functions (INRIA RR-6829).

They are a part of the functions' definitions, so they must be these, and not numpy's.
"""

from __future__ import annotations

import numpy as np


def uniform(count: int, seed: int) -> np.ndarray:
    """`count` numbers in (0, 1): Lehmer's generator, shuffled through a table of 32."""
    state = max(1, abs(seed))
    table = [0] * 32
    for index in reversed(range(40)):
        state = _step(state)
        if index < len(table):
            table[index] = state
    drawn = table[0]
    numbers = np.empty(count)
    for place in range(count):
        state = _step(state)
        slot = drawn // 67_108_865
        drawn, table[slot] = table[slot], state
        numbers[place] = drawn / 2_147_483_647
    return numbers


def gaussian(count: int, seed: int) -> np.ndarray:
    """`count` standard normal numbers, by Box and Muller."""
    first, second = uniform(2 * count, seed).reshape(2, count)
    drawn: np.ndarray = np.sqrt(-2 * np.log(first)) * np.cos(2 * np.pi * second)
    return drawn


def shift(dimension: int, seed: int) -> np.ndarray:
    """A point of the grid of width 8e-4 in [-4, 4]^dimension, without zeros."""
    point = 8 * np.floor(1e4 * uniform(dimension, seed)) / 1e4 - 4
    return np.where(point == 0, -1e-5, point)


def rotation(dimension: int, seed: int) -> np.ndarray:
    """A random orthogonal matrix of shape (dimension, dimension), by Gram and Schmidt."""
    columns = gaussian(dimension * dimension, seed).reshape(dimension, dimension)
    for index in range(dimension):
        for before in columns[:index]:
            columns[index] -= columns[index] @ before * before
        columns[index] /= np.linalg.norm(columns[index])
    return columns.T


def _step(state: int) -> int:
    state = 16_807 * (state % 127_773) - 2_836 * (state // 127_773)
    return state + 2_147_483_647 if state < 0 else state
