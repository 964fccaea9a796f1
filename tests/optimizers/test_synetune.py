"""Each adapter proposes what its scheduler suggests to a Syne Tune user who seeds the global generators too."""

from __future__ import annotations

import logging
import math
import random
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from ConfigSpace import ConfigurationSpace
from syne_tune import config_space as cs
from syne_tune.backend.trial_status import Trial as NativeTrial
from syne_tune.optimizer import baselines
from syne_tune.optimizer.scheduler import SchedulerDecision
from syne_tune.optimizer.schedulers.ask_tell_scheduler import AskTellScheduler
from syne_tune.optimizer.schedulers.median_stopping_rule import MedianStoppingRule
from syne_tune.optimizer.schedulers.multiobjective import MultiObjectiveRegularizedEvolution
from syne_tune.optimizer.schedulers.multiobjective.moasha import MOASHA
from syne_tune.optimizer.schedulers.single_fidelity_scheduler import SingleFidelityScheduler

from optathlon import Fidelity, Result, Status
from optathlon.optimizers.synetune import (
    SyneTuneASHA,
    SyneTuneASHABore,
    SyneTuneASHACQR,
    SyneTuneBOHB,
    SyneTuneBore,
    SyneTuneCQR,
    SyneTuneMedian,
    SyneTuneREA,
    SyneTuneTPE,
)
from optathlon.optimizers.synetune.scheduler import global_seed
from optathlon.space import plain

SEED = 11
FLAT = {
    "activation": cs.choice(["relu", "tanh", "gelu"]),
    "layers": cs.randint(1, 10),
    "learning_rate": cs.loguniform(1e-4, 0.3),
    "momentum": cs.uniform(0.1, 0.8),
    "size": cs.ordinal(["s", "m", "l"]),
    "units": cs.lograndint(8, 1024),
}
ROUNDED = FLAT | {"layers": cs.uniform(0.5, 10.5), "units": cs.loguniform(7.5, 1024.5)}
NUMERIC = {name: FLAT[name] for name in ("layers", "learning_rate", "momentum", "units")}
TIMED = {"time_attr": "epoch", "max_t": 9}
LEVELS = Fidelity("epochs", 1, 9, "int", resumable=True)


@pytest.fixture(autouse=True)
def seeded() -> Iterator[None]:
    """Seed the global generators for the native loops; put back whatever was there."""
    states = random.getstate(), np.random.get_state()
    random.seed(global_seed(SEED))
    np.random.seed(global_seed(SEED))
    yield
    random.setstate(states[0])
    np.random.set_state(states[1])


def rounded(config: dict[str, Any]) -> dict[str, Any]:
    """A native suggestion with whole layers and units, in plain Python."""
    return {name: round(value) if name in {"layers", "units"} else plain(value) for name, value in config.items()}


def full_trials(scheduler: Any, loss: Any, n: int) -> Any:
    """As the documentation of Syne Tune's ask and tell shows."""
    found, asking = [], AskTellScheduler(base_scheduler=scheduler)
    for _ in range(n):
        trial = asking.ask()
        found.append(rounded(trial.config))
        losses = loss(found[-1])
        asking.tell(trial, {"a": losses[0], "b": losses[1]} if isinstance(losses, tuple) else {"a": losses})
    return found


def stopped_trials(scheduler: Any, loss: Any, reports: Any, n: int) -> Any:
    """What a tuner with one worker does: configurations that report at each of the levels, until they are stopped."""
    found = []
    for number in range(n):
        suggested = scheduler.suggest().config
        trial = NativeTrial(number, suggested, datetime.now(UTC))
        scheduler.on_trial_add(trial)
        for epoch in reports:
            losses = loss(rounded(suggested), epoch)
            found.append((rounded(suggested), epoch))
            values = {"a": losses[0], "b": losses[1]} if isinstance(losses, tuple) else {"a": losses}
            if scheduler.on_trial_result(trial, values | {"epoch": epoch}) == SchedulerDecision.STOP:
                scheduler.on_trial_remove(trial)
                break
    return found


def levelled(kit: Any) -> Any:
    """A loss that changes its order with the level."""
    return lambda config, level: kit.flat_loss(config) + 3 * config["momentum"] / level


def without_version(trials: Any) -> Any:
    """Configurations without the constant."""
    return [{name: value for name, value in config.items() if name != "version"} for config in trials]


def levels_of(trials: Any) -> Any:
    return list(
        zip(without_version(trial.config for trial in trials), [trial.fidelity for trial in trials], strict=True)
    )


