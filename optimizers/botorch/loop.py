"""The loop of BoTorch's tutorials: a Sobol' design, then a model, an acquisition function and its maximiser."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, Annotated, Any

from annotated_types import Ge, Le

from optathlon.encoding import tempered
from optathlon.generators import LentGenerators
from optathlon.optimizer import Capability, Optimizer, Pending
from optathlon.optimizers.botorch.columns import Columns
from optathlon.problem import Problem
from optathlon.trial import Result, Trial
from optathlon.uncompiled import uncompiled

if TYPE_CHECKING:
    from botorch.acquisition import AcquisitionFunction
    from botorch.models.model import Model
    from torch import Tensor

RAW_SAMPLES = 512
"""Points among which the tutorials choose where the acquisition function's maximiser starts."""

Restarts = Annotated[int, Ge(1), Le(RAW_SAMPLES)]
"""How many starts."""

_EQUAL, _DENORMAL = 1e-12, 1e-150
"""Values hardly differ by less than this share of their size; squares of differences below the second are nothing."""

LARGEST = 1e30
"""Losses beyond are on a logarithmic scale: BoTorch squares their variance, and more."""


@dataclass(frozen=True, slots=True)
class Data:
    """What was observed and what is pending.

    Attributes
    ----------
    points:
        Shape (n, width).
    values:
        To be maximised, shape (n, objectives).
    successes:
        Indices of points with constraint values.
    constraints:
        Of these, feasible when <= 0, shape (successes, constraints).
    pending:
        Points without a result, shape (p, width), or `None`.
    """

    points: Tensor
    values: Tensor
    successes: list[int]
    constraints: Tensor
    pending: Tensor | None


class BotorchOptimizer(Optimizer):
    """Asks for a Sobol' design first, then for the best point of an acquisition function; knows what is pending.

    BoTorch has no notion of failures: a failed trial is told with its imputed losses, and without constraint values.
    """

    capabilities = frozenset({Capability.ASYNCHRONOUS})
    packages = ("botorch", "gpytorch", "torch")
    install = "pip install 'optathlon[botorch]'"
    pending = Pending.MODELS

    def __init__(self, problem: Problem, seed: int, *, n_initial: int | None, num_restarts: int) -> None:
        self._problem = problem
        self._num_restarts = num_restarts
        self._generators = LentGenerators(seed, "python", "numpy", "torch")
        self._columns = Columns(problem.space)
        self._initial = 2 * (self._columns.width + 1) if n_initial is None else n_initial
        self._sobol = sobol_engine(self._columns.width, seed)
        self._asked: dict[int, Tensor] = {}
        self._number = 0
        self._told: list[tuple[Tensor, Result]] = []

    def ask(self) -> Trial:
        """The next Sobol' point, or the maximiser of the acquisition function where there are results to fit."""
        with at_work(self._generators):
            point = self._drawn() if self._number < self._initial or not self._is_informed() else self._proposed()
        self._asked[self._number] = point
        self._number += 1
        return Trial(self._columns.config(point), native=self._number - 1)

    def tell(self, trial: Trial, result: Result) -> None:
        """Keep the result for the next fit."""
        self._told.append((self._asked.pop(trial.native), result))

    @abstractmethod
    def _acquisition(self, data: Data) -> AcquisitionFunction:
        """What to maximise."""

    def _drawn(self) -> Tensor:
        import torch

        return self._columns.from_cube(self._sobol.draw(1, dtype=torch.double))[0]

    def _is_informed(self) -> bool:
        """Whether there are two results, and of constraints too: one has no spread."""
        known = [result for _, result in self._told if result.ok or not self._problem.constraints]
        return len(known) > 1

    def _proposed(self) -> Tensor:
        return maximiser(self._acquisition(self._data()), self._columns, self._num_restarts)

    def _data(self) -> Data:
        import torch

        points, results = zip(*self._told, strict=True)
        successes = [index for index, result in enumerate(results) if result.ok]
        return Data(
            torch.stack(points),
            torch.tensor([[-tempered(loss, LARGEST) for loss in one.losses] for one in results], dtype=torch.double),
            successes,
            torch.tensor(
                [[tempered(value, LARGEST) for value in results[index].constraints] for index in successes],
                dtype=torch.double,
            ),
            torch.stack(list(self._asked.values())) if self._asked else None,
        )


