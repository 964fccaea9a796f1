from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import count
from typing import Any

import cocoex
import numpy as np
import pytest
from cocoex.bare_problem import BareProblem
from scipy.stats import cauchy, ks_2samp, kstest, norm

from optathlon.tasks.coco import generator
from optathlon.tasks.coco.ellipsoid import rotated_ellipsoid
from optathlon.tasks.coco.noise import model, with_noise
from optathlon.tasks.coco.noisy import Noisy, noisiness

NOISY = Noisy()
TRIALS = 2000


class CocosNumbers:
    """The numbers that COCO draws for each new suite: the first of one generator for each seed from 31 on."""

    def __init__(self) -> None:
        self._uniform, self._normal = count(31), count(31)

    def random(self, size: int | None = None) -> Any:
        return self._drawn(size, (generator.uniform(1, seed)[0] for seed in self._uniform))

    def standard_normal(self, size: int | None = None) -> Any:
        return self._drawn(size, (generator.gaussian(1, seed)[0] for seed in self._normal))

    @staticmethod
    def _drawn(size: int | None, numbers: Iterator[float]) -> Any:
        return next(numbers) if size is None else np.array([next(numbers) for _ in range(size)])


def at(point: Any) -> dict[str, float]:
    return {f"x{index}": float(value) for index, value in enumerate(point)}


def cocos(function: int, dimension: int, instance: int) -> Any:
    chosen = f"function_indices:{function - 100} dimensions:{dimension} instance_indices:{instance}"
    return cocoex.Suite("bbob-noisy", "", chosen)[0]


def excesses(function: int, dimension: int = 5) -> tuple[np.ndarray, float]:
    """Many noisy values at one point above the optimum, and the one without noise."""
    task = NOISY.make(f"bbob-noisy/f{function}/d{dimension}/i1")
    results = [task.evaluate(at([1.5] * dimension), fidelity=None, seed=seed) for seed in range(TRIALS)]
    least = task.problem.objectives[0].optimum
    assert least is not None
    (exact,) = {result.metrics["test/value"] for result in results}
    return np.array([result.values[0] for result in results]) - least, exact - least


@pytest.mark.parametrize("function", NOISY.functions)
def test_with_cocos_random_numbers_values_are_cocos(function: int) -> None:
    rng = np.random.default_rng(function)
    for dimension, instance in ((2, 1), (5, 15), (20, 4)):
        native, numbers = cocos(function, dimension, instance), CocosNumbers()
        task = NOISY.make(f"bbob-noisy/f{function}/d{dimension}/i{instance}")
        _, kind, severity = noisiness(function)
        noise, least = model(kind, severity, dimension), task.problem.objectives[0].optimum
        assert least is not None
        for point in rng.uniform(-5, 5, (3, dimension)):
            exact = task.evaluate(at(point), fidelity=None, seed=0).metrics["test/value"]
            noisy: float = least + with_noise(exact - least, noise, numbers)  # type: ignore[arg-type]
            assert noisy == pytest.approx(native(point), rel=1e-9)


@pytest.mark.parametrize("function", range(101, 113))
def test_quantiles_are_close_to_those_of_cocos_sequence(function: int) -> None:
    native = cocos(function, 5, 1)
    theirs = [native(np.full(5, 1.5)) for _ in range(TRIALS)]
    task = NOISY.make(f"bbob-noisy/f{function}/d5/i1")
    ours = [task.evaluate(at([1.5] * 5), fidelity=None, seed=seed).values[0] for seed in range(TRIALS)]
    assert ks_2samp(theirs, ours).statistic < 0.06


@pytest.mark.parametrize(("function", "beta"), [(101, 0.01), (110, 1.0)])
def test_gaussian_noise_is_lognormal(function: int, beta: float) -> None:
    noisy, exact = excesses(function)
    logarithms = np.log(noisy / exact)
    assert kstest(logarithms, norm(0, beta).cdf).pvalue > 0.01
    assert logarithms.mean() == pytest.approx(0, abs=4 * beta / math.sqrt(TRIALS))
    assert logarithms.std() == pytest.approx(beta, rel=0.1)


@pytest.mark.parametrize(("function", "alpha", "beta"), [(105, 0.01 * 0.69, 0.01), (108, 0.69, 1.0)])
def test_uniform_noise_has_its_logarithmic_moments(function: int, alpha: float, beta: float) -> None:
    """Where the excess is below 1e9, ln of the factor is beta ln U + alpha V ln(1e9 / excess)."""
    noisy, exact = excesses(function)
    logarithms, span = np.log((noisy - 1.01e-8) / exact), alpha * math.log(1e9 / exact)
    mean, variance = span / 2 - beta, span**2 / 12 + beta**2
    assert logarithms.mean() == pytest.approx(mean, abs=4 * math.sqrt(variance / TRIALS))
    assert logarithms.var() == pytest.approx(variance, rel=0.15)


