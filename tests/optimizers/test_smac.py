"""Each facade proposes what it proposes to a native SMAC user with the same scenario."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path
from typing import Any

import pytest
from ConfigSpace import Categorical, ConfigurationSpace
from smac import (
    AlgorithmConfigurationFacade,
    BlackBoxFacade,
    HyperbandFacade,
    HyperparameterOptimizationFacade,
    MultiFidelityFacade,
    Scenario,
)
from smac.acquisition.function import LCB
from smac.intensifier import SuccessiveHalving
from smac.intensifier.hyperband_utils import get_n_trials_for_hyperband_multifidelity
from smac.multi_objective import ParEGO
from smac.runhistory import StatusType, TrialValue

from optathlon import Budget, Capability, Fidelity, Problem, Result, SearchSpaceExhausted, Status
from optathlon.optimizers.smac import (
    SmacAlgorithmConfiguration,
    SmacBlackBox,
    SmacHPO,
    SmacHyperband,
    SmacMultiFidelity,
    SmacSuccessiveHalving,
)
from optathlon.space import plain

SEED = 11
NATIVE = {
    SmacAlgorithmConfiguration: AlgorithmConfigurationFacade,
    SmacBlackBox: BlackBoxFacade,
    SmacHPO: HyperparameterOptimizationFacade,
}


def never_called(config: dict[str, Any], seed: int = 0, budget: Any = None) -> None:
    raise AssertionError("ask and tell evaluate outside SMAC")


def native_facade(
    facade: Any, space: Any, folder: Any, *, components: Any = lambda scenario: {}, **settings: Any
) -> Any:
    scenario = Scenario(space, output_directory=folder, deterministic=True, seed=SEED, **settings)
    return facade(scenario, never_called, logging_level=False, overwrite=True, **components(scenario))


def native_trials(facade: Any, loss: Any, n: int, origin: Any = "Acquisition Function") -> Any:
    """(active values, budget) of the first `n` trials, some of that origin among them; told with SMAC's defaults."""
    trials, origins = [], set()
    for _ in range(n):
        info = facade.ask()
        config = {name: plain(value) for name, value in info.config.items()}
        cost = loss(config)
        facade.tell(info, TrialValue(cost=list(cost) if isinstance(cost, tuple) else cost))
        trials.append((config, info.budget))
        origins.add(info.config.origin)
    assert any(origin in found for found in origins), origins
    return trials


@pytest.mark.parametrize(
    ("optimizer_class", "n", "kind"),
    [
        pytest.param(SmacBlackBox, 5, "flat", marks=[pytest.mark.convergence, pytest.mark.smoke]),
        pytest.param(SmacHPO, 12, "flat", marks=pytest.mark.convergence),
        (SmacBlackBox, 5, "conditional"),
        (SmacHPO, 8, "conditional"),
        (SmacAlgorithmConfiguration, 10, "flat"),
        (SmacAlgorithmConfiguration, 10, "conditional"),
    ],
)
def test_native(kit: Any, tmp_path: Path, optimizer_class: Any, n: int, kind: str) -> None:
    make_space, loss = getattr(kit, f"{kind}_space"), getattr(kit, f"{kind}_loss")
    problem = kit.problem(make_space(), budget=n)
    trials = kit.drive(optimizer_class(problem, SEED), problem, loss, n)
    native = native_trials(native_facade(NATIVE[optimizer_class], make_space(), tmp_path, n_trials=n), loss, n)
    assert kit.configs(trials) == [config for config, _ in native]


def halving(scenario: Any) -> Any:
    return {"intensifier": SuccessiveHalving(scenario, eta=3)}


@pytest.mark.parametrize(
    ("optimizer_class", "native", "origin", "components"),
    [
        (SmacMultiFidelity, MultiFidelityFacade, "Acquisition Function", lambda scenario: {}),
        (SmacHyperband, HyperbandFacade, "Random", lambda scenario: {}),
        (SmacSuccessiveHalving, HyperbandFacade, "Random", halving),
    ],
)
def test_native_hyperband(
    kit: Any, tmp_path: Path, optimizer_class: Any, native: Any, origin: Any, components: Any
) -> None:
    """Far enough to promote, to start further brackets and to fit the forest."""
    problem = kit.problem(kit.conditional_space(), budget=8, fidelity=kit.levels)
    trials = kit.drive(optimizer_class(problem, SEED), problem, kit.conditional_loss, 26)

    n_trials = get_n_trials_for_hyperband_multifidelity(8 * 9, 1, 9, 3, print_summary=False)
    settings = {"n_trials": n_trials, "min_budget": 1, "max_budget": 9}
    facade = native_facade(native, kit.conditional_space(), tmp_path, components=components, **settings)
    theirs = native_trials(facade, kit.conditional_loss, 26, origin)
    assert [(dict(trial.config), trial.fidelity) for trial in trials] == theirs
    assert {trial.fidelity for trial in trials} == {1, 3, 9}


