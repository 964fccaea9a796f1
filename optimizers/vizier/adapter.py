"""What is declared of Google Vizier; `child.py` runs it."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from optathlon.optimizer import Capability, Pending
from optathlon.options import Positive
from optathlon.problem import Problem
from optathlon.remote import Environment, EnvironmentOptimizer, Timeout

ENVIRONMENT = Environment(
    "vizier",
    (
        "google-vizier==0.1.24",
        "jax==0.4.38",
        "jaxlib==0.4.38",
        "jaxopt==0.8.5",
        "jaxtyping==0.2.36",
        "typeguard==2.13.3",
        "equinox==0.11.7",
        "flax==0.10.2",
        "optax==0.2.4",
        "chex==0.1.88",
        "tensorflow-probability==0.25.0",
        "numpy==1.26.4",
        "scipy==1.17.1",
        "ml_dtypes==0.5.4",
        "orbax-checkpoint==0.11.5",
        "tensorstore==0.1.86",
        "protobuf==7.36.2",
        "grpcio==1.85.3",
    ),
    ("3.11", "3.12"),
)


class _Vizier(EnvironmentOptimizer):
    """A designer of Vizier on a flat search space; failed trials are told as infeasible."""

    environment = ENVIRONMENT
    _script: ClassVar[str] = "child.py"

    _designer: ClassVar[str]

    def __init__(self, problem: Problem, seed: int, *, options: dict[str, Any], timeout: float) -> None:
        super().__init__(problem, seed, options={"designer": self._designer, **options}, timeout=timeout)


_FLAT = frozenset({Capability.CATEGORICALS, Capability.ASYNCHRONOUS})


class VizierGP(_Vizier):
    """Vizier's Gaussian process bandit: upper confidence bounds in a trust region, maximised by fireflies.

    Parameters
    ----------
    initial_trials:
        Trials before the model is used: the middle, then quasi-random ones.
    padding:
        To which number of trials the data are padded, so that code is compiled less often: `"none"` is the library's
        default, and takes some seconds more for each trial.
    timeout:
        Seconds that it may take for a proposal.
    """

    capabilities = _FLAT
    pending = Pending.IGNORES
    reference = "Song et al. (2024), arXiv:2408.11527"
    _designer: ClassVar[str] = "gp"

    def __init__(
        self,
        problem: Problem,
        seed: int,
        *,
        initial_trials: Positive = 1,
        padding: Literal["none", "multiples_of_10", "powers_of_2"] = "multiples_of_10",
        timeout: Timeout = 3600.0,
    ) -> None:
        options = {"initial_trials": initial_trials, "padding": padding}
        super().__init__(problem, seed, options=options, timeout=timeout)


class VizierEagle(_Vizier):
    """Vizier's eagle strategy: fireflies (Yang 2009) that better ones attract and worse ones repel, also on choices.

    Parameters
    ----------
    timeout:
        Seconds that it may take for a proposal.
    """

    capabilities = _FLAT
    pending = Pending.IGNORES
    reference = "Yang (2009), arXiv:1003.1466; Song et al. (2024), arXiv:2408.11527"
    _designer: ClassVar[str] = "eagle"

    def __init__(self, problem: Problem, seed: int, *, timeout: Timeout = 3600.0) -> None:
        super().__init__(problem, seed, options={}, timeout=timeout)
