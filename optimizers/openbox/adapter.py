"""What is declared of OpenBox; `child.py` runs it."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from optathlon.optimizer import Capability, Pending
from optathlon.options import Positive, Probability
from optathlon.problem import Problem
from optathlon.remote import Environment, EnvironmentOptimizer, Timeout

ENVIRONMENT = Environment(
    "openbox",
    (
        "openbox==0.9.0",
        "ConfigSpace==0.6.1",
        "numpy==1.26.4",
        "scipy==1.12.0",
        "scikit-learn==1.3.2",
        "pandas==2.1.4",
        "statsmodels==0.14.1",
        "scikit-optimize==0.10.2",
        "emcee==3.1.6",
    ),
    ("3.11", "3.12"),
)

Design = Literal["random_explore_first", "random", "default", "sobol", "latin_hypercube"]
"""How the first configurations are chosen."""


class _OpenBox(EnvironmentOptimizer):
    """OpenBox's advisor, on a search space of ConfigSpace 0.6; failed trials are told as such.

    Where several trials may be pending it is the asynchronous one: the best candidate that is not pending.
    """

    environment = ENVIRONMENT
    _script: ClassVar[str] = "child.py"
    pending = Pending.IGNORES
    reference = "Jiang et al. (2024), https://jmlr.org/papers/v25/23-0537.html"

    _advisor: ClassVar[dict[str, Any]]

    def __init__(
        self,
        problem: Problem,
        seed: int,
        *,
        initial_trials: Positive = 3,
        init_strategy: Design = "random_explore_first",
        rand_prob: Probability = 0.1,
        timeout: Timeout = 3600.0,
    ) -> None:
        own = {"initial_trials": initial_trials, "init_strategy": init_strategy, "rand_prob": rand_prob}
        super().__init__(problem, seed, options=self._advisor | own, timeout=timeout)


_FLAT = {Capability.CATEGORICALS, Capability.ASYNCHRONOUS}
_STRUCTURED = {Capability.CONDITIONS, Capability.FORBIDDENS}


class OpenBoxGP(_OpenBox):
    """Bayesian optimisation with a Gaussian process and expected improvement, with random configurations in between.

    Constraints are modelled by Gaussian processes of their own (expected constrained improvement).

    Parameters
    ----------
    initial_trials:
        Configurations before the model is used.
    init_strategy:
        How these are chosen.
    rand_prob:
        The probability that a proposal is a random configuration.
    timeout:
        Seconds that it may take for a proposal.
    """

    capabilities = frozenset(_FLAT | _STRUCTURED | {Capability.CONSTRAINTS})
    _advisor: ClassVar[dict[str, Any]] = {"surrogate_type": "gp"}


class OpenBoxPRF(_OpenBox):
    """Bayesian optimisation with a probabilistic random forest and expected improvement, with random ones in between.

    It is the forest on scikit-learn, which OpenBox takes where pyrfr is not installed. Constraints are modelled by
    Gaussian processes. The options are those of `openbox-gp`.
    """

    capabilities = frozenset(_FLAT | _STRUCTURED | {Capability.CONSTRAINTS})
    _advisor: ClassVar[dict[str, Any]] = {"surrogate_type": "prf"}


class OpenBoxParEGO(_OpenBox):
    """ParEGO (Knowles 2006) with a Gaussian process: each proposal improves another random mixture of the objectives.

    While an objective is always the same, by whose range OpenBox divides, configurations are drawn at random.

    The options are those of `openbox-gp`.
    """

    capabilities = frozenset(_FLAT | _STRUCTURED | {Capability.MULTI_OBJECTIVE})
    requires = frozenset({Capability.MULTI_OBJECTIVE})
    reference = "Knowles (2006), doi:10.1109/TEVC.2005.851274"
    _advisor: ClassVar[dict[str, Any]] = {"surrogate_type": "gp", "acq_type": "parego"}
