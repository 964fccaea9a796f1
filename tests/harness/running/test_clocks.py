"""Simulated and real parallelism: one scheduler, two clocks, the same order of events."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from ConfigSpace import ConfigurationSpace
from hypothesis import given
from hypothesis import strategies as st

from optathlon import (
    Budget,
    BudgetUnit,
    Capability,
    Experiment,
    Fidelity,
    Optimizer,
    Problem,
    Result,
    Status,
    Task,
    Trial,
    load,
    run_experiment,
)
from optathlon.errors import UsageError
from optathlon.running.accounting import RunOutcome
from optathlon.running.clocks import Clock, VirtualEvaluator
from optathlon.running.evaluation import Job, TimedResult, evaluate_timed
from optathlon.running.loop import run_loop


class Costly(Task):
    """Reports `cost`, or whatever else `answer` makes of a configuration and a level."""

    id = "toy/costly"

    def __init__(self, answer: Callable[[Mapping[str, Any], float | None], Result], **problem: Any) -> None:
        self._answer = answer
        self._problem = Problem(ConfigurationSpace({"x": (0.0, 1000.0)}), **problem)

    @property
    def problem(self) -> Problem:
        return self._problem

    def evaluate(self, config: Mapping[str, Any], *, fidelity: float | None, seed: int) -> Result:
        return self._answer(config, fidelity)


def costs_x(config: Mapping[str, Any], fidelity: float | None) -> Result:
    return Result((config["x"],), cost=config["x"])


class Scripted(Optimizer):
    """Proposes the given configurations, and notes what it is told and when."""

    def __init__(self, xs: Iterable[float], think: Callable[[], None] = lambda: None) -> None:
        self.xs, self.think = iter(xs), think
        self.events: list[tuple[str, int]] = []

    def ask(self) -> Trial | None:
        self.think()
        x = next(self.xs, None)
        return None if x is None else Trial({"x": x})

    def tell(self, trial: Trial, result: Result) -> None:
        self.events.append(("told", trial.id))


def simulate(task: Task, optimizer: Optimizer, clock: Clock = Clock.VIRTUAL) -> RunOutcome:
    evaluator = VirtualEvaluator(lambda job: evaluate_timed(task, job), task.problem.n_workers, clock)
    return run_loop(task.problem, lambda _: optimizer, evaluator, count())


def schedule(outcome: RunOutcome) -> list[tuple[int, int, float, float]]:
    """Trial, worker, start and end, in the order in which they were told."""
    return [(record.trial, record.worker, record.start, record.end) for record in outcome.trials]


def test_a_hand_computed_schedule() -> None:
    """Two workers; trials cost 5, 2, 2, 4, 1.

    t=0: 0 on worker 0 (till 5), 1 on worker 1 (till 2). t=2: 2 on worker 1 (till 4). t=4: 3 on worker 1 (till 8).
    t=5: 4 on worker 0 (till 6).
    """
    task = Costly(costs_x, n_workers=2, budget=Budget(5))
    outcome = simulate(task, Scripted([5, 2, 2, 4, 1]))
    assert outcome.status is Status.OK
    assert schedule(outcome) == [(1, 1, 0, 2), (2, 1, 2, 4), (0, 0, 0, 5), (4, 0, 5, 6), (3, 1, 4, 8)]


def test_trials_that_end_together_are_told_in_the_order_in_which_they_were_asked() -> None:
    task = Costly(costs_x, n_workers=3, budget=Budget(6))
    outcome = simulate(task, Scripted([3, 3, 3, 2, 2, 2]))
    assert [record.trial for record in outcome.trials] == [0, 1, 2, 3, 4, 5]


costs = st.lists(st.integers(0, 20), min_size=1, max_size=40)


@given(costs, st.integers(1, 5))
def test_every_schedule_agrees_with_a_simulation_by_time_steps(durations: list[int], n_workers: int) -> None:
    """Brute force: walk over integer times, free workers whose trial is over, and give them the next trial."""
    task = Costly(costs_x, n_workers=n_workers, budget=Budget(len(durations)))
    outcome = simulate(task, Scripted(map(float, durations)))
    running: dict[int, tuple[int, int, int]] = {}
    expected, asked, now = [], 0, 0
    while asked < len(durations) or running:
        while asked < len(durations) and len(running) < n_workers:
            worker = min(set(range(n_workers)) - running.keys())
            running[worker] = asked, now, now + durations[asked]
            asked += 1
        over = min(running, key=lambda worker: (running[worker][2], running[worker][0]))
        trial, start, end = running[over]
        if end > now:
            now += 1
            continue
        del running[over]
        expected.append((trial, over, start, end))
    assert schedule(outcome) == expected


@given(costs.filter(any), st.integers(1, 4), st.integers(1, 60))
def test_a_budget_of_seconds_is_that_of_the_simulated_clock(durations: list[int], n_workers: int, budget: int) -> None:
    task = Costly(costs_x, n_workers=n_workers, budget=Budget(budget, BudgetUnit.SECONDS))
    outcome = simulate(task, Scripted(float(durations[i % len(durations)]) for i in count()))
    assert outcome.status is Status.OK
    assert all(record.start < budget for record in outcome.trials), "nothing begins after the end"
    assert max(record.end for record in outcome.trials) >= budget
    for record in outcome.trials:
        assert record.over_budget == (record.end > budget)


def test_thinking_is_charged_where_wanted_and_results_wait_meanwhile() -> None:
    """Thinking takes 10 simulated seconds an ask: both trials have ended before the next ask has."""
    clock = Clock.CHARGED
    task = Costly(costs_x, n_workers=2, budget=Budget(4))
    evaluator = VirtualEvaluator(lambda job: evaluate_timed(task, job), 2, clock)

    class Slow:
        simulates = True
        now, wait = evaluator.now, evaluator.wait

        def charge_overhead(self, seconds: float) -> None:
            evaluator.charge_overhead(10.0 if asking else 0.0)

        def submit(self, job: Job) -> None:
            evaluator.submit(job)

    asking = False

    class Thinking(Scripted):
        def ask(self) -> Trial | None:
            nonlocal asking
            asking = True
            return super().ask()

        def tell(self, trial: Trial, result: Result) -> None:
            nonlocal asking
            asking = False
            super().tell(trial, result)

    outcome = run_loop(task.problem, lambda _: Thinking([3, 4, 5, 6]), Slow(), count())
    starts = {record.trial: (record.start, record.end) for record in outcome.trials}
    assert starts == {0: (10, 13), 1: (20, 24), 2: (30, 35), 3: (40, 46)}


def test_a_charged_clock_counts_real_thinking_and_a_virtual_one_does_not() -> None:
    task = Costly(costs_x, budget=Budget(3))
    began = time.monotonic()
    charged = simulate(task, Scripted([1, 1, 1], lambda: time.sleep(0.02)), Clock.CHARGED)
    took = time.monotonic() - began
    free = simulate(task, Scripted([1, 1, 1], lambda: time.sleep(0.02)), Clock.VIRTUAL)
    assert [record.end for record in free.trials] == [1, 2, 3]
    ends = [record.end for record in charged.trials]
    asks = [sum(record.ask_s for record in charged.trials[: n + 1]) for n in range(3)]
    assert all(end >= n + 1 + ask for n, (end, ask) in enumerate(zip(ends, asks, strict=True)))
    assert all(end <= n + 1 + took for n, end in enumerate(ends))


@pytest.mark.parametrize("clock", [Clock.VIRTUAL, Clock.CHARGED])
def test_an_optimizer_that_breaks_leaves_a_clock_that_can_be_read(clock: Clock) -> None:
    class Breaking(Scripted):
        def tell(self, trial: Trial, result: Result) -> None:
            if trial.id == 2:
                raise RuntimeError("broken")

    task = Costly(costs_x, budget=Budget(100, BudgetUnit.SECONDS))
    outcome = simulate(task, Breaking([5.0] * 20), clock)
    assert (outcome.status, len(outcome.trials)) == (Status.CRASHED, 3)
    assert 15 <= outcome.spent < 20


def test_a_task_that_reports_no_cost_can_not_be_simulated() -> None:
    outcome = simulate(Costly(lambda config, fidelity: Result((1.0,))), Scripted([1, 2, 3]))
    assert outcome.status is Status.INVALID
    assert "the clock is virtual, but the task reports no cost: use the real clock" in outcome.reason


def test_failed_trials_that_take_no_time_end_a_budget_of_seconds_too() -> None:
    task = Costly(lambda config, fidelity: Result(status=Status.CRASHED), budget=Budget(5, BudgetUnit.SECONDS))
    outcome = simulate(task, Scripted(1.0 for _ in count()))
    assert outcome.status is Status.INVALID
    assert "cost nothing" in outcome.reason


class Asha(Optimizer):
    """Asynchronous successive halving over levels 1, 2, 4 with eta = 2: promotes the best half of a rung at once."""

    capabilities = frozenset({Capability.MULTI_FIDELITY, Capability.RESUMABLE, Capability.ASYNCHRONOUS})

    def __init__(self, xs: list[float]) -> None:
        self.xs = iter(xs)
        self.rungs: dict[int, list[tuple[float, int, float]]] = {1: [], 2: [], 4: []}
        self.promoted: set[tuple[int, int]] = set()

    def ask(self) -> Trial | None:
        for level in (2, 1):
            rung = sorted(self.rungs[level])
            for _, id, promising in rung[: len(rung) // 2]:
                if (level, id) not in self.promoted:
                    self.promoted.add((level, id))
                    return Trial({"x": promising}, fidelity=2 * level, parent=id)
        x = next(self.xs, None)
        return None if x is None else Trial({"x": x}, fidelity=1)

    def tell(self, trial: Trial, result: Result) -> None:
        self.rungs[int(trial.fidelity or 0)].append((result.losses[0], trial.id, trial.config["x"]))


def test_stopping_and_resuming_follow_a_hand_computed_schedule() -> None:
    """Two workers, resumable levels 1, 2, 4 of 4, ten seconds a level from scratch; x is the loss.

    t=0   trial 0 (x=3, level 1) on worker 0, trial 1 (x=1, level 1) on worker 1, both till 10.
    t=10  0 is told: no half of one. Trial 2 (x=2) on worker 0 till 20.
    t=10  1 is told: the best of {0, 1} is 1. Trial 3 continues 1 to level 2, for 10 more seconds, on worker 1 till 20.
    t=20  2 is told: half of three is one, promoted already. Trial 4 (x=0) on worker 0 till 30.
    t=20  3 is told: no half of one at level 2. Trial 5 (x=5) on worker 1 till 30.
    t=30  4 is told: the best two of four are 4 and 1. Trial 6 continues 4 to level 2, on worker 0 till 40.
    t=30  5 is told: half of five is two. Trial 7 (x=6) on worker 1 till 40.
    t=40  6 is told: the best of {3, 6} at level 2 is 6. Trial 8 continues 6 to level 4, for 20 seconds, till 60.
    t=40  7 is told: the best three of six are 4, 1 and 2. Trial 9 continues 2 to level 2, on worker 1 till 50.
    """
    fidelity = Fidelity("epochs", 1, 4, "int", resumable=True)
    task = Costly(
        lambda config, level: Result((config["x"],), cost=10.0 * (level or 0.0)),
        fidelity=fidelity,
        n_workers=2,
        budget=Budget(2.75),
    )
    outcome = simulate(task, Asha([3, 1, 2, 0, 5, 6]))
    found = {
        record.trial: (record.parent, record.fidelity, record.worker, record.start, record.end)
        for record in outcome.trials
    }
    assert found == {
        0: (None, 1, 0, 0, 10),
        1: (None, 1, 1, 0, 10),
        2: (None, 1, 0, 10, 20),
        3: (1, 2, 1, 10, 20),
        4: (None, 1, 0, 20, 30),
        5: (None, 1, 1, 20, 30),
        6: (4, 2, 0, 30, 40),
        7: (None, 1, 1, 30, 40),
        8: (6, 4, 0, 40, 60),
        9: (2, 2, 1, 40, 50),
    }
    assert [record.trial for record in outcome.trials] == [0, 1, 2, 3, 4, 5, 6, 7, 9, 8]
    assert {record.trial: record.cost for record in outcome.trials if record.parent is not None} == {
        3: 10,
        6: 10,
        8: 20,
        9: 10,
    }
    assert outcome.status is Status.OK
    assert outcome.spent == sum(record.evaluations for record in outcome.trials) == 2.75


def test_a_continued_trial_has_the_noise_of_the_trial_it_continues() -> None:
    seen: list[tuple[float | None, int]] = []

    class Noted(Costly):
        def evaluate(self, config: Mapping[str, Any], *, fidelity: float | None, seed: int) -> Result:
            seen.append((config["x"], seed))
            return super().evaluate(config, fidelity=fidelity, seed=seed)

    fidelity = Fidelity("epochs", 1, 4, "int", resumable=True)
    task = Noted(lambda config, level: Result((config["x"],), cost=1.0), fidelity=fidelity, budget=Budget(3))
    simulate(task, Asha([3, 1, 2, 0, 5, 6]))
    seeds: dict[float | None, set[int]] = {}
    for x, seed in seen:
        seeds.setdefault(x, set()).add(seed)
    assert len(seen) > len(seeds), "something was continued"
    assert all(len(own) == 1 for own in seeds.values())
    assert len(set.union(*seeds.values())) == len(seeds)


PLUGIN = """
import time
from pathlib import Path