@pytest.mark.parametrize(
    ("optimizer_class", "baseline", "n", "options"),
    [
        pytest.param(SyneTuneBore, "BORE", 9, {}, marks=pytest.mark.convergence),
        (SyneTuneTPE, "TPE", 25, {}),
        (SyneTuneTPE, "TPE", 25, {"top_n_percent": 30, "num_candidates": 20, "random_fraction": 0.1}),
        (SyneTuneREA, "REA", 30, {"population_size": 8, "sample_size": 3}),
        pytest.param(SyneTuneCQR, "CQR", 7, {}, marks=pytest.mark.convergence),
    ],
)
@pytest.mark.parametrize("space", ["flat", "numeric"])
def test_native(kit: Any, optimizer_class: Any, baseline: str, n: int, options: Any, space: str) -> None:
    problem = kit.problem(getattr(kit, f"{space}_space")())
    trials = kit.drive(optimizer_class(problem, SEED, **options), problem, kit.flat_loss, n)
    domains = ROUNDED if baseline == "TPE" else FLAT
    domains = {name: domains[name] for name in (FLAT if space == "flat" else NUMERIC)}
    scheduler = getattr(baselines, baseline)(domains, metric="a", random_seed=SEED, **options)
    assert without_version(kit.configs(trials)) == full_trials(scheduler, kit.flat_loss, n)


def test_native_evolution_of_two_objectives(kit: Any) -> None:
    problem = kit.problem(kit.flat_space(), objectives=2)
    optimizer = SyneTuneREA(problem, SEED, population_size=8, sample_size=3)
    trials = kit.drive(optimizer, problem, kit.two_losses, 30)
    searcher = MultiObjectiveRegularizedEvolution(FLAT, random_seed=SEED, population_size=8, sample_size=3)
    scheduler = SingleFidelityScheduler(FLAT, ["a", "b"], searcher=searcher, random_seed=SEED)
    assert without_version(kit.configs(trials)) == full_trials(scheduler, kit.two_losses, 30)


@pytest.mark.parametrize(
    ("optimizer_class", "baseline", "domains", "n"),
    [
        (SyneTuneASHA, "ASHA", FLAT, 40),
        (SyneTuneBOHB, "BOHB", ROUNDED, 40),
        pytest.param(SyneTuneASHABore, "ASHABORE", FLAT, 8, marks=pytest.mark.convergence),
        pytest.param(SyneTuneASHACQR, "ASHACQR", FLAT, 7, marks=pytest.mark.convergence),
    ],
)
@pytest.mark.parametrize("options", [{}, {"eta": 2, "brackets": 2}])
def test_native_halving(kit: Any, optimizer_class: Any, baseline: str, domains: Any, n: int, options: Any) -> None:
    """The native configurations report at every epoch, ours are evaluated where they may be stopped only."""
    problem = kit.problem(kit.flat_space(), fidelity=LEVELS)
    theirs = {"brackets": options.get("brackets", 1), "reduction_factor": options.get("eta", 3)}
    scheduler = getattr(baselines, baseline)(domains, metric="a", random_seed=SEED, **TIMED, **theirs)
    native = stopped_trials(scheduler, levelled(kit), range(1, 10), n)
    rungs = {1, 2, 4, 8, 9} if options else {1, 3, 9}
    native = [(config, epoch) for config, epoch in native if epoch in rungs]

    trials = kit.drive_levels(optimizer_class(problem, SEED, **options), problem, levelled(kit), len(native))
    assert levels_of(trials) == native
    assert {level for _, level in native} == rungs


def test_native_halving_of_two_objectives(kit: Any) -> None:
    def losses(config: dict[str, Any], level: float) -> Any:
        return levelled(kit)(config, level), math.log2(config["units"])

    problem = kit.problem(kit.flat_space(), objectives=2, fidelity=LEVELS)
    scheduler = MOASHA(FLAT, ["a", "b"], random_seed=SEED, **TIMED)
    native = [one for one in stopped_trials(scheduler, losses, range(1, 10), 40) if one[1] in {1, 3, 9}]
    trials = kit.drive_levels(SyneTuneASHA(problem, SEED), problem, losses, len(native))
    assert levels_of(trials) == native


def test_native_median_stopping(kit: Any) -> None:
    problem = kit.problem(kit.flat_space(), fidelity=LEVELS)
    random_search = baselines.RandomSearch(FLAT, ["a"], random_seed=SEED)
    scheduler = MedianStoppingRule(random_search, time_attr="epoch", metric="a", random_seed=SEED, grace_population=3)
    native = stopped_trials(scheduler, levelled(kit), [1, 3, 5, 7, 9], 30)
    optimizer = SyneTuneMedian(problem, SEED, steps=5, grace_population=3)
    trials = kit.drive_levels(optimizer, problem, levelled(kit), len(native))
    assert levels_of(trials) == native
    assert len(native) < 5 * 30


