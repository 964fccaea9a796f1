"""Quasi-random search: a scrambled Sobol' sequence through the quantiles of each hyperparameter's prior."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from optathlon.encoding import UnitCube, forbidden
from optathlon.errors import OptathlonError
from optathlon.optimizer import Capability, Optimizer, Pending
from optathlon.problem import Problem
from optathlon.space import decode
from optathlon.trial import Result, Trial, Value

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace
    from scipy.stats.qmc import Sobol

_BLOCK = 64
"""Points drawn and decoded at once; a power of two keeps the sequence balanced."""

_MAX_FORBIDDEN = 1 << 14
"""How many forbidden points in a row are skipped before the search gives up."""


class SobolSearch(Optimizer):
    """Scrambled Sobol' sequence (Sobol' 1967, Owen 1998), which fills the space more evenly than random points.

    Its coordinates are those of `optathlon.encoding.UnitCube`: quantiles of each hyperparameter's prior. Inactive
    hyperparameters are dropped and forbidden points skipped.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    scramble:
        Owen scrambling, driven by the seed. Without it the sequence is the same for every seed and starts at the
        lower corner of the space.
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
    packages = ("scipy", "numpy", "ConfigSpace")
    pending = Pending.IGNORES
    reference = "Sobol' 1967, doi:10.1016/0041-5553(67)90144-9; scrambling: Owen 1998, doi:10.1006/jcom.1998.0487"

    def __init__(self, problem: Problem, seed: int, *, scramble: bool = True) -> None:
        from scipy.stats.qmc import Sobol

        cube = UnitCube(problem.space)
        engine = Sobol(len(cube.names), scramble=scramble, seed=np.random.default_rng(seed))
        self._points = _points(problem.space, cube, engine)

    def ask(self) -> Trial:
        """Take the next point of the sequence that is not forbidden."""
        return Trial(next(self._points))

    def tell(self, trial: Trial, result: Result) -> None:
        """Learn nothing."""


def _points(space: ConfigurationSpace, cube: UnitCube, engine: Sobol) -> Iterator[dict[str, Value]]:
    skipped = 0
    while skipped < _MAX_FORBIDDEN:
        vectors = cube.vectors(engine.random(_BLOCK))
        allowed = ~forbidden(space, vectors)
        skipped = 0 if allowed.any() else skipped + _BLOCK
        yield from decode(space, vectors[allowed])
    raise OptathlonError(
        f"sobol: the last {_MAX_FORBIDDEN} points were all forbidden: loosen the forbidden clauses of the search space"
    )
