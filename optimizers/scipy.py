"""SciPy's optimizers (Virtanen et al. 2020) that stay within bounds, on the unit cube.

They take a function of real numbers: integers and ordered choices are bins of equal shares of a coordinate, which
makes a staircase of the objective. Where a method converges before the budget is used, it starts again.

COBYQA is in `optathlon.optimizers.cobyqa`: SciPy's copy holds a lock while it works, so that two of them can't take
turns.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from annotated_types import Gt, Le

from optathlon.callback import CubeLoop, Evaluate, Split, loss
from optathlon.encoding import Choice, Dimension, Number, UnitCube, dimensions
from optathlon.errors import SearchSpaceExhausted
from optathlon.optimizer import Capability, Optimizer, Pending
from optathlon.options import Positive
from optathlon.problem import Problem
from optathlon.trial import Result, Trial

_MOST_EVALUATIONS = 100_000
"""Of DIRECT, which asks for memory for all of them."""

_MOST_VERTICES = 1025
"""Of SHGO's default: all corners of a cube of ten dimensions, and its centre."""


class _ScipyOptimizer(Optimizer):
    """A function of `scipy.optimize`, which calls the objective back."""

    packages: ClassVar[tuple[str, ...]] = ("scipy",)
    install = "pip install optathlon"
    pending = Pending.WAITS

    def __init__(self, problem: Problem, seed: int, minimize: Callable[[Evaluate, int], object]) -> None:
        self._loop = CubeLoop(problem.space, seed, minimize)

    def ask(self) -> Trial:
        """The point at which SciPy has called the objective."""
        return self._loop.ask()

    def tell(self, trial: Trial, result: Result) -> None:
        """Give SciPy the objective's value, or the imputed loss of a failed trial."""
        self._loop.tell(result)


class ScipyDE(_ScipyOptimizer):
    """Differential evolution (Storn & Price 1997), with constraints as of Lampinen (2002).

    Integers and ordered choices are SciPy's own integers; those on a logarithmic scale are bins of a coordinate. It
    ends when its population has converged, by SciPy's default tolerance, and starts again with another seed. It is not
    followed by a gradient-based search (`polish=False`), as nothing is known of gradients.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    popsize:
        Individuals per dimension.
    strategy:
        How a mutant is made, e.g. of the best individual and one difference of two others.
    updating:
        Whether a better individual takes part at once, or from the next generation on.
    """

    capabilities = frozenset({Capability.CONSTRAINTS})
    reference = "Storn & Price 1997, doi:10.1023/A:1008202821328"

    def __init__(
        self,
        problem: Problem,
        seed: int,
        *,
        popsize: Positive = 15,
        strategy: Literal[
            "best1bin", "best1exp", "best2bin", "best2exp", "rand1bin", "rand1exp", "rand2bin", "rand2exp",
            "randtobest1bin", "randtobest1exp", "currenttobest1bin", "currenttobest1exp",
        ] = "best1bin",
        updating: Literal["immediate", "deferred"] = "immediate",
    ) -> None:  # fmt: skip
        def minimize(evaluate: Evaluate, seed: int) -> None:
            from scipy.optimize import differential_evolution

            box = _Box(problem)
            split = Split(lambda point: evaluate(box.to_cube(point)), len(problem.constraints))
            differential_evolution(
                split.loss if problem.constraints else lambda point: evaluate(box.to_cube(point)).losses[0],
                box.bounds,
                integrality=box.integrality,
                strategy=strategy,
                popsize=popsize,
                updating=updating,
                polish=False,
                constraints=_constraints(problem, split),
                rng=seed,
            )

        super().__init__(problem, seed, minimize)


class ScipyDualAnnealing(_ScipyOptimizer):
    """Dual annealing: generalised simulated annealing (Tsallis & Stariolo 1996, Xiang et al. 1997) with a local search.

    The local search is SciPy's default, L-BFGS-B, with gradients by differences. It starts again with another seed
    after a thousand steps.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    local_search:
        Without it, it is generalised simulated annealing alone.
    initial_temp:
        The temperature at the start.
    visit:
        Higher values make longer jumps.
    """

    reference = "Xiang et al. 1997, doi:10.1016/S0375-9601(97)00474-X"

    def __init__(
        self,
        problem: Problem,
        seed: int,
        *,
        local_search: bool = True,
        initial_temp: Annotated[float, Gt(0.01), Le(5e4)] = 5230.0,
        visit: Annotated[float, Gt(1), Le(3)] = 2.62,
    ) -> None:
        def minimize(evaluate: Evaluate, seed: int) -> None:
            from scipy.optimize import dual_annealing

            dual_annealing(
                loss(evaluate),
                _bounds(problem),
                initial_temp=float(initial_temp),
                visit=float(visit),
                no_local_search=not local_search,
                rng=seed,
            )

        super().__init__(problem, seed, minimize)


