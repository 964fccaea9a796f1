"""BoTorch through the adapters against loops written as in BoTorch's tutorials, on the same objective and seed."""

from __future__ import annotations

import itertools
import math
import random
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
from ConfigSpace import Categorical, ConfigurationSpace, Float, Integer
from ConfigSpace.hyperparameters.hp_components import ROUND_PLACES
from disturbance import disturbed

from optathlon import Constraint, Objective, Result, Status
from optathlon.optimizers.botorch import turbo
from optathlon.optimizers.botorch.one_objective import BotorchGibbon, BotorchJES, BotorchLogNEI, BotorchMES
from optathlon.optimizers.botorch.saas import BotorchMapSaas
from optathlon.optimizers.botorch.several_objectives import BotorchLogNEHVI, BotorchParEGO
from optathlon.optimizers.botorch.turbo import BotorchTuRBO

torch = pytest.importorskip("torch", reason="the extra 'botorch' is not installed")
pytest.importorskip("botorch", reason="the extra 'botorch' is not installed")
pytestmark = pytest.mark.torch

SEED = 11
INITIAL = 5
TRIALS = 7
QUICK = {"n_initial": INITIAL, "num_restarts": 2}
"""A small initial design, and few starts of the maximiser."""


def numeric_space() -> Any:
    space = ConfigurationSpace()
    space.add(Integer("layers", (1, 10)), Float("learning_rate", (1e-4, 1.0), log=True), Float("momentum", (0.0, 0.5)))
    return space


def mixed_space(*activations: Any) -> Any:
    space = numeric_space()
    space.add(Categorical("activation", activations), Categorical("size", ["s", "m", "l"], ordered=True))
    return space


ACTIVATIONS = ("relu", "tanh", "gelu")
MANY = tuple("abcdefghijkl")
"""More than BoTorch enumerates."""


def loss(config: Any) -> float:
    value = (math.log10(config["learning_rate"]) + 2) ** 2 + abs(config["layers"] - 4) / 5 + config["momentum"]
    value += {"s": 1.0, "m": 0.0, "l": 0.7}[config.get("size", "m")]
    return value + {"tanh": 1.0, "gelu": 0.5, "b": 0.2, "c": 2.0}.get(config.get("activation", "relu"), 0.0)


def losses(config: Any) -> Any:
    return loss(config), config["layers"] + config["momentum"]


def constraint(config: Any) -> float:
    return float(config["layers"] + 10 * config["momentum"] - 7)


class Numbers:
    """The numeric space in [0, 1]^3, as a user of BoTorch normalises and rounds it by hand."""

    def __init__(self) -> None:
        self.bounds = [[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]]
        self.fixed: Any = None

    def config(self, point: Any) -> Any:
        layers, rate, momentum = point.tolist()
        numbers = {"learning_rate": 1e-4 ** (1 - rate), "momentum": momentum / 2}
        rounded = {name: round(value, ROUND_PLACES) for name, value in numbers.items()}  # as ConfigSpace does
        return {"layers": min(int(10 * layers), 9) + 1, **rounded}

    def rounded(self, points: Any) -> Any:
        points = points.clone()
        points[..., 0] = (torch.floor(10 * points[..., 0]).clamp(max=9) + 0.5) / 10
        return points

    def from_unit(self, points: Any) -> Any:
        return self.rounded(points)


class Mixed(Numbers):
    """The mixed space: the activation is a category, the size is rounded."""

    def __init__(self, activations: Any) -> None:
        self.activations = activations
        self.bounds = [[0.0] * 5, [len(activations) - 1.0, 1.0, 1.0, 1.0, 1.0]]
        self.fixed = [float(index) for index in range(len(activations))]

    def config(self, point: Any) -> Any:
        return super().config(point[1:4]) | {
            "activation": self.activations[round(point[0].item())],
            "size": ["s", "m", "l"][min(int(3 * point[4].item()), 2)],
        }

    def rounded(self, points: Any) -> Any:
        points = points.clone()
        points[..., 1:4] = super().rounded(points[..., 1:4])
        points[..., 4] = (torch.floor(3 * points[..., 4]).clamp(max=2) + 0.5) / 3
        return points

    def from_unit(self, points: Any) -> Any:
        points = points.clone()
        count = len(self.activations)
        points[..., 0] = torch.floor(count * points[..., 0]).clamp(max=count - 1)
        return self.rounded(points)


