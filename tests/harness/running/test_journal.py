"""A killed run goes on where it was, and is then the same as one that was not killed."""

from __future__ import annotations

import contextlib
import errno
import math
import os
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ConfigSpace import ConfigurationSpace
from hypothesis import given
from hypothesis import strategies as st
from journaled_runs import IDENTITY, RANDOM, Killed, Line, Mortal, do, journal_of, random_run, read_journal, timeless
from roster import AFFORDABLE, EXPENSIVE, early_id, task_of

from optathlon import Budget, BudgetUnit, Capability, Optimizer, Problem, Result, Status, Task, Trial
from optathlon.errors import StorageError
from optathlon.registry.optimizers import OptimizerChoice, choose_optimizer
from optathlon.registry.tasks import make_task
from optathlon.running.accounting import ReplayMismatch, RunOutcome
from optathlon.running.clocks import Clock
from optathlon.running.evaluation import Evaluator, FinishedTrial, Job, SequentialEvaluator, TimedResult, evaluate_timed
from optathlon.running.journal import Journal, ReplayedEvaluator, recalling, salvaged
from optathlon.running.loop import run_loop
from optathlon.running.runs import RunSpec


@contextlib.contextmanager
def timed(took: list[float]) -> Iterator[None]:
    """Note the seconds that what is done here takes."""
    began = time.monotonic()
    try:
        yield
    finally:
        took.append(time.monotonic() - began)


