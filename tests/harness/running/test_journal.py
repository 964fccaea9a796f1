"""A killed run goes on where it was, and is then the same as one that was not killed."""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ConfigSpace import ConfigurationSpace
from hypothesis import given
from hypothesis import strategies as st
from roster import AFFORDABLE, EXPENSIVE, early_id, task_of

from optathlon import Budget, BudgetUnit, Capability, Optimizer, Problem, Result, Status, Task, Trial
from optathlon.errors import StorageError
from optathlon.registry.optimizers import OptimizerChoice, choose_optimizer
from optathlon.registry.tasks import make_task
from optathlon.running.accounting import ReplayMismatch, RunOutcome, TrialRecord
from optathlon.running.clocks import Clock, VirtualEvaluator
from optathlon.running.evaluation import Evaluator, FinishedTrial, Job, SequentialEvaluator, TimedResult, evaluate_timed
from optathlon.running.interruption import Ending
from optathlon.running.journal import DoneElsewhere, Journal, ReplayedEvaluator, discard_journal, recalling, salvaged
from optathlon.running.journal import read_journal as read_journal_of
from optathlon.running.loop import run_loop
from optathlon.running.runs import RunSpec, execute

IDENTITY = {"run": "r", "fingerprint": "f"}


def read_journal(path: Path) -> list[TrialRecord]:
    return read_journal_of(path, {})


class Killed(Ending):
    """The process dies here."""


class Mortal:
    """An evaluator whose process dies when it should evaluate one trial more than `lives`."""

    def __init__(self, evaluator: Evaluator, lives: float) -> None:
        self.evaluator, self.lives = evaluator, lives
        self.simulates = evaluator.simulates
        self.now, self.charge_overhead, self.wait = evaluator.now, evaluator.charge_overhead, evaluator.wait

    def submit(self, job: Job) -> None:
        if self.lives == 0:
            raise Killed
        self.lives -= 1
        self.evaluator.submit(job)


def timeless(outcome: RunOutcome) -> list[tuple[object, ...]]:
    return [
        (record.trial, record.config, record.fidelity, record.parent, record.evaluations, record.values, record.metrics,
         record.status, record.error, record.cost, record.over_budget)
        for record in outcome.trials
    ]  # fmt: skip


def do(
    spec: RunSpec,
    choice: OptimizerChoice,
    task: Task,
    path: Path,
    wrap: Callable[[Evaluator], Evaluator] = lambda evaluator: evaluator,
) -> RunOutcome:
    """A run with a journal that is written from the first trial on."""
    journal = Journal(path, IDENTITY, patience=0.0)

    def make_evaluator(history: Any) -> Evaluator:
        if spec.clock is Clock.REAL:
            return ReplayedEvaluator(wrap(SequentialEvaluator(task)), dict(history.past))
        here = recalling(lambda job: evaluate_timed(task, job), history.past)
        return wrap(VirtualEvaluator(here, spec.n_workers, spec.clock))

    try:
        return execute(spec, choice, task, make_evaluator, journal)
    finally:
        journal.close()


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


class Line(Task):
    """A quick task; counts how often it is evaluated."""

    id = "toy/line"

    def __init__(self, n_workers: int = 1, budget: Budget = Budget(12)) -> None:  # noqa: B008
        self.evaluated: list[int] = []
        self._problem = Problem(ConfigurationSpace({"x": (0.0, 1.0)}), budget=budget, n_workers=n_workers)

    @property
    def problem(self) -> Problem:
        return self._problem

    def evaluate(self, config: Any, *, fidelity: float | None, seed: int) -> Result:
        self.evaluated.append(seed)
        if config["x"] < 0.2:
            raise ValueError("too small")
        return Result((config["x"],), cost=1.0 + seed % 7, metrics={"test/x": 2 * config["x"]})


RANDOM = choose_optimizer("random")


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


def random_run(task: Task, journal: Journal) -> RunOutcome:
    noise = iter(range(99))
    return run_loop(task.problem, lambda problem: RANDOM.start(problem, 0), SequentialEvaluator(task), noise, journal)


def journal_of(path: Path, trials: int) -> list[TrialRecord]:
    task = Line(budget=Budget(trials))
    journal = Journal(path, IDENTITY, patience=0.0)
    outcome = random_run(task, journal)
    journal.close()
    return outcome.trials


@given(st.integers(0, 4000), st.sampled_from([b"", b"\0\0\0", b"{", b"[1, 2]\n", b"\xff\xfe\n", b"null\n"]))
def test_a_cut_or_garbled_journal_keeps_what_is_whole(
    tmp_path_factory: pytest.TempPathFactory, cut: int, garbage: bytes
) -> None:
    path = tmp_path_factory.mktemp("journal") / "j.jsonl"
    records = journal_of(path, 5)
    content = path.read_bytes()
    at = cut % (len(content) + 1)
    path.write_bytes(content[:at] + garbage)
    whole = max(0, content[:at].count(b"\n") - 1)
    journal = Journal(path, IDENTITY)
    assert [record.trial for record in journal.past.values()] == list(range(whole))
    for record in journal.past.values():
        original = records[record.trial]
        assert record._replace(tell_s=0.0) == original._replace(tell_s=0.0)
    journal.add(records[4])
    journal.close()
    reread = read_journal(path)
    assert [record.trial for record in reread] == [*range(whole), 4]


