"""The suite with noise: COCO's functions, with the noise of INRIA RR-6869 drawn from the seed of each trial.

COCO's own noise is one fixed sequence, which begins again with every suite that is made. It can't be seeded, so it is
not used: the noise-free value comes from coco-experiment, and the noise from its definition.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from optathlon.budget import Budget
from optathlon.facts import Evaluation, Facts
from optathlon.problem import Objective, Problem, TaskType
from optathlon.tasks.coco import functions
from optathlon.tasks.coco.noise import Noise, model, with_noise
from optathlon.tasks.coco.suite import LICENCE, Suite, SuiteTask, best_value, box
from optathlon.trial import Result

if TYPE_CHECKING:
    import numpy as np

Excess: TypeAlias = "Callable[[np.ndarray], float]"
"""How much a point's value is above the optimum."""

_KINDS = ("Gaussian", "uniform", "Cauchy")

_FIRST = 101

_BASES = (
    *((1, "moderate"), (8, "moderate")),
    *((1, "severe"), (8, "severe"), (7, "severe"), (10, "severe")),
    *((14, "severe"), (17, "severe"), (19, "severe"), (21, "severe")),
)
"""The function of BBOB, and how strong its noise is; each comes with the three kinds of noise, one after the other."""

_ELLIPSOID, _CONDITIONING = 10, 1e4
"""The noisy rotated ellipsoid is conditioned less than BBOB's, whose conditioning is 1e6."""

_GRIEWANK_ROSENBROCK, _SHARE = 19, 0.1
"""The noisy one has a tenth of the values of BBOB's."""


class Noisiness(NamedTuple):
    """What f101 … f130 is."""

    base: int
    kind: str
    severity: str

    @property
    def name(self) -> str:
        """The function and its noise."""
        return f"{functions.name(self.base)} with {self.severity} {self.kind} noise"


class Noisy(Suite):
    """`bbob-noisy/f{101…130}/d{dimension}/i{instance}`: ten functions with three kinds of noise."""

    name = "bbob-noisy"
    description = "COCO's bbob-noisy: 30 continuous functions with Gaussian, uniform or Cauchy noise"
    functions = range(_FIRST, _FIRST + len(_BASES) * len(_KINDS))
    dimensions = (2, 3, 5, 10, 20, 40)
    recommended = (107, 108, 109, 116, 117, 118, 128, 129, 130), 5

    def task(self, function: int, dimension: int, instance: int) -> NoisyTask:
        """The task of one function in one dimension and instance."""
        return NoisyTask(self.name, function, noisiness(function).name, dimension, instance)

    def known(self, function: int, dimension: int) -> Facts:
        """What is known of all instances of one function in one dimension."""
        return Facts(
            type=TaskType.BLACKBOX,
            kind=Evaluation.FUNCTION,
            domain="synthetic",
            description=f"Minimise the {noisiness(function).name} over {dimension} numbers in [-5, 5]. The metric "
            "test/value is the value without noise.",
            floats=dimension,
            noisy=True,
            optimum=True,
            seconds=1.5e-5,
            licence=LICENCE,
            citation="Hansen, Finck, Ros, Auger (2009), Real-Parameter Black-Box Optimization Benchmarking 2009: Noisy "
            "Functions Definitions",
        )


class NoisyTask(SuiteTask):
    """One function in one dimension and instance, minimised over [-5, 5]^dimension.

    RR-6869 adds a penalty outside of this box, after the noise; there is none inside.
    """

    @cached_property
    def problem(self) -> Problem:
        """Hyperparameters `x0` … in [-5, 5] and the objective `value` with its optimum, which has no noise."""
        _, function, dimension, instance = self._key
        return Problem(
            space=box(self._names, 5.0),
            objectives=(Objective("value", optimum=partial(best_value, noisiness(function).base, instance)),),
            budget=Budget.for_dimension(dimension),
        )

    def evaluate(self, config: Mapping[str, Any], *, fidelity: float | None, seed: int) -> Result:
        """The value at `config` with noise drawn from `seed` alone; the metric `test/value` is the one without."""
        import numpy as np

        excess = self._excess(np.array(self._point(config)))
        noisy = with_noise(excess, self._noise, np.random.default_rng(seed))
        return Result((self._least + noisy,), metrics={"test/value": self._least + excess})

    @cached_property
    def _least(self) -> float:
        _, function, _, instance = self._key
        return best_value(noisiness(function).base, instance)

    @cached_property
    def _noise(self) -> Noise:
        _, function, dimension, _ = self._key
        _, kind, severity = noisiness(function)
        return model(kind, severity, dimension)

    @cached_property
    def _excess(self) -> Excess:
        from optathlon.tasks.coco.ellipsoid import rotated_ellipsoid

        _, function, dimension, instance = self._key
        base = noisiness(function).base
        if base == _ELLIPSOID:
            return rotated_ellipsoid(dimension, instance, _CONDITIONING)
        return bbob(base, dimension, instance, _SHARE if base == _GRIEWANK_ROSENBROCK else 1.0)


def noisiness(function: int) -> Noisiness:
    """What f101 … f130 is."""
    place, kind = divmod(function - _FIRST, len(_KINDS))
    base, severity = _BASES[place]
    return Noisiness(base, _KINDS[kind], severity)


def bbob(function: int, dimension: int, instance: int, factor: float) -> Excess:
    """How much f1 … f24 of BBOB is above its optimum, times `factor`."""
    from cocoex.bare_problem import BareProblem

    value, least = BareProblem("bbob", function, dimension, instance), best_value(function, instance)
    return lambda point: factor * float(value(point) - least)