def seed_all() -> None:
    random.seed(SEED)
    np.random.seed(SEED)
    torch.manual_seed(SEED)


def design(encoding: Any) -> Any:
    from botorch.utils.sampling import draw_sobol_samples

    unit = torch.tensor([[0.0], [1.0]], dtype=torch.double).repeat(1, len(encoding.bounds[0]))
    return encoding.from_unit(draw_sobol_samples(unit, n=INITIAL, q=1, seed=SEED).squeeze(1))


def fit(encoding: Any, points: Any, *outputs: Any) -> Any:
    """A model per output, as in the tutorials on constraints and on several objectives."""
    from botorch.fit import fit_gpytorch_mll
    from botorch.models import MixedSingleTaskGP, ModelListGP, SingleTaskGP
    from gpytorch.mlls import ExactMarginalLogLikelihood, SumMarginalLogLikelihood

    def model(values: Any) -> Any:
        tensor = torch.tensor(values, dtype=torch.double)[:, None]
        return MixedSingleTaskGP(points, tensor, cat_dims=[0]) if encoding.fixed else SingleTaskGP(points, tensor)

    models = [model(values) for values in outputs]
    if len(models) == 1:
        fit_gpytorch_mll(ExactMarginalLogLikelihood(models[0].likelihood, models[0]))
        return models[0]
    several = ModelListGP(*models)
    fit_gpytorch_mll(SumMarginalLogLikelihood(several.likelihood, several))
    return several


def maximise(encoding: Any, acquisition: Any) -> Any:
    from botorch.optim import optimize_acqf, optimize_acqf_mixed, optimize_acqf_mixed_alternating

    bounds = torch.tensor(encoding.bounds, dtype=torch.double)
    settings: dict[str, Any] = {"q": 1, "num_restarts": 2, "raw_samples": 512}
    settings["post_processing_func"] = encoding.rounded
    if encoding.fixed is None:
        found, _ = optimize_acqf(acquisition, bounds, **settings)
    elif len(encoding.fixed) <= 10:
        fixed = [{0: value} for value in encoding.fixed]
        found, _ = optimize_acqf_mixed(acquisition, bounds, fixed_features_list=fixed, **settings)
    else:
        found, _ = optimize_acqf_mixed_alternating(acquisition, bounds, cat_dims={0: encoding.fixed}, **settings)
    return found


def native_configs(encoding: Any, acquire: Any, *functions: Any, n: int = TRIALS) -> Any:
    """The loop; `acquire` makes the acquisition function from points and what the functions are there."""
    seed_all()
    points = design(encoding)
    while len(points) < n:
        configs = [encoding.config(point) for point in points]
        outputs = [[function(config) for config in configs] for function in functions]
        points = torch.cat([points, maximise(encoding, acquire(encoding, points, *outputs))])
    return [encoding.config(point) for point in points]


def sampler(count: int = 32) -> Any:
    from botorch.sampling import SobolQMCNormalSampler

    return SobolQMCNormalSampler(torch.Size([count]))


def lognei(encoding: Any, points: Any, values: Any) -> Any:
    from botorch.acquisition.logei import qLogNoisyExpectedImprovement

    return qLogNoisyExpectedImprovement(fit(encoding, points, values), points, sampler=sampler())


