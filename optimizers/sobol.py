"""Quasi-random search: a scrambled Sobol' sequence through the quantiles of each hyperparameter's prior."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from ConfigSpace import ConfigurationSpace
from ConfigSpace.functional import quantize, quantize_log
from ConfigSpace.hyperparameters import (
    CategoricalHyperparameter,
    Constant,
    Hyperparameter,
    IntegerHyperparameter,
    OrdinalHyperparameter,
    UniformFloatHyperparameter,
    UniformIntegerHyperparameter,
)

from optathlon.errors import OptathlonError
from optathlon.optimizer import Capability, Optimizer
from optathlon.problem import Problem
from optathlon.space import decode
from optathlon.trial import Result, Trial, Value

if TYPE_CHECKING:
    from scipy.stats.qmc import Sobol

_BLOCK = 64
"""Points drawn and decoded at once; a power of two keeps the sequence balanced."""

_MAX_FORBIDDEN = 1 << 14
"""How many forbidden points in a row are skipped before the search gives up."""


class SobolSearch(Optimizer):
    """Points of the Sobol' sequence, which fill the space more evenly than random ones (Sobol' 1967).

    Every hyperparameter but constants is one coordinate in [0, 1): numbers take their prior's quantile (in log
    space where they are logarithmic), choices take bins as wide as their probability. Inactive hyperparameters
    are dropped and forbidden points skipped.

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
            Capability.ASYNCHRONOUS,
        }
    )

    def __init__(self, problem: Problem, seed: int, *, scramble: bool = True) -> None:
        from scipy.stats.qmc import Sobol

        dimensions = sum(not isinstance(hyperparameter, Constant) for hyperparameter in problem.space.values())
        engine = Sobol(dimensions, scramble=scramble, seed=np.random.default_rng(seed))
        self._points = _points(problem.space, engine)

    def ask(self) -> Trial:
        """Take the next point of the sequence that is not forbidden."""
        return Trial(next(self._points))

    def tell(self, trial: Trial, result: Result) -> None:
        """Learn nothing."""


def _points(space: ConfigurationSpace, engine: Sobol) -> Iterator[dict[str, Value]]:
    skipped = 0
    while skipped < _MAX_FORBIDDEN:
        vectors = _encode(space, engine.random(_BLOCK))
        _deactivate(space, vectors)
        allowed = ~_forbidden(space, vectors)
        skipped = 0 if allowed.any() else skipped + _BLOCK
        yield from decode(space, vectors.T[allowed])
    raise OptathlonError(
        f"sobol: the last {_MAX_FORBIDDEN} points were all forbidden: loosen the forbidden clauses of the search space"
    )


def _encode(space: ConfigurationSpace, unit: np.ndarray) -> np.ndarray:
    """Points in the unit cube, shape (n, d without constants), in ConfigSpace's encoding, shape (d, n)."""
    coordinates = iter(unit.T)
    rows = [
        np.zeros(len(unit)) if isinstance(hyperparameter, Constant) else _quantile(hyperparameter, next(coordinates))
        for hyperparameter in space.values()
    ]
    return np.stack(rows)


def _quantile(hyperparameter: Hyperparameter[Any, Any], unit: np.ndarray) -> np.ndarray:
    """The encoded values at the quantiles `unit` of the hyperparameter's prior."""
    match hyperparameter:
        case CategoricalHyperparameter():
            edges = np.cumsum(hyperparameter.probabilities)[:-1]
            return np.asarray(np.searchsorted(edges, unit, side="right"), dtype=float)
        case OrdinalHyperparameter():
            return np.asarray(np.floor(unit * len(hyperparameter.sequence)))
        case UniformFloatHyperparameter():
            return unit
        case UniformIntegerHyperparameter():
            return _round(hyperparameter, unit)
        case _:  # normal and beta priors; ConfigSpace has no public quantile function
            prior: Any = hyperparameter._vector_dist
            quantiles: np.ndarray = prior.rv.ppf(unit)
            return _round(hyperparameter, quantiles) if isinstance(hyperparameter, IntegerHyperparameter) else quantiles


def _round(hyperparameter: IntegerHyperparameter, vector: np.ndarray) -> np.ndarray:
    """Each integer gets an equal share of the range, at the bounds too, as where ConfigSpace samples."""
    bins = hyperparameter.upper - hyperparameter.lower + 1
    if hyperparameter.log:
        bounds = (hyperparameter.lower, hyperparameter.upper)
        return quantize_log(vector, bounds=(0, 1), scale_slice=bounds, bins=bins)
    return quantize(vector, bounds=(0, 1), bins=bins)


def _deactivate(space: ConfigurationSpace, vectors: np.ndarray) -> None:
    """Put NaN, in place, where a hyperparameter is inactive."""
    for index, name in enumerate(space):  # parents come before their children
        for condition in space.parent_conditions_of[name]:
            vectors[index, ~condition.satisfied_by_vector_array(vectors)] = np.nan


def _forbidden(space: ConfigurationSpace, vectors: np.ndarray) -> np.ndarray:
    forbidden = np.zeros(vectors.shape[1], dtype=bool)
    for clause in space.forbidden_clauses:
        forbidden |= clause.is_forbidden_vector_array(vectors)
    return forbidden