def old_journal(path: Path, trials: int) -> list[TrialRecord]:
    """As format 1 was written: without checksums."""
    records = journal_of(path, trials)
    lines = [{"format": 1} | IDENTITY, *({"elapsed": 1.5, "trial": record} for record in records)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return records


def same_trials(found: Sequence[TrialRecord], expected: Sequence[TrialRecord]) -> bool:
    """But for the time of `tell`, which a journal does not know."""
    return [one._replace(tell_s=0.0) for one in found] == [one._replace(tell_s=0.0) for one in expected]


def test_an_old_journal_without_checksums_is_replayed_and_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    records = old_journal(path, 5)
    cut = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(cut[:4]))
    journal = Journal(path, IDENTITY)
    assert (same_trials(journal.trials, records[:3]), journal.elapsed) == (True, 1.5)
    journal.add(records[3])
    journal.close()
    assert same_trials(read_journal(path), records[:4])


@given(st.integers(0, 10**9), st.integers(1, 255))
def test_a_byte_that_changed_is_never_replayed(
    tmp_path_factory: pytest.TempPathFactory, place: int, change: int
) -> None:
    path = tmp_path_factory.mktemp("journal") / "j.jsonl"
    records = journal_of(path, 5)
    content = bytearray(path.read_bytes())
    place %= len(content)
    content[place] ^= change
    path.write_bytes(content)
    whole = max(0, bytes(content[:place]).count(b"\n") - 1) if place >= content.index(b"\n") else 0
    journal = Journal(path, IDENTITY)
    assert same_trials(journal.trials, records[:whole])
    journal.close()


@pytest.mark.parametrize("order", [(0, 1, 3, 4, 5), (0, 1, 3, 2, 4, 5), (0, 1, 2, 2, 3, 4, 5)])
def test_lines_that_were_cut_out_moved_or_copied_are_never_replayed(tmp_path: Path, order: Sequence[int]) -> None:
    path = tmp_path / "j.jsonl"
    records = journal_of(path, 5)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[number] for number in order))
    found = read_journal(path)
    assert same_trials(found, records[: len(found)])
    assert len(found) <= 2


def edited(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_an_edited_value_is_evaluated_again(tmp_path: Path) -> None:
    spec = RunSpec("random", Line.id, "1", 0, 0, Budget(6))
    undisturbed = do(spec, RANDOM, Line(), tmp_path / "undisturbed.jsonl")
    path = tmp_path / "j.jsonl"
    with pytest.raises(Killed):
        do(spec, RANDOM, Line(), path, partial(Mortal, lives=4))
    edited(path, '"ok"', '"OK"')
    task = Line()
    assert timeless(do(spec, RANDOM, task, path)) == timeless(undisturbed)
    assert 2 < len(task.evaluated) <= 6


WRONG = [
    (0, "0"), (0, -1), (0, None), (1, None), (1, [1]), (2, "full"), (4, "1"), (4, None), (5, 0.5), (5, ["0.5"]),
    (5, None), (5, [[0.5]]), (6, {"a": 1}), (7, ["m"]), (7, {"m": "1"}), (8, "fine"), (8, 1), (9, 3), (10, "free"),
    (13, None), (14, "now"), (16, 0.5), (17, "no"), (18, 1.5),
]  # fmt: skip


@pytest.mark.parametrize(("place", "value"), WRONG)
def test_wrong_types_in_an_old_journal_end_it_there(tmp_path: Path, place: int, value: object) -> None:
    path = tmp_path / "j.jsonl"
    records = [record for record in old_journal(path, 12) if record.status == "ok"][:3]
    trials = [{"elapsed": 1.5, "trial": list(record)} for record in records]
    lines: list[dict[str, Any]] = [{"format": 1} | IDENTITY, *trials]
    lines[2]["trial"][place] = value
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert same_trials(read_journal(path), records[:1])
    journal = Journal(path, IDENTITY)
    assert same_trials(journal.trials, records[:1])
    journal.close()


@pytest.mark.parametrize(
    "line",
    [
        *("3", "null", '"text"', "[]", "{}", '{"elapsed": 1.0}', '{"elapsed": "1", "trial": []}', "[" * 100_000),
        *('{"elapsed": -1, "trial": []}', '{"elapsed": 1.0, "trial": {}}', '{"elapsed": 1.0, "trial": [[]]}'),
    ],
)
@pytest.mark.parametrize("number", [0, 1])
def test_json_of_something_else_in_an_old_journal_ends_it_there(tmp_path: Path, line: str, number: int) -> None:
    path = tmp_path / "j.jsonl"
    old_journal(path, 3)
    lines = path.read_text().splitlines()
    lines[number] = line
    path.write_text("\n".join(lines) + "\n")
    assert read_journal(path) == []
    journal = Journal(path, IDENTITY)
    assert journal.trials == []
    journal.close()


@pytest.mark.parametrize("to", ["file", "nothing", "folder"])
def test_a_journal_that_is_a_link_is_refused_in_one_line_and_not_written_through(tmp_path: Path, to: str) -> None:
    target, path = tmp_path / "target", tmp_path / "j.jsonl"
    if to == "folder":
        target.mkdir()
    elif to == "file":
        journal_of(target, 3)
    before = target.read_bytes() if to == "file" else None
    path.symlink_to(target)
    with pytest.raises(StorageError, match=r"j\.jsonl' is a link or no file: delete it") as caught:
        Journal(path, IDENTITY, patience=0.0)
    assert "\n" not in str(caught.value)
    assert read_journal(path) == []
    discard_journal(path)
    assert path.is_symlink()
    assert target.exists() == (to != "nothing")
    assert before is None or target.read_bytes() == before


def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "j.jsonl")
    with pytest.raises(StorageError, match="no file"):
        Journal(tmp_path / "j.jsonl", IDENTITY)


