"""Acquisition functions of several objectives: hypervolume improvement, and random scalarisations."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from optathlon.optimizer import Capability
from optathlon.optimizers.botorch.loop import BotorchOptimizer, Data, Restarts, fitted, levelled, outcome_constraints
from optathlon.options import Positive
from optathlon.problem import Problem

if TYPE_CHECKING:
    from botorch.acquisition import AcquisitionFunction
    from torch import Tensor


_LARGEST = 1e6
"""Of an objective, in the units that hypervolumes are computed in."""


class _SeveralObjectives(BotorchOptimizer):
    """A model for each objective and each constraint."""

    capabilities = BotorchOptimizer.capabilities | {
        Capability.CATEGORICALS,
        Capability.CONSTRAINTS,
        Capability.MULTI_OBJECTIVE,
    }
    requires = frozenset({Capability.MULTI_OBJECTIVE})

    def __init__(
        self,
        problem: Problem,
        seed: int,
        *,
        n_initial: Positive | None = None,
        mc_samples: Positive = 128,
        num_restarts: Restarts = 10,
    ) -> None:
        super().__init__(problem, seed, n_initial=n_initial, num_restarts=num_restarts)
        self._mc_samples = mc_samples

    def _arguments(self, data: Data) -> dict[str, Any]:
        """What the acquisition functions of several objectives all take."""
        import torch
        from botorch.acquisition.multi_objective.objective import IdentityMCMultiOutputObjective
        from botorch.sampling import SobolQMCNormalSampler

        model = fitted(data, self._columns)
        outcomes = list(range(len(self._problem.objectives)))
        return {
            "model": model,
            "X_baseline": data.points,
            "sampler": SobolQMCNormalSampler(torch.Size([self._mc_samples])),
            "objective": IdentityMCMultiOutputObjective(outcomes=outcomes, num_outcomes=model.num_outputs),
            "constraints": outcome_constraints(data),
            "prune_baseline": True,
            "X_pending": data.pending,
        }


class BotorchLogNEHVI(_SeveralObjectives):
    """Noisy expected hypervolume improvement, `qLogNoisyExpectedHypervolumeImprovement` (Daulton et al. 2021).

    On a logarithmic scale (Ament et al. 2023). The reference point is the task's; an objective without one gets the
    coordinate of BoTorch's `infer_reference_point` on the feasible Pareto front. Objectives beyond a million are told
    in larger units, powers of two, which change nothing but what can be computed.

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

    reference = "Daulton et al. 2021, arXiv:2105.08195"

    def _acquisition(self, data: Data) -> AcquisitionFunction:
        from botorch.acquisition.multi_objective.logei import qLogNoisyExpectedHypervolumeImprovement

        units = _units(data.values)
        reference_point = self._reference_point(data) / units
        return qLogNoisyExpectedHypervolumeImprovement(
            ref_point=reference_point, **self._arguments(replace(data, values=data.values / units))
        )

    def _reference_point(self, data: Data) -> Tensor:
        from botorch.utils.multi_objective.hypervolume import infer_reference_point
        from botorch.utils.multi_objective.pareto import is_non_dominated

        known = data.values.new_tensor(
            [float("nan") if one.reference is None else -one.loss(one.reference) for one in self._problem.objectives]
        )
        if not known.isnan().any():
            return known
        values = data.values
        if self._problem.constraints:
            feasible = values[data.successes][(data.constraints <= 0).all(dim=1)]
            values = feasible if len(feasible) else values
        inferred = infer_reference_point(values[is_non_dominated(values)])
        return known.where(~known.isnan(), inferred)


class BotorchParEGO(_SeveralObjectives):
    """Noisy expected improvement of a random Chebyshev scalarisation, `qLogNParEGO` (Daulton et al. 2020).

    ParEGO is Knowles's (2006). On a logarithmic scale (Ament et al. 2023); each ask draws new weights.

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

    reference = "Daulton et al. 2020, arXiv:2006.05078"

    def _acquisition(self, data: Data) -> AcquisitionFunction:
        from botorch.acquisition.multi_objective.parego import qLogNParEGO

        return qLogNParEGO(**self._arguments(levelled(data)))


def _units(values: Tensor) -> Tensor:
    """For each objective the power of two by which it becomes at most a million in size, at least 1."""
    sizes = values.abs().amax(0) / _LARGEST
    return sizes.clamp(min=1.0).log2().ceil().exp2()
