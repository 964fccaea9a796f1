"""NLopt (Johnson 2007): methods without gradients, in C, that stay within bounds, on the unit cube.

They take a function of real numbers: integers and ordered choices are bins of equal shares of a coordinate, which
makes a staircase of the objective. NLopt draws from one generator per thread, and each run is a thread: what else uses
NLopt disturbs no run.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, ClassVar, Literal

import numpy as np

from optathlon.callback import CubeLoop, Evaluate, Split, loss
from optathlon.encoding import dimensions
from optathlon.errors import SearchSpaceExhausted
from optathlon.optimizer import Capability, Optimizer, Pending
from optathlon.options import Positive, Share
from optathlon.problem import Problem
from optathlon.trial import Result, Trial

_MOST_OF_AGS = 10
"""Dimensions; a constant of its source code."""


class _NLoptOptimizer(Optimizer):
    """One of NLopt's algorithms, which calls the objective back.

    It starts at a random point, and where it ends, starts again at another one; so too where it proposes what is no
    number.
    """

    packages: ClassVar[tuple[str, ...]] = ("nlopt",)
    install = "pip install 'optathlon[nlopt]'"
    pending = Pending.WAITS

    _draws: ClassVar[bool] = True
    """Whether another seed gives other trials."""

    def __init__(
        self, problem: Problem, seed: int, algorithm: str, set_up: Callable[[Any], object] = lambda optimizer: None
    ) -> None:
        def minimize(evaluate: Evaluate, seed: int) -> None:
            import nlopt

            nlopt.srand(seed)
            size = len(dimensions(problem.space))
            split = Split(evaluate, len(problem.constraints))
            optimizer = nlopt.opt(algorithm, size)
            optimizer.set_lower_bounds(np.zeros(size))
            optimizer.set_upper_bounds(np.ones(size))
            function = split.loss if problem.constraints else loss(evaluate)
            optimizer.set_min_objective(lambda point, gradient: function(_number(point)))
            for index in range(len(problem.constraints)):
                optimizer.add_inequality_constraint(_constraint(split, index))
            set_up(optimizer)
            with suppress(nlopt.RoundoffLimited, nlopt.ForcedStop):  # it can't come closer, or has lost its way
                optimizer.optimize(np.random.default_rng(seed).random(size))
            if not self._draws:
                raise SearchSpaceExhausted("NLopt's method has ended, and would do the same again")

        self._loop = CubeLoop(problem.space, seed, minimize)

    def ask(self) -> Trial:
        """The point at which NLopt has called the objective."""
        return self._loop.ask()

    def tell(self, trial: Trial, result: Result) -> None:
        """Give NLopt the objective's value, or the imputed loss of a failed trial."""
        self._loop.tell(result)


class NLoptDirectL(_NLoptOptimizer):
    """DIRECT-L, locally biased dividing rectangles (Gablonsky & Kelley 2001), NLopt's own and randomised form.

    Ties of the side to be divided are decided by chance.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    """

    reference = "Gablonsky & Kelley 2001, doi:10.1023/A:1017930332101"

    def __init__(self, problem: Problem, seed: int) -> None:
        super().__init__(problem, seed, "GN_DIRECT_L_RAND")


class NLoptCRS2(_NLoptOptimizer):
    """Controlled random search with local mutation (Price 1983, Kaelo & Ali 2006): a population of simplices.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    population:
        Points; by default NLopt's 10 (d + 1).
    """

    reference = "Kaelo & Ali 2006, doi:10.1007/s10957-006-9101-0"

    def __init__(self, problem: Problem, seed: int, *, population: Positive | None = None) -> None:
        super().__init__(problem, seed, "GN_CRS2_LM", _population(population))


class NLoptESCH(_NLoptOptimizer):
    """ESCH: an evolution strategy with Cauchy mutations and recombination of two parents (da Silva Santos et al. 2010).

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    population:
        Parents; by default NLopt's 40.
    """

    reference = "da Silva Santos et al. 2010, doi:10.1109/LPT.2010.2051222"

    def __init__(self, problem: Problem, seed: int, *, population: Positive | None = None) -> None:
        super().__init__(problem, seed, "GN_ESCH", _population(population))


class NLoptISRES(_NLoptOptimizer):
    """ISRES: improved evolution strategy by stochastic ranking, for constraints (Runarsson & Yao 2005).

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    population:
        Individuals; by default NLopt's 20 (d + 1).
    """

    capabilities = frozenset({Capability.CONSTRAINTS})
    reference = "Runarsson & Yao 2005, doi:10.1109/TSMCC.2004.841906"

    def __init__(self, problem: Problem, seed: int, *, population: Positive | None = None) -> None:
        super().__init__(problem, seed, "GN_ISRES", _population(population))