def test_continued_trials(kit: Any) -> None:
    problem = kit.problem(kit.flat_space(), fidelity=LEVELS)
    trials = kit.drive_levels(SyneTuneASHA(problem, SEED), problem, levelled(kit), 40)
    continued = [trial for trial in trials if trial.parent is not None]
    assert continued
    for trial in continued:
        assert trials[trial.parent].config == trial.config
        assert trials[trial.parent].fidelity < trial.fidelity
    fixed = kit.problem(kit.flat_space(), fidelity=Fidelity("share", 0.1, 1.0))
    again = kit.drive_levels(SyneTuneASHA(fixed, SEED), fixed, levelled(kit), 40)
    assert {trial.parent for trial in again} == {None}
    assert sorted({trial.fidelity for trial in again}) == pytest.approx([0.1, 0.3, 0.9, 1.0])


def test_failures_are_errors(kit: Any) -> None:
    """A tuner reports a failed trial by `on_trial_error`: the searcher learns nothing from it."""

    def evaluate(config: dict[str, Any]) -> Any:
        failed = config["layers"] > 6
        return Result(status=Status.CRASHED, losses=(99.0,)) if failed else kit.succeed(kit.flat_loss(config))

    problem = kit.problem(kit.numeric_space())
    trials = kit.drive(SyneTuneTPE(problem, SEED), problem, evaluate, 30)
    domains = {name: ROUNDED[name] for name in NUMERIC}
    scheduler, native = baselines.TPE(domains, metric="a", random_seed=SEED), []
    for number in range(30):
        suggested = scheduler.suggest().config
        native.append(rounded(suggested))
        trial = NativeTrial(number, suggested, datetime.now(UTC))
        if native[-1]["layers"] > 6:
            scheduler.on_trial_error(trial)
        else:
            scheduler.on_trial_complete(trial, {"a": kit.flat_loss(native[-1])})
    assert kit.configs(trials) == native


def test_a_searcher_and_the_global_generators_draw_apart(kit: Any) -> None:
    """Syne Tune's first five configurations are of a generator with the seed, those of random search of numpy's."""
    space = ConfigurationSpace({"x": (0.0, 1.0), "y": (0.0, 1.0)})
    problem = kit.problem(space, fidelity=Fidelity("epochs", 4, 4, "int"))
    trials = kit.drive_levels(SyneTuneASHA(problem, SEED), problem, lambda config, level: config["x"], 12)
    assert len({value for trial in trials for value in trial.config.values()}) == 24


def test_a_failed_trial_goes_no_further(kit: Any) -> None:
    def evaluate(config: dict[str, Any], level: float) -> Any:
        return Result(status=Status.CRASHED, losses=(99.0,)) if level == 3 else kit.succeed(kit.flat_loss(config))

    problem = kit.problem(kit.flat_space(), fidelity=LEVELS)
    trials = kit.drive_levels(SyneTuneASHA(problem, SEED), problem, evaluate, 30)
    assert {trial.fidelity for trial in trials} == {1, 3}


@pytest.mark.parametrize("optimizer_class", [SyneTuneTPE, SyneTuneREA, SyneTuneBOHB, SyneTuneASHA])
def test_same_seed_while_others_draw(kit: Any, optimizer_class: Any) -> None:
    def sequence(disturbance: int) -> Any:
        random.seed(disturbance)
        np.random.seed(disturbance)
        fidelity = LEVELS if optimizer_class.requires else None
        problem = kit.problem(kit.flat_space(), fidelity=fidelity)
        optimizer, found = optimizer_class(problem, SEED), []
        for _ in range(12):
            random.random()
            np.random.random()
            found += kit.configs(kit.drive(optimizer, problem, kit.flat_loss, 1))
        return found

    assert sequence(1) == sequence(2)


def test_pending_trials(kit: Any) -> None:
    problem = kit.problem(kit.flat_space(), fidelity=LEVELS)
    optimizer: Any = SyneTuneASHA(problem, SEED)
    first = [optimizer.ask() for _ in range(3)]
    assert [trial.fidelity for trial in first] == [1, 1, 1]
    optimizer.tell(first[1], kit.succeed(0.5))
    optimizer.tell(first[0], kit.succeed(0.1))
    assert [(trial.config, trial.fidelity) for trial in (optimizer.ask(), optimizer.ask())] == [
        (first[1].config, 3),
        (first[0].config, 3),
    ]


def test_says_nothing_where_another_library_has_set_up_logging(kit: Any, caplog: pytest.LogCaptureFixture) -> None:
    problem = kit.problem(kit.flat_space(), fidelity=LEVELS)
    for optimizer_class in (SyneTuneASHABore, SyneTuneASHACQR, SyneTuneBOHB):
        optimizer_class(problem, SEED).ask()
    assert not caplog.records


def test_says_nothing(kit: Any, capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    before = list(root.handlers)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for optimizer_class in (SyneTuneTPE, SyneTuneASHA):
            problem = kit.problem(kit.flat_space(), fidelity=LEVELS)
            kit.drive(optimizer_class(problem, SEED), problem, kit.flat_loss, 20)
    assert list(root.handlers) == before
    assert capsys.readouterr() == ("", "")
