"""scikit-optimize: Bayesian optimization by a Gaussian process, extra trees or a random forest (Head et al. 2018).

Gradient-boosted trees are not here: those of scikit-optimize 0.10 fail with scikit-learn from 1.6 on.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, Literal

import numpy as np

from optathlon.encoding import Choice, Dimension, Number, dimensions, tempered
from optathlon.optimizer import Capability, Optimizer, Pending
from optathlon.options import Positive
from optathlon.problem import Problem
from optathlon.trial import Result, Trial, Value

_LARGEST = 1e30
"""Numbers and losses beyond are not left to scikit-learn, whose trees compute in single precision (at most 3.4e38)."""

Acquisition = Literal["gp_hedge", "EI", "LCB", "PI"]
Initial = Literal["random", "sobol", "halton", "hammersly", "lhs"]


class _SkoptOptimizer(Optimizer):
    """An `Optimizer` of scikit-optimize, by ask and tell; failed trials are told with their imputed loss.

    Pending trials are assumed to be as good as the best one (Chevalier & Ginsbourger 2013: CL-min), told to a copy, as
    scikit-optimize does it where it is asked for several points. Of a range beyond 1e30 it sees the place in [0, 1],
    of a loss beyond 1e30 the logarithm.
    """

    capabilities = frozenset({Capability.CATEGORICALS, Capability.ASYNCHRONOUS})
    pending = Pending.LIES
    packages = ("skopt", "sklearn")
    install = "pip install 'optathlon[skopt]'"
    reference = "Head et al. 2018, doi:10.5281/zenodo.1207017"

    _estimator: ClassVar[str]

    def __init__(
        self,
        problem: Problem,
        seed: int,
        *,
        acquisition: Acquisition = "EI",
        n_initial: Positive = 10,
        initial: Initial = "random",
    ) -> None:
        with _quiet():
            import skopt

            found = dimensions(problem.space)
            self._fixed = {one.name: one.values[0] for one in found if isinstance(one, Choice) and len(one.values) == 1}
            self._dimensions = [one for one in found if one.name not in self._fixed]
            self._skopt = skopt.Optimizer(
                [_dimension(one) for one in self._dimensions],
                base_estimator=self._estimator,
                n_initial_points=n_initial,
                initial_point_generator=initial,
                acq_func=acquisition,
                random_state=seed,
            )
        self._told_to_come: list[list[Any]] = []

    def ask(self) -> Trial:
        """The point that the last fit of the model found best; where trials are pending, that of a copy."""
        with _quiet():
            point = self._lying().ask() if self._told_to_come else self._skopt.ask()
        self._told_to_come.append(point)
        proposed = {one.name: _value(one, value) for one, value in zip(self._dimensions, point, strict=True)}
        return Trial(self._fixed | proposed, native=point)

    def tell(self, trial: Trial, result: Result) -> None:
        """Fit the model with the loss."""
        self._told_to_come.remove(trial.native)
        with _quiet():
            self._skopt.tell(trial.native, tempered(result.losses[0], _LARGEST))

    def _lying(self) -> Any:
        """A copy that takes pending trials for done."""
        copy = self._skopt.copy(random_state=self._skopt.rng.randint(0, np.iinfo(np.int32).max))
        lie = min(copy.yi, default=0.0)
        *others, last = self._told_to_come
        for point in others:
            copy.tell(point, lie, fit=False)
        copy.tell(last, lie)
        return copy


class SkoptGP(_SkoptOptimizer):
    """A Gaussian process with a Matérn kernel, and a portfolio of acquisition functions (Hoffman et al. 2011).

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    acquisition:
        `"gp_hedge"` chooses among the others by what they gained: expected improvement, lower confidence bound,
        probability of improvement.
    n_initial:
        Trials before the first model.
    initial:
        How these are drawn.
    """

    _estimator = "GP"

    def __init__(
        self,
        problem: Problem,
        seed: int,
        *,
        acquisition: Acquisition = "gp_hedge",
        n_initial: Positive = 10,
        initial: Initial = "random",
    ) -> None:
        super().__init__(problem, seed, acquisition=acquisition, n_initial=n_initial, initial=initial)


class SkoptET(_SkoptOptimizer):
    """Extremely randomised trees (Geurts et al. 2006) with expected improvement.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    acquisition:
        Expected improvement, lower confidence bound, probability of improvement, or by turns (`"gp_hedge"`).
    n_initial:
        Trials before the first model.
    initial:
        How these are drawn.
    """

    _estimator = "ET"


class SkoptRF(_SkoptOptimizer):
    """A random forest (Breiman 2001) with expected improvement.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    acquisition:
        Expected improvement, lower confidence bound, probability of improvement, or by turns (`"gp_hedge"`).
    n_initial:
        Trials before the first model.
    initial:
        How these are drawn.
    """

    _estimator = "RF"


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the warnings of its import, of scikit-learn and where it draws a known point again."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _is_scaled(number: Number) -> bool:
    return not number.log and number.magnitude > _LARGEST


def _value(dimension: Dimension, value: Any) -> Value:
    if isinstance(dimension, Choice):
        return dimension.decode(int(value))
    return dimension.at(value) if _is_scaled(dimension) else dimension.decode(float(value))


def _dimension(dimension: Dimension) -> Any:
    """How a user of scikit-optimize writes it; choices are indices, ordered ones integers."""
    from skopt.space import Categorical, Integer, Real

    match dimension:
        case Number() if _is_scaled(dimension):
            return Real(0.0, 1.0)
        case Number(lower=low, upper=high, log=log, integer=integer):
            return (Integer if integer else Real)(low, high, prior="log-uniform" if log else "uniform")
        case Choice(values=values, ordered=True):
            return Integer(0, len(values) - 1)
        case Choice(values=values):
            return Categorical(list(range(len(values))))
