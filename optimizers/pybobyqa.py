"""Py-BOBYQA (Cartis et al. 2019), on the unit cube."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from annotated_types import Gt, Lt

from optathlon.callback import CubeLoop, Evaluate, loss
from optathlon.encoding import dimensions
from optathlon.optimizer import Optimizer, Pending
from optathlon.problem import Problem
from optathlon.trial import Result, Trial


class PyBOBYQA(Optimizer):
    """BOBYQA with restarts that seek a global minimum (Cartis et al. 2021): trust regions with quadratic models.

    It starts at a random point. Where it has converged, it moves on with larger trust regions
    (`seek_global_minimum=True`). Where that has often been in vain, and after the 100 (d + 1) evaluations, at most
    1000, that are its default, it starts again at another random point. Integers and ordered choices are bins of equal
    shares of a coordinate, which makes a staircase of the objective.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    rhobeg:
        Radius of the trust region at the start, as a share of a range.
    """

    packages = ("pybobyqa",)
    install = "pip install 'optathlon[pybobyqa]'"
    pending = Pending.WAITS
    reference = "Cartis et al. 2021, doi:10.1080/02331934.2021.1883015"

    def __init__(self, problem: Problem, seed: int, *, rhobeg: Annotated[float, Gt(1e-8), Lt(0.5)] = 0.1) -> None:
        def minimize(evaluate: Evaluate, seed: int) -> None:
            import pybobyqa

            size = len(dimensions(problem.space))
            pybobyqa.solve(
                loss(evaluate),
                np.random.default_rng(seed).random(size),
                bounds=(np.zeros(size), np.ones(size)),
                rhobeg=float(rhobeg),
                seek_global_minimum=True,
                do_logging=False,
            )

        self._loop = CubeLoop(problem.space, seed, minimize, "numpy")

    def ask(self) -> Trial:
        """The point at which Py-BOBYQA has called the objective."""
        return self._loop.ask()

    def tell(self, trial: Trial, result: Result) -> None:
        """Give Py-BOBYQA the objective's value, or the imputed loss of a failed trial."""
        self._loop.tell(result)