def test_native_parego(kit: Any, tmp_path: Path) -> None:
    problem = kit.problem(kit.flat_space(), budget=12, objectives=2)
    trials = kit.drive(SmacHPO(problem, SEED), problem, kit.two_losses, 6)
    facade = native_facade(
        HyperparameterOptimizationFacade,
        kit.flat_space(),
        tmp_path,
        n_trials=12,
        objectives=["f0", "f1"],
        components=lambda scenario: {"multi_objective_algorithm": ParEGO(scenario)},
    )
    assert kit.configs(trials) == [config for config, _ in native_trials(facade, kit.two_losses, 6)]


def test_native_acquisition_function(kit: Any, tmp_path: Path) -> None:
    problem = kit.problem(kit.numeric_space(), budget=8)
    trials = kit.drive(SmacBlackBox(problem, SEED, acquisition="lcb"), problem, kit.flat_loss, 4)
    facade = native_facade(
        BlackBoxFacade,
        kit.numeric_space(),
        tmp_path,
        n_trials=8,
        components=lambda scenario: {"acquisition_function": LCB()},
    )
    assert kit.configs(trials) == [config for config, _ in native_trials(facade, kit.flat_loss, 4)]


def test_failures_keep_their_status(kit: Any, tmp_path: Path) -> None:
    def evaluate(config: dict[str, Any]) -> Any:
        if config["layers"] > 7:
            return Result(status=Status.CRASHED, losses=(9.0,))
        if config["layers"] > 5:
            return Result(status=Status.TIMEOUT, losses=(9.0,))
        return kit.succeed(kit.flat_loss(config))

    problem = kit.problem(kit.numeric_space(), budget=12)
    trials = kit.drive(SmacHPO(problem, SEED), problem, evaluate, 8)

    facade = native_facade(HyperparameterOptimizationFacade, kit.numeric_space(), tmp_path, n_trials=12)
    native: list[dict[str, Any]] = []
    for _ in range(8):
        info = facade.ask()
        native.append({name: plain(value) for name, value in info.config.items()})
        if (layers := native[-1]["layers"]) > 5:
            status = StatusType.CRASHED if layers > 7 else StatusType.TIMEOUT
            facade.tell(info, TrialValue(cost=9.0, status=status))
        else:
            facade.tell(info, TrialValue(cost=kit.flat_loss(native[-1])))
    assert kit.configs(trials) == native
    assert any(config["layers"] > 7 for config in native)


@pytest.mark.parametrize("status", [Status.CRASHED, Status.TIMEOUT, Status.MEMORY, Status.INVALID])
@pytest.mark.parametrize("objectives", [1, 2])
def test_goes_on_when_all_trials_fail(kit: Any, status: Any, objectives: Any) -> None:
    problem = kit.problem(kit.flat_space(), budget=8, objectives=objectives)
    failure = Result(status=status, losses=(1.0,) * objectives)
    trials = kit.drive(SmacHPO(problem, SEED), problem, lambda config: failure, 5)
    assert len({tuple(trial.config.values()) for trial in trials}) == 5


@pytest.mark.convergence
@pytest.mark.parametrize("optimizer_class", [SmacBlackBox, SmacHPO])
def test_a_small_space_is_tried_out_to_the_last_configuration(kit: Any, optimizer_class: Any) -> None:
    """With SMAC's own number of retries it gives up after about three in four."""
    space = ConfigurationSpace({"a": (0, 3), "b": [True, False], "c": ["x", "y", "z"]})
    problem = kit.problem(space, budget=60)
    optimizer = optimizer_class(problem, SEED)
    trials = kit.drive(optimizer, problem, lambda config: float(config["a"]), 24)
    assert len({tuple(config.items()) for config in kit.configs(trials)}) == 24
    with pytest.raises(SearchSpaceExhausted):
        optimizer.ask()


@pytest.mark.parametrize("optimizer_class", [SmacBlackBox, SmacHPO, SmacMultiFidelity])
def test_never_forbidden(kit: Any, optimizer_class: Any) -> None:
    fidelity = kit.levels if optimizer_class is SmacMultiFidelity else None
    problem = kit.problem(kit.forbidden_space(), budget=12, fidelity=fidelity)
    n = {SmacBlackBox: 4, SmacHPO: 6, SmacMultiFidelity: 14}[optimizer_class]
    kit.drive(optimizer_class(problem, SEED), problem, kit.flat_loss, n)  # `drive` raises at a forbidden proposal


