"""COBYQA (Ragonneau & Zhang 2022), by its authors' package, on the unit cube."""

from __future__ import annotations

import math
from typing import Annotated

import numpy as np
from annotated_types import Gt, Le

from optathlon.callback import CubeLoop, Evaluate, Split, loss
from optathlon.encoding import dimensions
from optathlon.optimizer import Capability, Optimizer, Pending
from optathlon.problem import Problem
from optathlon.trial import Result, Trial


class COBYQA(Optimizer):
    """A local trust-region method with quadratic models, for constraints; it stays within bounds.

    It starts at a random point, and where it has converged or done its 500 evaluations per dimension, at another one.
    Integers and ordered choices are bins of equal shares of a coordinate, which makes a staircase of the objective.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    radius_init:
        Of the trust region at the start, as a share of a range. COBYQA moves the start away from bounds or onto them,
        by as much: with its default, 1, on a cube all starts are in corners and middles.
    """

    capabilities = frozenset({Capability.CONSTRAINTS})
    packages = ("cobyqa",)
    install = "pip install 'optathlon[cobyqa]'"
    pending = Pending.WAITS
    reference = "Ragonneau & Zhang 2022, https://www.cobyqa.com"

    def __init__(self, problem: Problem, seed: int, *, radius_init: Annotated[float, Gt(1e-6), Le(0.5)] = 0.1) -> None:
        def minimize(evaluate: Evaluate, seed: int) -> None:
            from cobyqa import minimize
            from scipy.optimize import Bounds, NonlinearConstraint

            size = len(dimensions(problem.space))
            split = Split(evaluate, len(problem.constraints))
            minimize(
                split.loss if problem.constraints else loss(evaluate),
                np.random.default_rng(seed).random(size),
                bounds=Bounds(np.zeros(size), np.ones(size)),
                constraints=NonlinearConstraint(split.constraints, -math.inf, 0) if problem.constraints else (),
                options={"radius_init": float(radius_init)},
            )

        self._loop = CubeLoop(problem.space, seed, minimize)

    def ask(self) -> Trial:
        """The point at which COBYQA has called the objective."""
        return self._loop.ask()

    def tell(self, trial: Trial, result: Result) -> None:
        """Give COBYQA the loss, or the imputed one of a failed trial, and the constraints."""
        self._loop.tell(result)