def constrained_lognei(encoding: Any, points: Any, values: Any, slack: Any) -> Any:
    from botorch.acquisition.logei import qLogNoisyExpectedImprovement
    from botorch.acquisition.objective import GenericMCObjective

    return qLogNoisyExpectedImprovement(
        fit(encoding, points, values, slack),
        points,
        sampler=sampler(),
        objective=GenericMCObjective(lambda Z, X=None: Z[..., 0]),
        constraints=[lambda Z: Z[..., 1]],
    )


def mes(encoding: Any, points: Any, values: Any, *, bound: bool = False) -> Any:
    from botorch.acquisition import max_value_entropy_search as entropy

    model = fit(encoding, points, values)
    candidates = encoding.from_unit(torch.rand(1000, points.shape[1], dtype=torch.double))
    return (entropy.qLowerBoundMaxValueEntropy if bound else entropy.qMaxValueEntropy)(model, candidates)


def jes(encoding: Any, points: Any, values: Any) -> Any:
    from botorch.acquisition.joint_entropy_search import qJointEntropySearch
    from botorch.acquisition.utils import get_optimal_samples

    model = fit(encoding, points, values)
    bounds = torch.tensor(encoding.bounds, dtype=torch.double)
    inputs, outputs = get_optimal_samples(model, bounds, num_optima=4)
    return qJointEntropySearch(model, inputs, outputs)


def mapsaas(encoding: Any, points: Any, values: Any) -> Any:
    from botorch.acquisition.logei import qLogNoisyExpectedImprovement
    from botorch.fit import fit_gpytorch_mll
    from botorch.models.map_saas import AdditiveMapSaasSingleTaskGP
    from gpytorch.mlls import ExactMarginalLogLikelihood

    model = AdditiveMapSaasSingleTaskGP(points, torch.tensor(values, dtype=torch.double)[:, None], num_taus=2)
    fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))
    return qLogNoisyExpectedImprovement(model, points, sampler=sampler())


def hypervolume(encoding: Any, points: Any, first: Any, second: Any, *slack: Any, reference: Any = None) -> Any:
    from botorch.acquisition.multi_objective.logei import qLogNoisyExpectedHypervolumeImprovement
    from botorch.acquisition.multi_objective.objective import IdentityMCMultiOutputObjective
    from botorch.utils.multi_objective.hypervolume import infer_reference_point
    from botorch.utils.multi_objective.pareto import is_non_dominated

    model = fit(encoding, points, first, second, *slack)
    if reference is None:
        values = torch.tensor([first, second], dtype=torch.double).T
        reference = infer_reference_point(values[is_non_dominated(values)])
    return qLogNoisyExpectedHypervolumeImprovement(
        model,
        ref_point=reference,
        X_baseline=points,
        sampler=sampler(),
        prune_baseline=True,
        objective=IdentityMCMultiOutputObjective(outcomes=[0, 1], num_outcomes=model.num_outputs),
        constraints=[lambda Z: Z[..., 2]] if slack else None,
    )


def parego(encoding: Any, points: Any, first: Any, second: Any, *slack: Any) -> Any:
    from botorch.acquisition.multi_objective.objective import IdentityMCMultiOutputObjective
    from botorch.acquisition.multi_objective.parego import qLogNParEGO

    model = fit(encoding, points, first, second, *slack)
    return qLogNParEGO(
        model,
        X_baseline=points,
        sampler=sampler(),
        prune_baseline=True,
        objective=IdentityMCMultiOutputObjective(outcomes=[0, 1], num_outcomes=model.num_outputs),
        constraints=[lambda Z: Z[..., 2]] if slack else None,
    )


def objective(config: Any) -> float:
    return -loss(config)


def second_objective(config: Any) -> float:
    return float(-losses(config)[1])


def states() -> Any:
    numpy: Any = np.random.get_state()
    return random.getstate(), numpy[1].tolist(), torch.get_rng_state().tolist()