@pytest.mark.parametrize("name", AFFORDABLE)
def test_a_killed_run_goes_on_as_if_nothing_had_been(name: str, tmp_path: Path) -> None:
    """Killed in its first, second, a middle and its last trial, one after the other; expensive methods once."""
    if (id := task_of(name)) is None:
        pytest.skip(f"{name} can do none of the tasks")
    task = make_task(id)
    choice = choose_optimizer(early_id(name))
    spec = RunSpec(choice.id, task.id, task.version, 3, 0, Budget(4 if name in EXPENSIVE else 8))
    undisturbed = do(spec, choice, task, tmp_path / "undisturbed.jsonl")
    assert undisturbed.status is Status.OK
    number = len(undisturbed.trials)
    path = tmp_path / "killed.jsonl"
    for kept in (number // 2,) if name in EXPENSIVE else sorted({0, 1, number // 2, number - 1}):
        with pytest.raises(Killed):
            do(spec, choice, task, path, partial(Mortal, lives=kept - len(read_journal(path))))
        assert len(read_journal(path)) == kept, "the trial in flight is lost, and no other"
    resumed = do(spec, choice, task, path)
    assert timeless(resumed) == timeless(undisturbed)
    assert (resumed.status, resumed.reason, resumed.spent) == (Status.OK, "", undisturbed.spent)


@given(st.lists(st.integers(0, 20), max_size=6), st.integers(1, 4))
def test_simulated_workers_go_on_too(
    tmp_path_factory: pytest.TempPathFactory, kills: list[int], n_workers: int
) -> None:
    folder = tmp_path_factory.mktemp("journal")
    spec = RunSpec("random", Line.id, "1", 0, 0, Budget(12), n_workers, Clock.VIRTUAL)
    undisturbed = do(spec, RANDOM, Line(n_workers), folder / "undisturbed.jsonl")
    times = [(record.start, record.end, record.worker) for record in undisturbed.trials]
    for kill in kills:
        with contextlib.suppress(Killed):
            do(spec, RANDOM, Line(n_workers), folder / "killed.jsonl", partial(Mortal, lives=kill))
    resumed = do(spec, RANDOM, Line(n_workers), folder / "killed.jsonl")
    assert timeless(resumed) == timeless(undisturbed)
    assert [(record.start, record.end, record.worker) for record in resumed.trials] == times


class Shuffled:
    """A real clock whose workers end in a random order."""

    simulates = False

    def __init__(self, task: Task, random: Any) -> None:
        self._task, self._random = task, random
        self._pending: list[Job] = []
        self._time = 0.0

    def now(self) -> float:
        return self._time

    def charge_overhead(self, seconds: float) -> None:
        pass

    def submit(self, job: Job) -> None:
        self._pending.append(job)

    def wait(self) -> FinishedTrial:
        self._random.shuffle(self._pending)
        job = self._pending.pop()
        self._time += 1.0
        return FinishedTrial(job.trial, evaluate_timed(self._task, job).result, self._time - 1, self._time, 0, 1.0)


@given(st.randoms(use_true_random=False), st.integers(1, 4), st.integers(0, 15))
def test_what_was_told_in_which_order_is_told_in_that_order_again(
    tmp_path_factory: pytest.TempPathFactory, random: Any, n_workers: int, kept: int
) -> None:
    """With real workers the order of results is chance; a replay repeats it, and evaluates what was in flight anew."""

    class Listening(Optimizer):
        def __init__(self) -> None:
            self.heard: list[tuple[str, object]] = []

        def ask(self) -> Trial:
            self.heard.append(("asked", len(self.heard)))
            return Trial({"x": 0.3 + (len(self.heard) % 64) / 128})

        def tell(self, trial: Trial, result: Result) -> None:
            self.heard.append(("told", (trial.id, result.losses, result.metrics)))

    folder = tmp_path_factory.mktemp("journal")
    task = Line(n_workers)

    def run(lives: float) -> Listening:
        optimizer = Listening()
        journal = Journal(folder / "journal.jsonl", IDENTITY, patience=0.0)
        evaluator = ReplayedEvaluator(Mortal(Shuffled(task, random), lives), journal.past)
        try:
            run_loop(task.problem, lambda _: optimizer, evaluator, iter(range(1000)), journal)
        except Killed:
            pass
        finally:
            journal.close()
        return optimizer

    first = run(kept)
    noted = read_journal(folder / "journal.jsonl")
    task.evaluated.clear()
    second = run(math.inf)
    told = [what for kind, what in first.heard if kind == "told"]
    before = first.heard[: 1 + max((i for i, (kind, _) in enumerate(first.heard) if kind == "told"), default=-1)]
    assert second.heard[: len(before)] == before
    assert len(noted) - len(told) in (0, 1)
    assert sorted(task.evaluated) == sorted(set(range(12)) - {record.trial for record in noted})
    assert sorted(record.trial for record in read_journal(folder / "journal.jsonl")) == list(range(12))


def test_a_trial_is_noted_before_it_is_told(tmp_path: Path) -> None:
    class Deadly(Optimizer):
        def __init__(self) -> None:
            pass

        def ask(self) -> Trial:
            return Trial({"x": 0.5})

        def tell(self, trial: Trial, result: Result) -> None:
            if trial.id == 2:
                raise Killed

    journal = Journal(tmp_path / "j.jsonl", IDENTITY, patience=0.0)
    with pytest.raises(Killed):
        run_loop(Line().problem, lambda _: Deadly(), SequentialEvaluator(Line()), iter(range(99)), journal)
    assert [record.trial for record in read_journal(tmp_path / "j.jsonl")] == [0, 1, 2]


class Ticking(Line):
    """Has a clock, on which each trial takes a tenth of a second."""

    now = 0.0

    def evaluate(self, config: Any, *, fidelity: float | None, seed: int) -> Result:
        self.now += 0.1
        return super().evaluate(config, fidelity=fidelity, seed=seed)


@pytest.mark.parametrize("kills", [1, 3])
def test_the_clock_goes_on_where_it_stood(tmp_path: Path, kills: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A budget of seconds counts every evaluation once: neither the time between two processes nor a replay."""
    spec = RunSpec("random", Line.id, "1", 0, 0, Budget(1.25, BudgetUnit.SECONDS))
    task = Ticking()
    monkeypatch.setattr("optathlon.running.evaluation.time", SimpleNamespace(perf_counter=lambda: task.now))

    def replay_slowly(evaluator: Evaluator, lives: float) -> Evaluator:
        task.now += 0.2
        return Mortal(evaluator, lives)

    wrap: Any = Mortal
    for _ in range(kills):
        with pytest.raises(Killed):
            do(spec, RANDOM, task, tmp_path / "j.jsonl", partial(wrap, lives=1))
        task.now += 0.3
        wrap = replay_slowly
    outcome = do(spec, RANDOM, task, tmp_path / "j.jsonl", partial(wrap, lives=math.inf))
    assert outcome.status is Status.OK
    assert len(outcome.trials) == 13, "1.25 s are twelve whole trials and a part of one"
    for number, trial in enumerate(outcome.trials):
        assert (trial.start, trial.end) == pytest.approx((number / 10, (number + 1) / 10))


def test_a_trial_in_flight_begins_when_it_is_asked_again(tmp_path: Path) -> None:
    """Of two real workers the one with trial 0 was in flight: trial 1 ended at 5 s, and 0 is evaluated anew."""
    (record,) = journal_of(tmp_path / "j.jsonl", 1)
    evaluator = ReplayedEvaluator(SequentialEvaluator(Line(2)), {1: record._replace(trial=1, start=0.0, end=5.0)})
    evaluator.submit(Job(Trial({"x": 0.5}, id=0), 0))
    evaluator.submit(Job(Trial({"x": 0.5}, id=1), 0))
    assert evaluator.now() == 0.0
    assert (evaluator.wait().trial.id, evaluator.now() >= 5.0) == (1, True)
    finished = evaluator.wait()
    assert (finished.trial.id, finished.start) == (0, 0.0)


def test_values_that_are_tuples_are_replayed(tmp_path: Path) -> None:
    task = Line()
    task._problem = Problem(ConfigurationSpace({"x": (0.5, 1.0), "h": [(10, 10), (20,)]}), budget=Budget(6))
    spec = RunSpec("random", Line.id, "1", 0, 0, Budget(6))
    with pytest.raises(Killed):
        do(spec, RANDOM, task, tmp_path / "j.jsonl", lambda evaluator: Mortal(evaluator, 3))
    outcome = do(spec, RANDOM, task, tmp_path / "j.jsonl")
    assert (outcome.status, outcome.reason, len(outcome.trials)) == (Status.OK, "", 6)


def test_the_time_spent_on_a_run_is_that_of_all_its_processes(tmp_path: Path) -> None:
    took: list[float] = []
    for number, record in enumerate(journal_of(tmp_path / "other.jsonl", 2), 1):
        with timed(took):
            journal = Journal(tmp_path / "j.jsonl", IDENTITY, patience=0.0)
            time.sleep(0.2)
            journal.add(record)
            journal.close()
        time.sleep(0.3)
        elapsed = Journal(tmp_path / "j.jsonl", IDENTITY).elapsed
        assert 0.2 * number <= elapsed <= sum(took) + 1e-3, "to the millisecond"


def test_illegal_proposals_are_replayed_too(tmp_path: Path) -> None:
    class Wild(Optimizer):
        def __init__(self) -> None:
            self.asked = 0

        def ask(self) -> Trial:
            self.asked += 1
            return Trial({"x": 7.0 if self.asked % 3 else 0.5})

        def tell(self, trial: Trial, result: Result) -> None:
            pass

    def run(lives: float) -> RunOutcome:
        task = Line()
        journal = Journal(tmp_path / "j.jsonl", IDENTITY, patience=0.0)
        evaluator = ReplayedEvaluator(Mortal(SequentialEvaluator(task), lives), journal.past)
        try:
            return run_loop(task.problem, lambda _: Wild(), evaluator, iter(range(99)), journal)
        finally:
            journal.close()

    with pytest.raises(Killed):
        run(2)
    assert len(read_journal(tmp_path / "j.jsonl")) == 8
    assert [record.status for record in run(9).trials] == ["invalid", "invalid", "ok"] * 4


class Fickle(Optimizer):
    """Another sequence in every process."""

    capabilities = frozenset({Capability.ASYNCHRONOUS})
    processes = 0

    def __init__(self, problem: Problem, seed: int) -> None:
        type(self).processes += 1
        self.x = 0.5 + type(self).processes / 100

    def ask(self) -> Trial:
        return Trial({"x": self.x})

    def tell(self, trial: Trial, result: Result) -> None:
        pass


def test_a_run_that_asks_something_else_starts_anew_and_says_so(tmp_path: Path) -> None:
    spec = RunSpec("fickle", Line.id, "1", 0, 0, Budget(5))
    choice = OptimizerChoice("fickle", Fickle, {})
    with pytest.raises(Killed):
        do(spec, choice, Line(), tmp_path / "j.jsonl", lambda evaluator: Mortal(evaluator, 3))
    task = Line()
    outcome = do(spec, choice, task, tmp_path / "j.jsonl")
    assert outcome.status is Status.OK
    assert outcome.reason.startswith("not replayable, so started again: trial 0 is {'x': 0.52")
    assert len(outcome.trials) == len({record.config["x"] for record in outcome.trials}) * 5 == 5
    assert len(task.evaluated) == 5
    assert len(read_journal(tmp_path / "j.jsonl")) == 5, "nothing of the old one is left"


def test_a_result_told_before_it_was_asked_is_a_divergence(tmp_path: Path) -> None:
    records = journal_of(tmp_path / "j.jsonl", 2)
    evaluator = ReplayedEvaluator(SequentialEvaluator(Line()), {record.trial: record for record in records})
    evaluator.submit(Job(Trial({"x": 0.5}, id=1), 0))
    with pytest.raises(ReplayMismatch, match="trial 0 was told before it was asked"):
        evaluator.wait()


def test_a_quick_run_leaves_no_journal(tmp_path: Path) -> None:
    task = Line()
    journal = Journal(tmp_path / "journal" / "j.jsonl", IDENTITY, patience=60.0)
    outcome = random_run(task, journal)
    assert not (tmp_path / "journal").exists()
    assert [record.trial for record in journal.trials] == [record.trial for record in outcome.trials]
    journal.remove()


def test_a_run_that_turns_out_long_is_noted_from_its_first_trial_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr("optathlon.running.journal.time.monotonic", lambda: now)
    journal = Journal(tmp_path / "j.jsonl", IDENTITY, patience=1.0)
    records = journal_of(tmp_path / "other.jsonl", 4)
    for record in records[:2]:
        journal.add(record)
    assert not (tmp_path / "j.jsonl").exists()
    now = 1.5
    journal.add(records[2])
    assert [record.trial for record in read_journal(tmp_path / "j.jsonl")] == [0, 1, 2]
    now = -100.0
    journal.add(records[3])
    assert [record.trial for record in read_journal(tmp_path / "j.jsonl")] == [0, 1, 2, 3]
    journal.remove()
    assert not (tmp_path / "j.jsonl").exists()


def test_no_space_for_a_journal_is_no_failure_of_the_optimizer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("optathlon.running.journal.os.fsync", full)
    journal = Journal(tmp_path / "j.jsonl", {}, patience=0.0)
    with pytest.raises(StorageError, match=r"can't write.*No space left"):
        random_run(Line(), journal)
    journal.close()


@pytest.mark.parametrize(
    ("unit", "spent"), [(BudgetUnit.EVALUATIONS, 2.0), (BudgetUnit.COST, 7.0), (BudgetUnit.SECONDS, 9.0)]
)
def test_what_is_left_of_a_run_is_accounted_for(tmp_path: Path, unit: BudgetUnit, spent: float) -> None:
    records = [
        record._replace(cost=cost, end=end)
        for record, cost, end in zip(journal_of(tmp_path / "j.jsonl", 2), (3.0, 4.0), (9.0, 8.0), strict=True)
    ]
    outcome = salvaged(records, Budget(10, unit), Status.TIMEOUT, "too long")
    assert (outcome.status, outcome.spent, outcome.reason, len(outcome.trials)) == (
        Status.TIMEOUT,
        spent,
        "too long",
        2,
    )


def test_recalled_results_are_not_evaluated_again(tmp_path: Path) -> None:
    (record,) = journal_of(tmp_path / "j.jsonl", 1)

    def refuse(job: Job) -> TimedResult:
        raise AssertionError("evaluated again")

    measured = recalling(refuse, {0: record})(Job(Trial({"x": 0.5}, id=0), 0))
    assert (measured.result.values or (), str(measured.result.status)) == (record.values or (), record.status)
