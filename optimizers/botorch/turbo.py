"""TuRBO: Thompson sampling in a trust region that grows with successes and shrinks with failures."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from optathlon.encoding import tempered
from optathlon.generators import LentGenerators
from optathlon.optimizer import Capability, Optimizer
from optathlon.optimizers.botorch.columns import Columns
from optathlon.optimizers.botorch.loop import LARGEST, at_work, sobol_engine
from optathlon.options import Positive
from optathlon.problem import Problem
from optathlon.trial import Result, Trial

if TYPE_CHECKING:
    from torch import Tensor

_LENGTH = 0.8
_LENGTH_MIN = 0.5**7
_LENGTH_MAX = 1.6
_LEAST_GAIN = 1e-3
"""Relative: what improves less is a failure."""
_PERTURBED = 20
"""How many coordinates of a candidate differ from the centre's, on average."""


@dataclass
class _Region:
    """A trust region, as in BoTorch's tutorial, and what was observed in it."""

    failure_tolerance: int
    success_tolerance: int
    length: float = _LENGTH
    failures: int = 0
    successes: int = 0
    best: float = -math.inf
    asked: int = 0
    points: list[Tensor] = field(default_factory=list)
    values: list[float] = field(default_factory=list)

    def learn(self, point: Tensor, value: float, *, counts: bool) -> None:
        """Add an observation; one of the initial design doesn't count as success or failure."""
        self.points.append(point)
        self.values.append(value)
        if counts:
            self._resize(value)
        self.best = max(self.best, value)

    def _resize(self, value: float) -> None:
        if value > self.best + _LEAST_GAIN * abs(self.best):
            self.successes, self.failures = self.successes + 1, 0
        else:
            self.successes, self.failures = 0, self.failures + 1
        if self.successes == self.success_tolerance:
            self.length, self.successes = min(2 * self.length, _LENGTH_MAX), 0
        elif self.failures == self.failure_tolerance:
            self.length, self.failures = self.length / 2, 0


class BotorchTuRBO(Optimizer):
    """TuRBO-1 with Thompson sampling (Eriksson et al. 2019), as in BoTorch's tutorial.

    The tutorial ends where the trust region has become too small. Here, as in the paper, a new one then starts with
    a design of its own; what was observed in the old one, and what is pending of it, is not used any more. As in the
    paper, improvements are over the design too, which the tutorial forgets; and a candidate in which nothing was
    perturbed is in any coordinate, where both leave out the last. Failed trials are told with their imputed loss.
    Unordered choices have no trust region and are not declared; integers and ordered choices are rounded for the
    evaluation only.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    n_initial:
        Sobol' points in a new trust region, at least 1; by default 2 d.
    success_tolerance:
        Improvements in a row after which the trust region doubles. The tutorial's default; the paper has 3.
    """

    capabilities = frozenset({Capability.ASYNCHRONOUS})
    packages = ("botorch", "gpytorch", "torch")
    install = "pip install 'optathlon[botorch]'"
    reference = "Eriksson et al. 2019, arXiv:1910.01739"

    def __init__(
        self, problem: Problem, seed: int, *, n_initial: Positive | None = None, success_tolerance: Positive = 10
    ) -> None:
        self._generators = LentGenerators(seed, "torch")
        self._columns = Columns(problem.space)
        self._width = self._columns.width
        self._initial = 2 * self._width if n_initial is None else n_initial
        self._success_tolerance = success_tolerance
        self._sobol = sobol_engine(self._width, seed)
        self._region = self._new_region()

    def ask(self) -> Trial:
        """A Sobol' point of a new trust region, or the best candidate of a posterior sample."""
        region = self._region
        designed = region.asked < self._initial or len(region.values) < 2
        with at_work(self._generators):
            point = self._drawn() if designed else self._sampled(region)
        region.asked += 1
        config = self._columns.config(self._columns.from_cube(point[None])[0])
        return Trial(config, native=(region, point, not designed))

    def tell(self, trial: Trial, result: Result) -> None:
        """Learn in the trust region that the trial was asked in, and leave it where it has become too small."""
        region, point, counts = trial.native
        if region is self._region:
            region.learn(point, -tempered(result.losses[0], LARGEST), counts=counts)
            if region.length < _LENGTH_MIN:
                self._region = self._new_region()

    def _new_region(self) -> _Region:
        return _Region(failure_tolerance=max(4, self._width), success_tolerance=self._success_tolerance)

    def _drawn(self) -> Tensor:
        import torch

        return self._sobol.draw(1, dtype=torch.double)[0]

    def _sampled(self, region: _Region) -> Tensor:
        """The maximum of a posterior sample on perturbations of the best point."""
        import torch
        from botorch.fit import fit_gpytorch_mll
        from botorch.generation import MaxPosteriorSampling
        from botorch.models import SingleTaskGP
        from gpytorch.constraints import Interval
        from gpytorch.kernels import MaternKernel, ScaleKernel
        from gpytorch.likelihoods import GaussianLikelihood
        from gpytorch.mlls import ExactMarginalLogLikelihood
        from gpytorch.settings import max_cholesky_size

        points = torch.stack(region.points)
        values = torch.tensor(region.values, dtype=torch.double)[:, None]
        spread = values.std()
        standard = (values - values.mean()) / spread if spread > 0 else torch.zeros_like(values)
        kernel = MaternKernel(nu=2.5, ard_num_dims=self._width, lengthscale_constraint=Interval(0.005, 4.0))
        model = SingleTaskGP(
            points,
            standard,
            covar_module=ScaleKernel(kernel),
            likelihood=GaussianLikelihood(noise_constraint=Interval(1e-8, 1e-3)),
        )
        with max_cholesky_size(float("inf")):
            fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))
            lengthscales = kernel.lengthscale.squeeze(0).detach()
            candidates = self._candidates(points[standard.argmax()], lengthscales, region.length)
            with torch.no_grad():
                return MaxPosteriorSampling(model, replacement=False)(candidates, num_samples=1)[0]

    def _candidates(self, centre: Tensor, lengthscales: Tensor, length: float) -> Tensor:
        """The centre with some coordinates from a box around it, which is as long as `length` where all are alike."""
        import torch

        weights = lengthscales / lengthscales.mean()
        weights = weights / torch.prod(weights.pow(1.0 / self._width))
        lower = torch.clamp(centre - weights * length / 2.0, 0.0, 1.0)
        upper = torch.clamp(centre + weights * length / 2.0, 0.0, 1.0)
        count = min(5000, max(2000, 200 * self._width))
        sobol = torch.quasirandom.SobolEngine(self._width, scramble=True)
        inside = lower + (upper - lower) * sobol.draw(count, dtype=torch.double)
        perturbed = torch.rand(count, self._width, dtype=torch.double) <= min(_PERTURBED / self._width, 1.0)
        (untouched,) = torch.where(perturbed.sum(dim=1) == 0)
        perturbed[untouched, torch.randint(0, self._width, size=(len(untouched),))] = True
        return torch.where(perturbed, inside, centre)