def assert_same(trials: Any, expected: Any) -> None:
    """Floats to 1e-3: on some processors sums depend on where data lie in memory, and L-BFGS-B enlarges that."""
    for trial, config in zip(trials, expected, strict=True):
        near = {
            key: pytest.approx(value, rel=1e-3) if isinstance(value, float) else value for key, value in config.items()
        }
        assert dict(trial.config) == near


@pytest.mark.parametrize(
    ("adapter", "options", "acquire"),
    [
        (BotorchLogNEI, {"mc_samples": 32}, lognei),
        (BotorchMES, {}, mes),
        (BotorchGibbon, {}, partial(mes, bound=True)),
        (BotorchJES, {"num_optima": 4}, jes),
        (BotorchMapSaas, {"num_taus": 2, "mc_samples": 32}, mapsaas),
    ],
)
def test_native_numbers(kit: Any, adapter: Any, options: Any, acquire: Any) -> None:
    problem = kit.problem(numeric_space())
    optimizer = disturbed(adapter(problem, SEED, **QUICK, **options))
    trials = kit.drive(optimizer, problem, loss, TRIALS)
    assert_same(trials, native_configs(Numbers(), acquire, objective))


@pytest.mark.slow
@pytest.mark.parametrize("activations", [ACTIVATIONS, MANY])
@pytest.mark.parametrize(
    ("adapter", "options", "acquire"),
    [
        (BotorchLogNEI, {"mc_samples": 32}, lognei),
        (BotorchMES, {}, mes),
        (BotorchGibbon, {}, partial(mes, bound=True)),
    ],
)
def test_native_mixed(kit: Any, adapter: Any, options: Any, acquire: Any, activations: Any) -> None:
    problem = kit.problem(mixed_space(*activations))
    trials = kit.drive(disturbed(adapter(problem, SEED, **QUICK, **options)), problem, loss, TRIALS)
    assert_same(trials, native_configs(Mixed(activations), acquire, objective))


@pytest.mark.slow
@pytest.mark.parametrize(("adapter", "acquire"), [(BotorchLogNEHVI, hypervolume), (BotorchParEGO, parego)])
def test_native_mixed_with_several_objectives(kit: Any, adapter: Any, acquire: Any) -> None:
    problem = kit.problem(mixed_space(*ACTIVATIONS), objectives=2)
    trials = kit.drive(disturbed(adapter(problem, SEED, **QUICK, mc_samples=32)), problem, losses, TRIALS)
    assert_same(trials, native_configs(Mixed(ACTIVATIONS), acquire, objective, second_objective))


def constrained(config: Any) -> Any:
    return Result(values=(loss(config),), losses=(loss(config),), constraints=(constraint(config),))


def test_native_constraint(kit: Any) -> None:
    problem = replace(kit.problem(numeric_space()), constraints=(Constraint("c"),))
    optimizer = disturbed(BotorchLogNEI(problem, SEED, **QUICK, mc_samples=32))
    trials = kit.drive(optimizer, problem, constrained, TRIALS)
    assert_same(trials, native_configs(Numbers(), constrained_lognei, objective, constraint))


@pytest.mark.parametrize(("adapter", "acquire"), [(BotorchLogNEHVI, hypervolume), (BotorchParEGO, parego)])
def test_native_several_objectives(kit: Any, adapter: Any, acquire: Any) -> None:
    problem = kit.problem(numeric_space(), objectives=2)
    trials = kit.drive(disturbed(adapter(problem, SEED, **QUICK, mc_samples=32)), problem, losses, TRIALS)
    assert_same(trials, native_configs(Numbers(), acquire, objective, second_objective))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("adapter", "acquire"),
    [(BotorchLogNEHVI, partial(hypervolume, reference=[-20.0, -12.0])), (BotorchParEGO, parego)],
)
def test_native_several_objectives_with_a_constraint(kit: Any, adapter: Any, acquire: Any) -> None:
    """The reference point of a maximised objective is told as a loss."""

    def result(config: Any) -> Any:
        return Result(values=losses(config), losses=losses(config), constraints=(constraint(config),))

    objectives = (Objective("loss", reference=20.0), Objective("speed", "maximize", reference=-12.0))
    problem = replace(kit.problem(numeric_space()), objectives=objectives, constraints=(Constraint("c"),))
    trials = kit.drive(disturbed(adapter(problem, SEED, **QUICK, mc_samples=32)), problem, result, TRIALS)
    assert_same(trials, native_configs(Numbers(), acquire, objective, second_objective, constraint))


