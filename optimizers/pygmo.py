"""pygmo (Biscani & Izzo 2020): evolutionary and swarm methods of the C++ library pagmo, on the unit cube.

They take a function of real numbers: integers and ordered choices are bins of equal shares of a coordinate. A random
population is evaluated first, one individual after the other; pygmo has no default for its size. Where a method
converges, it starts again with another seed and population.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from annotated_types import Ge

from optathlon.callback import CubeLoop, Evaluate, Split, loss
from optathlon.encoding import dimensions
from optathlon.optimizer import Capability, Optimizer, Pending
from optathlon.options import Positive
from optathlon.problem import Problem
from optathlon.trial import Result, Trial

_ENDLESS = 10**8
"""Generations, where a method does the same in each."""

_UNKNOWN = 1000
"""Evaluations for which a schedule is made where the budget counts something else."""

_ORACLE = 1e9
"""The loss that GACO's penalty seeks to reach at first, as in Schlueter & Gerdts (2010)."""

_Population = Annotated[int, Ge(7)]
"""Individuals; de1220 needs seven."""


class _PygmoOptimizer(Optimizer):
    """One of pygmo's algorithms, which calls the objective back."""

    packages: ClassVar[tuple[str, ...]] = ("pygmo",)
    install = "pip install 'optathlon[pygmo]'"
    pending = Pending.WAITS

    def __init__(self, problem: Problem, seed: int, popsize: int, algorithm: str, **options: Any) -> None:
        def minimize(evaluate: Evaluate, seed: int) -> None:
            import pygmo

            function = pygmo.problem(_Function(problem, evaluate))
            method = pygmo.algorithm(getattr(pygmo, algorithm)(**options, seed=seed))
            method.evolve(pygmo.population(function, size=popsize, seed=seed))

        self._loop = CubeLoop(problem.space, seed, minimize)

    def ask(self) -> Trial:
        """The point at which pygmo has called the objective."""
        return self._loop.ask()

    def tell(self, trial: Trial, result: Result) -> None:
        """Give pygmo the objective's value, or the imputed loss of a failed trial, and the constraints."""
        self._loop.tell(result)


class PygmoSADE(_PygmoOptimizer):
    """Self-adaptive differential evolution: each individual has weights of its own (Brest et al. 2006, jDE).

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    popsize:
        Individuals.
    adaptation:
        `"jde"`, or `"ide"` (Elsayed et al. 2011), which recombines the weights too.
    """

    reference = "Brest et al. 2006, doi:10.1109/TEVC.2006.872133"

    def __init__(
        self, problem: Problem, seed: int, *, popsize: _Population = 20, adaptation: Literal["jde", "ide"] = "jde"
    ) -> None:
        variant = 1 if adaptation == "jde" else 2
        super().__init__(problem, seed, popsize, "sade", gen=_ENDLESS, variant_adptv=variant)


class PygmoDE1220(_PygmoOptimizer):
    """DE1220, pagmo's own differential evolution: individuals adapt their weights and the kind of mutation.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    popsize:
        Individuals.
    """

    reference = "https://esa.github.io/pagmo2/docs/cpp/algorithms/de1220.html"

    def __init__(self, problem: Problem, seed: int, *, popsize: _Population = 20) -> None:
        super().__init__(problem, seed, popsize, "de1220", gen=_ENDLESS)


class PygmoAnnealing(_PygmoOptimizer):
    """Simulated annealing with adapted neighbourhoods (Corana et al. 1987), from the best of a population.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    popsize:
        Random points before it starts.
    """

    reference = "Corana et al. 1987, doi:10.1145/29380.29864"

    def __init__(self, problem: Problem, seed: int, *, popsize: _Population = 20) -> None:
        super().__init__(problem, seed, popsize, "simulated_annealing")


class PygmoBeeColony(_PygmoOptimizer):
    """Artificial bee colony (Karaboga & Basturk 2007).

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    popsize:
        Food sources.
    limit:
        Trials after which a source that got no better is left.
    """

    reference = "Karaboga & Basturk 2007, doi:10.1007/s10898-007-9149-x"

    def __init__(self, problem: Problem, seed: int, *, popsize: _Population = 20, limit: Positive = 20) -> None:
        super().__init__(problem, seed, popsize, "bee_colony", gen=_ENDLESS, limit=limit)


