"""Every random number comes from the experiment's root seed, by `numpy.random.SeedSequence`.

A seed is derived from (root seed, axis, ids), so adding an optimizer or a task changes no other run. Optimizers
and task noise have separate axes. Noise depends on task, seed and trial number but not on the optimizer, so
optimizers are compared under common random numbers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np

LARGEST_SEED = 2**63 - 1
"""The largest seed of a run, and root seed, that can be stored; the smallest is 0."""

_NOISE_BLOCK = 256


def optimizer_seed(root: int, optimizer: str, task: str, seed: int) -> int:
    """The seed of an optimizer in one run: 0 <= seed < 2**31, which every library accepts."""
    return int(_sequence(root, "optimizer", optimizer, task, seed).generate_state(1)[0] >> 1)


def noise_seeds(root: int, task: str, seed: int) -> Iterator[int]:
    """The endless seeds (0 <= seed < 2**32) that drive the task's noise, one per trial of a run in order."""
    for block in _blocks(_sequence(root, "noise", task, seed)):
        yield from block.generate_state(_NOISE_BLOCK).tolist()


def _blocks(sequence: np.random.SeedSequence) -> Iterator[np.random.SeedSequence]:
    while True:
        yield from sequence.spawn(1)


def _sequence(root: int, axis: str, *ids: str | int) -> np.random.SeedSequence:
    digest = hashlib.sha256("\0".join((axis, *map(str, ids))).encode()).digest()
    return np.random.SeedSequence([root, *np.frombuffer(digest, dtype=np.uint32).tolist()])
