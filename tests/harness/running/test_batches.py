"""Trials that are evaluated together: the same records as one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from ConfigSpace import ConfigurationSpace
from hypothesis import given
from hypothesis import strategies as st

from optathlon import Budget, BudgetUnit, Constraint, Fidelity, Objective, Problem, Result, Status, Task, Trial
from optathlon.errors import Unavailable
from optathlon.registry.optimizers import choose_optimizer
from optathlon.running.accounting import History, RunOutcome, TrialRecord
from optathlon.running.batches import BatchEvaluator, evaluate_together
from optathlon.running.clocks import Clock
from optathlon.running.evaluation import Evaluator, Job, SequentialEvaluator, evaluate_timed
from optathlon.running.evaluators import make_evaluator
from optathlon.running.journal import Journal
from optathlon.running.loop import run_loop
from optathlon.running.runs import RunSpec


class Table(Task):
    """Looks up trials, of which some failed, some raise, and some are malformed; remembers sizes of batches."""

    id = "toy/table"

    def __init__(self, fidelity: Fidelity | None = None, raising: bool = False) -> None:
        self._problem = Problem(
            ConfigurationSpace({"x": (0.0, 1.0), "kind": ["a", "b", "c"]}),
            objectives=(Objective("value", "maximize"),),
            fidelity=fidelity,
            constraints=(Constraint("c"),),
        )
        self.raising = raising
        self.sizes: list[int] = []

    @property
    def problem(self) -> Problem:
        return self._problem

    def evaluate(self, config: Mapping[str, Any], *, fidelity: float | None, seed: int) -> Result:
        if config["kind"] == "c" and config["x"] > 0.8:
            if self.raising:
                raise ValueError("no such trial")
            return Result(status=Status.DIVERGED, error="it failed so")
        noise = seed % 7 / 100
        return Result(
            (config["x"] + noise,), cost=1 + (fidelity or 0), metrics={"test/value": noise}, constraints=(noise - 0.03,)
        )

    def evaluate_many(
        self, configs: Sequence[Mapping[str, Any]], *, fidelity: float | None, seeds: Sequence[int]
    ) -> list[Result]:
        self.sizes.append(len(configs))
        return super().evaluate_many(configs, fidelity=fidelity, seeds=seeds)


def run(task: Table, evaluator: Evaluator, optimizer: str, budget: Budget, workers: int) -> RunOutcome:
    problem = replace(task.problem, budget=budget, n_workers=workers)
    choice = choose_optimizer(optimizer)
    return run_loop(problem, lambda own: choice.start(own, 1), evaluator, iter(range(3, 10**6, 5)))


def timeless(record: TrialRecord) -> dict[str, Any]:
    times = ("ask_s", "tell_s", "evaluate_s", "start", "end")
    return {name: value for name, value in record._asdict().items() if name not in times}


@given(
    st.sampled_from(["random", "optuna-tpe", "synetune-asha"]),
    st.integers(2, 9),
    st.sampled_from([Budget(17.5), Budget(60, BudgetUnit.COST)]),
    st.booleans(),
)
def test_records_are_those_of_one_by_one(optimizer: str, workers: int, budget: Budget, raising: bool) -> None:
    fidelity = Fidelity("epochs", 1, 9, "int", resumable=True) if optimizer == "synetune-asha" else None
    task = Table(fidelity, raising)
    together = run(task, BatchEvaluator(task), optimizer, budget, workers)
    assert max(task.sizes) > 1
    alone = run(task, SequentialEvaluator(task), optimizer, budget, workers)
    assert (together.status, together.reason, together.spent) == (alone.status, alone.reason, alone.spent)
    assert list(map(timeless, together.trials)) == list(map(timeless, alone.trials))


@pytest.mark.parametrize("kind", ["raises", "too few", "no results", "malformed"])
def test_a_batch_that_fails_is_evaluated_one_by_one(kind: str) -> None:
    class Odd(Table):
        def evaluate_many(self, configs: Any, *, fidelity: float | None, seeds: Any) -> Any:
            results = super().evaluate_many(configs, fidelity=fidelity, seeds=seeds)
            match kind:
                case "raises":
                    raise RuntimeError("not together")
                case "too few":
                    return results[1:]
                case "no results":
                    return None
            results[0] = Result((1.0,), metrics=cast(Any, None))
            return results

    task = Odd()
    jobs = [Job(Trial({"x": 0.1 * number, "kind": "a"}, id=number), number) for number in range(4)]
    expected = [evaluate_timed(task, job).result for job in jobs]
    assert [one.result for one in evaluate_together(task, jobs)] == expected


def test_what_ends_a_run_is_not_tried_again() -> None:
    class Down(Table):
        def evaluate_many(self, configs: Any, *, fidelity: float | None, seeds: Any) -> Any:
            raise Unavailable("the server is down")

    jobs = [Job(Trial({"x": 0.1, "kind": "a"}, id=number), 0) for number in range(2)]
    with pytest.raises(Unavailable):
        evaluate_together(Down(), jobs)


def test_a_journal_is_gone_on_with_in_batches(tmp_path: Path) -> None:
    task, spec = Table(), RunSpec("random", "toy/table", "1", 0, 0, Budget(20), n_workers=4)
    whole = run(task, BatchEvaluator(task), "random", Budget(20), 4)
    path = tmp_path / "run.jsonl"
    journal = Journal(path, {"run": "a"}, patience=0)
    for record in whole.trials[:9]:
        journal.add(record)
    journal.close()
    journal = Journal(path, {"run": "a"}, patience=0)
    assert len(journal.past) == 9
    task.sizes.clear()
    evaluator = make_evaluator(spec, task, task.resources, [], journal)
    problem, choice = replace(task.problem, budget=Budget(20), n_workers=4), choose_optimizer("random")
    outcome = run_loop(problem, lambda own: choice.start(own, 1), evaluator, iter(range(3, 10**6, 5)), journal)
    assert list(map(timeless, outcome.trials)) == list(map(timeless, whole.trials))
    assert sum(task.sizes) == 11
    assert max(task.sizes) == 4


@pytest.mark.parametrize(
    ("budget", "workers", "clock", "batches"),
    [
        (Budget(9), 3, Clock.REAL, True),
        (Budget(9, BudgetUnit.COST), 3, Clock.REAL, True),
        (Budget(9), 1, Clock.REAL, False),
        (Budget(9, BudgetUnit.SECONDS), 3, Clock.REAL, False),
        (Budget(9), 3, Clock.VIRTUAL, False),
    ],
)
def test_when_trials_are_evaluated_together(budget: Budget, workers: int, clock: Clock, batches: bool) -> None:
    spec = RunSpec("random", "toy/table", "1", 0, 0, budget, n_workers=workers, clock=clock)
    assert isinstance(make_evaluator(spec, Table(), Table().resources, [], History()), BatchEvaluator) is batches

    class Plain(Table):
        evaluate_many = Task.evaluate_many

    assert not isinstance(make_evaluator(spec, Plain(), Plain().resources, [], History()), BatchEvaluator)
