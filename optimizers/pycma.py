"""pycma, the package `cma` (Hansen et al. 2019, doi:10.5281/zenodo.2559634): CMA-ES by its authors."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, Literal

import numpy as np
from annotated_types import Ge

from optathlon.callback import Callback, Ended
from optathlon.encoding import Dimension, Number, UnitCube, dimensions
from optathlon.generations import Generations
from optathlon.generators import LentGenerators
from optathlon.optimizer import Capability, Optimizer, Pending
from optathlon.options import Share
from optathlon.problem import Problem
from optathlon.trial import Result, Trial, Value

_MOST_RESTARTS = 9
"""As pycma recommends."""


class Pycma(Optimizer):
    """CMA-ES (Hansen 2016), with restarts on request (Auger & Hansen 2005, Hansen 2009).

    Floats are coordinates of `optathlon.encoding.UnitCube`, and so are integers on a logarithmic scale. Other integers
    and ordered choices are pycma's integer variables, in steps of one. Bounds are kept by pycma: by a smooth periodic
    transformation, or by a penalty on solutions that are evaluated at the bound.

    A generation is told when it is complete. Failed trials are told with their imputed loss. Without restarts it goes
    on where pycma would stop; when the last of nine restarts has stopped, there is nothing left to try.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    popsize:
        Trials per generation, at least 4; by default 4 + floor(3 ln d).
    sigma:
        The first standard deviation, as a share of each range.
    boundary:
        `"transform"` or `"penalty"`.
    restarts:
        `"none"` starts in the middle. `"ipop"` and `"bipop"` start at random places, and again where pycma stops: with
        twice the population, or by turns with a small one.
    diagonal:
        Whether the covariance matrix is diagonal, for many dimensions.
    """

    capabilities = frozenset({Capability.ASYNCHRONOUS})
    packages = ("cma", "greenlet")
    install = "pip install 'optathlon[pycma]'"
    pending = Pending.WAITS
    reference = "Hansen 2016, arXiv:1604.00772; https://github.com/CMA-ES/pycma"

    def __init__(
        self,
        problem: Problem,
        seed: int,
        *,
        popsize: Annotated[int, Ge(4)] | None = None,
        sigma: Share = 0.25,
        boundary: Literal["transform", "penalty"] = "transform",
        restarts: Literal["none", "ipop", "bipop"] = "none",
        diagonal: bool = False,
    ) -> None:
        self._generators = LentGenerators(seed, "numpy")
        self._layout = _Layout(problem)
        options = {
            **self._layout.options(),
            "CMA_diagonal": diagonal,
            "seed": np.nan,  # pycma draws from the generator that it is lent
            "verb_log": 0,
            "verbose": -10,
        }
        if popsize is not None:
            options["popsize"] = popsize
        with self._lent():
            import cma

            options["BoundaryHandler"] = cma.BoundTransform if boundary == "transform" else cma.BoundPenalty
            if restarts == "none":
                strategy = cma.CMAEvolutionStrategy(self._layout.middle(), sigma, options)
                self._generations = Generations(
                    lambda: list(strategy.ask()),
                    lambda points, results: strategy.tell(list(points), _losses(results)),
                )
            else:
                self._loop = Callback(
                    lambda function: cma.fmin2(
                        None,
                        self._layout.anywhere,
                        sigma,
                        options,
                        parallel_objective=function,
                        restarts=_MOST_RESTARTS,
                        bipop=restarts == "bipop",
                    )
                )
                self._generations = Generations(
                    self._points, lambda points, results: self._loop.answer(_losses(results))
                )

    def ask(self) -> Trial | None:
        """The next solution of the generation, if one is left."""
        with self._lent():
            member = self._generations.next()
        return member and Trial(self._layout.config(member.individual), native=member)

    def tell(self, trial: Trial, result: Result) -> None:
        """Tell pycma the generation when it is complete."""
        with self._lent():
            self._generations.tell(trial.native, result)

    def _points(self) -> Sequence[np.ndarray]:
        try:
            return list(np.atleast_2d(self._loop.point))
        except Ended:
            return ()

    @contextmanager
    def _lent(self) -> Iterator[None]:
        with self._generators.lent(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            yield


class _Layout:
    """Which coordinates are pycma's integer variables, and the scale of each."""

    def __init__(self, problem: Problem) -> None:
        self._cube = UnitCube(problem.space)
        self._dimensions = dimensions(problem.space)
        self._stepped = {index: one for index, one in enumerate(self._dimensions) if _has_steps(one)}

    def options(self) -> dict[str, Any]:
        """Bounds, scales and integers, as pycma takes them."""
        count = len(self._dimensions)
        lower, upper, widths = np.zeros(count), np.ones(count), np.ones(count)
        for index, dimension in self._stepped.items():
            widths[index] = _count(dimension)
            lower[index], upper[index] = -0.5, widths[index] - 0.5
        found: dict[str, Any] = {"bounds": [list(lower), list(upper)], "CMA_stds": list(widths)}
        return found | {"integer_variables": list(self._stepped)}

    def middle(self) -> np.ndarray:
        """Of all ranges, shape (d,)."""
        return np.array([_middle(one) for one in self._dimensions])

    def anywhere(self) -> np.ndarray:
        """Uniformly distributed, shape (d,)."""
        place = np.random.rand(len(self._dimensions))
        for index, dimension in self._stepped.items():
            place[index] = place[index] * _count(dimension) - 0.5
        return place

    def config(self, point: np.ndarray) -> dict[str, Value]:
        """The configuration of a solution."""
        coordinates = np.array(point, dtype=float)
        for index, dimension in self._stepped.items():
            coordinates[index] = (round(coordinates[index]) + 0.5) / _count(dimension)
        (config,) = self._cube.decode(coordinates[None])
        return config


def _has_steps(dimension: Dimension) -> bool:
    return not isinstance(dimension, Number) or (dimension.integer and not dimension.log)


def _count(dimension: Dimension) -> float:
    return dimension.upper - dimension.lower + 1 if isinstance(dimension, Number) else len(dimension.values)


def _middle(dimension: Dimension) -> float:
    return (_count(dimension) - 1) / 2 if _has_steps(dimension) else 0.5


def _losses(results: Sequence[Result]) -> list[float]:
    return [result.losses[0] for result in results]


__all__ = ["Pycma"]
