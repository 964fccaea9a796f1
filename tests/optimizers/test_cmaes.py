"""The library's strategies through the adapters against the same as their users call them."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
from cmaes import CMA, MAPCMA, XNES, CatCMAwM, CMAwM, COMOCatCMAwM, SepCMA
from ConfigSpace import Categorical, ConfigurationSpace, Constant, Integer

from optathlon import Objective, Result, Status
from optathlon.encoding import UnitCube
from optathlon.errors import SearchSpaceExhausted, UsageError
from optathlon.optimizers.cmaes import (
    CmaesCatCMA,
    CmaesCMA,
    CmaesCOMOCatCMA,
    CmaesLRACMA,
    CmaesMAPCMA,
    CmaesSepCMA,
    CmaesXNES,
)
from optathlon.registry.capabilities import mismatch
from optathlon.registry.optimizers import choose_optimizer

SEED = 11
TRIALS = 36
"""Four populations on the flat space, which has nine each."""

RATES, UNITS = (1e-4, 0.3), (8, 1024)
LAYERS = (np.arange(10) + 0.5) / 10
SIZES = (np.arange(3) + 0.5) / 3
UNIT_LEVELS = np.log((UNITS[0] + (np.arange(1017) + 0.5) / 1017 * 1016) / UNITS[0]) / np.log(UNITS[1] / UNITS[0])


def flat_config(solution: Any) -> dict[str, Any]:
    """The flat space by hand: levels are the middles of equal bins, of logarithmic integers on the linear scale."""
    rate, momentum = solution.x
    layers, size, units = solution.z
    return {
        "activation": ["relu", "tanh", "gelu"][int(np.flatnonzero(solution.c[0])[0])],
        "layers": 1 + int(np.flatnonzero(layers == LAYERS)[0]),
        "learning_rate": RATES[0] * (RATES[1] / RATES[0]) ** rate,
        "momentum": 0.1 + 0.7 * momentum,
        "size": ["s", "m", "l"][int(np.flatnonzero(size == SIZES)[0])],
        "units": UNITS[0] + int(np.abs(UNIT_LEVELS - units).argmin()),
        "version": 3,
    }


def native_configs(optimizer: Any, decode: Callable[[Any], dict[str, Any]], loss: Any, n: int) -> list[dict[str, Any]]:
    configs: list[dict[str, Any]] = []
    while len(configs) < n:
        solutions = []
        for _ in range(optimizer.population_size):
            solution = optimizer.ask()
            configs.append(decode(solution))
            solutions.append((solution, loss(configs[-1])))
        optimizer.tell(solutions)
    return configs[:n]


def check_same(kit: Any, found: list[dict[str, Any]], expected: list[dict[str, Any]]) -> None:
    assert all(kit.same(one, other) for one, other in zip(found, expected, strict=True))


@pytest.mark.parametrize("popsize", [None, 5])
def test_native_mixed(kit: Any, popsize: int | None) -> None:
    spaces = {"x_space": [[0, 1], [0, 1]], "z_space": [LAYERS, SIZES, UNIT_LEVELS], "c_space": [3]}
    native = CatCMAwM(**spaces, population_size=popsize, seed=SEED)
    problem = kit.problem(kit.flat_space())
    trials = kit.drive(CmaesCatCMA(problem, SEED, popsize=popsize), problem, kit.flat_loss, TRIALS)
    check_same(kit, kit.configs(trials), native_configs(native, flat_config, kit.flat_loss, TRIALS))


def test_native_continuous(kit: Any) -> None:
    space = ConfigurationSpace({"x": (-5.0, 5.0), "y": (0.0, 1.0)})

    def loss(config: dict[str, float]) -> float:
        return config["x"] ** 2 + config["y"]

    native = CatCMAwM(x_space=[[0, 1], [0, 1]], seed=SEED)
    expected = native_configs(native, lambda s: {"x": 10 * s.x[0] - 5, "y": float(s.x[1])}, loss, TRIALS)
    problem = kit.problem(space)
    check_same(kit, kit.configs(kit.drive(CmaesCatCMA(problem, SEED), problem, loss, TRIALS)), expected)


def test_native_choices_alone_and_what_has_two_values_is_one_of_them(kit: Any) -> None:
    """The library recommends it: binary integers and ordered pairs are categorical."""
    space = ConfigurationSpace()
    space.add(Categorical("kind", ["a", "b", "c"]), Integer("n", (4, 5)), Categorical("one", ["only"]))
    space.add(Categorical("pair", ["low", "high"], ordered=True), Constant("version", 3))

    def loss(config: dict[str, Any]) -> float:
        return {"a": 0.0, "b": 1.0, "c": 2.0}[config["kind"]] + config["n"] + (config["pair"] == "low")

    def decode(solution: Any) -> dict[str, Any]:
        kind, n, pair = solution.c.argmax(axis=1)
        return {"kind": "abc"[kind], "n": 4 + n, "one": "only", "pair": ["low", "high"][pair], "version": 3}

    problem = kit.problem(space)
    trials = kit.drive(CmaesCatCMA(problem, SEED), problem, loss, TRIALS)
    assert kit.configs(trials) == native_configs(CatCMAwM(c_space=[3, 2, 2], seed=SEED), decode, loss, TRIALS)


def test_results_that_come_after_their_populations_update_are_not_used(kit: Any) -> None:
    """Of twelve pending trials the first four told are the population; then the library is asked again."""
    problem = kit.problem(kit.numeric_space(), n_workers=12)
    optimizer = CmaesCatCMA(problem, SEED, popsize=4)
    native = CatCMAwM(x_space=[[0, 1], [0, 1]], z_space=[LAYERS, UNIT_LEVELS], population_size=4, seed=SEED)
    trials, solutions = [optimizer.ask() for _ in range(12)], [native.ask() for _ in range(12)]
    losses = [kit.flat_loss(trial.config) for trial in trials]
    for trial, loss in reversed(list(zip(trials, losses, strict=True))):
        optimizer.tell(trial, kit.succeed(loss))
    native.tell(list(zip(solutions, losses, strict=True))[:-5:-1])
    assert optimizer.ask().config["learning_rate"] == pytest.approx(
        RATES[0] * (RATES[1] / RATES[0]) ** native.ask().x[0]
    )


def test_goes_on_without_a_warning_where_all_trials_fail(kit: Any) -> None:
    problem = kit.problem(kit.flat_space())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        failure = Result(status=Status.CRASHED, losses=(3.0,))
        trials = kit.drive(CmaesCatCMA(problem, SEED), problem, lambda config: failure, TRIALS)
    assert len({tuple(trial.config.values()) for trial in trials}) == TRIALS


def test_integers_of_many_values_are_continuous(kit: Any) -> None:
    space = ConfigurationSpace({"wide": (1, 10**9), "few": (1, 10)})
    optimizer = CmaesCatCMA(kit.problem(space), SEED)
    assert (optimizer._cmaes.n_continuous, optimizer._cmaes.n_integer) == (1, 1)
    assert {type(optimizer.ask().config["wide"]) for _ in range(5)} == {int}


def test_it_finds_the_optimum_of_a_mixed_space(kit: Any) -> None:
    """Half of the budget later it is far below what it started with."""
    problem = kit.problem(kit.flat_space())
    trials = kit.drive(CmaesCatCMA(problem, SEED), problem, kit.flat_loss, 270)
    losses = [kit.flat_loss(trial.config) for trial in trials]
    assert np.mean(losses[-27:]) < np.mean(losses[:27]) / 4


def test_a_population_that_is_too_small_is_refused() -> None:
    with pytest.raises(UsageError, match=r"popsize=3 .*greater than or equal to 4"):
        choose_optimizer("cmaes-catcma[popsize=3]")


NUMBERS: list[tuple[Any, Any]] = [
    (CmaesCMA, CMA),
    (CmaesLRACMA, partial(CMA, lr_adapt=True)),
    (CmaesSepCMA, SepCMA),
    (CmaesXNES, XNES),
    (CmaesMAPCMA, MAPCMA),
]


def native_numbers(kit: Any, method: Any, n: int, space: Any, **options: Any) -> Any:
    """As the library's documentation drives it, in the unit cube; with a margin it also gives what to evaluate."""
    cube = UnitCube(space)
    width = len(cube.names)
    bounds = options.pop("bounds", np.tile([0.0, 1.0], (width, 1)))
    optimizer = method(mean=np.full(width, 0.5), bounds=bounds, seed=SEED, **options)
    configs: list[dict[str, Any]] = []
    while len(configs) < n:
        solutions = []
        for _ in range(optimizer.population_size):
            solution = optimizer.ask()
            evaluated, told = solution if isinstance(solution, tuple) else (solution, solution)
            configs.append(cube.decode(evaluated[None])[0])
            solutions.append((told, kit.flat_loss(configs[-1])))
        optimizer.tell(solutions)
    return configs[:n]