@pytest.mark.parametrize(("function", "alpha", "p"), [(103, 0.01, 0.05), (112, 1.0, 0.2)])
def test_cauchy_noise_has_as_many_outliers_as_it_should_of_its_distribution(
    function: int, alpha: float, p: float
) -> None:
    noisy, exact = excesses(function)
    deviations = (noisy - exact - 1.01e-8) / alpha - 1000
    outliers = deviations[np.abs(deviations) > 1e-6]
    assert len(outliers) / TRIALS == pytest.approx(p, abs=4 * math.sqrt(p * (1 - p) / TRIALS))
    assert kstest(outliers[outliers > -1000], cauchy.cdf).pvalue > 0.01
    assert deviations.min() >= -1000


def test_a_seed_gives_one_value_and_others_give_others() -> None:
    task = NOISY.make("bbob-noisy/f107/d3/i2")
    config = at([1, 2, 3])
    values = [task.evaluate(config, fidelity=None, seed=seed).values[0] for seed in (0, 1, 2, 0)]
    assert values[0] == values[3]
    assert len(set(values)) == 3


def test_the_value_without_noise_does_not_depend_on_the_seed() -> None:
    task = NOISY.make("bbob-noisy/f109/d3/i2")
    (exact,) = {task.evaluate(at([1, 2, 3]), fidelity=None, seed=seed).metrics["test/value"] for seed in range(20)}
    assert exact == pytest.approx(BareProblem("bbob", 1, 3, 2)(np.array([1.0, 2, 3])))


@pytest.mark.parametrize("function", [101, 102, 103, 116, 119, 130])
def test_the_optimum_has_no_noise(function: int) -> None:
    task = NOISY.make(f"bbob-noisy/f{function}/d5/i3")
    best = BareProblem("bbob", noisiness(function).base, 5, 3).best_parameter()
    result = task.evaluate(at(best), fidelity=None, seed=1)
    assert result.values[0] == pytest.approx(task.problem.objectives[0].optimum, abs=1e-8)
    assert result.values[0] == result.metrics["test/value"]


def test_values_next_to_the_optimum_are_lifted_by_a_little_more_than_the_target() -> None:
    noise = model("Gaussian", "moderate", 5)
    rng = np.random.default_rng(0)
    assert with_noise(0.99e-8, noise, rng) == 0.99e-8
    assert with_noise(1e-8, noise, rng) == pytest.approx(2.01e-8, rel=0.05)


@pytest.mark.parametrize("dimension", [2, 5, 40])
def test_the_rotated_ellipsoid_is_cocos_where_it_is_conditioned_alike(dimension: int) -> None:
    native, ours = BareProblem("bbob", 10, dimension, 7), rotated_ellipsoid(dimension, 7, 1e6)
    for point in np.random.default_rng(0).uniform(-5, 5, (5, dimension)):
        assert ours(point) == pytest.approx(native(point) - native.best_value(), rel=1e-9)
    assert ours(native.best_parameter()) == 0


def test_points_are_those_of_coco() -> None:
    for instance in (1, 2, 15, 1000):
        best = BareProblem("bbob", 1, 12, instance).best_parameter()
        assert generator.shift(12, 1 + 10_000 * instance).tolist() == best.tolist()


def test_rotations_are_orthogonal() -> None:
    rotated = generator.rotation(10, 12345)
    assert rotated @ rotated.T == pytest.approx(np.eye(10), abs=1e-12)


@pytest.mark.slow
def test_all_noise_free_values_are_cocos() -> None:
    """Its Cauchy noise is 1000 alpha in the first evaluation of each suite, as the indicator is above p."""
    rng = np.random.default_rng(6)
    for function in range(103, 131, 3):
        for dimension in NOISY.dimensions:
            for instance in (1, 8, 15):
                point = rng.uniform(-5, 5, dimension)
                task = NOISY.make(f"bbob-noisy/f{function}/d{dimension}/i{instance}")
                exact = task.evaluate(at(point), fidelity=None, seed=0).metrics["test/value"]
                lifted = 1000 if noisiness(function).severity == "severe" else 10
                assert cocos(function, dimension, instance)(point) - lifted == pytest.approx(exact, rel=1e-9, abs=1e-6)
