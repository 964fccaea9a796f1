"""Nevergrad (Rapin & Teytaud 2018): families of evolution strategies, estimation of distributions, swarms and sampling.

The search space is the parametrization that a Nevergrad user writes; the methods see it as coordinates of a continuous
space, where a choice is drawn from the softmax of its own. Failed trials are told with their imputed loss.

NGOpt, Nevergrad's wizard, is not here. With Nevergrad 1.0.12 and numpy 2.4 it picks a quadratic model that fails
("TypeError: only 0-dimensional arrays can be converted to Python scalars": on two or five floats with 300 evaluations,
on ten with 1000), and in some of these cases pycma's `fmin`, which is seeded by the clock, from a thread. Else it is
SciPy's Cobyla on floats, and a discrete (1+1) evolution strategy on mixed spaces. The compact genetic algorithm is not
here either: its probabilities of 500 levels, none below 1/40, stay nearly equal.
"""

from __future__ import annotations

import math
import warnings
from typing import Any, ClassVar, Literal

import numpy as np

from optathlon.encoding import Choice, Dimension, Number, dimensions
from optathlon.generators import LentGenerators
from optathlon.optimizer import Capability, Optimizer, Pending
from optathlon.options import Positive, Probability, Weight
from optathlon.problem import Problem
from optathlon.trial import Result, Trial


class _NevergradOptimizer(Optimizer):
    """A member of one of Nevergrad's families, driven by ask and tell; it draws from its parametrization's generator.

    `family` is the name of a family, or of a method that has no options.

    Of several objectives Nevergrad minimises the negative hypervolume. The reference point is the problem's, where
    every objective has one, and else the worst of the first 15 trials.
    """

    capabilities = frozenset({Capability.MULTI_OBJECTIVE, Capability.CATEGORICALS, Capability.ASYNCHRONOUS})
    packages: ClassVar[tuple[str, ...]] = ("nevergrad",)
    install = "pip install 'optathlon[nevergrad]'"
    pending = Pending.IGNORES

    _takes_reference: ClassVar[bool] = True

    def __init__(self, problem: Problem, seed: int, family: str, **options: Any) -> None:
        with LentGenerators(seed, "python", "numpy").lent():  # its import and its parametrizations change them
            import nevergrad as ng

            warnings.simplefilter("ignore")  # that the budget is small
            parametrization = ng.p.Dict(**{one.name: _parameter(one) for one in dimensions(problem.space)})
            parametrization.random_state = np.random.RandomState(seed)
            evaluations = problem.budget.evaluations
            found = getattr(ng.families, family, None)
            method = ng.optimizers.registry[family] if found is None else found(**options)
            self._nevergrad = method(
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

    reference = "Storn & Price 1997, doi:10.1023/A:1008202821328"

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

    reference = "Kennedy & Eberhart 1995, doi:10.1109/ICNN.1995.488968"

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

    reference = "Schumer & Steiglitz 1968, doi:10.1109/TAC.1968.1098903"

    def __init__(
        self,
        problem: Problem,
        seed: int,
        *,
        mutation: Literal["gaussian", "cauchy", "discrete", "portfolio", "doublefastga"] = "gaussian",
    ) -> None:
        super().__init__(problem, seed, "ParametrizedOnePlusOne", mutation=mutation)


class NevergradLengler(_NevergradOptimizer):
    """Discrete (1+1) evolution strategy whose mutation rate falls with time, as by Lengler (Einarsson et al. 2018).

    Each step draws some coordinates of the best configuration again; which share, depends on the number of trials.
    """

    reference = "Einarsson et al. 2018, doi:10.1145/3205455.3205519"

    def __init__(self, problem: Problem, seed: int) -> None:
        super().__init__(problem, seed, "ParametrizedOnePlusOne", crossover=False, mutation="lengler")


class NevergradTBPSA(_NevergradOptimizer):
    """Test-based population-size adaptation (Hellwig & Beyer 2016), for noisy objectives.

    An evolution strategy whose population grows where a test sees no more progress.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    initial_popsize:
        Parents, at first and at least; four times as many children. By default one per coordinate.
    """

    reference = "Hellwig & Beyer 2016 (PPSN XIV), https://homepages.fhv.at/hgb/New-Papers/PPSN16_HB16.pdf"

    def __init__(self, problem: Problem, seed: int, *, initial_popsize: Positive | None = None) -> None:
        super().__init__(problem, seed, "ParametrizedTBPSA", naive=False, initial_popsize=initial_popsize)


class NevergradEMNA(_NevergradOptimizer):
    """EMNA: estimation of a multivariate normal distribution of the best (Larrañaga & Lozano 2002).

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    covariance:
        `"isotropic"` has one variance for all coordinates, `"diagonal"` one for each.
    """

    reference = "Larrañaga & Lozano 2002, doi:10.1007/978-1-4615-1539-5"

    def __init__(
        self,
        problem: Problem,
        seed: int,
        *,
        covariance: Literal["isotropic", "diagonal"] = "isotropic",
    ) -> None:
        super().__init__(problem, seed, "EMNA", isotropic=covariance == "isotropic")


class NevergradEDA(_NevergradOptimizer):
    """Nevergrad's estimation of distribution algorithm: a normal distribution with a full covariance matrix."""

    reference = "https://facebookresearch.github.io/nevergrad/optimizers_ref.html"

    def __init__(self, problem: Problem, seed: int) -> None:
        super().__init__(problem, seed, "EDA")


class NevergradHammersley(_NevergradOptimizer):
    """Scrambled Hammersley sequence over the whole budget: one-shot search (Cauwet et al. 2020).

    It needs a budget in evaluations.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    opposition:
        Every second trial mirrors the one before it: `"opposite"`, or `"quasi"`, at a random distance from the middle.
    """

    reference = "Cauwet et al. 2020, arXiv:1910.08406"

    def __init__(
        self, problem: Problem, seed: int, *, opposition: Literal["none", "opposite", "quasi"] = "none"
    ) -> None:
        mode = None if opposition == "none" else opposition
        options = {"sampler": "Hammersley", "scrambled": True, "opposition_mode": mode}
        super().__init__(problem, seed, "SamplingSearch", **options)

    @classmethod
    def objection(cls, problem: Problem) -> str:
        """The sequence depends on its length."""
        return "" if problem.budget.evaluations is not None else "the method needs a budget in evaluations"


def _parameter(dimension: Dimension) -> Any:
    """How a Nevergrad user writes this hyperparameter."""
    import nevergrad as ng

    match dimension:
        case Number(lower=lower, upper=upper, log=log, integer=integer):
            number = (ng.p.Log if log else ng.p.Scalar)(lower=lower, upper=upper)
            return number.set_integer_casting() if integer else number
        case Choice(values=values, ordered=ordered):
            return (ng.p.TransitionChoice if ordered else ng.p.Choice)(list(values))