@pytest.mark.parametrize(("adapter", "method"), NUMBERS)
@pytest.mark.parametrize("options", [{}, {"popsize": 5, "sigma": 0.3}])
def test_native_numbers(kit: Any, adapter: Any, method: Any, options: dict[str, Any]) -> None:
    problem = kit.problem(kit.numeric_space())
    native = {"sigma": options.get("sigma", 1 / 6), "population_size": options.get("popsize")}
    expected = native_numbers(kit, method, TRIALS, kit.numeric_space(), **native)
    trials = kit.drive(adapter(problem, SEED, **options), problem, kit.flat_loss, TRIALS)
    assert kit.configs(trials) == expected


def test_native_margin(kit: Any) -> None:
    """Ten layers are steps; units are on a logarithmic scale."""
    problem = kit.problem(kit.numeric_space())
    bounds = np.array([[0.05, 0.95], [0, 1], [0, 1], [0, 1]])
    steps = np.array([0.1, 0, 0, 0])
    native = {"sigma": 0.05, "population_size": 5, "bounds": bounds, "steps": steps}
    expected = native_numbers(kit, CMAwM, 100, kit.numeric_space(), **native)
    with_margin = CmaesCMA(problem, SEED, popsize=5, sigma=0.05, integers="margin")
    assert kit.configs(kit.drive(with_margin, problem, kit.flat_loss, 100)) == expected
    rounded = CmaesCMA(problem, SEED, popsize=5, sigma=0.05)
    assert kit.configs(kit.drive(rounded, problem, kit.flat_loss, 100)) != expected