def test_a_journal_of_something_else_is_begun_anew(tmp_path: Path) -> None:
    journal_of(tmp_path / "j.jsonl", 3)
    journal = Journal(tmp_path / "j.jsonl", IDENTITY | {"fingerprint": "other"})
    assert journal.past == {}
    journal.close()
    assert read_journal(tmp_path / "j.jsonl") == []


@pytest.mark.parametrize(
    ("before", "after", "trials"),
    [
        ({"code": "a", "fingerprint": "f"}, {"code": "b", "fingerprint": "f"}, 0),
        ({"code": "a", "fingerprint": "f"}, {"code": "a", "fingerprint": "f"}, 1),
        ({"fingerprint": "f"}, {"code": "a", "fingerprint": "f.g"}, 1),
        ({"fingerprint": "f"}, {"code": "a", "fingerprint": "g.g"}, 0),
        ({"code": "a", "fingerprint": "f.g.h"}, {"code": "a", "fingerprint": "f.g"}, 1),
        ({"code": "a", "fingerprint": "f.g"}, {"code": "a", "fingerprint": "f.h"}, 0),
    ],
)
def test_a_journal_of_other_code_is_begun_anew(
    tmp_path: Path, before: dict[str, str], after: dict[str, str], trials: int
) -> None:
    """Those of earlier versions do not say which code, and less of the task."""
    path = tmp_path / "j.jsonl"
    journal = Journal(path, {"run": "r", "attempt": 1} | before, patience=0.0)
    random_run(Line(budget=Budget(1)), journal)
    journal.close()
    assert len(read_journal_of(path, {"run": "r", "attempt": 1} | after)) == trials
    journal = Journal(path, {"run": "r", "attempt": 1} | after)
    assert len(journal.past) == trials
    journal.close()


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


HOLDER = """
import sys, time
from optathlon.running.journal import Journal
journal = Journal(__import__("pathlib").Path(sys.argv[1]), {}, patience=0.0)
journal.restart()
print("held", flush=True)
time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "j.jsonl")], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_two_processes_never_do_one_long_run(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    with pytest.raises(DoneElsewhere):
        Journal(tmp_path / "j.jsonl", {})
    holder.kill()
    holder.wait()
    Journal(tmp_path / "j.jsonl", {}).close()


def test_a_run_that_becomes_long_is_left_to_the_other_process(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    held = tmp_path / "j.jsonl"
    held.rename(tmp_path / "aside")
    journal = Journal(held, {}, patience=0.0)
    (tmp_path / "aside").rename(held)
    with pytest.raises(DoneElsewhere):
        random_run(Line(), journal)


FORKING = """
import os, sys, time
from pathlib import Path
from optathlon.running.journal import Journal
journal = Journal(Path(sys.argv[1]), {}, patience=0.0)
journal.restart()
if os.fork() == 0:
    time.sleep(20)
print("forked", flush=True)
os._exit(0)
"""


def test_what_a_killed_process_has_forked_holds_no_journal(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", FORKING, str(tmp_path / "j.jsonl")], stdout=subprocess.DEVNULL, check=True)
    Journal(tmp_path / "j.jsonl", {}).close()


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


def test_a_journal_is_plain_text(tmp_path: Path) -> None:
    journal_of(tmp_path / "j.jsonl", 2)
    header, *lines = (tmp_path / "j.jsonl").read_text().splitlines()
    assert json.loads(header).items() >= ({"format": 2} | IDENTITY).items()
    assert [json.loads(line)["trial"][0] for line in lines] == [0, 1]


def test_recalled_results_are_not_evaluated_again(tmp_path: Path) -> None:
    (record,) = journal_of(tmp_path / "j.jsonl", 1)

    def refuse(job: Job) -> TimedResult:
        raise AssertionError("evaluated again")

    measured = recalling(refuse, {0: record})(Job(Trial({"x": 0.5}, id=0), 0))
    assert (measured.result.values or (), str(measured.result.status)) == (record.values or (), record.status)
