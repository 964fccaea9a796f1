"""A run that has tried everything is complete; one whose optimizer gives up before is not."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count, product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ConfigSpace import Categorical, ConfigurationSpace, Constant, EqualsCondition, Integer
from hypothesis import given
from hypothesis import strategies as st

from optathlon import Budget, Fidelity, Optimizer, Problem, Result, SearchSpaceExhausted, Status, Task, Trial, load
from optathlon.analysis.compare import paired_runs
from optathlon.analysis.metrics.coverage import coverage, run_failures
from optathlon.running.accounting import RunOutcome
from optathlon.running.clocks import Clock, VirtualEvaluator
from optathlon.running.evaluation import SequentialEvaluator, evaluate_timed
from optathlon.running.loop import run_loop

PLUGIN = '''
from itertools import product

from optathlon import Optimizer, SearchSpaceExhausted, Trial, as_task


class Sweep(Optimizer):
    """Tries one configuration after the other, and then waits."""

    def __init__(self, problem, seed):
        self.left = [{"a": a, "b": b} for a, b in product(range(3), range(4))]

    def ask(self):
        return Trial(self.left.pop()) if self.left else None

    def tell(self, trial, result):
        pass


class Grid(Sweep):
    """Tries every other one, and says that it is done."""

    def __init__(self, problem, seed):
        super().__init__(problem, seed)
        self.left = self.left[seed % 2 :: 2]

    def ask(self):
        if not self.left:
            raise SearchSpaceExhausted
        return super().ask()


class Quitter(Sweep):
    """Gives up early, the sooner the higher the seed."""

    def __init__(self, problem, seed):
        super().__init__(problem, seed)
        self.left = self.left[: 9 - seed]


@as_task("small/sum", space={"a": (0, 2), "b": (0, 3)}, budget=20)
def small(config):
    return config["a"] + config["b"]
'''


def space(*, conditional: bool = False) -> ConfigurationSpace:
    made = ConfigurationSpace()
    made.add(Categorical("a", [True, False]), Integer("b", (1, 3)), Constant("k", "fixed"))
    if conditional:
        made.add(EqualsCondition(made["b"], made["a"], True))
    return made


class Sum(Task):
    """Fails where `b` is 3."""

    id = "small/sum"

    def __init__(self, problem: Problem) -> None:
        self._problem = problem

    @property
    def problem(self) -> Problem:
        return self._problem

    def evaluate(self, config: Any, *, fidelity: float | None, seed: int) -> Result:
        if config.get("b") == 3:
            raise ValueError("three")
        return Result((float(config["a"]),), cost=1.0)


class Listed(Optimizer):
    """Proposes what it is given, in that order, and then does what it is told."""

    def __init__(self, proposals: list[Trial], then: Callable[[], Trial | None] = lambda: None) -> None:
        self.proposals, self.then, self.asked_in_vain = list(proposals), then, 0

    def ask(self) -> Trial | None:
        if self.proposals:
            return self.proposals.pop(0)
        self.asked_in_vain += 1
        return self.then()

    def tell(self, trial: Trial, result: Result) -> None:
        pass


def say_so() -> None:
    raise SearchSpaceExhausted


def run(optimizer: Optimizer, **problem: Any) -> RunOutcome:
    given: dict[str, Any] = {"space": space(), "budget": Budget(50)}
    task = Sum(Problem(**given | problem))
    return run_loop(task.problem, lambda _: optimizer, SequentialEvaluator(task), count())


EVERY = [Trial({"a": a, "b": b}) for a, b in product([True, False], [1, 2, 3])]


@given(st.lists(st.integers(0, 7), max_size=40))
def test_a_run_is_exhausted_when_each_configuration_was_tried_whatever_came_of_it(order: list[int]) -> None:
    """Proposals 6 and 7 are illegal, and the configurations with b = 3 fail."""
    proposals = [*EVERY, Trial({"a": True, "b": 4}), Trial({})]
    outcome = run(Listed([proposals[number] for number in order]))
    assert len(outcome.trials) == len(order)
    if set(range(6)) <= set(order):
        assert outcome.status is Status.EXHAUSTED
        assert "all 6 configurations were tried" in outcome.reason
    else:
        assert outcome.status is Status.STALLED
        assert f"tried {len(set(order) - {6, 7})} of the 6 configurations" in outcome.reason


def test_inactive_hyperparameters_make_no_configurations() -> None:
    outcome = run(Listed([*EVERY[:3], EVERY[3]]), space=space(conditional=True))
    assert (outcome.status, len(outcome.trials)) == (Status.EXHAUSTED, 4)


def test_a_budget_that_is_used_by_the_last_configuration_ends_the_run_as_any_other() -> None:
    assert run(Listed(EVERY), budget=Budget(6)).status is Status.OK


def test_an_optimizer_can_say_that_nothing_is_left_and_is_not_asked_again() -> None:
    optimizer = Listed(EVERY[:2], say_so)
    outcome = run(optimizer)
    assert outcome.status is Status.EXHAUSTED
    assert "after 2 trials, which tried 2 of the 6 configurations" in outcome.reason
    assert optimizer.asked_in_vain == 1


def test_one_that_says_so_at_once_has_not_tried_anything() -> None:
    assert run(Listed([], say_so)).status is Status.STALLED


@pytest.mark.parametrize("then", [say_so, lambda: None])
def test_what_is_pending_is_waited_for(then: Callable[[], None]) -> None:
    task = Sum(Problem(space(), budget=Budget(50), n_workers=4))
    evaluator = VirtualEvaluator(lambda job: evaluate_timed(task, job), 4, Clock.VIRTUAL)
    outcome = run_loop(task.problem, lambda _: Listed(EVERY, then), evaluator, count())
    assert (outcome.status, len(outcome.trials)) == (Status.EXHAUSTED, 6)


def test_trials_at_low_fidelity_leave_the_full_ones_to_try() -> None:
    fidelity = Fidelity("epochs", 1, 4, "int")
    low = [Trial(trial.config, fidelity=1) for trial in EVERY]
    assert run(Listed(low), fidelity=fidelity).status is Status.STALLED
    assert run(Listed([*low, *EVERY]), fidelity=fidelity).status is Status.EXHAUSTED


@pytest.fixture
def small_runs(in_process: Callable[..., SimpleNamespace], tmp_path: Path) -> Callable[..., SimpleNamespace]:
    """Runs optimizers of the plugin with three seeds each."""
    plugin = tmp_path / "small.py"
    plugin.write_text(PLUGIN)

    def run(*classes: str) -> SimpleNamespace:
        chosen = [part for name in classes for part in ("-o", f"{plugin}:{name}")]
        return in_process(
            "run",
            *chosen,
            "-o",
            "random",
            "-t",
            "small/sum",
            "--plugin",
            plugin,
            "--seeds",
            3,
            "--out",
            tmp_path / "out",
        )

    return run


def test_commands_and_tables_take_exhausted_runs_for_complete(
    small_runs: Callable[..., SimpleNamespace], in_process: Callable[..., SimpleNamespace], tmp_path: Path
) -> None:
    done = small_runs("Sweep", "Grid")
    assert done.returncode == 0, done.stderr
    assert "6 exhausted, 3 ok" in done.stdout
    assert "not ok" not in done.stderr
    assert "(0 new)" in small_runs("Sweep", "Grid").stdout
    shown = in_process("status", tmp_path / "out").stdout
    assert "6 exhausted, 3 ok" in shown and "failed" not in shown
    runs = load(tmp_path / "out").runs
    assert run_failures(runs).empty
    assert coverage(runs)["ok"].tolist() == [3, 3, 3]
    assert not paired_runs(load(tmp_path / "out"), load(tmp_path / "out"))[["failed_first", "failed_second"]].any(
        axis=None
    )


def test_giving_up_is_a_failure_of_one_row(
    small_runs: Callable[..., SimpleNamespace], in_process: Callable[..., SimpleNamespace], tmp_path: Path
) -> None:
    assert small_runs("Quitter").returncode == 1
    failures = run_failures(load(tmp_path / "out").runs)
    assert failures["runs"].tolist() == [3]
    assert "of the 12 configurations" in failures["reason"].item()
    lines = [line for line in in_process("status", tmp_path / "out").stdout.splitlines() if line.startswith("failed")]
    assert len(lines) == 1 and "3 stalled" in lines[0]
