"""What is declared of bayesian-optimization; `child.py` runs it."""

from __future__ import annotations

from typing import ClassVar, Literal

from optathlon.optimizer import Capability, Pending
from optathlon.options import Positive
from optathlon.problem import Problem
from optathlon.remote import Environment, EnvironmentOptimizer, Timeout

ENVIRONMENT = Environment(
    "bayesopt",
    (
        "bayesian-optimization==3.4.0",
        "numpy==2.4.6",
        "scipy==1.17.1",
        "scikit-learn==1.9.1",
        "joblib==1.6.0",
        "threadpoolctl==3.8.0",
    ),
)


class BayesOptGP(EnvironmentOptimizer):
    """Bayesian optimisation with a Gaussian process (Nogueira 2014).

    A Matern kernel (nu = 2.5) with one length scale for all hyperparameters, in their own units, as the library has it;
    choices are one-hot, and integers are rounded inside of the kernel (Garrido-Merchán & Hernández-Lobato 2020).
    The library has no logarithmic scale: such hyperparameters are searched as logarithms to base 10. Black-box
    constraints are modelled by Gaussian processes of their own (Gardner et al. 2014), and a failed trial counts as
    infeasible there; until a trial is feasible, they are drawn at random, as the library advises. Points may be
    proposed again, as on small spaces there are no others.

    The first trials are drawn at random, and can be evaluated at once; after them it waits for results, as the
    library's constant liar takes floats alone.

    Parameters
    ----------
    acquisition:
        By default the library's: `"ucb"`, or `"ei"` where there are constraints, which `"ucb"` can't take.
    init_points:
        Trials that are drawn at random first.
    timeout:
        Seconds that it may take for a proposal.
    """

    capabilities = frozenset(
        {
            Capability.CATEGORICALS,
            Capability.CONSTRAINTS,
            Capability.CONSTANT_SPACES,
            Capability.ASYNCHRONOUS,
        }
    )
    environment = ENVIRONMENT
    _script: ClassVar[str] = "child.py"
    pending = Pending.WAITS
    reference = "Nogueira (2014), https://github.com/bayesian-optimization/BayesianOptimization"

    def __init__(
        self,
        problem: Problem,
        seed: int,
        *,
        acquisition: Literal["default", "ucb", "ei", "poi"] = "default",
        init_points: Positive = 5,
        timeout: Timeout = 3600.0,
    ) -> None:
        if acquisition == "ucb" and problem.constraints:
            raise ValueError("the acquisition function 'ucb' takes no constraints: leave it out, or use ei or poi")
        options = {"acquisition": acquisition, "init_points": init_points}
        super().__init__(problem, seed, options=options, timeout=timeout)
