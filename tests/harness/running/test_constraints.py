"""Constraints: who is told of them, and that nothing infeasible counts, from the run to the page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import pytest
from pandas.testing import assert_frame_equal

from optathlon import Capability, Objective, Problem, Result, Trial, as_task, load
from optathlon.analysis.metrics.trajectory import trajectories
from optathlon.optimizer import Optimizer
from optathlon.optimizers.random import RandomSearch
from optathlon.registry.optimizers import OptimizerChoice, choose_optimizer
from optathlon.running.accounting import RunOutcome
from optathlon.running.evaluation import SequentialEvaluator
from optathlon.running.loop import run_loop

TASKS = """
from optathlon import Objective, as_task

SPACE = {"x": (0.0, 1.0), "y": (0.0, 1.0)}


@as_task("c/one", space=SPACE, constraints=("a", "b"), budget=16)
def one(config):
    return {"value": config["x"] + config["y"], "a": 0.4 - config["x"], "b": config["y"] - 0.8}


@as_task(
    "c/two", space=SPACE, constraints=("a",), budget=16,
    objectives=(Objective("first", "maximize", reference=-1.0), Objective("second", reference=2.0)),
)
def two(config):
    return {"first": config["x"], "second": config["y"] - config["x"], "a": config["x"] - 0.6}


@as_task("c/never", space=SPACE, constraints=("a",), budget=16)
def never(config):
    return {"value": config["x"], "a": 1.0}
"""


class Listening(RandomSearch):
    """Remembers what it is shown."""

    def __init__(self, problem: Problem, seed: int) -> None:
        super().__init__(problem, seed)
        self.problem = problem
        self.told: list[Result] = []

    def tell(self, trial: Trial, result: Result) -> None:
        self.told.append(result)


class Learning(Listening):
    capabilities = Listening.capabilities | {Capability.CONSTRAINTS}


@as_task("c/line", space={"x": (0.0, 1.0)}, constraints=("a", "b"), budget=6)
def line(config: dict[str, float]) -> dict[str, float]:
    return {"value": config["x"], "a": 0.5 - config["x"], "b": -1.0}


def followed(choice: OptimizerChoice) -> tuple[Optimizer, RunOutcome]:
    started: list[Optimizer] = []

    def start(problem: Problem) -> Optimizer:
        started.append(choice.start(problem, 3))
        return started[0]

    outcome = run_loop(line.problem, start, SequentialEvaluator(line), count())
    return started[0], outcome


def test_those_who_do_not_learn_from_constraints_see_objectives_only() -> None:
    for cls, learns in ((Listening, False), (Learning, True)):
        optimizer, outcome = followed(OptimizerChoice("one", cls, {}))
        assert isinstance(optimizer, Listening)
        assert len(optimizer.problem.constraints) == 2 * learns
        stored = [record.constraints for record in outcome.trials]
        assert [result.constraints for result in optimizer.told] == (stored if learns else [()] * 6)
        assert [result.losses for result in optimizer.told] == [record.values for record in outcome.trials]
        assert all(record.constraints == (0.5 - float(record.config["x"]), -1.0) for record in outcome.trials)


@pytest.mark.parametrize("id", ["nlopt-nelder-mead", "nlopt-ags", "pygmo-sade", "optuna-cmaes", "scipy-direct"])
def test_libraries_with_constraints_are_not_told_of_any_by_methods_without(id: str) -> None:
    choice = choose_optimizer(id)
    assert Capability.CONSTRAINTS not in choice.cls.capabilities
    space, budget = line.problem.space, line.problem.budget
    without = Problem(space=space, objectives=(Objective("value"),), budget=budget)
    _, outcome = followed(choice)
    free = as_task("c/free", space={"x": (0.0, 1.0)}, budget=6)(lambda config: config["x"])
    expected = run_loop(without, lambda problem: choice.start(problem, 3), SequentialEvaluator(free), count())
    assert [record.config for record in outcome.trials] == [record.config for record in expected.trials]


def test_nothing_infeasible_counts(
    in_process: Callable[..., SimpleNamespace], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tasks.py").write_text(TASKS)
    runs = ("run", "--plugin", "tasks.py", "-o", "random", "-o", "sobol", "-t", "c/*", "--seeds", "2", "--out", "out")
    planned = in_process(*runs, "--dry-run").stdout
    assert "skipped  0" in planned
    assert "random: it learns from the objectives only, and not from the 2 constraints" in planned
    assert in_process(*runs).returncode == 0
    results = load("out")
    infeasible = (results.trials.filter(like="constraint_") > 0).any(axis=1)
    assert set(results.runs["status"]) == {"ok"}
    assert 0 < infeasible.sum() < len(results.trials)
    found = trajectories(results)
    assert set(found["task"]) == {"c/one", "c/two"}
    feasible = replace(results, trials=results.trials[~infeasible])
    columns = ["run", "trial", "value", "loss"]
    assert_frame_equal(found[columns], trajectories(feasible)[columns])
    incumbents = found[["run", "trial"]].merge(results.trials, on=["run", "trial"])
    assert len(incumbents) == len(found)
    assert not (incumbents.filter(like="constraint_") > 0).any(axis=None)
