"""pymoo's algorithms for one objective."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Literal

from annotated_types import Ge

from optathlon.optimizer import Capability
from optathlon.optimizers.pymoo.driver import (
    CONSTRAINED,
    MIXED,
    CubeOptimizer,
    MixedOptimizer,
    MixedVariables,
    PymooOptimizer,
)
from optathlon.options import Count, Plural, Positive, Probability, Weight
from optathlon.problem import Problem

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace

_ONE_BY_ONE = frozenset({Capability.ASYNCHRONOUS})


class PymooGA(MixedOptimizer):
    """Genetic algorithm: binary tournaments, simulated binary crossover and polynomial mutation; the best survive.

    Infeasible individuals are compared by their violation, and lose against feasible ones (Deb 2000).

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    popsize:
        Individuals, and children per generation.
    """

    capabilities = _ONE_BY_ONE | MIXED | CONSTRAINED
    reference = "Deb 2000, doi:10.1016/S0045-7825(99)00389-8; pymoo: Blank & Deb 2020, doi:10.1109/ACCESS.2020.2990567"

    def __init__(self, problem: Problem, seed: int, *, popsize: Plural = 100) -> None:
        from pymoo.algorithms.soo.nonconvex.ga import GA

        super().__init__(problem, seed, partial(GA, pop_size=popsize))


class PymooMixedGA(PymooOptimizer):
    """pymoo's `MixedVariableGA`: as its genetic algorithm, but parents are drawn at random, and all spaces are mixed.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    popsize:
        Individuals, and children per generation.
    """

    capabilities = PymooGA.capabilities
    reference = "https://pymoo.org/customization/mixed.html; Blank & Deb 2020, doi:10.1109/ACCESS.2020.2990567"

    def __init__(self, problem: Problem, seed: int, *, popsize: Plural = 50) -> None:
        from pymoo.core.mixed import MixedVariableGA

        super().__init__(problem, seed, partial(MixedVariableGA, pop_size=popsize))

    def _make_variables(self, space: ConfigurationSpace) -> MixedVariables:
        return MixedVariables(space)


class PymooDE(CubeOptimizer):
    """Differential evolution (Storn & Price 1997), with a polynomial mutation now and then.

    What leaves the bounds is drawn again between the bound and where it came from. A child that is better takes its
    parent's place; of infeasible ones the smaller violation is better.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    popsize:
        Individuals, at least 5.
    variant:
        The base vector, the number of differences and the crossover, in the notation of Storn & Price.
    f:
        Weight of a difference.
    cr:
        Probability that a coordinate is the donor's.
    """

    capabilities = _ONE_BY_ONE | CONSTRAINED
    reference = "Storn & Price 1997, doi:10.1023/A:1008202821328"

    def __init__(
        self,
        problem: Problem,
        seed: int,
        *,
        popsize: Annotated[int, Ge(5)] = 100,
        variant: Literal[
            "DE/best/1/bin", "DE/rand/1/bin", "DE/rand/1/exp", "DE/target-to-best/1/bin"
        ] = "DE/best/1/bin",
        f: Weight = 0.5,
        cr: Probability = 0.2,
    ) -> None:
        from pymoo.algorithms.soo.nonconvex.de import DE

        super().__init__(problem, seed, partial(DE, pop_size=popsize, variant=variant, F=f, CR=cr))


class PymooPSO(CubeOptimizer):
    """Particle swarm optimisation (Kennedy & Eberhart 1995) with weights that adapt to the swarm (Zhan et al. 2009).

    It starts with a Latin hypercube; the best particle is mutated. A step out of the bounds is drawn again.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    popsize:
        Particles.
    """

    capabilities = _ONE_BY_ONE | CONSTRAINED
    reference = "Zhan et al. 2009, doi:10.1109/TSMCB.2009.2015956"

    def __init__(self, problem: Problem, seed: int, *, popsize: Plural = 25) -> None:
        from pymoo.algorithms.soo.nonconvex.pso import PSO

        super().__init__(problem, seed, partial(PSO, pop_size=popsize))


class PymooBRKGA(CubeOptimizer):
    """Biased random-key genetic algorithm (Gonçalves & Resende 2011).

    Each key of a child is one parent's, more often the elite one's, and each generation has new random individuals. No
    key is ever changed: choices are not taken as ordered.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    n_elites:
        Individuals that survive, and of which one parent is.
    n_offsprings:
        Children per generation.
    n_mutants:
        New random individuals per generation.
    bias:
        Probability that a key is the elite parent's.
    """

    capabilities = _ONE_BY_ONE | MIXED | CONSTRAINED
    reference = "Gonçalves & Resende 2011, doi:10.1007/s10732-010-9143-1"

    def __init__(
        self,
        problem: Problem,
        seed: int,
        *,
        n_elites: Positive = 200,
        n_offsprings: Positive = 700,
        n_mutants: Count = 100,
        bias: Probability = 0.7,
    ) -> None:
        from pymoo.algorithms.soo.nonconvex.brkga import BRKGA

        sizes = {"n_elites": n_elites, "n_offsprings": n_offsprings, "n_mutants": n_mutants}
        super().__init__(problem, seed, partial(BRKGA, bias=bias, **sizes))


class PymooG3PCX(CubeOptimizer):
    """Generalised generation gap with parent-centric crossover (Deb et al. 2002): two children of the best at a time.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    popsize:
        Individuals, at least 4.
    """

    capabilities = _ONE_BY_ONE | CONSTRAINED
    reference = "Deb, Anand & Joshi 2002, doi:10.1162/106365602760972767"

    def __init__(self, problem: Problem, seed: int, *, popsize: Annotated[int, Ge(4)] = 100) -> None:
        from pymoo.algorithms.soo.nonconvex.g3pcx import G3PCX

        super().__init__(problem, seed, partial(G3PCX, pop_size=popsize))


class PymooISRES(CubeOptimizer):
    """Improved stochastic ranking evolution strategy (Runarsson & Yao 2005), made for constraints.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    n_offsprings:
        Children per generation, at least 14; a seventh of them survives.
    """

    capabilities = _ONE_BY_ONE | CONSTRAINED
    reference = "Runarsson & Yao 2005, doi:10.1109/TSMCC.2004.841906"

    def __init__(self, problem: Problem, seed: int, *, n_offsprings: Annotated[int, Ge(14)] = 200) -> None:
        from pymoo.algorithms.soo.nonconvex.isres import ISRES

        super().__init__(problem, seed, partial(ISRES, n_offsprings=n_offsprings))


__all__ = ["PymooBRKGA", "PymooDE", "PymooG3PCX", "PymooGA", "PymooISRES", "PymooMixedGA", "PymooPSO"]