@pytest.mark.parametrize("adapter", [adapter for adapter, _ in NUMBERS])
def test_what_has_converged_is_over(kit: Any, adapter: Any) -> None:
    """Equal losses for many generations are one of the library's reasons to stop."""
    problem = kit.problem(kit.numeric_space())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(SearchSpaceExhausted, match="the library says that it should stop"):
            kit.drive(adapter(problem, SEED), problem, lambda config: 1.0, 1000)


def test_some_need_two_numbers(kit: Any) -> None:
    problem = kit.problem(ConfigurationSpace({"x": (0.0, 1.0)}))
    reasons = {adapter: mismatch(adapter, problem) for adapter, _ in NUMBERS}
    assert [reasons[adapter] for adapter in (CmaesCMA, CmaesLRACMA)] == ["", ""]
    for adapter in (CmaesSepCMA, CmaesXNES, CmaesMAPCMA):
        assert reasons[adapter] == "the method needs 2 numbers at least"


@pytest.mark.parametrize("reference", [None, (20.0, 11.0)])
def test_native_two_objectives(kit: Any, reference: Any) -> None:
    spaces = {"x_space": [[0, 1], [0, 1]], "z_space": [LAYERS, SIZES, UNIT_LEVELS], "c_space": [3]}
    native = COMOCatCMAwM(**spaces, kernel_size=3, reference_point=reference, seed=SEED)
    expected: list[dict[str, Any]] = []
    while len(expected) < 60:
        solutions = []
        for solution in native.ask_iter():
            expected.append(flat_config(replace(solution, x=np.clip(solution.x, 0, 1))))
            solutions.append((solution, kit.two_losses(expected[-1])))
        native.tell(solutions)
    problem = kit.problem(kit.flat_space(), objectives=2)
    if reference is not None:
        problem = replace(problem, objectives=tuple(Objective(f"f{i}", reference=reference[i]) for i in range(2)))
    trials = kit.drive(CmaesCOMOCatCMA(problem, SEED, kernels=3), problem, kit.two_losses, 60)
    check_same(kit, kit.configs(trials), expected[:60])


def test_two_objectives_wait_for_a_turn_and_are_not_three(kit: Any) -> None:
    problem = kit.problem(kit.numeric_space(), objectives=2, n_workers=100)
    optimizer = CmaesCOMOCatCMA(problem, SEED, kernels=2)
    trials = []
    while (trial := optimizer.ask()) is not None:
        trials.append(trial)
    assert len(trials) == optimizer._cmaes.current_kernel.population_size + 1
    for trial in reversed(trials):
        optimizer.tell(trial, kit.succeed(*kit.two_losses(trial.config)))
    assert optimizer.ask() is not None
    assert mismatch(CmaesCOMOCatCMA, kit.problem(kit.numeric_space(), objectives=3)).endswith("the task has 3")


def test_two_objectives_go_on_where_all_trials_fail(kit: Any) -> None:
    problem = kit.problem(kit.numeric_space(), objectives=2)
    failure = Result(status=Status.CRASHED, losses=(1e300, 1e300))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trials = kit.drive(CmaesCOMOCatCMA(problem, SEED), problem, lambda config: failure, 60)
    assert len({tuple(trial.config.values()) for trial in trials}) > 40
