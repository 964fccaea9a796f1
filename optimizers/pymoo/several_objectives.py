"""pymoo's algorithms for several objectives.

Those with reference directions take as many of the simplex-lattice design (Das & Dennis 1998) as fit in the population.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Annotated

import numpy as np
from annotated_types import Ge

from optathlon.optimizer import Capability
from optathlon.optimizers.pymoo.driver import CONSTRAINED, MIXED, CubeOptimizer, MixedOptimizer
from optathlon.options import Plural, Positive, Probability, Share, Weight
from optathlon.problem import Problem

_PARETO = frozenset({Capability.MULTI_OBJECTIVE, Capability.ASYNCHRONOUS})


class PymooNSGA2(MixedOptimizer):
    """NSGA-II (Deb et al. 2002): non-dominated sorting and crowding distances.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    popsize:
        Individuals, and children per generation.
    """

    capabilities = _PARETO | MIXED | CONSTRAINED
    requires = frozenset({Capability.MULTI_OBJECTIVE})
    reference = "Deb et al. 2002, doi:10.1109/4235.996017"

    def __init__(self, problem: Problem, seed: int, *, popsize: Plural = 100) -> None:
        from pymoo.algorithms.moo.nsga2 import NSGA2

        super().__init__(problem, seed, partial(NSGA2, pop_size=popsize))


class PymooNSGA3(MixedOptimizer):
    """NSGA-III (Deb & Jain 2014): non-dominated sorting, and niches at reference directions.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    popsize:
        Individuals, at most; there are as many as reference directions.
    """

    capabilities = _PARETO | MIXED | CONSTRAINED
    requires = frozenset({Capability.MULTI_OBJECTIVE})
    reference = "Deb & Jain 2014, doi:10.1109/TEVC.2013.2281535"

    def __init__(self, problem: Problem, seed: int, *, popsize: Annotated[int, Ge(4)] = 100) -> None:
        from pymoo.algorithms.moo.nsga3 import NSGA3

        super().__init__(problem, seed, partial(NSGA3, ref_dirs=_directions(problem, popsize)))


class PymooUNSGA3(MixedOptimizer):
    """U-NSGA-III (Seada & Deb 2016): NSGA-III with tournaments within a niche.

    With one objective it is pymoo's genetic algorithm, so several are required here.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    popsize:
        Individuals, at most: there are as many as reference directions.
    """

    capabilities = _PARETO | MIXED | CONSTRAINED
    requires = frozenset({Capability.MULTI_OBJECTIVE})
    reference = "Seada & Deb 2016, doi:10.1109/TEVC.2015.2459718"

    def __init__(self, problem: Problem, seed: int, *, popsize: Annotated[int, Ge(4)] = 100) -> None:
        from pymoo.algorithms.moo.unsga3 import UNSGA3

        directions = _directions(problem, popsize)
        super().__init__(problem, seed, partial(UNSGA3, ref_dirs=directions, pop_size=len(directions)))


class PymooSMSEMOA(MixedOptimizer):
    """SMS-EMOA (Beume et al. 2007): of the last front, the least contribution to the hypervolume goes first.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    popsize:
        Individuals.
    n_offsprings:
        Children per generation; by default as many as individuals, in the paper 1.
    """

    capabilities = _PARETO | MIXED | CONSTRAINED
    requires = frozenset({Capability.MULTI_OBJECTIVE})
    reference = "Beume, Naujoks & Emmerich 2007, doi:10.1016/j.ejor.2006.08.008"

    def __init__(
        self, problem: Problem, seed: int, *, popsize: Plural = 100, n_offsprings: Positive | None = None
    ) -> None:
        from pymoo.algorithms.moo.sms import SMSEMOA

        super().__init__(problem, seed, partial(SMSEMOA, pop_size=popsize, n_offsprings=n_offsprings))


class PymooRVEA(MixedOptimizer):
    """RVEA (Cheng et al. 2016): reference vectors, and a penalty of angles that grows until the budget's end.

    It needs a budget in evaluations.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    popsize:
        Individuals, at most; there are as many as reference vectors.
    alpha:
        Exponent of the penalty's growth.
    adapt_freq:
        Share of all generations after which the vectors adapt.
    """

    capabilities = _PARETO | MIXED | CONSTRAINED
    requires = frozenset({Capability.MULTI_OBJECTIVE})
    reference = "Cheng et al. 2016, doi:10.1109/TEVC.2016.2519378"

    def __init__(
        self,
        problem: Problem,
        seed: int,
        *,
        popsize: Annotated[int, Ge(4)] = 100,
        alpha: Weight = 2.0,
        adapt_freq: Share = 0.1,
    ) -> None:
        from pymoo.algorithms.moo.rvea import RVEA
        from pymoo.termination.max_gen import MaximumGenerationTermination

        evaluations = problem.budget.evaluations
        assert evaluations is not None, self.objection(problem)
        directions = _directions(problem, popsize)
        generations = max(1, math.ceil((evaluations - len(directions)) / len(directions)))
        make = partial(RVEA, ref_dirs=directions, alpha=alpha, adapt_freq=adapt_freq)
        super().__init__(problem, seed, make, MaximumGenerationTermination(generations))

    @classmethod
    def objection(cls, problem: Problem) -> str:
        """The penalty grows until a known end."""
        return "" if problem.budget.evaluations is not None else "the method needs a budget in evaluations"


class PymooCTAEA(MixedOptimizer):
    """C-TAEA (Li et al. 2019): an archive of feasible individuals, and one of diverse ones whatever they violate.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    popsize:
        Individuals of an archive, at most; there are as many as reference directions.
    """

    capabilities = _PARETO | MIXED | CONSTRAINED
    requires = frozenset({Capability.MULTI_OBJECTIVE})
    reference = "Li et al. 2019, doi:10.1109/TEVC.2018.2855411"

    def __init__(self, problem: Problem, seed: int, *, popsize: Annotated[int, Ge(4)] = 100) -> None:
        from pymoo.algorithms.moo.ctaea import CTAEA

        super().__init__(problem, seed, partial(CTAEA, ref_dirs=_directions(problem, popsize)))


class PymooAGEMOEA(MixedOptimizer):
    """AGE-MOEA (Panichella 2019): survivors by an estimate of the front's geometry.

    Its first generation takes seconds, in which numba compiles parts of it.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    popsize:
        Individuals, and children per generation.
    """

    capabilities = _PARETO | MIXED | CONSTRAINED
    requires = frozenset({Capability.MULTI_OBJECTIVE})
    packages = ("pymoo", "numba")
    reference = "Panichella 2019, doi:10.1145/3321707.3321839"

    def __init__(self, problem: Problem, seed: int, *, popsize: Plural = 100) -> None:
        from pymoo.algorithms.moo.age import AGEMOEA

        super().__init__(problem, seed, partial(AGEMOEA, pop_size=popsize))


class PymooSPEA2(MixedOptimizer):
    """SPEA2 (Zitzler et al. 2001): the strength of those that dominate, and the distance to the nearest neighbours.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    popsize:
        Individuals, and children per generation.
    """

    capabilities = _PARETO | MIXED | CONSTRAINED
    requires = frozenset({Capability.MULTI_OBJECTIVE})
    reference = "Zitzler, Laumanns & Thiele 2001, doi:10.3929/ethz-a-004284029"

    def __init__(self, problem: Problem, seed: int, *, popsize: Plural = 100) -> None:
        from pymoo.algorithms.moo.spea2 import SPEA2

        super().__init__(problem, seed, partial(SPEA2, pop_size=popsize))


class PymooMOEAD(CubeOptimizer):
    """MOEA/D (Zhang & Li 2007): each reference direction has an individual, which mates with its neighbours.

    Tchebycheff's scalarisation for two objectives, penalty boundary intersection for more; one child at a time.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    popsize:
        Individuals, at most; there are as many as reference directions.
    n_neighbors:
        Size of a neighbourhood.
    prob_neighbor_mating:
        Probability that parents are neighbours, and not any two.
    """

    capabilities = _PARETO
    requires = frozenset({Capability.MULTI_OBJECTIVE})
    reference = "Zhang & Li 2007, doi:10.1109/TEVC.2007.892759"

    def __init__(
        self,
        problem: Problem,
        seed: int,
        *,
        popsize: Annotated[int, Ge(4)] = 100,
        n_neighbors: Plural = 20,
        prob_neighbor_mating: Probability = 0.9,
    ) -> None:
        from pymoo.algorithms.moo.moead import MOEAD

        options = {"n_neighbors": n_neighbors, "prob_neighbor_mating": prob_neighbor_mating}
        super().__init__(problem, seed, partial(MOEAD, ref_dirs=_directions(problem, popsize), **options))


class PymooGDE3(CubeOptimizer):
    """GDE3 (Kukkonen & Lampinen 2005): differential evolution with NSGA-II's survival.

    It starts with a Latin hypercube.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    popsize:
        Individuals, at least 5.
    cr:
        Probability that a coordinate is the donor's.
    """

    capabilities = _PARETO | CONSTRAINED
    requires = frozenset({Capability.MULTI_OBJECTIVE})
    reference = "Kukkonen & Lampinen 2005, doi:10.1109/CEC.2005.1554717"

    def __init__(
        self, problem: Problem, seed: int, *, popsize: Annotated[int, Ge(5)] = 100, cr: Probability = 0.5
    ) -> None:
        from pymoo.algorithms.moo.gde3 import GDE3

        super().__init__(problem, seed, partial(GDE3, pop_size=popsize, CR=cr))


class PymooMOPSOCD(CubeOptimizer):
    """MOPSO-CD (Raquel & Naval 2005): particle swarm optimisation whose leaders are the least crowded of an archive.

    Particles that leave the bounds are set to them.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    popsize:
        Particles.
    w, c1, c2:
        Weights of the velocity, of a particle's best and of its leader.
    archive_size:
        Non-dominated individuals that are kept, at most.
    """

    capabilities = _PARETO
    requires = frozenset({Capability.MULTI_OBJECTIVE})
    reference = "Raquel & Naval 2005, doi:10.1145/1068009.1068047"

    def __init__(
        self,
        problem: Problem,
        seed: int,
        *,
        popsize: Plural = 100,
        w: Weight = 0.6,
        c1: Weight = 2.0,
        c2: Weight = 2.0,
        archive_size: Plural = 200,
    ) -> None:
        from pymoo.algorithms.moo.mopso_cd import MOPSO_CD

        options = {"pop_size": popsize, "w": w, "c1": c1, "c2": c2, "archive_size": archive_size}
        super().__init__(problem, seed, partial(MOPSO_CD, **options))


def _directions(problem: Problem, most: int) -> np.ndarray:
    """Reference directions, shape (at most `most`, objectives): as many partitions as possible, at least one."""
    from pymoo.util.ref_dirs import get_reference_directions

    objectives = len(problem.objectives)
    partitions = 1
    while math.comb(partitions + objectives, objectives - 1) <= most:
        partitions += 1
    return np.asarray(get_reference_directions("das-dennis", objectives, n_partitions=partitions))


__all__ = [
    "PymooAGEMOEA",
    "PymooCTAEA",
    "PymooGDE3",
    "PymooMOEAD",
    "PymooMOPSOCD",
    "PymooNSGA2",
    "PymooNSGA3",
    "PymooRVEA",
    "PymooSMSEMOA",
    "PymooSPEA2",
    "PymooUNSGA3",
]
