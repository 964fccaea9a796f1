"""A run of which every trial failed has no result: it says so, and counts as a failure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ConfigSpace import ConfigurationSpace
from hypothesis import given
from hypothesis import strategies as st

from optathlon import Budget, Experiment, Fidelity, Optimizer, Problem, Result, Status, Task, Trial, load
from optathlon.errors import UsageError
from optathlon.running.accounting import RunOutcome
from optathlon.running.clocks import Clock, VirtualEvaluator
from optathlon.running.evaluation import SequentialEvaluator, evaluate_timed
from optathlon.running.loop import run_loop

PLUGIN = """
from optathlon import as_task


@as_task("broken/always", space={"x": (0.0, 1.0)}, budget=6)
def always(config):
    import a_package_that_is_not_installed


@as_task("broken/never", space={"x": (0.0, 1.0)}, budget=6)
def never(config):
    return config["x"]
"""


class Scripted(Task):
    """Its trials end as the script says, one after the other; then they succeed."""

    id = "no/result"

    def __init__(self, script: Sequence[Status], **problem: Any) -> None:
        space = ConfigurationSpace({"x": (0.0, 1.0)})
        given: dict[str, Any] = {"budget": Budget(max(1, len(script)))}
        self._problem = Problem(space, **given | problem)
        self._script = iter(script)

    @property
    def problem(self) -> Problem:
        return self._problem

    def evaluate(self, config: Any, *, fidelity: float | None, seed: int) -> Result:
        status = next(self._script, Status.OK)
        return Result((1.0,), cost=1.0) if status is Status.OK else Result(status=status, error=f"why\nit {status}")


class Levels(Optimizer):
    """Proposes these levels in turn."""

    def __init__(self, *levels: float | None) -> None:
        self.levels, self.asked = levels, 0

    def ask(self) -> Trial:
        self.asked += 1
        return Trial({"x": 0.5}, fidelity=self.levels[(self.asked - 1) % len(self.levels)])

    def tell(self, trial: Trial, result: Result) -> None:
        pass


def run(task: Task, optimizer: Optimizer | None = None, fail_fast: int | None = None) -> RunOutcome:
    evaluator = SequentialEvaluator(task)
    return run_loop(task.problem, lambda _: optimizer or Levels(None), evaluator, count(), fail_fast=fail_fast)


@pytest.mark.parametrize("error", ["", " \n", None])
def test_failures_without_a_word_are_said_to_be_so(error: Any) -> None:
    class Silent(Scripted):
        def evaluate(self, config: Any, *, fidelity: float | None, seed: int) -> Result:
            return Result(status=Status.DIVERGED, error=error or "")

    outcome = run(Silent([Status.OK] * 2))
    assert (outcome.status, outcome.reason) == (Status.DIVERGED, "2 of 2 trials failed: no error was reported")


def test_most_trials_decide_and_of_these_the_most_frequent_error() -> None:
    errors = iter(["a", "b", "c", "c"])

    class Various(Scripted):
        def evaluate(self, config: Any, *, fidelity: float | None, seed: int) -> Result:
            result = super().evaluate(config, fidelity=fidelity, seed=seed)
            return replace(result, error=next(errors)) if result.status is Status.CRASHED else result

    outcome = run(Various([Status.TIMEOUT] * 3 + [Status.CRASHED] * 4))
    assert (outcome.status, outcome.reason) == (Status.CRASHED, "7 of 7 trials failed: c")


HOW = st.sampled_from([Status.OK, Status.CRASHED, Status.TIMEOUT, Status.DIVERGED])


@given(st.lists(HOW, min_size=1, max_size=12))
def test_a_run_without_a_result_ends_as_most_of_its_trials_did(script: list[Status]) -> None:
    outcome = run(Scripted(script))
    assert len(outcome.trials) == len(script)
    if Status.OK in script:
        assert (outcome.status, outcome.reason) == (Status.OK, "")
    else:
        most = max(map(script.count, script))
        assert script.count(outcome.status) == most
        assert outcome.reason == f"{len(script)} of {len(script)} trials failed: it {outcome.status}"
        assert outcome.error == f"why\nit {outcome.status}"


@given(st.lists(HOW, min_size=1, max_size=12), st.integers(1, 8), st.integers(1, 4))
def test_fail_fast_ends_a_run_that_fails_from_its_start_and_no_other(
    script: list[Status], limit: int, workers: int
) -> None:
    task = Scripted(script, n_workers=workers)
    evaluator = VirtualEvaluator(lambda job: evaluate_timed(task, job), workers, Clock.VIRTUAL)
    outcome = run_loop(task.problem, lambda _: Levels(None), evaluator, count(), fail_fast=limit)
    first_success = script.index(Status.OK) if Status.OK in script else len(script)
    if first_success < limit or limit >= len(script):
        assert len(outcome.trials) == len(script)
        assert "fail-fast" not in outcome.reason
    elif Status.OK not in script:
        assert limit <= len(outcome.trials) <= min(limit + workers - 1, len(script))
        assert ("fail-fast" in outcome.reason) == (len(outcome.trials) < len(script))
        assert not outcome.status.is_complete


def test_success_at_low_fidelity_is_no_result() -> None:
    fidelity = Fidelity("epochs", 1, 4, "int")
    script = [Status.OK, Status.MEMORY] * 3
    outcome = run(Scripted(script, fidelity=fidelity, budget=Budget(3.75)), Levels(1, 4))
    assert outcome.status is Status.MEMORY
    assert outcome.reason == "3 of 3 full trials failed: it memory"
    assert run(Scripted(script, fidelity=fidelity, budget=Budget(1)), Levels(1, 1)).status is Status.OK


def test_an_optimizer_that_raises_is_to_blame_and_the_failures_are_said_too() -> None:
    class Fragile(Levels):
        def tell(self, trial: Trial, result: Result) -> None:
            if self.asked == 3:
                raise ValueError("no losses")

    outcome = run(Scripted([Status.TIMEOUT] * 5), Fragile(None))
    assert outcome.status is Status.CRASHED
    assert outcome.reason == "tell raised ValueError: no losses; 3 of 3 trials failed: it timeout"
    assert "Fragile" in outcome.error or "no losses" in outcome.error


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    path = tmp_path / "broken.py"
    path.write_text(PLUGIN)
    return path


def test_commands_say_that_all_trials_failed(
    in_process: Callable[..., SimpleNamespace], plugin: Path, tmp_path: Path
) -> None:
    flags = "run", "-o", "random", "-o", "sobol", "-t", "broken/*", "--plugin", plugin, "--out", tmp_path / "out"
    done = in_process(*flags)
    line = "6 of 6 trials failed: ModuleNotFoundError: No module named 'a_package_that_is_not_installed'"
    assert done.returncode == 1
    assert "2 crashed, 2 ok" in done.stdout
    assert f"2 crashed: {line}" in done.stdout
    assert "2 not ok: 6 of 6 trials failed: ModuleNotFoundError" in done.stderr
    assert f"failed    2 crashed: {line}" in in_process("status", tmp_path / "out").stdout
    again = in_process(*flags)
    assert again.returncode == 1 and line in again.stdout and "(0 new)" in again.stdout
    retried = in_process("retry", tmp_path / "out", "--status", "crashed", "--plugin", plugin, "--fail-fast", 2)
    assert retried.returncode == 1
    assert "2 crashed: ended by fail-fast; 2 of 2 trials failed: ModuleNotFoundError" in retried.stdout


def test_fail_fast_is_a_key_of_experiment_files_too(
    in_process: Callable[..., SimpleNamespace], plugin: Path, tmp_path: Path
) -> None:
    file = tmp_path / "experiment.yaml"
    file.write_text(
        f"optimizers: [random]\ntasks: ['broken/*']\nfail_fast: 3\nplugins: ['{plugin}']\nout: '{tmp_path / 'out'}'\n"
    )
    assert in_process("run", file).returncode == 1
    runs = load(tmp_path / "out").runs.set_index("task")
    assert runs["trials"].to_dict() == {"broken/always": 3, "broken/never": 6}


@pytest.mark.parametrize("value", [0, -1, "often", 1.5])
def test_fail_fast_needs_a_number_of_trials(value: object) -> None:
    with pytest.raises(UsageError, match="fail_fast"):
        Experiment.read(None, {"optimizers": ["random"], "tasks": ["x"], "fail_fast": value})