class ScipyDirect(_ScipyOptimizer):
    """DIRECT: dividing rectangles (Jones et al. 1993), by default the locally biased form (Gablonsky & Kelley 2001).

    It draws nothing: every seed gives the same trials. Its tolerances are 0, so that it goes on; after 100 000
    evaluations it has nothing left to try.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    locally_biased:
        Divides fewer rectangles at a time, for functions with few local minima.
    """

    reference = "Gablonsky & Kelley 2001, doi:10.1023/A:1017930332101"

    def __init__(self, problem: Problem, seed: int, *, locally_biased: bool = True) -> None:
        def minimize(evaluate: Evaluate, seed: int) -> None:
            from scipy.optimize import direct

            direct(
                loss(evaluate),
                _bounds(problem),
                maxfun=_MOST_EVALUATIONS,
                maxiter=_MOST_EVALUATIONS,
                locally_biased=locally_biased,
                vol_tol=0,
                len_tol=0,
            )
            raise SearchSpaceExhausted("DIRECT has divided all that it can")

        super().__init__(problem, seed, minimize)


class ScipySHGO(_ScipyOptimizer):
    """SHGO: simplicial homology global optimisation (Endres et al. 2018), with local searches by SLSQP.

    It samples the corners of ever smaller simplices, and starts a local search, with gradients by differences, from
    each vertex that is below its neighbours. It draws nothing: every seed gives the same trials. SciPy samples
    once and ends; here it goes on to smaller simplices.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    n:
        Vertices that are added before local searches; by default SciPy's 2^d + 1, but 1025 in more dimensions than
        ten.
    """

    reference = "Endres et al. 2018, doi:10.1007/s10898-018-0645-y"

    def __init__(self, problem: Problem, seed: int, *, n: Positive | None = None) -> None:
        def minimize(evaluate: Evaluate, seed: int) -> None:
            from scipy.optimize import shgo

            bounds = _bounds(problem)
            vertices = min(2 ** len(bounds) + 1, _MOST_VERTICES) if n is None else n
            shgo(loss(evaluate), bounds, n=vertices, iters=_MOST_EVALUATIONS, sampling_method="simplicial")
            raise SearchSpaceExhausted("SHGO has sampled all that it can")

        super().__init__(problem, seed, minimize)


class _Box:
    """The search space as differential evolution takes it: the unit cube, but ranges of integers."""

    def __init__(self, problem: Problem) -> None:
        self._cube = UnitCube(problem.space)
        self._values: dict[int, Dimension] = {}
        self.bounds: list[tuple[float, float]] = []
        for place, dimension in enumerate(dimensions(problem.space)):
            match dimension:
                case Number(integer=True, log=False, lower=lower, upper=upper):
                    bounds = (lower, upper)
                case Choice(ordered=True, values=values):
                    bounds = (0.0, len(values) - 1.0)
                case _:
                    self.bounds.append((0.0, 1.0))
                    continue
            self._values[place] = dimension
            self.bounds.append(bounds)
        self.integrality = [place in self._values for place in range(len(self.bounds))]

    def to_cube(self, point: np.ndarray) -> np.ndarray:
        """The point of the unit cube, where an integer is in the middle of its bin."""
        config = {one.name: one.decode(round(point[place])) for place, one in self._values.items()}
        found: np.ndarray = self._cube.encode([config])[0]
        for place, is_integer in enumerate(self.integrality):
            if not is_integer:
                found[place] = point[place]
        return found


def _bounds(problem: Problem) -> list[tuple[int, int]]:
    return [(0, 1)] * len(dimensions(problem.space))


def _constraints(problem: Problem, split: Split) -> Any:
    from scipy.optimize import NonlinearConstraint

    return NonlinearConstraint(split.constraints, -math.inf, 0) if problem.constraints else ()
