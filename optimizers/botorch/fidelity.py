"""Multi-fidelity max-value entropy search: where, and how closely, to look next."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

from annotated_types import Gt

from optathlon.encoding import tempered
from optathlon.fidelity import Schedule, asked_level
from optathlon.generators import LentGenerators
from optathlon.optimizer import Capability, Optimizer, Pending
from optathlon.optimizers.botorch.columns import Columns
from optathlon.optimizers.botorch.loop import LARGEST, RAW_SAMPLES, Restarts, at_work, sobol_engine
from optathlon.options import Positive
from optathlon.problem import Problem
from optathlon.trial import Result, Trial

if TYPE_CHECKING:
    from botorch.acquisition import AcquisitionFunction
    from torch import Tensor

Cost = Annotated[float, Gt(0)]
"""In full evaluations, positive."""

_CANDIDATES = 1000
"""Random points at which the tutorials sample the maximum."""


class BotorchMultiFidelityMES(Optimizer):
    """Multi-fidelity max-value entropy search, `qMultiFidelityMaxValueEntropy` (Takeno et al. 2020).

    It maximises the information on the maximum at full fidelity per cost. `SingleTaskMultiFidelityGP` models
    configuration and fidelity together; a trial at level *z* costs `z / upper` and a fixed part. A fidelity with
    declared levels is chosen among them (`optimize_acqf_mixed`), any other on its range; an integer is then rounded.
    BoTorch continues no trials, and has no notion of failures: a failed trial is told with its imputed loss. Unordered
    choices are not declared.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    n_initial:
        Sobol' points, of configurations and fidelities, before the first model; by default 2 (d + 1).
    fixed_cost:
        What any trial costs beside its level, in full evaluations; BoTorch's default.
    num_mv_samples:
        Samples of the maximum.
    num_restarts:
        Starts of the acquisition function's maximiser, at most 512.
    """

    capabilities = frozenset({Capability.MULTI_FIDELITY, Capability.ASYNCHRONOUS})
    requires = frozenset({Capability.MULTI_FIDELITY})
    packages = ("botorch", "gpytorch", "torch")
    install = "pip install 'optathlon[botorch]'"
    pending = Pending.MODELS
    schedule = Schedule.CHOSEN
    reference = "Takeno et al. 2020, arXiv:1901.08275"

    def __init__(
        self,
        problem: Problem,
        seed: int,
        *,
        n_initial: Positive | None = None,
        fixed_cost: Cost = 0.01,
        num_mv_samples: Positive = 10,
        num_restarts: Restarts = 10,
    ) -> None:
        assert problem.fidelity is not None
        self._fidelity = problem.fidelity
        self._fixed_cost = fixed_cost
        self._num_mv_samples = num_mv_samples
        self._num_restarts = num_restarts
        self._generators = LentGenerators(seed, "python", "numpy", "torch")
        self._columns = Columns(problem.space)
        self._width = self._columns.width
        self._initial = 2 * (self._width + 1) if n_initial is None else n_initial
        self._sobol = sobol_engine(self._width + 1, seed)
        self._asked: dict[int, Tensor] = {}
        self._number = 0
        self._points: list[Tensor] = []
        self._values: list[float] = []

    def ask(self) -> Trial:
        """A Sobol' point, or the maximiser of the acquisition function where there are results to fit."""
        designed = self._number < self._initial or len(self._values) < 2
        with at_work(self._generators):
            point = self._drawn() if designed else self._proposed()
        level = self._level(float(point[-1]))
        point[-1] = level / self._fidelity.upper
        self._asked[self._number] = point
        self._number += 1
        return Trial(self._columns.config(point[:-1]), fidelity=level, native=self._number - 1)

    def tell(self, trial: Trial, result: Result) -> None:
        """Keep the result for the next fit."""
        self._points.append(self._asked.pop(trial.native))
        self._values.append(-tempered(result.losses[0], LARGEST))

    @property
    def _bounds(self) -> Tensor:
        """Of configuration and fidelity, shape (2, width + 1)."""
        import torch

        fidelity = self._columns.bounds.new_tensor([[self._fidelity.lower / self._fidelity.upper], [1.0]])
        return torch.cat([self._columns.bounds, fidelity], dim=1)

    def _level(self, share: float) -> float:
        """The level at a share of the full one."""
        return self._fidelity.snapped(asked_level(self._fidelity, share * self._fidelity.upper))

    def _drawn(self) -> Tensor:
        import torch

        point = self._sobol.draw(1, dtype=torch.double)
        lower, upper = self._bounds[:, -1]
        point[:, -1] = lower + (upper - lower) * point[:, -1]
        return self._rounded(point)[0]

    def _rounded(self, points: Tensor) -> Tensor:
        import torch

        return torch.cat([self._columns.rounded(points[..., :-1]), points[..., -1:]], dim=-1)

    def _proposed(self) -> Tensor:
        from botorch.optim import optimize_acqf, optimize_acqf_mixed

        common = {
            "bounds": self._bounds,
            "q": 1,
            "num_restarts": self._num_restarts,
            "raw_samples": RAW_SAMPLES,
            "post_processing_func": self._rounded,
        }
        if self._fidelity.levels:
            shares = [{self._width: level / self._fidelity.upper} for level in self._fidelity.levels]
            points, _ = optimize_acqf_mixed(self._acquisition(), fixed_features_list=shares, **common)
        else:
            points, _ = optimize_acqf(self._acquisition(), **common)
        return points[0].detach()

    def _acquisition(self) -> AcquisitionFunction:
        import torch
        from botorch.acquisition.cost_aware import InverseCostWeightedUtility
        from botorch.acquisition.max_value_entropy_search import qMultiFidelityMaxValueEntropy
        from botorch.acquisition.utils import project_to_target_fidelity
        from botorch.fit import fit_gpytorch_mll
        from botorch.models import AffineFidelityCostModel, SingleTaskMultiFidelityGP
        from gpytorch.mlls import ExactMarginalLogLikelihood

        values = torch.tensor(self._values, dtype=torch.double)[:, None]
        model = SingleTaskMultiFidelityGP(torch.stack(self._points), values, data_fidelities=[self._width])
        fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))
        cost = AffineFidelityCostModel(fidelity_weights={self._width: 1.0}, fixed_cost=self._fixed_cost)
        lower, upper = self._bounds
        candidates = lower + (upper - lower) * torch.rand(_CANDIDATES, self._width + 1, dtype=torch.double)
        return qMultiFidelityMaxValueEntropy(
            model,
            candidates,
            num_mv_samples=self._num_mv_samples,
            X_pending=torch.stack(list(self._asked.values())) if self._asked else None,
            cost_aware_utility=InverseCostWeightedUtility(cost_model=cost),
            project=partial(project_to_target_fidelity, target_fidelities={self._width: 1.0}, d=self._width + 1),
        )
