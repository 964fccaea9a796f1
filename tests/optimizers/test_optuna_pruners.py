"""Each adapter proposes what a native study with the same sampler and pruner proposes."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import optuna
import pytest
from optuna_spaces import suggest_conditional

from optathlon import Fidelity, Result, Status
from optathlon.optimizers.optuna_pruners import OptunaHalving, OptunaHyperband, OptunaMedian

SEED = 11
ALL = [OptunaHyperband, OptunaHalving, OptunaMedian]
LEVELS = Fidelity("epochs", 1, 9, "int", resumable=True)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[Any]:
    """Keep the native studies from announcing themselves; put back whatever verbosity was set."""
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    yield
    optuna.logging.set_verbosity(verbosity)


def native_pruner(optimizer_class: Any, eta: int = 3) -> Any:
    if optimizer_class is OptunaMedian:
        return optuna.pruners.MedianPruner()
    if optimizer_class is OptunaHalving:
        return optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=eta)
    return optuna.pruners.HyperbandPruner(min_resource=1, max_resource=9, reduction_factor=eta)


def native_trials(pruner: Any, loss: Any, n: int) -> Any:
    """As Optuna's documentation shows, with a report after each epoch but the last one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        sampler = optuna.samplers.TPESampler(multivariate=True, group=True, constant_liar=True, seed=SEED)
        study = optuna.create_study(study_name=f"optathlon-{SEED}", sampler=sampler, pruner=pruner)
    found = []

    def objective(trial: Any) -> Any:
        config = suggest_conditional(trial)
        for epoch in range(1, 9):
            found.append((config, epoch))
            trial.report(loss(config, epoch), epoch)
            if trial.should_prune():
                raise optuna.TrialPruned
        found.append((config, 9))
        return loss(config, 9)

    study.optimize(objective, n_trials=n)
    return found


def levelled(kit: Any) -> Any:
    """A loss that changes its order with the level."""
    return lambda config, level: kit.conditional_loss(config) + (2 if config["model"] == "svm" else 1) / level


@pytest.mark.parametrize(
    ("optimizer_class", "eta"),
    [(OptunaHyperband, 3), (OptunaHyperband, 2), (OptunaHalving, 3), (OptunaHalving, 2), (OptunaMedian, 3)],
)
def test_native(kit: Any, optimizer_class: Any, eta: int) -> None:
    """The native study gets a report of every epoch, ours of those only where a trial may be pruned."""
    native = native_trials(native_pruner(optimizer_class, eta), levelled(kit), 35)
    if optimizer_class is not OptunaMedian:
        native = [one for one in native if one[1] in ({1, 3, 9} if eta == 3 else {1, 2, 4, 8, 9})]
    problem = kit.problem(kit.conditional_space(), fidelity=LEVELS)
    optimizer = optimizer_class(problem, SEED, **({} if optimizer_class is OptunaMedian else {"eta": eta}))
    trials = kit.drive_levels(optimizer, problem, levelled(kit), len(native))
    assert [(dict(trial.config), trial.fidelity) for trial in trials] == native
    assert sum(level == 9 for _, level in native) < sum(level == 1 for _, level in native)


@pytest.mark.parametrize("optimizer_class", ALL)
def test_continued_trials(kit: Any, optimizer_class: Any) -> None:
    problem = kit.problem(kit.conditional_space(), fidelity=LEVELS)
    trials = kit.drive_levels(optimizer_class(problem, SEED), problem, levelled(kit), 60)
    continued = [trial for trial in trials if trial.parent is not None]
    assert continued
    for trial in continued:
        assert trials[trial.parent].config == trial.config
        assert trials[trial.parent].fidelity < trial.fidelity


@pytest.mark.parametrize("optimizer_class", ALL)
@pytest.mark.parametrize(
    "fidelity", [Fidelity("share", 0.1, 1.0), Fidelity("share", 0.4, 0.5), Fidelity("epochs", levels=(1, 2, 5, 20))]
)
def test_other_fidelities(kit: Any, optimizer_class: Any, fidelity: Any) -> None:
    problem = kit.problem(kit.conditional_space(), fidelity=fidelity)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # Optuna would warn of a step that is reported twice
        trials = kit.drive_levels(optimizer_class(problem, SEED), problem, levelled(kit), 60)
    assert {trial.parent for trial in trials} == {None}
    levels = sorted({trial.fidelity for trial in trials})
    assert (levels[0], levels[-1]) == (fidelity.lower, fidelity.upper)
    assert {fidelity.snapped(level) for level in levels} == set(levels)


def test_failures_are_optunas_own(kit: Any) -> None:
    def evaluate(config: dict[str, Any], level: float) -> Any:
        failed = level == 3
        return Result(status=Status.CRASHED, losses=(99.0,)) if failed else kit.succeed(levelled(kit)(config, level))

    problem = kit.problem(kit.conditional_space(), fidelity=LEVELS)
    optimizer = OptunaHalving(problem, SEED)
    trials = kit.drive_levels(optimizer, problem, evaluate, 30)
    assert {trial.fidelity for trial in trials} == {1, 3}
    states = {trial.state for trial in optimizer._study.trials}
    assert {optuna.trial.TrialState.FAIL, optuna.trial.TrialState.PRUNED} <= states


def test_pending_trials(kit: Any) -> None:
    problem = kit.problem(kit.conditional_space(), fidelity=LEVELS)
    optimizer = OptunaHalving(problem, SEED)
    first = [optimizer.ask() for _ in range(3)]
    for trial in first:
        optimizer.tell(trial, kit.succeed(1.0))
    assert [optimizer.ask().fidelity for _ in range(4)] == [3, 3, 3, 1]
