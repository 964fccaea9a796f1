"""A sparse prior on lengthscales, for many dimensions of which few matter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optathlon.optimizers.botorch.loop import BotorchOptimizer, Data, Restarts
from optathlon.options import Positive
from optathlon.problem import Problem

if TYPE_CHECKING:
    from botorch.acquisition import AcquisitionFunction


class BotorchMapSaas(BotorchOptimizer):
    """Noisy expected improvement on a sparse axis-aligned Gaussian process (Eriksson & Jankowiak 2021), by its mode.

    `AdditiveMapSaasSingleTaskGP` sums kernels of several sparsities and maximises the posterior of their
    lengthscales, in place of SAASBO's Hamiltonian Monte Carlo, which takes some twenty CPU seconds a trial.
    Unordered choices are not declared.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    n_initial:
        Sobol' points before the first model; by default 2 (d + 1).
    num_taus:
        Kernels in the sum.
    mc_samples:
        Samples of the posterior that the improvement is averaged over.
    num_restarts:
        Starts of the acquisition function's maximiser, at most 512.
    """

    reference = "Eriksson & Jankowiak 2021, arXiv:2103.00349"

    def __init__(
        self,
        problem: Problem,
        seed: int,
        *,
        n_initial: Positive | None = None,
        num_taus: Positive = 4,
        mc_samples: Positive = 256,
        num_restarts: Restarts = 10,
    ) -> None:
        super().__init__(problem, seed, n_initial=n_initial, num_restarts=num_restarts)
        self._num_taus = num_taus
        self._mc_samples = mc_samples

    def _acquisition(self, data: Data) -> AcquisitionFunction:
        import torch
        from botorch.acquisition.logei import qLogNoisyExpectedImprovement
        from botorch.fit import fit_gpytorch_mll
        from botorch.models.map_saas import AdditiveMapSaasSingleTaskGP
        from botorch.sampling import SobolQMCNormalSampler
        from gpytorch.mlls import ExactMarginalLogLikelihood

        model = AdditiveMapSaasSingleTaskGP(data.points, data.values, num_taus=self._num_taus)
        fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))
        return qLogNoisyExpectedImprovement(
            model,
            X_baseline=data.points,
            sampler=SobolQMCNormalSampler(torch.Size([self._mc_samples])),
            prune_baseline=True,
            X_pending=data.pending,
        )
