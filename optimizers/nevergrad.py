"""Nevergrad (Rapin & Teytaud 2018): differential evolution, particle swarm optimisation and a (1+1) evolution strategy.

The search space is the parametrization that a Nevergrad user writes; the methods see it as coordinates of a continuous
space, where a choice is drawn from the softmax of its own. Failed trials are told with their imputed loss.

NGOpt, Nevergrad's wizard, is not here. Of Nevergrad 1.0.12 the methods it picks among use a quadratic model that fails
with numpy 2.4, and pycma's `fmin`, which is seeded by the clock and seeds numpy's global generator, from a thread.
"""

from __future__ import annotations

import math
import warnings
from typing import Any, ClassVar, Literal

import numpy as np

from optathlon.encoding import Choice, Dimension, Number, dimensions
from optathlon.generators import LentGenerators
from optathlon.optimizer import Capability, Optimizer
from optathlon.options import Positive, Probability, Weight
from optathlon.problem import Problem
from optathlon.trial import Result, Trial


class _NevergradOptimizer(Optimizer):
    """A member of one of Nevergrad's families, driven by ask and tell; it draws from its parametrization's generator.

    Of several objectives Nevergrad minimises the negative hypervolume. The reference point is the problem's, where
    every objective has one, and else the worst of the first 15 trials.
    """

    capabilities = frozenset({Capability.MULTI_OBJECTIVE, Capability.CATEGORICALS, Capability.ASYNCHRONOUS})
    packages: ClassVar[tuple[str, ...]] = ("nevergrad",)
    install = "pip install 'optathlon[nevergrad]'"

    _takes_reference: ClassVar[bool] = True

    def __init__(self, problem: Problem, seed: int, family: str, **options: Any) -> None:
        with LentGenerators(seed, "python", "numpy").lent():  # its import and its parametrizations change them
            import nevergrad as ng

            parametrization = ng.p.Dict(**{one.name: _parameter(one) for one in dimensions(problem.space)})
            parametrization.random_state = np.random.RandomState(seed)
            evaluations = problem.budget.evaluations
            self._nevergrad = getattr(ng.families, family)(**options)(
                parametrization,
                budget=None if evaluations is None else math.ceil(evaluations),
                num_workers=problem.n_workers,
            )
            reference = [one.loss(one.reference) for one in problem.objectives if one.reference is not None]
            if self._takes_reference and 1 < len(problem.objectives) == len(reference):
                self._nevergrad.tell(ng.p.MultiobjectiveReference(), reference)

    def ask(self) -> Trial:
        """Take Nevergrad's next candidate."""
        candidate = self._nevergrad.ask()
        return Trial(candidate.value, native=candidate)

    def tell(self, trial: Trial, result: Result) -> None:
        """Tell the candidate's losses, without the warning that the hypervolume makes one infinite."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._nevergrad.tell(trial.native, list(result.losses))


class NevergradDE(_NevergradOptimizer):
    """Differential evolution (Storn & Price 1997), each individual drawn to the best one too (current-to-best/1).

    Of several objectives it draws individuals from the Pareto front, and puts a child in its parent's place with
    the probability of the share of losses that are better.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    popsize:
        Individuals; by default 30, or one per worker if those are more.
    crossover:
        Probability that a coordinate is the donor's.
    f1, f2:
        Weights of the difference of two individuals and of that to the best one.
    """

    _takes_reference = False  # Nevergrad's documentation gives one to "all but DE optimizers"

    def __init__(
        self,
        problem: Problem,
        seed: int,
        *,
        popsize: Positive | None = None,
        crossover: Probability = 0.5,
        f1: Weight = 0.8,
        f2: Weight = 0.8,
    ) -> None:
        size = "standard" if popsize is None else popsize
        super().__init__(problem, seed, "DifferentialEvolution", popsize=size, crossover=float(crossover), F1=f1, F2=f2)


class NevergradPSO(_NevergradOptimizer):
    """Particle swarm optimisation (Kennedy & Eberhart 1995), partly SPSO-2011 (Zambrano-Bigiarini et al. 2013).

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    popsize:
        Particles; by default 40, or one per worker if those are more.
    """

    def __init__(self, problem: Problem, seed: int, *, popsize: Positive | None = None) -> None:
        super().__init__(problem, seed, "ConfPSO", transform="arctan", popsize=popsize)


class NevergradOnePlusOne(_NevergradOptimizer):
    """(1+1) evolution strategy with the one-fifth success rule (Schumer & Steiglitz 1968, Rechenberg 1973).

    It starts in the middle of the search space.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    mutation:
        `"gaussian"` and `"cauchy"` steps move all coordinates of the best configuration; `"discrete"` (one on average),
        `"portfolio"` (a random number) and `"doublefastga"` (a heavy-tailed one; Doerr et al. 2017) draw some again.
    """

    def __init__(
        self,
        problem: Problem,
        seed: int,
        *,
        mutation: Literal["gaussian", "cauchy", "discrete", "portfolio", "doublefastga"] = "gaussian",
    ) -> None:
        super().__init__(problem, seed, "ParametrizedOnePlusOne", mutation=mutation)


def _parameter(dimension: Dimension) -> Any:
    """How a Nevergrad user writes this hyperparameter."""
    import nevergrad as ng

    match dimension:
        case Number(lower=lower, upper=upper, log=log, integer=integer):
            number = (ng.p.Log if log else ng.p.Scalar)(lower=lower, upper=upper)
            return number.set_integer_casting() if integer else number
        case Choice(values=values, ordered=ordered):
            return (ng.p.TransitionChoice if ordered else ng.p.Choice)(list(values))