def test_native_pending(kit: Any) -> None:
    """Two at a time, as `X_pending` makes a batch."""
    problem = kit.problem(numeric_space(), n_workers=2)
    optimizer = disturbed(BotorchLogNEI(problem, SEED, n_initial=4, num_restarts=2, mc_samples=32))
    asked = []
    for _ in range(3):
        trials = [optimizer.ask() for _ in range(2)]
        asked += trials
        for trial in trials:
            optimizer.tell(trial, kit.succeed(loss(trial.config)))

    from botorch.acquisition.logei import qLogNoisyExpectedImprovement

    encoding = Numbers()
    seed_all()
    points = design(encoding)[:4]
    values = [objective(encoding.config(point)) for point in points]
    for pending in (None, "the first"):
        known = points[:4]
        acquisition = qLogNoisyExpectedImprovement(
            fit(encoding, known, values), known, sampler=sampler(), X_pending=points[4:] if pending else None
        )
        points = torch.cat([points, maximise(encoding, acquisition)])
    assert_same(asked, [encoding.config(point) for point in points])


def test_native_turbo(kit: Any) -> None:
    problem = kit.problem(numeric_space())
    trials = kit.drive(
        disturbed(BotorchTuRBO(problem, SEED, n_initial=INITIAL, success_tolerance=2)), problem, loss, 10
    )
    assert_same(trials, turbo_configs(10))


def turbo_configs(n: int) -> Any:
    """BoTorch's tutorial with batches of one, and the best value of the design known from the start."""
    from botorch.fit import fit_gpytorch_mll
    from botorch.generation import MaxPosteriorSampling
    from botorch.models import SingleTaskGP
    from gpytorch.constraints import Interval
    from gpytorch.kernels import MaternKernel, ScaleKernel
    from gpytorch.likelihoods import GaussianLikelihood
    from gpytorch.mlls import ExactMarginalLogLikelihood
    from torch.quasirandom import SobolEngine

    encoding, dim = Numbers(), 3
    seed_all()
    X = SobolEngine(dim, scramble=True, seed=SEED).draw(INITIAL).to(torch.double)
    Y = torch.tensor([[objective(encoding.config(point))] for point in X], dtype=torch.double)
    best, length, failures, successes = Y.max().item(), 0.8, 0, 0
    while len(X) < n:
        train_Y = (Y - Y.mean()) / Y.std()
        kernel = ScaleKernel(MaternKernel(nu=2.5, ard_num_dims=dim, lengthscale_constraint=Interval(0.005, 4.0)))
        likelihood = GaussianLikelihood(noise_constraint=Interval(1e-8, 1e-3))
        model = SingleTaskGP(X, train_Y, covar_module=kernel, likelihood=likelihood)
        fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))
        center = X[train_Y.argmax(), :].clone()
        weights = model.covar_module.base_kernel.lengthscale.squeeze().detach()
        weights = weights / weights.mean()
        weights = weights / torch.prod(weights.pow(1.0 / len(weights)))
        lower = torch.clamp(center - weights * length / 2.0, 0.0, 1.0)
        upper = torch.clamp(center + weights * length / 2.0, 0.0, 1.0)
        pert = lower + (upper - lower) * SobolEngine(dim, scramble=True).draw(2000).to(torch.double)
        mask = torch.rand(2000, dim, dtype=torch.double) <= min(20.0 / dim, 1.0)
        torch.randint(0, dim - 1, size=(0,))
        candidates = center.expand(2000, dim).clone()
        candidates[mask] = pert[mask]
        with torch.no_grad():
            X_next = MaxPosteriorSampling(model=model, replacement=False)(candidates, num_samples=1)
        y = objective(encoding.config(X_next[0]))
        better = y > best + 1e-3 * math.fabs(best)
        successes, failures = (successes + 1, 0) if better else (0, failures + 1)
        if successes == 2:
            length, successes = min(2.0 * length, 1.6), 0
        elif failures == 4:
            length, failures = length / 2.0, 0
        best = max(best, y)
        X = torch.cat([X, X_next])
        Y = torch.cat([Y, torch.tensor([[y]], dtype=torch.double)])
    return [encoding.config(point) for point in X]


