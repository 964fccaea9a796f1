"""Multi-fidelity Hartmann functions in three and six dimensions.

Kandasamy et al. (ICML 2017, "Multi-fidelity Bayesian Optimisation with Continuous Approximations", appendix D)
make the Hartmann functions multi-fidelity by lowering their weights α with the fidelity. The tasks here are
the form that Mallik et al. (NeurIPS 2023, "PriorBand") use for hyperparameter optimization. Bias, noise and cost are
those of its software (mf-prior-bench, `mfh3_*` and `mfh6_*`). The lowest fidelity is 3, as in its releases of
that time; its release 1.10 goes down to 1. With s(z) = 1 - log(z) / log(100) they read

    f(x, z) = -Σ_i (α_i - bias * s(z)) exp(-Σ_j A_ij (x_j - P_ij)²) + noise * s(z) * |ε|,   ε ~ N(0, 1).

At the full fidelity, z = 100, s is 0 and f is the standard Hartmann function (Dixon & Szegö, 1978), without noise.
mf-prior-bench draws ε from the configuration's hash; here the evaluation's seed gives it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from optathlon.budget import Budget
from optathlon.facts import Evaluation, Facts
from optathlon.lazy import lazy_module
from optathlon.problem import Fidelity, Objective, Problem
from optathlon.stored_facts import StoredFacts
from optathlon.task import Task
from optathlon.trial import Result

if TYPE_CHECKING:
    import numpy as np
else:
    np = lazy_module("numpy")

QUALITIES = {"good": (2.5, 2.0), "moderate": (3.0, 3.0), "bad": (3.5, 4.0), "terrible": (4.0, 5.0)}
"""Bias and noise by how well the low fidelities tell of the full one (mf-prior-bench)."""

OPTIMA = {3: -3.862779787332663, 6: -3.322368011415515}
"""The Hartmann functions' minima by dimension; published as -3.86278 and -3.32237, polished numerically."""

FULL = 100
"""The full fidelity."""

_ALPHA = (1.0, 1.2, 3.0, 3.2)
_A = {
    3: ((3.0, 10.0, 30.0), (0.1, 10.0, 35.0), (3.0, 10.0, 30.0), (0.1, 10.0, 35.0)),
    6: (
        (10.0, 3.0, 17.0, 3.5, 1.7, 8.0),
        (0.05, 10.0, 17.0, 0.1, 8.0, 14.0),
        (3.0, 3.5, 1.7, 10.0, 17.0, 8.0),
        (17.0, 8.0, 0.05, 10.0, 0.1, 14.0),
    ),
}
_P = {
    3: ((0.3689, 0.1170, 0.2673), (0.4699, 0.4387, 0.7470), (0.1091, 0.8732, 0.5547), (0.0381, 0.5743, 0.8828)),
    6: (
        (0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886),
        (0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991),
        (0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650),
        (0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381),
    ),
}

_ID = re.compile(rf"mfh/h([36])/({'|'.join(QUALITIES)})")


class MultiFidelityHartmann(StoredFacts):
    """Ids read `mfh/h{dimension}/{quality}`, e.g. `mfh/h3/good`: dimensions 3 and 6, four qualities."""

    name = "mfh"
    description = "multi-fidelity Hartmann functions in 3 and 6 dimensions, with good to terrible low fidelities"

    def ids(self) -> Iterator[str]:
        """Two dimensions x four qualities."""
        for dimension in OPTIMA:
            for quality in QUALITIES:
                yield f"mfh/h{dimension}/{quality}"

    def make(self, id: str) -> HartmannTask:
        """The task of that id; `KeyError` where there is none."""
        match = _ID.fullmatch(id)
        if match is None:
            raise KeyError(id)
        return HartmannTask(int(match[1]), match[2])

    def derived_facts(self) -> Iterator[tuple[Facts, Sequence[str]]]:
        """A group for each dimension."""
        for dimension in OPTIMA:
            ids = [f"mfh/h{dimension}/{quality}" for quality in QUALITIES]
            yield (
                Facts.of(
                    self.make(ids[0]).problem,
                    kind=Evaluation.FUNCTION,
                    domain="synthetic",
                    description=f"The Hartmann function in {dimension} dimensions. Low levels of its fidelity z are "
                    "biased and noisy: little where they are good, much where they are terrible.",
                    noisy=True,
                    seconds=1e-5,
                    recommended=True,
                    licence="Apache-2.0",
                    citation="Kandasamy et al. 2017, Multi-fidelity Bayesian Optimisation with Continuous "
                    "Approximations",
                ),
                ids,
            )


class HartmannTask(Task):
    """A Hartmann function over [0, 1]^dimension with the fidelity `z` = 3 … 100, minimised.

    Parameters
    ----------
    dimension:
        3 or 6.
    quality:
        A key of `QUALITIES`.
    """

    def __init__(self, dimension: int, quality: str) -> None:
        self._bias, self._noise = QUALITIES[quality]
        self.id = f"mfh/h{dimension}/{quality}"
        self.metadata = {"dimension": dimension, "quality": quality, "bias": self._bias, "noise": self._noise}
        self._terms = [
            (alpha, tuple(zip(weights, centre, strict=True)))
            for alpha, weights, centre in zip(_ALPHA, _A[dimension], _P[dimension], strict=True)
        ]
        self._optimum = OPTIMA[dimension]
        self._names = [f"x{index}" for index in range(dimension)]
        self._point = itemgetter(*self._names)

    @cached_property
    def problem(self) -> Problem:
        """Hyperparameters `x0` … in [0, 1]; the objective `value` with the optimum at full fidelity."""
        from ConfigSpace import ConfigurationSpace

        return Problem(
            space=ConfigurationSpace(dict.fromkeys(self._names, (0.0, 1.0))),
            objectives=(Objective("value", optimum=self._optimum),),
            fidelity=Fidelity("z", lower=3, upper=FULL, kind="int"),
            budget=Budget.for_dimension(len(self._names)),
        )

    def evaluate(self, config: Mapping[str, Any], *, fidelity: float | None, seed: int) -> Result:
        """The value f(x, z), its noise drawn from `seed` alone, and the cost 0.05 + 0.95 (z / 100)².

        The cost is Kandasamy et al.'s λ(z) (p. 18) in units of one full evaluation.
        """
        level = FULL if fidelity is None else fidelity
        shortfall = 1 - math.log(level) / math.log(FULL)
        value = self._hartmann(self._point(config), self._bias * shortfall)
        if shortfall > 0:
            value += self._noise * shortfall * abs(np.random.default_rng(seed).standard_normal())
        return Result((value,), cost=0.05 + 0.95 * (level / FULL) ** 2)

    def _hartmann(self, point: tuple[float, ...], drop: float) -> float:
        """The Hartmann function with `drop` taken off each weight."""
        value = 0.0
        for alpha, term in self._terms:
            exponent = 0.0  # not `sum`, which rounds differently from Python 3.12 on
            for x, (weight, centre) in zip(point, term, strict=True):
                exponent += weight * (x - centre) ** 2
            value -= (alpha - drop) * math.exp(-exponent)
        return value