class PygmoXNES(_PygmoOptimizer):
    """xNES: exponential natural evolution strategy (Glasmachers et al. 2010), by pygmo's `force_bounds`.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    popsize:
        Individuals.
    """

    reference = "Glasmachers et al. 2010, doi:10.1145/1830483.1830557"

    def __init__(self, problem: Problem, seed: int, *, popsize: _Population = 20) -> None:
        super().__init__(problem, seed, popsize, "xnes", gen=_ENDLESS, force_bounds=True)


class PygmoGreyWolf(_PygmoOptimizer):
    """Grey wolf optimizer (Mirjalili et al. 2014).

    Its steps become shorter until the budget ends; one that doesn't count evaluations, counts as a thousand.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    popsize:
        Wolves.
    """

    reference = "Mirjalili et al. 2014, doi:10.1016/j.advengsoft.2013.12.007"

    def __init__(self, problem: Problem, seed: int, *, popsize: _Population = 20) -> None:
        generations = math.ceil(_evaluations(problem) / popsize) - 1
        super().__init__(problem, seed, popsize, "gwo", gen=max(generations, 3))


class PygmoHarmonySearch(_PygmoOptimizer):
    """IHS: improved harmony search (Mahdavi et al. 2007), with constraints.

    Its steps become shorter until the budget ends; one that doesn't count evaluations, counts as a thousand.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    popsize:
        The memory's size.
    """

    capabilities = frozenset({Capability.CONSTRAINTS})
    reference = "Mahdavi et al. 2007, doi:10.1016/j.amc.2006.11.033"

    def __init__(self, problem: Problem, seed: int, *, popsize: _Population = 20) -> None:
        super().__init__(problem, seed, popsize, "ihs", gen=max(_evaluations(problem) - popsize, 1))


class PygmoAntColony(_PygmoOptimizer):
    """GACO: extended ant colony optimisation, with constraints by an oracle penalty (Schlueter et al. 2009).

    With constraints the oracle is 1e9 at first, as in the paper on it (Schlueter & Gerdts 2010): with pygmo's 0,
    infeasible points beat feasible ones where losses are greater.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    popsize:
        Ants.
    kernel:
        Solutions that guide them, at most as many as ants; by default 63 percent of them, as pygmo's 63 are of 100.
    """

    capabilities = frozenset({Capability.CONSTRAINTS})
    reference = "Schlueter et al. 2009, doi:10.1016/j.cor.2008.08.015"

    def __init__(
        self, problem: Problem, seed: int, *, popsize: _Population = 20, kernel: Annotated[int, Ge(2)] | None = None
    ) -> None:
        size = round(0.63 * popsize) if kernel is None else kernel
        if size > popsize:
            raise ValueError(f"kernel={size} is more than popsize={popsize}")
        oracle = {"oracle": _ORACLE} if problem.constraints else {}
        super().__init__(problem, seed, popsize, "gaco", gen=_ENDLESS, ker=size, **oracle)


class _Function:
    """What pygmo calls a user-defined problem. It copies it, but the loop is one."""

    def __init__(self, problem: Problem, evaluate: Evaluate) -> None:
        self._size = len(dimensions(problem.space))
        self._constraints = len(problem.constraints)
        self._split = Split(evaluate, self._constraints)
        self._loss = loss(evaluate)

    def __copy__(self) -> _Function:
        return self

    def __deepcopy__(self, memo: object) -> _Function:
        return self

    def fitness(self, point: np.ndarray) -> list[float]:
        """The loss, then the constraints."""
        if not self._constraints:
            return [self._loss(point)]
        return [self._split.loss(point), *self._split.constraints(point)]

    def get_bounds(self) -> tuple[list[float], list[float]]:
        """Of the unit cube."""
        return [0.0] * self._size, [1.0] * self._size

    def get_nic(self) -> int:
        """How many constraints there are, feasible where <= 0."""
        return self._constraints


def _evaluations(problem: Problem) -> int:
    evaluations = problem.budget.evaluations
    return _UNKNOWN if evaluations is None else math.ceil(evaluations)