def test_turbo_starts_again_where_its_region_is_too_small(kit: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what it has learnt forgotten, what is pending included."""
    monkeypatch.setattr(turbo._Region, "__init__", partialmethod_with_length(turbo._Region.__init__, 0.01))
    problem = kit.problem(numeric_space(), n_workers=2)
    optimizer = BotorchTuRBO(problem, SEED, n_initial=2)
    kit.drive(optimizer, problem, lambda config: 1.0, 5)
    first = optimizer._region
    late = optimizer.ask()
    kit.drive(optimizer, problem, lambda config: 1.0, 1)
    assert optimizer._region is not first
    optimizer.tell(late, kit.succeed(0.0))
    assert optimizer._region.values == []
    kit.drive(optimizer, problem, loss, 3)
    assert len(optimizer._region.values) == 3


def partialmethod_with_length(init: Any, length: float) -> Any:
    def shorter(self: Any, **arguments: Any) -> None:
        init(self, length=length, **arguments)

    return shorter


def test_failed_trials_are_told_with_their_imputed_loss(kit: Any) -> None:
    def result(config: Any) -> Any:
        failed = config["layers"] > 5
        return Result(status=Status.CRASHED, losses=(50.0,)) if failed else kit.succeed(loss(config))

    def imputed(config: Any) -> float:
        return -50.0 if config["layers"] > 5 else objective(config)

    problem = kit.problem(numeric_space())
    trials = kit.drive(BotorchLogNEI(problem, SEED, **QUICK, mc_samples=32), problem, result, INITIAL + 1)
    assert_same(trials, native_configs(Numbers(), lognei, imputed, n=INITIAL + 1))


def test_failed_trials_have_no_constraint_values(kit: Any) -> None:
    """The model starts where two trials have some."""
    outcomes = itertools.chain([False] * 4, itertools.repeat(True))

    def result(config: Any) -> Any:
        return constrained(config) if next(outcomes) else Result(status=Status.CRASHED, losses=(9.0,))

    problem = replace(kit.problem(numeric_space()), constraints=(Constraint("c"),))
    optimizer = BotorchLogNEI(problem, SEED, n_initial=2, num_restarts=2, mc_samples=16)
    trials = kit.drive(optimizer, problem, result, 7)
    data = optimizer._data()
    assert data.successes == [4, 5, 6]
    assert data.constraints.tolist() == [[constraint(trial.config)] for trial in trials[4:]]
    sobol = torch.quasirandom.SobolEngine(3, scramble=True, seed=SEED).draw(7, dtype=torch.double)
    expected = [Numbers().config(point) for point in Numbers().from_unit(sobol)]
    assert [kit.same(trial.config, one) for trial, one in zip(trials, expected, strict=True)] == [True] * 6 + [False]


def test_leaves_generators_and_threads_alone(kit: Any) -> None:
    problem = kit.problem(numeric_space())
    torch.set_num_threads(2)
    before = states()
    kit.drive(BotorchLogNEI(problem, SEED, n_initial=2, num_restarts=2, mc_samples=16), problem, loss, 3)
    assert states() == before
    assert torch.get_num_threads() == 2
    torch.set_num_threads(1)