@pytest.mark.parametrize("optimizer_class", [SmacMultiFidelity, SmacHyperband, SmacSuccessiveHalving])
def test_hyperband_continues_trials(kit: Any, optimizer_class: Any) -> None:
    problem = kit.problem(kit.flat_space(), budget=100, fidelity=kit.levels)
    trials = kit.drive(optimizer_class(problem, SEED), problem, kit.flat_loss, 30)
    promoted = [trial for trial in trials if trial.parent is not None]
    assert promoted
    for trial in promoted:
        parent = trials[trial.parent]
        assert parent.config == trial.config
        assert parent.fidelity < trial.fidelity
    # in the first bracket 9 start at one epoch, the best 3 go on to 3 epochs and the best of them to 9
    first = sorted(trials[:9], key=lambda trial: kit.flat_loss(trial.config))[:3]
    assert {trial.parent for trial in promoted if trial.parent < 9} >= {trial.id for trial in first}


def test_hyperband_does_not_continue_failures_nor_what_cannot_be_continued(kit: Any) -> None:
    def evaluate(config: dict[str, Any]) -> Any:
        return Result(status=Status.CRASHED, losses=(50.0,))

    problem = kit.problem(kit.flat_space(), budget=20, fidelity=kit.levels)
    assert all(t.parent is None for t in kit.drive(SmacMultiFidelity(problem, SEED), problem, evaluate, 15))
    fixed = kit.problem(kit.flat_space(), budget=20, fidelity=Fidelity("share", 0.1, 1.0))
    trials = kit.drive(SmacMultiFidelity(fixed, SEED), fixed, kit.flat_loss, 15)
    assert all(trial.parent is None for trial in trials)
    assert sorted({trial.fidelity for trial in trials}) == pytest.approx([1 / 9, 1 / 3, 1])


@pytest.mark.parametrize(("lower", "upper", "levels"), [(1, 52, {2, 6, 17, 52}), (1, 81, {1, 3, 9, 27, 81})])
def test_integer_levels(kit: Any, lower: Any, upper: Any, levels: Any) -> None:
    """Hyperband's levels are upper / 3**i; 52 / 3 and the like are rounded for the task."""
    fidelity = Fidelity("epochs", lower, upper, "int")
    problem = kit.problem(kit.numeric_space(), budget=1000, fidelity=fidelity)  # all from the initial design
    optimizer = SmacMultiFidelity(problem, SEED, initial_per_dimension=50)
    trials = kit.drive(optimizer, problem, kit.flat_loss, 130 if upper == 81 else 60)
    assert {trial.fidelity for trial in trials} <= levels
    assert {type(trial.fidelity) for trial in trials} == {int}
    assert upper in {trial.fidelity for trial in trials}


@pytest.mark.parametrize("optimizer_class", [SmacBlackBox, SmacHPO, SmacAlgorithmConfiguration, SmacMultiFidelity])
def test_pending_trials(kit: Any, optimizer_class: Any) -> None:
    fidelity = kit.levels if optimizer_class is SmacMultiFidelity else None
    problem = kit.problem(kit.numeric_space(), budget=12, fidelity=fidelity)
    optimizer = optimizer_class(problem, SEED)
    first = [optimizer.ask() for _ in range(3)]  # before there is any result
    for trial in reversed(first):
        optimizer.tell(trial, kit.succeed(kit.flat_loss(trial.config)))
    kit.drive(optimizer, problem, kit.flat_loss, 1)
    later = [optimizer.ask() for _ in range(3)]
    assert len({tuple(trial.config.values()) for trial in (*first, *later)}) == 6


def test_hyperband_is_single_objective() -> None:
    """SMAC 2.4 fails an assertion of its own once two incumbents stand at different levels."""
    assert Capability.MULTI_OBJECTIVE in SmacHPO.capabilities
    assert Capability.MULTI_OBJECTIVE not in SmacMultiFidelity.capabilities


def test_nothing_left_to_try(kit: Any) -> None:
    space = ConfigurationSpace()
    space.add(Categorical("a", [0, 1]), Categorical("b", [0, 1]))
    problem = kit.problem(space, budget=20)
    optimizer = SmacHPO(problem, SEED)
    kit.drive(optimizer, problem, lambda config: config["a"] + config["b"], 4)
    for _ in range(2):
        with pytest.raises(SearchSpaceExhausted):
            optimizer.ask()


def test_other_budgets_leave_smacs_default(kit: Any) -> None:
    problem = Problem(kit.numeric_space(), budget=Budget.parse("10min"))
    # a quarter of SMAC's 100 trials is the most that the initial design may take of its 4 * 8 configurations
    assert len(SmacBlackBox(problem, SEED)._facade._config_selector._initial_design_configs) == 25


def test_leaves_logging_and_the_disk_alone(kit: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    root = logging.getLogger()
    before = root.level, list(root.handlers), logging.getLogger("smac").level
    problem = kit.problem(kit.numeric_space(), budget=8)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        optimizer = SmacHPO(problem, SEED)
        assert list(Path(tmp_path).iterdir()) == []
        kit.drive(optimizer, problem, kit.flat_loss, 4)
    assert list(Path(tmp_path).iterdir()) == []
    assert (root.level, list(root.handlers), logging.getLogger("smac").level) == before
