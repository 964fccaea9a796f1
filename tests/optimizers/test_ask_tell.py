"""Every optimizer can be asked and told by hand, and proposes what it proposes in a run of the same seed."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ConfigSpace import ConfigurationSpace, Float
from roster import CHEAP, early_id, problem_of

from optathlon import Problem, load, make_optimizer
from optathlon.experiments.driver import run_experiment
from optathlon.experiments.experiment import Experiment
from optathlon.function_task import FunctionTask
from optathlon.registry.optimizers import choose_optimizer
from optathlon.registry.plugins import load_plugin
from optathlon.running.accounting import RunOutcome, TrialRecord
from optathlon.running.ask_tell import AskTell
from optathlon.running.evaluation import SequentialEvaluator
from optathlon.running.loop import run_loop
from optathlon.running.seeds import noise_seeds, optimizer_seed

TRIALS = 6
SEED = 3


def value(config: dict[str, float], level: float | None, seed: int, problem: Problem) -> dict[str, float]:
    """A noisy bowl that gets steeper with the level; some trials fail, as their value is not a number."""
    x, y = config["x"], config["y"]
    bowl = (x - 0.3) ** 2 + (y - 0.6) ** 2 * (level or 9) + seed / 2**40
    numbers = {one.name: bowl + place * x for place, one in enumerate(problem.objectives)}
    if 0.1 < x < 0.2:
        numbers[problem.objectives[0].name] = math.nan
    return numbers | {constraint.name: y - 0.9 for constraint in problem.constraints}


def in_a_run(id: str, problem: Problem, task: FunctionTask) -> RunOutcome:
    choice = choose_optimizer(id)
    seed = optimizer_seed(0, choice.id, task.id, SEED)
    return run_loop(
        problem,
        lambda own: choice.start(own, seed),
        SequentialEvaluator(task),
        noise_seeds(0, task.id, SEED),
    )


def told_by_hand(optimizer: AskTell, problem: Problem) -> None:
    while (trial := optimizer.ask()) is not None:
        optimizer.tell(trial, value(dict(trial.config), trial.fidelity, trial.seed, problem))


def without_times(trials: list[TrialRecord]) -> list[Any]:
    return [replaced._replace(ask_s=0, tell_s=0, evaluate_s=0, start=0, end=0, error=None) for replaced in trials]


@pytest.mark.parametrize("name", CHEAP)
def test_ask_and_tell_gives_the_trials_of_a_run(name: str) -> None:
    space = ConfigurationSpace()
    space.add(Float("x", (0, 1)), Float("y", (0, 1)))
    problem = problem_of(name, space, budget=TRIALS)
    task = FunctionTask(
        lambda config, fidelity, seed: value(config, fidelity, seed, problem),
        id="by-hand/bowl",
        space=space,
        objectives=problem.objectives,
        fidelity=problem.fidelity,
        constraints=problem.constraints,
        budget=problem.budget,
        version="1",
        metadata={},
        resources=FunctionTask.resources,
        data=(),
        probed=False,
    )
    expected = in_a_run(early_id(name), problem, task)
    optimizer = make_optimizer(
        early_id(name),
        space,
        objectives=problem.objectives,
        fidelity=problem.fidelity,
        constraints=[constraint.name for constraint in problem.constraints],
        budget=TRIALS,
        seed=SEED,
        task=task.id,
    )
    told_by_hand(optimizer, problem)
    assert len(expected.trials) >= 3
    assert without_times(optimizer.trials) == without_times(expected.trials)
    assert optimizer.outcome.status == expected.status
    assert optimizer.spent == expected.spent
    assert optimizer.is_done


TASK = """
from optathlon import as_task


@as_task("by-hand/mixed", space={"x": (0.0, 1.0), "n": (1, 9), "kind": ["a", "b", "c"]}, objectives="maximize")
def mixed(config, seed):
    return config["x"] * config["n"] + (config["kind"] == "b") + seed / 2**33
"""


@pytest.mark.parametrize("id", ["random", "optuna-tpe[n_startup_trials=3]", "nevergrad-de", "pymoo-mixed-ga"])
def test_ask_and_tell_gives_the_stored_trials_of_a_run(
    id: str, tmp_path: Path, own_plugins: None, pinned_environment: None
) -> None:
    file = tmp_path / "mixed.py"
    file.write_text(TASK)
    run_experiment(
        Experiment(
            optimizers=[id], tasks=["by-hand/mixed"], seeds=[SEED], budget="12", plugins=[file], out=tmp_path / "out"
        )
    )
    stored = load(tmp_path / "out").trials
    mixed = load_plugin(file).mixed
    optimizer = make_optimizer(
        id, mixed.problem.space, objectives="maximize", budget=12, seed=SEED, task="by-hand/mixed"
    )
    while (trial := optimizer.ask()) is not None:
        optimizer.tell(trial, mixed(trial.config, trial.seed))
    assert [record.values for record in optimizer.trials] == [(number,) for number in stored["value"]]
    assert optimizer.best[0].values == (stored["value"].max(),)
    assert len(stored) == 12


def test_other_seeds_give_other_trials() -> None:
    first, second = (make_optimizer("random", {"x": (0.0, 1.0)}, seed=seed).ask() for seed in (0, 1))
    assert first is not None
    assert second is not None
    assert first.config != second.config
    assert replace(first, seed=second.seed, config=second.config) == second
