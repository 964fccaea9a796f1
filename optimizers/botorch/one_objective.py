"""Acquisition functions of one objective: noisy expected improvement, and entropy search."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from optathlon.optimizer import Capability
from optathlon.optimizers.botorch.loop import BotorchOptimizer, Data, Restarts, fitted, levelled, outcome_constraints
from optathlon.options import Positive
from optathlon.problem import Problem

if TYPE_CHECKING:
    from botorch.acquisition import AcquisitionFunction
    from torch import Tensor

_CANDIDATES = 1000
"""Random points at which the tutorials sample the maximum."""


class BotorchLogNEI(BotorchOptimizer):
    """Noisy expected improvement on a logarithmic scale, `qLogNoisyExpectedImprovement` (Ament et al. 2023).

    Constraints have models of their own, by which the improvement is weighted. Mixed spaces are modelled by
    `MixedSingleTaskGP`; where unordered choices have at most ten combinations, the acquisition function is maximised
    for each of them (`optimize_acqf_mixed`), else by `optimize_acqf_mixed_alternating`, as BoTorch advises.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    n_initial:
        Sobol' points before the first model; by default 2 (d + 1).
    mc_samples:
        Samples of the posterior that the improvement is averaged over.
    num_restarts:
        Starts of the acquisition function's maximiser, at most 512.
    """

    capabilities = BotorchOptimizer.capabilities | {Capability.CATEGORICALS, Capability.CONSTRAINTS}
    reference = "Ament et al. 2023, arXiv:2310.20708"

    def __init__(
        self,
        problem: Problem,
        seed: int,
        *,
        n_initial: Positive | None = None,
        mc_samples: Positive = 256,
        num_restarts: Restarts = 10,
    ) -> None:
        super().__init__(problem, seed, n_initial=n_initial, num_restarts=num_restarts)
        self._mc_samples = mc_samples

    def _acquisition(self, data: Data) -> AcquisitionFunction:
        import torch
        from botorch.acquisition.logei import qLogNoisyExpectedImprovement
        from botorch.acquisition.objective import GenericMCObjective
        from botorch.sampling import SobolQMCNormalSampler

        constraints = outcome_constraints(data)
        return qLogNoisyExpectedImprovement(
            fitted(data, self._columns),
            X_baseline=data.points,
            sampler=SobolQMCNormalSampler(torch.Size([self._mc_samples])),
            objective=GenericMCObjective(lambda samples, X=None: samples[..., 0]) if constraints else None,  # noqa: N803
            constraints=constraints,
            prune_baseline=True,
            X_pending=data.pending,
        )


class _EntropySearch(BotorchOptimizer):
    """Samples the maximum at random points of the space."""

    capabilities = BotorchOptimizer.capabilities | {Capability.CATEGORICALS}

    def __init__(
        self,
        problem: Problem,
        seed: int,
        *,
        n_initial: Positive | None = None,
        num_mv_samples: Positive = 10,
        num_restarts: Restarts = 10,
    ) -> None:
        super().__init__(problem, seed, n_initial=n_initial, num_restarts=num_restarts)
        self._num_mv_samples = num_mv_samples

    def _acquisition(self, data: Data) -> AcquisitionFunction:
        import torch

        model = fitted(levelled(data), self._columns)
        candidates = self._columns.from_cube(torch.rand(_CANDIDATES, self._columns.width, dtype=torch.double))
        return self._entropy(model, candidates, data.pending)

    @abstractmethod
    def _entropy(self, model: object, candidates: Tensor, pending: Tensor | None) -> AcquisitionFunction:
        """The information on the maximum."""


class BotorchMES(_EntropySearch):
    """Max-value entropy search, `qMaxValueEntropy` (Wang & Jegelka 2017), with fantasies of what is pending.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    n_initial:
        Sobol' points before the first model; by default 2 (d + 1).
    num_mv_samples:
        Samples of the maximum.
    num_restarts:
        Starts of the acquisition function's maximiser, at most 512.
    """

    reference = "Wang & Jegelka 2017, arXiv:1703.01968"

    def _entropy(self, model: object, candidates: Tensor, pending: Tensor | None) -> AcquisitionFunction:
        from botorch.acquisition.max_value_entropy_search import qMaxValueEntropy

        return qMaxValueEntropy(model, candidates, num_mv_samples=self._num_mv_samples, X_pending=pending)


class BotorchGibbon(_EntropySearch):
    """GIBBON, `qLowerBoundMaxValueEntropy` (Moss et al. 2021): a lower bound of max-value entropy search's gain.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    n_initial:
        Sobol' points before the first model; by default 2 (d + 1).
    num_mv_samples:
        Samples of the maximum.
    num_restarts:
        Starts of the acquisition function's maximiser, at most 512.
    """

    reference = "Moss et al. 2021, arXiv:2102.03324"

    def _entropy(self, model: object, candidates: Tensor, pending: Tensor | None) -> AcquisitionFunction:
        from botorch.acquisition.max_value_entropy_search import qLowerBoundMaxValueEntropy

        return qLowerBoundMaxValueEntropy(model, candidates, num_mv_samples=self._num_mv_samples, X_pending=pending)


class BotorchJES(BotorchOptimizer):
    """Joint entropy search, `qJointEntropySearch` (Hvarfner et al. 2022): the information on optimum and optimiser.

    The optima of posterior samples are found by gradients, so unordered choices are not declared.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    n_initial:
        Sobol' points before the first model; by default 2 (d + 1).
    num_optima:
        Posterior samples whose optimum is found.
    num_restarts:
        Starts of the acquisition function's maximiser, at most 512.
    """

    reference = "Hvarfner et al. 2022, arXiv:2206.04771"

    def __init__(
        self,
        problem: Problem,
        seed: int,
        *,
        n_initial: Positive | None = None,
        num_optima: Positive = 16,
        num_restarts: Restarts = 10,
    ) -> None:
        super().__init__(problem, seed, n_initial=n_initial, num_restarts=num_restarts)
        self._num_optima = num_optima

    def _acquisition(self, data: Data) -> AcquisitionFunction:
        from botorch.acquisition.joint_entropy_search import qJointEntropySearch
        from botorch.acquisition.utils import get_optimal_samples

        model = fitted(data, self._columns)
        inputs, outputs = get_optimal_samples(model, self._columns.bounds, num_optima=self._num_optima)
        return qJointEntropySearch(model, inputs, outputs, X_pending=data.pending)
