"""Random search: independent samples from the search space's own distribution."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from optathlon.optimizer import Capability, Optimizer, Pending
from optathlon.problem import Problem
from optathlon.space import decode
from optathlon.trial import Result, Trial, Value

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace

_BLOCK = 64
"""Configurations sampled and decoded at once: several times cheaper than one by one."""


class RandomSearch(Optimizer):
    """Random search (Bergstra & Bengio 2012): the sequence of `ConfigurationSpace.sample_configuration(64)`.

    Priors, conditions and forbidden clauses are ConfigSpace's own business.
    """

    capabilities = frozenset(
        {
            Capability.MULTI_OBJECTIVE,
            Capability.CATEGORICALS,
            Capability.CONDITIONS,
            Capability.FORBIDDENS,
            Capability.CONSTANT_SPACES,
            Capability.ASYNCHRONOUS,
        }
    )
    packages = ("ConfigSpace", "numpy")
    pending = Pending.IGNORES
    reference = "Bergstra & Bengio 2012, https://jmlr.org/papers/v13/bergstra12a.html"

    def __init__(self, problem: Problem, seed: int) -> None:
        problem.space.seed(seed)
        self._samples = _samples(problem.space)

    def ask(self) -> Trial:
        """Draw the next configuration."""
        return Trial(next(self._samples))

    def tell(self, trial: Trial, result: Result) -> None:
        """Learn nothing."""


def _samples(space: ConfigurationSpace) -> Iterator[dict[str, Value]]:
    while True:
        block = space.sample_configuration(_BLOCK)
        yield from decode(space, np.stack([configuration.get_array() for configuration in block]))
