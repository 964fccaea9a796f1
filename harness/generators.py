"""Global random generators, lent to a library that draws from them for as long as it works."""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from optathlon.lazy import lazy_module

if TYPE_CHECKING:
    import numpy as np
else:
    np = lazy_module("numpy")


Source = Literal["python", "numpy", "numpy-default", "torch"]


class _Generator(NamedTuple):
    seeded: Callable[[int], Any]
    get: Callable[[], Any]
    set: Callable[[Any], None]


class LentGenerators:
    """A run's own states of global random generators.

    They are put in place while a library works and taken out again afterwards, so that neither the library nor other
    code disturbs the other, and the run repeats itself.

    Parameters
    ----------
    seed:
        0 <= seed < 2**31.
    sources:
        The generators that the library draws from: of `random`, of `numpy.random`, of torch (on the CPU). With
        `"numpy-default"` each `numpy.random.default_rng()` that it makes without a seed gets one from the run.
    """

    def __init__(self, seed: int, *sources: Source) -> None:
        self._generators = [_generator(source) for source in sources]
        self._states = [generator.seeded(seed) for generator in self._generators]

    @contextmanager
    def lent(self) -> Iterator[None]:
        """Let the library use them; warning filters that it changes are put back too."""
        before = self._exchange(self._states)
        try:
            with warnings.catch_warnings():
                yield
        finally:
            self._states = self._exchange(before)

    def _exchange(self, states: list[Any]) -> list[Any]:
        """Put states in place; those that were there."""
        before = [generator.get() for generator in self._generators]
        for generator, state in zip(self._generators, states, strict=True):
            generator.set(state)
        return before


def _seeding(seed: int) -> Callable[..., np.random.Generator]:
    """A `numpy.random.default_rng` whose generators without a seed of their own repeat from run to run."""
    make, seeds = np.random.default_rng, np.random.default_rng(seed)
    return lambda seed=None: make(seeds.integers(2**32) if seed is None else seed)


def _generator(source: Source) -> _Generator:
    match source:
        case "python":
            return _Generator(lambda seed: random.Random(seed).getstate(), random.getstate, random.setstate)
        case "numpy":
            return _Generator(
                lambda seed: np.random.RandomState(seed).get_state(), np.random.get_state, np.random.set_state
            )
        case "numpy-default":
            return _Generator(
                _seeding, lambda: np.random.default_rng, lambda maker: setattr(np.random, "default_rng", maker)
            )
        case "torch":
            import torch

            return _Generator(
                lambda seed: torch.Generator().manual_seed(seed).get_state(), torch.get_rng_state, torch.set_rng_state
            )


__all__ = ["LentGenerators"]