def sobol_engine(width: int, seed: int) -> Any:
    """The scrambled Sobol' sequence that `draw_sobol_samples` draws from, point by point."""
    from torch.quasirandom import SobolEngine

    return SobolEngine(width, scramble=True, seed=seed)


def fitted(data: Data, columns: Columns) -> Model:
    """Gaussian processes of the objectives and then the constraints, fitted; one alone is not in a list."""
    from botorch.fit import fit_gpytorch_mll
    from botorch.models import MixedSingleTaskGP, ModelListGP, SingleTaskGP
    from gpytorch.mlls import ExactMarginalLogLikelihood, SumMarginalLogLikelihood

    def process(points: Tensor, values: Tensor) -> Model:
        if columns.categories:
            return MixedSingleTaskGP(points, values, cat_dims=list(columns.categories))
        return SingleTaskGP(points, values)

    models = [process(data.points, column[:, None]) for column in data.values.T]
    models += [process(data.points[data.successes], column[:, None]) for column in data.constraints.T]
    if len(models) == 1:
        (model,) = models
        fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))
        return model
    several = ModelListGP(*models)
    fit_gpytorch_mll(SumMarginalLogLikelihood(several.likelihood, several))
    return several


def levelled(data: Data) -> Data:
    """The data; less the first values where values hardly differ, whose difference rounding would hide.

    For acquisition functions to which only differences of values matter.
    """
    spread = data.values.amax(0) - data.values.amin(0)
    if (spread > _EQUAL * data.values.abs().amax(0)).logical_and(spread > _DENORMAL).all():
        return data
    differences = data.values - data.values[0]
    return replace(data, values=differences.where(spread > _DENORMAL, differences.new_zeros(())))


def outcome_constraints(data: Data) -> list[Any] | None:
    """The outputs behind the objectives, as acquisition functions take constraints: satisfied below 0."""

    def output(place: int) -> Any:
        return lambda samples: samples[..., place]

    objectives = data.values.shape[1]
    return [output(objectives + index) for index in range(data.constraints.shape[-1])] or None


def maximiser(acquisition: AcquisitionFunction, columns: Columns, num_restarts: int) -> Tensor:
    """The best point, shape (width,): by gradients, in turn with local search where there are many categories."""
    from botorch.optim import optimize_acqf, optimize_acqf_mixed, optimize_acqf_mixed_alternating
    from botorch.optim.optimize_mixed import should_use_mixed_alternating_optimizer

    common = {
        "bounds": columns.bounds,
        "q": 1,
        "num_restarts": num_restarts,
        "raw_samples": RAW_SAMPLES,
        "post_processing_func": columns.rounded,
    }
    if not columns.categories:
        points, _ = optimize_acqf(acquisition, **common)
    elif should_use_mixed_alternating_optimizer(cat_dims=columns.categories):
        points, _ = optimize_acqf_mixed_alternating(acquisition, cat_dims=columns.categories, **common)
    else:
        combinations = product(*columns.categories.values())
        fixed = [dict(zip(columns.categories, values, strict=True)) for values in combinations]
        points, _ = optimize_acqf_mixed(acquisition, fixed_features_list=fixed, **common)
    return points[0].detach()


@contextmanager
def at_work(generators: LentGenerators) -> Iterator[None]:
    """Lend BoTorch the generators that it draws from, and one torch thread, without compiling; ignore its warnings."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with generators.lent(), uncompiled():
            warnings.simplefilter("ignore")
            yield
    finally:
        torch.set_num_threads(threads)