from optathlon import Capability, Optimizer, Result, Trial, as_task

FOLDER = Path(__file__).parent
SECONDS = [0.9, 0.3, 1.2, 0.3, 1.2, 0.6, 0.9]
ENDS_AFTER = {3: 1, 0: 3, 2: 0, 5: 2, 4: 5, 6: 4}  # the order that these seconds lead to


def waiting(config):
    before = ENDS_AFTER.get(config["n"])
    deadline = time.monotonic() + 60
    while before is not None and not (FOLDER / f"told-{before}").exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return quick(config)


def quick(config):
    return Result((1.0,), cost=SECONDS[config["n"]])


SPACE = {"n": (0, 6)}
real = as_task("clock/real", space=SPACE, budget=7)(waiting)
virtual = as_task("clock/virtual", space=SPACE, budget=7)(quick)


class InOrder(Optimizer):
    capabilities = frozenset({Capability.ASYNCHRONOUS})

    def __init__(self, problem, seed):
        self.asked = 0

    def ask(self):
        self.asked += 1
        return Trial({"n": self.asked - 1})

    def tell(self, trial, result):
        (FOLDER / f"told-{trial.config['n']}").touch()
"""


def test_trials_that_end_in_the_same_order_give_the_same_events_on_both_clocks(
    pinned_environment: None, own_plugins: None, tmp_path: Path
) -> None:
    """Three workers. A real trial ends when the optimizer has been told of the one that ends before it."""
    plugin = tmp_path / "waiting.py"
    plugin.write_text(PLUGIN)
    common: dict[str, Any] = {
        "optimizers": ["in-order"],
        "plugins": [plugin],
        "workers_per_run": 3,
        "out": tmp_path / "out",
    }
    run_experiment(Experiment(tasks=["clock/real"], **common))
    run_experiment(Experiment(tasks=["clock/virtual"], clock="virtual", **common))
    trials = load(tmp_path / "out").trials
    events = {}
    for task, own in trials.groupby("task", observed=True):
        assert own["status"].tolist() == ["ok"] * 7
        starts = [(row.start, "start", row.trial, row.worker) for row in own.itertuples()]
        ends = [(row.end, "end", row.trial, row.worker) for row in own.itertuples()]
        events[task] = [what for _, *what in sorted(starts + ends)]
    assert events["clock/real"] == events["clock/virtual"]
    assert events["clock/real"][3:5] == [["end", 1, 1], ["start", 3, 1]]
    assert trials.loc[trials["task"] == "clock/virtual", "end"].max() == pytest.approx(2.1)


def test_what_can_not_be_is_one_line() -> None:
    with pytest.raises(UsageError, match="charge_overhead needs the virtual clock"):
        Experiment.read(None, {"optimizers": ["random"], "tasks": ["a/b"], "charge_overhead": True})
    with pytest.raises(UsageError, match="clock in the command"):
        Experiment.read(None, {"optimizers": ["random"], "tasks": ["a/b"], "clock": "imaginary"})


def test_measured_costs_of_continued_trials_are_increments() -> None:
    task = Costly(lambda config, fidelity: Result((1.0,), cost=5.0))
    assert evaluate_timed(task, Job(Trial({"x": 1.0}), 0, paid=3.0)).result.cost == 2.0
    assert evaluate_timed(task, Job(Trial({"x": 1.0}), 0, paid=7.0)).result.cost == 0.0
    assert isinstance(evaluate_timed(task, Job(Trial({"x": 1.0}), 0)), TimedResult)
