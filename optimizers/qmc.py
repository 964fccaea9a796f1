"""Designs of `scipy.stats.qmc` that fill the space evenly, through the quantiles of each hyperparameter's prior."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from optathlon.encoding import UnitCube, forbidden
from optathlon.errors import OptathlonError
from optathlon.optimizer import Capability, Optimizer
from optathlon.problem import Problem
from optathlon.space import decode
from optathlon.trial import Result, Trial, Value

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace
    from scipy.stats.qmc import QMCEngine

_BLOCK = 64
"""Points drawn and decoded at once; a power of two keeps Sobol's sequence balanced."""

_MAX_FORBIDDEN = 1 << 14
"""How many forbidden points in a row are skipped before the search gives up."""


class _Design(Optimizer):
    """Points of a design, one after the other.

    Its coordinates are those of `optathlon.encoding.UnitCube`: quantiles of each hyperparameter's prior. Inactive
    hyperparameters are dropped and forbidden points skipped.
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

    def __init__(self, problem: Problem, make_engine: Callable[[int], QMCEngine], block: int = _BLOCK) -> None:
        cube = UnitCube(problem.space)
        self._points = _points(problem.space, cube, make_engine(len(cube.names)), block)

    def ask(self) -> Trial:
        """Take the next point that is not forbidden."""
        return Trial(next(self._points))

    def tell(self, trial: Trial, result: Result) -> None:
        """Learn nothing."""


class SobolSearch(_Design):
    """Points of the Sobol' sequence, which fill the space more evenly than random ones (Sobol' 1967).

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    scramble:
        Owen scrambling, driven by the seed. Without it the sequence is the same for every seed and starts at the
        lower corner of the space.
    """

    reference = "Sobol' 1967, doi:10.1016/0041-5553(67)90144-9"

    def __init__(self, problem: Problem, seed: int, *, scramble: bool = True) -> None:
        from scipy.stats.qmc import Sobol

        super().__init__(problem, lambda d: Sobol(d, scramble=scramble, seed=np.random.default_rng(seed)))


class HaltonSearch(_Design):
    """Points of the Halton sequence (Halton 1960): van der Corput's in a prime base of its own per hyperparameter.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    scramble:
        Random permutations of digits (Owen 2017), driven by the seed. Without it the sequence is the same for every
        seed, and uneven in many dimensions.
    """

    reference = "Halton 1960, doi:10.1007/BF01386213; Owen 2017, arXiv:1706.02808"

    def __init__(self, problem: Problem, seed: int, *, scramble: bool = True) -> None:
        from scipy.stats.qmc import Halton

        super().__init__(problem, lambda d: Halton(d, scramble=scramble, seed=np.random.default_rng(seed)))


class LatinHypercubeSearch(_Design):
    """Latin hypercube sampling (McKay et al. 1979): each hyperparameter's range is divided in as many parts as trials.

    The design is of the size of the budget. Where it isn't enough, another one follows: a budget that doesn't count
    evaluations has designs of 64, and forbidden points are skipped.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    """

    reference = "McKay et al. 1979, doi:10.2307/1268522"

    def __init__(self, problem: Problem, seed: int) -> None:
        from scipy.stats.qmc import LatinHypercube

        evaluations = problem.budget.evaluations
        block = _BLOCK if evaluations is None else math.ceil(evaluations)
        super().__init__(problem, lambda d: LatinHypercube(d, seed=np.random.default_rng(seed)), block)


def _points(space: ConfigurationSpace, cube: UnitCube, engine: QMCEngine, block: int) -> Iterator[dict[str, Value]]:
    skipped = 0
    while skipped < _MAX_FORBIDDEN:
        vectors = cube.vectors(engine.random(block))
        allowed = vectors[~forbidden(space, vectors)]
        skipped = 0 if len(allowed) else skipped + block
        for start in range(0, len(allowed), _BLOCK):
            yield from decode(space, allowed[start : start + _BLOCK])
    raise OptathlonError(
        f"the last {_MAX_FORBIDDEN} points were all forbidden: loosen the forbidden clauses of the search space"
    )