class NLoptAGS(_NLoptOptimizer):
    """AGS: Lipschitz optimisation along a space-filling curve (Sergeyev & Markin 1995).

    It draws nothing: every seed gives the same trials. It takes at most ten hyperparameters. Constraints are not
    declared: where one is exactly 0, NLopt 2.11 leaves the bounds or crashes the process.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    """

    reference = "Sergeyev & Markin 1995, doi:10.1007/BF01096455"

    _draws = False

    def __init__(self, problem: Problem, seed: int) -> None:
        super().__init__(problem, seed, "GN_AGS")

    @classmethod
    def objection(cls, problem: Problem) -> str:
        """Its curve fills a cube of ten dimensions at most."""
        size = len(dimensions(problem.space))
        if size <= _MOST_OF_AGS:
            return ""
        return f"NLopt's AGS takes at most {_MOST_OF_AGS} hyperparameters, and the search space has {size}"


class NLoptBOBYQA(_NLoptOptimizer):
    """BOBYQA: a local trust-region method with quadratic models, within bounds (Powell 2009).

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    xtol:
        It has converged where its steps are shorter, as a share of a range.
    """

    reference = "Powell 2009, https://www.damtp.cam.ac.uk/user/na/NA_papers/NA2009_06.pdf"

    def __init__(self, problem: Problem, seed: int, *, xtol: Share = 1e-4) -> None:
        super().__init__(problem, seed, "LN_BOBYQA", _tolerance(xtol))


class NLoptSbplx(_NLoptOptimizer):
    """Sbplx: Nelder & Mead's simplex on a sequence of subspaces, after Subplex (Rowan 1990).

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    xtol:
        It has converged where its steps are shorter, as a share of a range.
    """

    reference = "Rowan 1990, as in NLopt, https://nlopt.readthedocs.io/en/latest/NLopt_Algorithms/"

    def __init__(self, problem: Problem, seed: int, *, xtol: Share = 1e-4) -> None:
        super().__init__(problem, seed, "LN_SBPLX", _tolerance(xtol))


class NLoptNelderMead(_NLoptOptimizer):
    """The simplex of Nelder & Mead (1965), within bounds as of Box (1965).

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    xtol:
        It has converged where its steps are shorter, as a share of a range.
    """

    reference = "Nelder & Mead 1965, doi:10.1093/comjnl/7.4.308"

    def __init__(self, problem: Problem, seed: int, *, xtol: Share = 1e-4) -> None:
        super().__init__(problem, seed, "LN_NELDERMEAD", _tolerance(xtol))


class NLoptCOBYLA(_NLoptOptimizer):
    """COBYLA: a local trust-region method with linear models, for constraints (Powell 1994).

    NLopt's form stays within bounds.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    xtol:
        It has converged where its steps are shorter, as a share of a range.
    """

    capabilities = frozenset({Capability.CONSTRAINTS})
    reference = "Powell 1994, doi:10.1007/978-94-015-8330-5_4"

    def __init__(self, problem: Problem, seed: int, *, xtol: Share = 1e-4) -> None:
        super().__init__(problem, seed, "LN_COBYLA", _tolerance(xtol))


class NLoptMLSL(_NLoptOptimizer):
    """MLSL: multi-level single linkage, local searches that avoid each other's optima (Rinnooy Kan & Timmer 1987).

    The local searches are BOBYQA's.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    sampling:
        Where they start from: Sobol's sequence (Kucherenko & Sytsko 2005), or random points.
    xtol:
        A local search has converged where its steps are shorter, as a share of a range.
    """

    reference = "Rinnooy Kan & Timmer 1987, doi:10.1007/BF02592071"

    def __init__(
        self, problem: Problem, seed: int, *, sampling: Literal["sobol", "random"] = "sobol", xtol: Share = 1e-4
    ) -> None:
        def set_up(optimizer: Any) -> None:
            import nlopt

            local = nlopt.opt("LN_BOBYQA", len(dimensions(problem.space)))
            _tolerance(xtol)(local)
            optimizer.set_local_optimizer(local)

        super().__init__(problem, seed, "G_MLSL_LDS" if sampling == "sobol" else "G_MLSL", set_up)


def _number(point: np.ndarray) -> np.ndarray:
    """The point; NLopt is stopped where none is left, as COBYLA's arithmetic of losses near 1e-324 or 1e308 does."""
    import nlopt

    if np.isnan(point).any():
        raise nlopt.ForcedStop
    return point


def _constraint(split: Split, index: int) -> Callable[[np.ndarray, np.ndarray], float]:
    return lambda point, gradient: split.constraint(index, _number(point))


def _population(size: int | None) -> Callable[[Any], object]:
    return lambda optimizer: optimizer.set_population(0 if size is None else size)


def _tolerance(xtol: float) -> Callable[[Any], object]:
    return lambda optimizer: optimizer.set_xtol_abs(float(xtol))
